"""Connections for requests: opened, kept for the next request where that is wanted, given up."""

import ssl

from exporters.httpio import proxy
from exporters.httpio.request import Key, Request
from exporters.net import tcp_info
from exporters.net.address import version_for
from exporters.net.failure import Failure
from exporters.net.phases import Phases
from exporters.net.resolve import Found, resolve
from exporters.net.wire import Wire, connect


class Connection:
    """A wire on which requests go to one place. ``used``: it served a request before."""

    __slots__ = ("_retransmits", "found", "rtt_seconds", "used", "wire")

    def __init__(self, wire: Wire, found: Found) -> None:
        self.wire, self.found = wire, found
        self.used = False
        self.rtt_seconds: float | None = None
        self._retransmits = 0

    def ask_kernel(self) -> int:
        """Learn the round trip; return the segments sent again since this was asked last."""
        info = tcp_info.read(self.wire.sock)
        if info is None or info.retransmits is None:
            return 0
        self.rtt_seconds = info.rtt_seconds
        more, self._retransmits = info.retransmits - self._retransmits, info.retransmits
        return more

    @property
    def tls(self) -> ssl.SSLSocket | None:
        """The socket under TLS."""
        return self.wire.tls


class Pool:
    """Idle connections, at most one for each kind of request. One user at a time has each of them."""

    def __init__(self) -> None:
        self._idle: dict[Key, Connection] = {}

    def take(self, request: Request) -> Connection | None:
        """Return a connection on which nothing has happened since its last answer."""
        connection = self._idle.pop(request.key, None)
        if connection is None or connection.wire.quiet():
            return connection
        connection.wire.close()
        return None

    def give(self, request: Request, connection: Connection) -> None:
        """Keep a connection whose last answer is complete."""
        before = self._idle.pop(request.key, None)
        if before is not None:
            before.wire.close()
        connection.used = True
        connection.wire.rest()
        self._idle[request.key] = connection

    def close(self) -> None:
        """Close all."""
        while self._idle:
            self._idle.popitem()[1].wire.close()

    def __del__(self) -> None:
        # What is kept between probes goes with its target (exporters.kept), whose end nobody announces.
        while self._idle:
            self._idle.popitem()[1].wire.sock.close()


async def connect_to(request: Request, phases: Phases) -> Connection:
    """Connect to where ``request`` goes, or to the proxy. Raises Failure. Has no deadline of its own."""
    if request.proxy is None:
        return await _connect(request, request.url.host, request.url.port, phases)
    try:
        return await _connect(request, request.proxy.host, request.proxy.port, phases)
    except Failure as failure:
        raise proxy.blame(request.proxy, failure) from None


async def _connect(request: Request, host: str, port: int, phases: Phases) -> Connection:
    phases.enter("resolve")
    version = version_for(request.source, request.ip_version)
    found = await resolve(host, version, request.patience_seconds)
    address = phases.resolved(found)
    phases.enter("connect")
    return Connection(Wire(await connect(address, port, request.source)), found)


async def secure(connection: Connection, request: Request, phases: Phases) -> None:
    """Put TLS on where that is wanted, through the proxy if there is one. Raises Failure."""
    if request.tls is None:
        return
    if request.proxy is not None:
        phases.enter("proxy")
        try:
            await proxy.tunnel(connection.wire, request.url, request.proxy)
        except Failure as failure:
            raise proxy.blame(request.proxy, failure) from None
    phases.enter("tls")
    await connection.wire.handshake(request.tls, request.server_name)
