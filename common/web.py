"""What every HTTP page of ours shares: limits, health pages, ``/metrics``, start and stop."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.log import server_logger

if TYPE_CHECKING:  # an agent writes its metrics itself
    from prometheus_client import CollectorRegistry

MAX_BODY_BYTES: Final = 1 << 20
MAX_CONNECTIONS: Final = 256
"""Whoever opens connections and says nothing must not use up the descriptors of the process."""
log = logging.getLogger(__name__)
Ready = Callable[[], bool]
Reload = Callable[[], Awaitable[str | None]]


class ListenError(Exception):
    """A listen address that cannot be used; the message says what was expected."""


def parse_listen(text: str) -> tuple[str, int]:
    """Split ``host:port`` or ``[v6]:port``. Raises ListenError.

    >>> parse_listen("127.0.0.1:9465")
    ('127.0.0.1', 9465)
    """
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    usable = colon and host and (bracketed or ":" not in host)
    if not usable or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ListenError(f"{text!r}: expected host:port, such as 127.0.0.1:9465 or [::1]:9465")
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Whether a listen host stays on this machine."""
    return host in {"localhost", "::1"} or host.startswith("127.")


def add_health(
    app: web.Application,
    registry: "CollectorRegistry | None",
    ready: Ready = lambda: True,
    reload: Reload | None = None,
) -> None:
    """Add ``/-/healthy``, ``/-/ready`` and, where given, ``/metrics`` and ``POST /-/reload``.

    ``reload`` returns None when it took the new configuration, else what is wrong with it (answer 422).
    """

    async def healthy(_: web.Request) -> web.Response:
        return web.Response(text="OK\n")

    async def is_ready(_: web.Request) -> web.Response:
        return web.Response(text="OK\n") if ready() else web.Response(status=503, text="not ready\n")

    async def metrics(request: web.Request) -> web.Response:
        from prometheus_client.exposition import choose_encoder  # noqa: PLC0415 - see above

        assert registry is not None  # noqa: S101 - the route exists only with it
        encoder, content_type = choose_encoder(request.headers.get("Accept", ""))
        body = await asyncio.to_thread(encoder, registry)
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def do_reload(_: web.Request) -> web.Response:
        assert reload is not None  # noqa: S101 - the route exists only with it
        problem = await reload()
        return web.Response(text="OK\n") if problem is None else web.Response(status=422, text=problem + "\n")

    app.router.add_get("/-/healthy", healthy)
    app.router.add_get("/-/ready", is_ready)
    if registry is not None:
        app.router.add_get("/metrics", metrics)
    if reload is not None:
        app.router.add_post("/-/reload", do_reload)


@asynccontextmanager
async def serve(app: web.Application, listen: str) -> AsyncIterator[tuple[str, int]]:
    """Serve ``app`` while the context is open; yields the address bound (port 0 picks a free one).

    Raises ListenError when the address is malformed or taken.
    """
    host, port = parse_listen(listen)
    server_logger.addFilter(_ours)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0, keepalive_timeout=30.0)
    await runner.setup()
    try:
        try:
            server = await asyncio.get_running_loop().create_server(_bounded(runner), host, port)
        except OSError as error:
            raise ListenError(f"{listen}: {error.strerror or error}") from error
        try:
            bound = server.sockets[0].getsockname()
            yield str(bound[0]), int(bound[1])
        finally:
            server.close()
    finally:
        await runner.cleanup()


def _ours(record: logging.LogRecord) -> bool:
    """Whether a record is about us: anybody who sends nonsense could fill the log with tracebacks."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError)


def _bounded(runner: web.AppRunner) -> Callable[[], asyncio.Protocol]:
    """Return what makes a protocol for each connection, and turns away those over the limit."""
    server = runner.server
    assert server is not None  # noqa: S101 - setup() has made it

    def protocol() -> asyncio.Protocol:
        return server() if len(server.connections) < MAX_CONNECTIONS else _Full()

    return protocol


class _Full(asyncio.Protocol):
    """Hangs up at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()
