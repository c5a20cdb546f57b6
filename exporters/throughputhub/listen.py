"""Listening on an open port: connections are few, and must say soon who they are."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from common.web import ListenError, parse_listen
from exporters.throughputhub.door import Door, open_door


class Datagrams(msgspec.Struct, frozen=True):
    """Makes what takes the datagrams to the address and port that an application listens on."""

    make: Callable[[], asyncio.DatagramProtocol]


class Crowd(msgspec.Struct, frozen=True):
    """Is told of each connection that was one too many."""

    tell: Callable[[], None]


DATAGRAMS: Final = web.AppKey("datagrams", Datagrams)
CROWD: Final = web.AppKey("crowd", Crowd)
SILENT_SECONDS: Final = 5.0
"""How long a connection may be open without a request that was let in; also for the TLS handshake."""


class Watched(RequestHandler):
    """A connection that is closed unless :meth:`heard` is called soon."""

    __slots__ = ("_watch",)

    def __init__(self, server: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        # No lingering: what comes after a refusal is not read.
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # what AppRunner passes for none
            lingering_time=0,
            keepalive_timeout=SILENT_SECONDS,
        )
        self._watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start waiting for a request."""
        super().connection_made(transport)
        self._watch = asyncio.get_running_loop().call_later(SILENT_SECONDS, transport.close)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Stop waiting."""
        self.heard()
        super().connection_lost(exc)

    def heard(self) -> None:
        """Somebody who may be here has spoken."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None


@asynccontextmanager
async def serve(
    app: web.Application, listen: str, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[str, int]]:
    """Serve ``app`` while the context is open; yields the address bound (port 0 picks a free one).

    Raises ListenError when the address is malformed or taken.
    """
    host, port = parse_listen(listen)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        turned_away = app[CROWD].tell if CROWD in app else _tell_nobody
        server = await _listen(runner, await _door(host, port, turned_away), tls)
        try:
            bound = server.sockets[0].getsockname()
            async with _datagrams(app, str(bound[0]), int(bound[1])):
                yield str(bound[0]), int(bound[1])
        finally:
            server.close()
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _datagrams(app: web.Application, host: str, port: int) -> AsyncIterator[None]:
    if DATAGRAMS not in app:
        yield
        return
    try:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            app[DATAGRAMS].make, local_addr=(host, port)
        )
    except OSError as error:
        raise ListenError(f"{host}:{port}/udp: {error.strerror or error}") from error
    try:
        yield
    finally:
        transport.close()


async def _door(host: str, port: int, turned_away: Callable[[], None]) -> Door:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return open_door(found[0][0], found[0][4], turned_away)
    except OSError as error:
        raise ListenError(f"{host}:{port}: {error.strerror or error}") from error


def _tell_nobody() -> None:
    """Where nobody counts."""


async def _listen(
    runner: web.AppRunner, door: Door, tls: ssl.SSLContext | None
) -> asyncio.base_events.Server:
    loop = asyncio.get_running_loop()
    server = runner.server
    assert server is not None  # noqa: S101 - setup() has made it
    options: dict[str, Any] = {}
    if tls is not None:
        options = {"ssl": tls, "ssl_handshake_timeout": SILENT_SECONDS, "ssl_shutdown_timeout": 1.0}
    return await loop.create_server(lambda: Watched(server, loop), sock=door, **options)


def server_context(certificate: str, key: str | None = None) -> ssl.SSLContext:
    """Return the TLS context of the hub, 1.2 or newer (RFC 9325). Raises OSError or ValueError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key, password=_no_pass_phrase)
    return context


def _no_pass_phrase() -> str:
    raise ValueError("the key is encrypted; a key without a pass phrase, readable by us only, is expected")
