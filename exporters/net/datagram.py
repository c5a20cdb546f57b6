"""One UDP conversation with one peer: a connected socket of its own.

The kernel hands over only what comes from the peer's address and port, and reports what routers say
about our packets. Nobody binds the port: Linux picks it by chance, so that a forger has to guess it
(RFC 6056).
"""

import asyncio
import socket
import struct
from types import TracebackType
from typing import Final, Self

from exporters.net import failure
from exporters.net.address import bind_source
from exporters.net.literal import Address

MAX_OCTETS: Final = 65535
_SO_TIMESTAMPNS: Final = 35
_TIMESPEC: Final = struct.Struct("@qq")
_ANCILLARY_OCTETS: Final = socket.CMSG_SPACE(_TIMESPEC.size)


class Datagrams:
    """A context manager that closes its socket. Raises Failure: local when it cannot be opened."""

    def __init__(self, to: Address, port: int, source: str | None, stamped: bool = False) -> None:
        self._doing = f"{to.host} port {port}"
        try:
            self._socket = socket.socket(to.family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        except OSError as error:
            raise failure.local(error, self._doing) from None
        try:
            if stamped:
                self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            bind_source(self._socket, source)
            self._socket.connect(to.at(port))
        except OSError as error:
            self._socket.close()
            raise failure.local(error, self._doing) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send one datagram. Raises Failure: local, or what a router or the peer said before."""
        try:
            self._socket.send(data)
        except OSError as error:
            raise failure.local(error, self._doing) from None

    async def receive(self) -> tuple[bytes, int | None]:
        """Return the next datagram and, of a stamped socket, when the kernel got it: Unix time in
        nanoseconds. Raises Failure: refused or unreachable."""
        while True:
            await _readable(self._socket)
            try:
                data, ancillary, _, _ = self._socket.recvmsg(MAX_OCTETS, _ANCILLARY_OCTETS)
            except BlockingIOError:  # the kernel threw away what it had announced: a wrong checksum
                continue
            except OSError as error:
                raise failure.remote(error, self._doing) from None
            return data, _stamp(ancillary)


def _stamp(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS) and len(data) == _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack(data)
            return int(seconds) * 10**9 + int(nanoseconds)
    return None


async def _readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()
    descriptor = sock.fileno()
    loop.add_reader(descriptor, _wake, future)
    try:
        await future
    finally:
        loop.remove_reader(descriptor)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
