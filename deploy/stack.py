"""The hub's processes as one: started in order, kept running, reloaded together, ended cleanly."""

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Final

import aiohttp
import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from common.i18n import t
from common.web import parse_listen
from deploy import debian, render
from deploy.child import Child, Spec
from deploy.endpoints import Endpoints
from deploy.stack_specs import ANYBODY, Paths, WallAccess, specs
from inventory import names
from inventory.model import Inventory

POLL_SECONDS: Final = 0.2
HTTP_SECONDS: Final = 5.0
RELOAD_SECONDS: Final = 60.0  # all children read the inventory again, perhaps on a machine with other work
BOUND_LOGS_SECONDS: Final = 10.0
HOPELESS_DEATHS: Final = 3
"""A child that died this often before it was ever ready has something wrong that waiting does not mend."""
_NO_RELOAD: Final = frozenset([404, 405, 501])
log = logging.getLogger(__name__)


class StackError(Exception):
    """The stack cannot start; the message is for people."""


def check_ports(endpoints: Endpoints, inventory: Inventory | None = None) -> None:
    """See that every address can be listened on. Raises StackError naming the first that cannot."""
    gateway = inventory is not None and inventory.hub.ingest is not None and endpoints.ingest
    unused = frozenset() if gateway else frozenset({"ingest", "ingest_page"})
    for name, listen in msgspec.structs.asdict(endpoints).items():
        if name in unused:
            continue
        host, port = parse_listen(listen)
        try:
            family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except OSError as error:
            key = "up.port_taken" if error.errno == errno.EADDRINUSE else "up.port_refused"
            problem = error.strerror or str(error)
            raise StackError(t(key, listen=listen, name=name, problem=problem)) from error


