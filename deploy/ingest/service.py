"""Runs the gateway: its listeners, what it watches, its reload and its end."""

import asyncio
import logging
import signal
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry

from common import sdnotify
from common.files import write_atomically
from common.i18n import t
from common.web import add_health
from common.web import serve as serve_page
from common.yaml.problems import Refused
from deploy import validate
from deploy.ingest import permits
from deploy.ingest.app import make_app
from deploy.ingest.configs import configs
from deploy.ingest.engine import Client, Engine
from deploy.ingest.expiry import earliest
from deploy.ingest.forward import Forwarder
from deploy.ingest.gateway import Gateway, Province
from deploy.ingest.limits import Limits, TimeLimits
from deploy.ingest.listen import Door, Entrance, Identity, serve
from deploy.ingest.listen import context as tls_context
from deploy.ingest.meters import Meters
from deploy.ingest.tokens import BadTokens, Book, Store
from inventory.model import Inventory

TOKENS_SECONDS: Final = 1.0
ENGINE_SECONDS: Final = 5.0
KNOWN_FILE: Final = "known.json"
MARGIN_SECONDS: Final = 3600.0
"""The engine's window ends a day after the spool's; what is nearer to its end than this is left out here,
so that the engine never refuses a whole push for it."""
_MAX_KNOWN_BYTES: Final = 32 << 20
log = logging.getLogger(__name__)


class Unusable(Exception):  # noqa: N818 - reads as what it says
    """Something without which the gateway cannot start; the message is for people."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """``listen`` is for agents, ``page`` for health and metrics; ``identity`` None: plain HTTP."""

    inventory: Path
    directory: Path
    listen: str
    page: str
    engine: Engine
    identity: Identity | None


class Service:
    """One gateway."""

    def __init__(self, options: Options, inventory: Inventory, client: Client, limits: Limits) -> None:
        self.registry = CollectorRegistry()
        self.meters = Meters(self.registry)
        forwarder = Forwarder(client, limits.server, limits.patience)
        self.gateway = Gateway(forwarder, self.meters, limits)
        self.door = Door(limits)
        self.meters.waiting.set_function(lambda: forwarder.waiting_bytes)
        self.meters.connections.labels("yes").set_function(lambda: len(self.door.known))
        self.meters.connections.labels("no").set_function(lambda: len(self.door.strangers))
        self.meters.clock_doubt.set_function(lambda: self.gateway.doubt)
        self.meters.tokens.set_function(lambda: self.gateway.book.valid(time.time()))
        self._options, self._client = options, client
        self._store = Store(options.directory)
        self._inventory = inventory
        self._reloading = asyncio.Lock()
        self.tls: ssl.SSLContext | None = None
        self.entrance: Entrance | None = None
        self._identity_seen: list[tuple[int, int, int]] = []

    async def prepare(self) -> None:
        """Read everything once. Raises Unusable or OSError."""
        if self._options.identity is not None:
            try:
                self._identity_seen = await asyncio.to_thread(self._options.identity.stamps)
                self.tls = await asyncio.to_thread(tls_context, self._options.identity)
                await self._show_expiry(self._options.identity)
            except (OSError, ValueError) as error:
                raise Unusable(_certificate_problem(self._options.identity, error)) from None
        try:
            await self._take_tokens()
        except BadTokens as error:
            raise Unusable(t("ingest.bad_tokens", path=self._store.path, problem=error)) from None
        self.gateway.take(await asyncio.to_thread(province, self._inventory, self._options.directory))

    async def reload(self) -> str | None:
        """Take inventory and certificates as they are now; what is wrong changes nothing and is returned."""
        async with self._reloading:
            try:
                loaded = await asyncio.to_thread(validate.read, self._options.inventory)
                await self._renew_identity()
                read = await asyncio.to_thread(province, loaded.inventory, self._options.directory)
            except Refused as error:
                log.error("the inventory is wrong; the old one goes on", extra={"problem": str(error)})
                return str(error)
            except (OSError, ValueError) as error:
                log.error("not read again: %s", error)
                return str(error)
            self.gateway.take(read)
            log.info("read again", extra={"communes": len(read.permits)})
            return None

    async def _renew_identity(self) -> None:
        """Show and trust what is in the files now, if they have changed. Raises OSError or ValueError."""
        identity = self._options.identity
        if identity is None or self.entrance is None:
            return
        seen = await asyncio.to_thread(identity.stamps)
        if seen != self._identity_seen:
            await self.entrance.renew(await asyncio.to_thread(tls_context, identity))
            self._identity_seen = seen
            await self._show_expiry(identity)

    async def _show_expiry(self, identity: Identity) -> None:
        """Tell when the certificates in use expire. Raises OSError."""
        self.meters.certificates.clear()
        for purpose, path in (("gateway", identity.certificate), ("clients", identity.client_ca)):
            moment = None if path is None else earliest(await asyncio.to_thread(path.read_bytes))
            if moment is not None:
                self.meters.certificates.labels(purpose).set(moment)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Keep knowing tokens and engine while the context is open."""
        tasks = [asyncio.create_task(work()) for work in (self._watch_tokens, self._watch_engine)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch_tokens(self) -> None:
        failing = False
        while True:
            await asyncio.sleep(TOKENS_SECONDS)
            try:
                await self._take_tokens()
                failing = False
            except (BadTokens, OSError) as error:
                if not failing:
                    log.error("tokens cannot be read, the old ones go on: %s", error)
                failing = True

    async def _take_tokens(self) -> None:
        tokens = await asyncio.to_thread(self._store.changed)
        if tokens is not None:
            self.gateway.book = Book(tokens)

    async def _watch_engine(self) -> None:
        while True:
            await self._ask_engine()
            await asyncio.sleep(ENGINE_SECONDS)

    async def _ask_engine(self) -> None:
        about = await self._client.about()
        if about is not None:
            self.gateway.about = about

    def page(self) -> web.Application:
        """Return the page for health, metrics and the order to reload; on loopback."""
        app = web.Application()
        ready = lambda: self.gateway.about.start is not None  # noqa: E731 - too small for a name
        add_health(app, self.registry, ready=ready, reload=self.reload)
        return app


def province(inventory: Inventory, directory: Path) -> Province:
    """Return what follows from the inventory, and remember it on disk. Blocking. Raises OSError."""
    path, now = directory / KNOWN_FILE, time.time()
    window = (inventory.storage.spool_days + 1) * 86400.0
    known = permits.remember(_read_known(path), permits.planned(inventory), now, window)
    write_atomically(path, msgspec.json.encode(known), mode=0o600)
    return Province(permits.permits(known, now), configs(inventory))


def _read_known(path: Path) -> permits.Known:
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(_MAX_KNOWN_BYTES), type=permits.Known)
    except FileNotFoundError:
        return permits.Known()
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        log.error("what was permitted before is forgotten: %s", error)
        return permits.Known()


