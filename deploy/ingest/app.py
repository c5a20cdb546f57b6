"""The gateway's pages for agents.

    POST /api/v1/write    remote write 1.0; 204 stored; 400 never; 401, 403 not you; 429, 503 later
    GET  /api/v1/config   the agent's own agent.yml, with ETag; 304
    GET  /-/healthy, /-/ready

Whoever asks must show a token or a certificate before anything of the request is read. Every answer has the
hub's ``Date``; those to pushes also say when the engine was started (``common.delivery``).
"""

import asyncio
from typing import Final, NoReturn

from aiohttp import web
from aiohttp.typedefs import Handler

from common.delivery import BACKLOG_HEADER, HUB_START_HEADER, LEFT_OUT_HEADER
from deploy.ingest.gateway import Gateway, Reply
from deploy.ingest.listen import Watched, names_of
from deploy.ingest.meters import Meters
from deploy.ingest.tokens import Wrong, claimed
from deploy.render_agents import CONFIG_PATH, WRITE_PATH

WHO: Final = web.RequestKey("who", str)
_OPEN: Final = frozenset({"/-/healthy", "/-/ready"})
_CHUNK_BYTES: Final = 1 << 16
_SECURITY: Final = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


def make_app(gateway: Gateway, meters: Meters) -> web.Application:
    """Return the application; its counters are served elsewhere."""
    pages = _Pages(gateway, meters)
    app = web.Application(client_max_size=gateway.limits.body.body_bytes, middlewares=[pages.admit])
    app.router.add_post(WRITE_PATH, pages.write)
    app.router.add_get(CONFIG_PATH, pages.config, allow_head=False)
    app.router.add_get("/-/healthy", pages.healthy)
    app.router.add_get("/-/ready", pages.ready)
    return app


class _Pages:
    def __init__(self, gateway: Gateway, meters: Meters) -> None:
        self._gateway, self._meters = gateway, meters

    async def healthy(self, _: web.Request) -> web.Response:
        """Whether the gateway runs."""
        return web.Response(text="OK\n", headers=_SECURITY)

    async def ready(self, _: web.Request) -> web.Response:
        """Whether there is an engine behind it."""
        known = self._gateway.about.start is not None
        return web.Response(
            status=200 if known else 503, text="OK\n" if known else "not ready\n", headers=_SECURITY
        )

    @web.middleware
    async def admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in who is known; hang up on everybody else without reading on, and without saying why."""
        if request.path in _OPEN and request.method in {"GET", "HEAD"}:
            return await handler(request)
        who = self._who(request)
        if isinstance(who, Wrong):
            self._meters.unauthorised.labels(self._claimed(request), who.value).inc()
            headers = {"WWW-Authenticate": "Bearer", **_SECURITY}
            return _closing(web.Response(status=401, text="unauthorised\n", headers=headers))
        request[WHO] = who
        if isinstance(request.protocol, Watched):
            request.protocol.heard()
        return await handler(request)

    def _who(self, request: web.Request) -> str | Wrong:
        """Return the commune whose agent asks, by token or certificate; both must agree where both are."""
        permits = self._gateway.province.permits
        shown = names_of(request.get_extra_info("peercert"))
        named = shown & permits.keys()
        by_token = self._gateway.book.holder(request.headers.get("Authorization"), self._gateway.unix())
        if not shown or (by_token is not Wrong.MISSING and by_token in named):
            found: str | Wrong = by_token
        elif by_token is Wrong.MISSING and len(named) == 1:
            (found,) = named
        else:
            found = Wrong.CERTIFICATE
        return found if isinstance(found, Wrong) or found in permits else Wrong.UNKNOWN

    def _claimed(self, request: web.Request) -> str:
        """Return the commune that somebody who is not let in says to be of, if there is one: anybody may."""
        commune = claimed(request.headers.get("Authorization"))
        return commune if commune in self._gateway.province.permits else ""

    async def config(self, request: web.Request) -> web.Response:
        """The configuration of the agent that asks, and of no other."""
        found = self._gateway.province.configs.get(request[WHO])
        if found is None:
            raise web.HTTPNotFound(headers=_SECURITY)
        headers = {**_SECURITY, "ETag": found.etag}
        if found.matches(request.headers.get("If-None-Match")):
            self._meters.configs.labels("same").inc()
            return web.Response(status=304, headers=headers)
        self._meters.configs.labels("sent").inc()
        return web.Response(body=found.body, content_type="application/yaml", headers=headers)

    async def write(self, request: web.Request) -> web.Response:
        """A push."""
        try:
            return self._answer(await self._push(request))
        except _Unread as unread:
            return _closing(self._answer(unread.reply))

    async def _push(self, request: web.Request) -> Reply:
        self._check_kind(request)
        rates = self._gateway.rates(request[WHO])
        wait = rates.wait_seconds(request.content_length or 0, self._gateway.now())
        if wait:
            _refuse(429, "rate", "too fast", retry_seconds=int(wait) + 1)
        rates.under_way += 1
        try:
            body = await self._body(request)
            backlog = request.headers.get(BACKLOG_HEADER) == "1"
            return await self._gateway.push(request[WHO], body, backlog=backlog)
        finally:
            rates.under_way -= 1

    def _check_kind(self, request: web.Request) -> None:
        kind = request.headers.get("Content-Type", "").lower().replace(" ", "")
        usual = kind in {"application/x-protobuf", "application/x-protobuf;proto=prometheus.writerequest"}
        packed = [value.lower() for value in request.headers.getall("Content-Encoding", ())]
        if not usual or packed != ["snappy"]:
            _refuse(415, "kind", "remote write 1.0 is expected: protobuf, packed with snappy")
        if (request.content_length or 0) > self._gateway.limits.body.body_bytes:
            _refuse(413, "too_large", "too large")

    async def _body(self, request: web.Request) -> bytes:
        """Read the body, bounded in size and time."""
        body = bytearray()
        try:
            async with asyncio.timeout(self._gateway.limits.patience.body_seconds):
                async for piece in request.content.iter_chunked(_CHUNK_BYTES):
                    body += piece
                    if len(body) > self._gateway.limits.body.body_bytes:
                        _refuse(413, "too_large", "too large")
        except TimeoutError:
            _refuse(408, "slow_body", "the body came too slowly")
        except (web.RequestPayloadError, ConnectionError, asyncio.IncompleteReadError):
            _refuse(400, "broken_body", "the body broke off")
        return bytes(body)

    def _answer(self, reply: Reply) -> web.Response:
        self._meters.requests.labels(reply.result).inc()
        headers = dict(_SECURITY)
        if self._gateway.about.start is not None:
            headers[HUB_START_HEADER] = f"{self._gateway.about.start:.3f}"
        if reply.retry_seconds is not None:
            headers["Retry-After"] = str(reply.retry_seconds)
        if reply.left_out:
            headers[LEFT_OUT_HEADER] = str(reply.left_out)
        if reply.status == 204:
            return web.Response(status=204, headers=headers)
        return web.Response(status=reply.status, text=f"{reply.said}\n", headers=headers)


class _Unread(Exception):  # noqa: N818 - reads as what it says
    """A push that is answered before all of it was read."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.result)
        self.reply = reply


def _refuse(status: int, result: str, said: str, retry_seconds: int | None = None) -> NoReturn:
    raise _Unread(Reply(status, result, said, 0, retry_seconds))


def _closing(response: web.Response) -> web.Response:
    """Let the connection end with this answer: what follows on it is not read."""
    response.force_close()
    return response