class Stack(Collector):
    """All children of one hub. ``registry`` gets what is known of them."""

    def __init__(
        self, paths: Paths, endpoints: Endpoints, registry: CollectorRegistry, access: WallAccess = ANYBODY
    ) -> None:
        self.paths = paths
        self.endpoints = endpoints
        self.access = access
        self.ready = False
        self._children: dict[str, Child] = {}
        self._session: aiohttp.ClientSession | None = None
        registry.register(self)

    def write(self, inventory: Inventory) -> render.Changes:
        """Render the inventory to where the children read it. Raises OSError."""
        files = render.render(inventory, self.endpoints, self.paths.agent)
        return render.write(files, self.paths.rendered)

    @asynccontextmanager
    async def running(self, inventory: Inventory) -> AsyncIterator[None]:
        """Run all children while the context is open. Raises StackError, debian.ToolMissing, OSError."""
        wanted = specs(self.paths, self.endpoints, inventory, self.access)
        await asyncio.to_thread(self.write, inventory)
        timeout = aiohttp.ClientTimeout(total=HTTP_SECONDS)
        # A child that was replaced, or is about to end, must not be asked over an old connection.
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as self._session:
            keeper = asyncio.create_task(self._bound_logs())
            try:
                for spec in wanted:
                    await self._launch(spec)
                self.ready = True
                yield
            finally:
                self.ready = False
                keeper.cancel()
                await asyncio.gather(keeper, return_exceptions=True)
                await self._stop_all()

    async def reload(self, inventory: Inventory, written: Callable[[], None] = lambda: None) -> str | None:
        """Render ``inventory`` and have every child take it; returns what went wrong, or None.

        ``written`` is called once it is rendered, before any child knows of it.
        """
        try:
            wanted = specs(self.paths, self.endpoints, inventory, self.access)
            changed = await asyncio.to_thread(self.write, inventory)
        except debian.ToolMissing as error:
            return str(error)
        except OSError as error:
            return t("up.cannot_write", path=self.paths.rendered, problem=error.strerror or str(error))
        written()
        log.info("rendered", extra={"changed": len(changed.created + changed.updated + changed.removed)})
        problems = []
        await self._end_all_but({spec.name for spec in wanted})
        for spec in wanted:
            child = self._children.get(spec.name)
            if child is None:
                problems.append(await self._add(spec))
            elif child.spec != spec:
                problems.append(await self._replace(child, spec))
            else:
                problems.append(await self._reload_child(child))
        found = [problem for problem in problems if problem]
        return "\n".join(found) or None

    def pids(self) -> dict[str, int]:
        """Process ids of the children that run."""
        return {name: child.pid for name, child in self._children.items() if child.pid is not None}

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """Yield what is known of the children, for the page of the supervisor."""
        up = GaugeMetricFamily(names.CHILD_UP.name, names.CHILD_UP.help, labels=names.CHILD_UP.labels)
        deaths = names.CHILD_RESTARTS
        restarts = CounterMetricFamily(deaths.name, deaths.help, labels=deaths.labels)
        for name, child in list(self._children.items()):
            up.add_metric([name], child.pid is not None)
            restarts.add_metric([name], child.restarts)
        yield up
        yield restarts

    async def _launch(self, spec: Spec) -> None:
        child = Child(spec, self.paths.log(spec.name))
        self._children[spec.name] = child
        child.start()
        await self._wait_ready(child)
        log.info("ready", extra={"child": spec.name})

    async def _wait_ready(self, child: Child) -> None:
        spec = child.spec
        loop = asyncio.get_running_loop()
        end = loop.time() + spec.ready_seconds
        while spec.ready_url and not await self._answers(spec.ready_url):
            if child.deaths >= HOPELESS_DEATHS or loop.time() > end:
                raise StackError(
                    t("up.not_ready", name=spec.name, log=child.log.path, line=child.log.last_line())
                )
            await asyncio.sleep(POLL_SECONDS)

    async def _answers(self, url: str) -> bool:
        assert self._session is not None  # noqa: S101 - open while children run
        try:
            async with self._session.get(url) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    async def _reload_child(self, child: Child) -> str | None:
        """Ask the child, once it is ready; one that does not run, or knows no reload, is restarted."""
        url, by_signal = child.spec.reload_url, child.spec.reload_by_signal
        if child.pid is None or (url is None and not by_signal):
            return await self._replace(child, child.spec)
        try:
            await self._wait_ready(child)
        except StackError as error:
            return str(error)
        if url is not None:
            return await self._post_reload(child, url)
        child.hang_up()
        return None

    async def _post_reload(self, child: Child, url: str) -> str | None:
        assert self._session is not None  # noqa: S101 - open while children run
        timeout = aiohttp.ClientTimeout(total=RELOAD_SECONDS)
        try:
            async with self._session.post(url, timeout=timeout) as answer:
                if answer.status in _NO_RELOAD:
                    return await self._replace(child, child.spec)
                said = (await answer.content.read(4096)).decode("utf-8", "replace").strip()
                return None if answer.status == 200 else f"{child.spec.name}: {answer.status} {said}"
        except aiohttp.ClientConnectionError:  # it died meanwhile
            return await self._replace(child, child.spec)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return f"{child.spec.name}: {error or type(error).__name__}"

    async def _replace(self, child: Child, spec: Spec) -> str | None:
        """Run ``spec`` in the child's place; returns why it did not become ready, or None."""
        await child.replace(spec)
        try:
            await self._wait_ready(child)
        except StackError as error:
            return str(error)
        return None

    async def _add(self, spec: Spec) -> str | None:
        """Run a child that the inventory did not want before; returns why it is not ready, or None."""
        try:
            await self._launch(spec)
        except StackError as error:
            return str(error)
        return None

    async def _end_all_but(self, wanted: set[str]) -> None:
        """End the children that the inventory wants no more."""
        for name in self._children.keys() - wanted:
            await self._children.pop(name).stop()

    async def _stop_all(self) -> None:
        """In the reverse order of starting: who sends ends before who receives."""
        for child in reversed(self._children.values()):
            await child.stop()
        self._children.clear()

    async def _bound_logs(self) -> None:
        while True:
            await asyncio.sleep(BOUND_LOGS_SECONDS)
            for child in list(self._children.values()):
                with contextlib.suppress(OSError):
                    await asyncio.to_thread(child.log.bound)