def _certificate_problem(identity: Identity, error: Exception) -> str:
    words = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return t("ingest.bad_certificate", path=identity.certificate, problem=words)


def limits_of(inventory: Inventory) -> Limits:
    """Return the limits for the engine's window as it is rendered."""
    window = (inventory.storage.spool_days + 1) * 86400.0 - MARGIN_SECONDS
    return Limits(time=TimeLimits(window_seconds=window))


@asynccontextmanager
async def running(
    options: Options, inventory: Inventory, limits: Limits | None = None
) -> AsyncIterator[tuple[Service, tuple[str, int]]]:
    """Run a gateway while the context is open; yields it and the address for agents.

    Raises Unusable, ListenError or OSError.
    """
    chosen = limits or limits_of(inventory)
    async with Client(options.engine, chosen.server.forwards) as client:
        service = Service(options, inventory, client, chosen)
        await service.prepare()
        app = make_app(service.gateway, service.meters)
        async with (
            service.watching(),
            serve_page(service.page(), options.page),
            serve(app, options.listen, service.door, service.tls) as entrance,
        ):
            service.entrance = entrance
            yield service, entrance.address


async def run(options: Options, inventory: Inventory, announce: Callable[[str], None]) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP reads inventory and certificates again.

    Raises Unusable, ListenError or OSError instead of becoming ready.
    """
    stop, again = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, again.set)
    async with running(options, inventory) as (service, (host, port)):
        reloads = asyncio.create_task(_reloads(service, again))
        scheme = "http" if options.identity is None else "https"
        announce(f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}")
        sdnotify.notify("READY=1")
        try:
            await sdnotify.serve_until(stop)
        finally:
            sdnotify.notify("STOPPING=1")
            reloads.cancel()
            await asyncio.gather(reloads, return_exceptions=True)


async def _reloads(service: Service, again: asyncio.Event) -> None:
    while True:
        await again.wait()
        again.clear()
        sdnotify.notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        await service.reload()
        sdnotify.notify("READY=1")
