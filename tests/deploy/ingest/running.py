"""A gateway on a port of its own, an engine behind it that remembers, and clients of every kind."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp import web

from agent.remote_write import HEADERS
from deploy.ingest.engine import Engine
from deploy.ingest.limits import Limits
from deploy.ingest.listen import Identity
from deploy.ingest.service import Options, Service, running
from deploy.ingest.tokens import Store
from inventory.load import dump
from inventory.model import Inventory
from tests.agent import oracle
from tests.deploy.ingest.bodies import OTHER, OWN, province

START = 1_794_000_000.5
METRICS = "# HELP x y\nprocess_start_time_seconds {start}\nprometheus_tsdb_head_max_time_seconds {newest}\n"


class FakeEngine:
    """Takes remote write and remembers it; ``status`` is what it answers, after ``wait`` is set."""

    def __init__(self) -> None:
        self.status, self.said = 204, ""
        self.bodies: list[bytes] = []
        self.headers: list[Mapping[str, str]] = []
        self.newest = "-9.2e15"
        self.free = asyncio.Event()
        self.free.set()
        self.under_way = 0

    @property
    def series(self) -> list[oracle.Series]:
        return [series for body in self.bodies for series in oracle.decode(body)]

    @property
    def sites(self) -> set[str]:
        return {dict(labels).get("site", "") for labels, _ in self.series}

    async def write(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.under_way += 1
        try:
            await self.free.wait()
        finally:
            self.under_way -= 1
        if self.status == 204:
            self.bodies.append(body)
            self.headers.append(dict(request.headers))
        return web.Response(status=self.status, text=self.said or None)

    async def metrics(self, request: web.Request) -> web.Response:
        """As Prometheus does, packed where that is asked for."""
        answer = web.Response(text=METRICS.format(start=START, newest=self.newest))
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            answer.enable_compression(web.ContentCoding.gzip)
        return answer

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/api/v1/write", self.write)
        app.router.add_get("/metrics", self.metrics)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            host, port = runner.addresses[0][:2]
            yield f"http://{host}:{port}/api/v1/write"
        finally:
            self.free.set()
            await runner.cleanup()


class Reply:
    """An answer: status, headers, body."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body


class Site:
    """A running gateway, and what tests do with it."""

    def __init__(
        self, service: Service, engine: FakeEngine, url: str, store: Store, options: Options
    ) -> None:
        self.service, self.engine, self.url, self.store, self.options = service, engine, url, store, options
        self.tokens = {code: store.add(code, time.time())[0] for code in (OWN, OTHER)}

    async def ask(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> Reply:
        """One request on a connection of its own."""
        own = dict(headers or {}) | ({"Authorization": f"Bearer {token}"} if token else {})
        connector = aiohttp.TCPConnector(ssl=tls if tls is not None else True, force_close=True)
        async with (
            aiohttp.ClientSession(connector=connector, auto_decompress=False) as session,
            session.request(method, self.url + path, data=body, headers=own) as answer,
        ):
            return Reply(answer.status, answer.headers, await answer.read())

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what other tasks do; it has long come true when the time is over."""
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - the engine is no place for events of every test
                await asyncio.sleep(0.01)

    async def push(self, body: bytes, site: str = OWN, **more: str) -> Reply:
        """One push with a site's token."""
        return await self.ask(
            "POST", "/api/v1/write", token=self.tokens[site], body=body, headers={**HEADERS, **more}
        )

    def counted(self, name: str, **labels: str) -> float:
        """The value of one of the gateway's own series."""
        return self.service.registry.get_sample_value(name, labels) or 0.0

    async def speak(self, parts: Iterable[bytes]) -> bytes:
        """Say bytes over a raw connection, and return everything that comes back until it is closed."""
        host, port = self.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
            async with asyncio.timeout(20):
                return await reader.read(-1)
        except ConnectionError:
            return b""
        finally:
            writer.close()


@asynccontextmanager
async def gateway(
    directory: Path,
    limits: Limits | None = None,
    identity: Identity | None = None,
    inventory: Inventory | None = None,
    headers: Mapping[str, str] | None = None,
) -> AsyncIterator[Site]:
    """Run a gateway before a fake engine."""
    engine, chosen = FakeEngine(), inventory or province()
    path = directory / "province.yml"
    path.write_text(dump(chosen), encoding="utf-8")
    async with engine.running() as url:
        options = Options(
            inventory=path, directory=directory / "ingest", listen="127.0.0.1:0", page="127.0.0.1:0",
            engine=Engine(url=url, headers=headers or {}), identity=identity,
        )  # fmt: skip
        store = Store(options.directory)
        async with running(options, chosen, limits) as (service, (host, port)):
            scheme = "https" if identity else "http"
            site = Site(service, engine, f"{scheme}://{host}:{port}", store, options)
            await service._take_tokens()
            await service._ask_engine()
            yield site
