"""Listening where anybody may knock: strangers are few, must be quick, and never keep out who is known."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.log import server_logger
from aiohttp.web_protocol import RequestHandler

from common.web import ListenError, parse_listen
from deploy.ingest.limits import Limits

MAX_LINE_BYTES: Final = 2048
MAX_HEADERS: Final = 40
MAX_HEADER_BYTES: Final = 4096
_BUFFER_BYTES: Final = 1 << 16
_BACKLOG: Final = 512
_LINGER_SECONDS: Final = 1.0


class Door:
    """The open connections. Of too many strangers the oldest must go."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.known: set[Watched] = set()
        self.strangers: dict[Watched, None] = {}  # a dict keeps the order of coming

    @property
    def full(self) -> bool:
        """Whether nobody more can come in."""
        return len(self.known) + len(self.strangers) >= self.limits.server.connections

    def came(self, connection: "Watched") -> None:
        """Take in a stranger."""
        self.strangers[connection] = None
        if len(self.strangers) > self.limits.server.strangers:
            next(iter(self.strangers)).hang_up()

    def heard(self, connection: "Watched") -> None:
        """Somebody showed credentials."""
        if self.strangers.pop(connection, 0) is None:
            self.known.add(connection)

    def left(self, connection: "Watched") -> None:
        """A connection is gone."""
        self.strangers.pop(connection, 0)
        self.known.discard(connection)


class Watched(RequestHandler):
    """A connection that is closed unless credentials are shown soon."""

    __slots__ = ("_door", "_watch")

    def __init__(self, server: web.Server, loop: asyncio.AbstractEventLoop, door: Door) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # what AppRunner passes for none
            keepalive_timeout=door.limits.patience.idle_seconds,
            lingering_time=_LINGER_SECONDS,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            max_headers=MAX_HEADERS,
            read_bufsize=_BUFFER_BYTES,
            auto_decompress=False,  # nothing is unpacked before its size is known
        )
        self._door = door
        self._watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start waiting for credentials."""
        super().connection_made(transport)
        seconds = self._door.limits.patience.silent_seconds
        self._watch = asyncio.get_running_loop().call_later(seconds, self.hang_up)
        self._door.came(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Stop waiting."""
        self._rest()
        self._door.left(self)
        super().connection_lost(exc)

    def heard(self) -> None:
        """Valid credentials were shown."""
        self._rest()
        self._door.heard(self)

    def hang_up(self) -> None:
        """End the connection now."""
        self._door.left(self)
        if self.transport is not None:
            self.transport.abort()

    def part(self) -> None:
        """End the connection, behind the answer where one is under way."""
        if self._request_in_progress:
            self.close()
        else:
            self.force_close()

    @property
    def by_certificate(self) -> bool:
        """Whether a certificate was shown when the connection was made."""
        return self.transport is not None and bool(self.transport.get_extra_info("peercert"))

    def _rest(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None


class _Full(asyncio.Protocol):
    """Hangs up at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


class Entrance:
    """The listening socket, and what those who come meet there."""

    def __init__(self, server: web.Server, door: Door) -> None:
        self._server, self._door = server, door
        self._listening: asyncio.base_events.Server | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that are bound."""
        assert self._listening is not None  # noqa: S101 - serve() has opened it
        bound = self._listening.sockets[0].getsockname()
        return str(bound[0]), int(bound[1])

    async def open(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        """Listen. Raises ListenError."""
        try:
            self._listening = await self._listen(tls, host=host, port=port, backlog=_BACKLOG)
        except OSError as error:
            raise ListenError(f"{host}:{port}: {error.strerror or error}") from error

    async def renew(self, tls: ssl.SSLContext) -> None:
        """Have everybody shake hands by ``tls`` from now on: nothing is resumed that an older context let
        in, and who came by a certificate comes again. Nobody is turned away meanwhile. Raises OSError."""
        before = self._listening
        assert before is not None  # noqa: S101 - serve() has opened it
        self._listening = await self._listen(tls, sock=before.sockets[0].dup(), backlog=_BACKLOG)
        before.close()
        for connection in list(self._door.known):
            if connection.by_certificate:
                connection.part()

    def close(self) -> None:
        """Listen no more."""
        if self._listening is not None:
            self._listening.close()

    async def _listen(self, tls: ssl.SSLContext | None, **where: Any) -> asyncio.base_events.Server:
        loop, door = asyncio.get_running_loop(), self._door

        def protocol() -> asyncio.Protocol:
            return _Full() if door.full else Watched(self._server, loop, door)

        if tls is not None:
            seconds = door.limits.patience.handshake_seconds
            where |= {"ssl": tls, "ssl_handshake_timeout": seconds, "ssl_shutdown_timeout": 1.0}
        return await loop.create_server(protocol, **where)


@asynccontextmanager
async def serve(
    app: web.Application, listen: str, door: Door, tls: ssl.SSLContext | None
) -> AsyncIterator[Entrance]:
    """Serve ``app`` while the context is open; port 0 picks a free one.

    Raises ListenError when the address is malformed or taken.
    """
    host, port = parse_listen(listen)
    server_logger.addFilter(_ours)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        assert runner.server is not None  # noqa: S101 - setup() has made it
        entrance = Entrance(runner.server, door)
        await entrance.open(host, port, tls)
        try:
            yield entrance
        finally:
            entrance.close()
    finally:
        await runner.cleanup()


def _ours(record: Any) -> bool:
    """Whether a record is about us: anybody who sends nonsense could fill the log with tracebacks."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError)


class Identity(msgspec.Struct, frozen=True):
    """The gateway's certificate, and whose certificates let agents in. PEM files at the hub."""

    certificate: Path
    key: Path | None = None
    client_ca: Path | None = None
    client_crl: Path | None = None

    def stamps(self) -> list[tuple[int, int, int]]:
        """Return what changes whenever one of the files does. Blocking. Raises OSError."""
        named = (self.certificate, self.key, self.client_ca, self.client_crl)
        found = [path.stat() for path in named if path is not None]
        return [(status.st_mtime_ns, status.st_size, status.st_ino) for status in found]


def context(identity: Identity) -> ssl.SSLContext:
    """Return the TLS context, 1.2 or newer (RFC 9325). Raises OSError or ValueError."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    made.load_cert_chain(identity.certificate, identity.key, password=_no_pass_phrase)
    if identity.client_ca is not None:
        made.verify_mode = ssl.CERT_OPTIONAL  # an agent may have a token instead
        made.load_verify_locations(identity.client_ca)
    if identity.client_crl is not None:
        made.load_verify_locations(identity.client_crl)
        made.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    return made


def _no_pass_phrase() -> str:
    raise ValueError("the key is encrypted; a key without a pass phrase, readable by us only, is expected")


def names_of(certificate: Any) -> frozenset[str]:
    """Return the common name and DNS names of a certificate as Python's ssl gives it; verified by TLS."""
    if not isinstance(certificate, dict):
        return frozenset()
    subject = {
        value for part in certificate.get("subject", ()) for kind, value in part if kind == "commonName"
    }
    other = {value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"}
    return frozenset(subject | other)
