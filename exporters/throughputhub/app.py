"""The hub's pages for throughput tests. Everything wants a bearer token; bytes also want a lease.

    POST   /lease        {"line": "line:21040/main", "segments": ["pop:binh-son"], "bytes": 100000000}
                         200 {"lease": ..., "bytes": ..., "ttl_seconds": ...}; 409 busy; 503 full
    POST   /lease/ID     renew: 204; 404 when it is gone
    DELETE /lease/ID     give back: 204; 404
    GET    /down?bytes=N with Thongsuot-Lease: that many bytes
    POST   /up           with Thongsuot-Lease: takes the body; HTTP/1.0, for the answer runs beside it
    POST   /echo         likewise: the body comes back as it comes in
    UDP, same port       32 bytes that begin with the lease's echo key come back

Authorization and lease stand in header fields, so nothing of them is in a URL that somebody logs.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, NoReturn

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry

from exporters.throughputhub.echo import Echoes
from exporters.throughputhub.leases import TTL_SECONDS, Grant, Leases, Limits, Order
from exporters.throughputhub.listen import CROWD, DATAGRAMS, Crowd, Datagrams, Watched
from exporters.throughputhub.meters import Meters
from exporters.throughputhub.pace import Pace
from exporters.throughputhub.tokens import Tokens
from exporters.throughputhub.transfers import Exceeded, Terms, Transfers, begin

HOLDER: Final = web.RequestKey("holder", str)
LEASE_FIELD: Final = "Thongsuot-Lease"
MAX_ORDER_BYTES: Final = 8192
ORDER_SECONDS: Final = 5.0
SWEEP_SECONDS: Final = 1.0
log = logging.getLogger(__name__)
_BROKEN: Final = (Exceeded, TimeoutError, ConnectionError, web.RequestPayloadError)


def make_app(tokens: Tokens, limits: Limits, registry: CollectorRegistry) -> web.Application:
    """Return the application; its counters go to ``registry``, which is served elsewhere."""
    pages = _Pages(tokens, limits, Meters(registry))
    app = web.Application(client_max_size=MAX_ORDER_BYTES, middlewares=[pages.admit])
    app.router.add_post("/lease", pages.grant)
    app.router.add_post("/lease/{id}", pages.renew)
    app.router.add_delete("/lease/{id}", pages.release)
    app.router.add_get("/down", pages.down, allow_head=False)
    app.router.add_post("/up", pages.up)
    app.router.add_post("/echo", pages.echo)
    app.cleanup_ctx.append(pages.sweeping)
    app[CROWD] = Crowd(lambda: pages.meters.refused("connections"))
    app[DATAGRAMS] = Datagrams(lambda: Echoes(pages.leases, pages.meters))
    return app


class _Pages:
    def __init__(self, tokens: Tokens, limits: Limits, meters: Meters) -> None:
        self._tokens, self._limits, self.meters = tokens, limits, meters
        self.leases = Leases(limits)
        self._transfers = Transfers(limits.request_seconds)
        self._paces: dict[str, Pace] = {}
        self._problem: str | None = None

    async def sweeping(self, _: web.Application) -> AsyncIterator[None]:
        """Free expired leases, and take in changed tokens, while the application runs."""
        task = asyncio.create_task(self._sweep())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.leases.sweep(_now())
            self.meters.leases.set(len(self.leases))
            self._say(self._tokens.reload())

    def _say(self, problem: str | None) -> None:
        """Log, once, that changed tokens are not taken in, and that they are again."""
        if problem != self._problem:
            self._problem = problem
            if problem is None:
                log.info("tokens read again")
            else:
                log.error("tokens not read again, the old ones go on: %s", problem)

    @web.middleware
    async def admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in who has a token; hang up on everybody else without reading on."""
        holder = self._tokens.holder(request.headers.get("Authorization", ""))
        if holder is None:
            self._refuse("token", web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"}))
        request[HOLDER] = holder
        if isinstance(request.protocol, Watched):
            request.protocol.heard()
        return await handler(request)

    async def grant(self, request: web.Request) -> web.Response:
        """A lease for a test."""
        try:
            async with asyncio.timeout(ORDER_SECONDS):
                order = msgspec.json.decode(await request.read(), type=Order)
        except (ValueError, RecursionError, TimeoutError):  # msgspec's errors are ValueErrors
            self._refuse("request", web.HTTPBadRequest(text="not an order\n"))
        given = self.leases.grant(order, request[HOLDER], _now(), request.remote or "")
        if isinstance(given, str):
            full = given == "full"
            error = web.HTTPServiceUnavailable if full else web.HTTPConflict
            self._refuse("full" if full else "busy", error(text=f"{given}\n"))
        self.meters.tests.inc()
        self.meters.leases.set(len(self.leases))
        grant = Grant(lease=given.id, echo=given.echo.hex(), bytes=given.bytes_left, ttl_seconds=TTL_SECONDS)
        return web.Response(body=msgspec.json.encode(grant), content_type="application/json")

    async def renew(self, request: web.Request) -> web.Response:
        """A lease's life prolonged."""
        return self._done(self.leases.renew(request.match_info["id"], request[HOLDER], _now()))

    async def release(self, request: web.Request) -> web.Response:
        """A lease given back."""
        done = self.leases.release(request.match_info["id"], request[HOLDER], _now())
        self.meters.leases.set(len(self.leases))
        return self._done(done)

    def _done(self, done: bool) -> web.Response:
        if not done:
            self._refuse("lease", web.HTTPNotFound(text="no such lease\n"))
        return web.Response(status=204)

    async def down(self, request: web.Request) -> web.StreamResponse:
        """Bytes from the hub."""
        terms = self._admitted(request, "down")
        size = request.query.get("bytes", "")
        if not (size.isascii() and size.isdigit() and len(size) <= 15 and int(size) > 0):
            self._refuse("request", web.HTTPBadRequest(text="bytes=N is missing\n"))
        allowed = min(int(size), self._limits.request_bytes)
        return await self._answer(
            request, lambda response: self._transfers.down(response, allowed, terms), allowed
        )

    async def up(self, request: web.Request) -> web.StreamResponse:
        """Bytes to the hub."""
        terms = self._admitted(request, "up")
        if (request.content_length or 0) > self._limits.request_bytes:
            self._refuse(
                "limit", web.HTTPRequestEntityTooLarge(self._limits.request_bytes, text="too large\n")
            )
        return await self._answer(request, lambda response: self._transfers.up(request, response, terms))

    async def echo(self, request: web.Request) -> web.StreamResponse:
        """Bytes there and back."""
        terms = self._admitted(request, "echo")
        return await self._answer(request, lambda response: self._transfers.echo(request, response, terms))

    def _admitted(self, request: web.Request, direction: str) -> Terms:
        holder = request[HOLDER]
        lease = self.leases.find(request.headers.get(LEASE_FIELD, ""), holder, _now())
        if lease is None:
            self._refuse("lease", web.HTTPForbidden(text="no such lease\n"))
        if len(lease.cuts) > self._limits.streams:  # the echo besides
            self._refuse("limit", web.HTTPTooManyRequests(text="too many streams\n"))
        return Terms(lease, self._pace(holder), self.meters.moved[direction].inc)

    def _pace(self, holder: str) -> Pace | None:
        """The pace of a token; there are no more of them than valid tokens."""
        rate = self._limits.bytes_per_second
        return None if rate is None else self._paces.setdefault(holder, Pace(rate))

    async def _answer(
        self,
        request: web.Request,
        transfer: Callable[[web.StreamResponse], Awaitable[None]],
        size: int | None = None,
    ) -> web.StreamResponse:
        """Run a transfer; what ends early ends its connection, which is also how a client stops."""
        response: web.StreamResponse = web.Response()
        try:
            response = await begin(request, size)
            await transfer(response)
        except _BROKEN:
            if request.transport is not None:
                request.transport.abort()
        return response

    def _refuse(self, reason: str, error: web.HTTPException) -> NoReturn:
        self.meters.refused(reason)
        error.force_close()
        raise error


def _now() -> float:
    return asyncio.get_running_loop().time()
