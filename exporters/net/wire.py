"""A TCP connection as probes need it: every phase seen, nothing left behind, little CPU.

A non-blocking socket on the loop's own selector. Streams and transports would buffer, log and
time for us; a probe opens one connection, exchanges one message and must know each edge itself.
"""

import asyncio
import errno
import socket
import ssl
from types import TracebackType
from typing import Final, Self

from exporters.net import failure
from exporters.net.address import bind_source
from exporters.net.failure import Failure
from exporters.net.resolve import Address
from inventory.names import Reason

CHUNK_BYTES: Final = 65536


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def readable(descriptor: int) -> None:
    """Wait until the descriptor can be read from."""
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    loop.add_reader(descriptor, _wake, future)
    try:
        await future
    finally:
        loop.remove_reader(descriptor)


async def writable(descriptor: int) -> None:
    """Wait until the descriptor can be written to."""
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    loop.add_writer(descriptor, _wake, future)
    try:
        await future
    finally:
        loop.remove_writer(descriptor)


async def connect(address: Address, port: int, source: str | None) -> socket.socket:
    """Open a TCP connection. Raises Failure: local, refused, unreachable, reset or timeout.

    Has no deadline of its own. The socket is closed unless it is returned.
    """
    doing = f"connect to {address.host} port {port}"
    try:
        sock = socket.socket(address.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    except OSError as error:
        raise failure.local(error, doing) from None
    try:
        await _connect(sock, address, port, source, doing)
    except BaseException:
        sock.close()
        raise
    return sock


async def _connect(sock: socket.socket, to: Address, port: int, source: str | None, doing: str) -> None:
    try:
        bind_source(sock, source)
        code = sock.connect_ex(to.at(port))
    except OSError as error:
        raise failure.local(error, doing) from None
    if code == errno.EINPROGRESS:
        await writable(sock.fileno())
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise failure.remote(OSError(code, ""), doing)
    elif code:
        raise failure.local(OSError(code, ""), doing)


class Wire:
    """A connected socket, plain or under TLS. A context manager that closes it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sock.close()

    @property
    def tls(self) -> ssl.SSLSocket | None:
        """The socket under TLS, None before :meth:`handshake`."""
        return self._sock if isinstance(self._sock, ssl.SSLSocket) else None

    async def handshake(self, context: ssl.SSLContext, server_name: str) -> None:
        """Put TLS on. Raises Failure: tls, with the verifier's own words, or reset."""
        try:
            secured = context.wrap_socket(
                self._sock, server_hostname=server_name, do_handshake_on_connect=False
            )
            self._sock = secured
            await self._shake(secured)
        except ssl.SSLCertVerificationError as error:
            raise Failure(Reason.TLS, f"certificate: {error.verify_message}") from None
        except ssl.SSLEOFError:
            raise Failure(Reason.TLS, "handshake: the connection was closed") from None
        except ssl.SSLError as error:
            raise Failure(Reason.TLS, f"handshake: {error.reason or error}") from None
        except ValueError as error:  # a server name that TLS cannot carry
            raise Failure(Reason.TLS, f"server name {server_name!r}: {error}") from None
        except OSError as error:
            raise failure.remote(error, "handshake") from None

    async def _shake(self, secured: ssl.SSLSocket) -> None:
        while True:
            try:
                return secured.do_handshake()
            except ssl.SSLWantReadError:
                await readable(secured.fileno())
            except ssl.SSLWantWriteError:
                await writable(secured.fileno())

    async def send(self, data: bytes) -> None:
        """Send all of ``data``. Raises Failure(reset)."""
        view = memoryview(data)
        while view:
            try:
                view = view[self._sock.send(view) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                await writable(self._sock.fileno())
            except ssl.SSLWantReadError:
                await readable(self._sock.fileno())
            except OSError as error:
                raise failure.remote(error, "send") from None

    async def receive(self) -> bytes:
        """Return the next bytes, ``b""`` at the end. Raises Failure: reset, or tls for broken records."""
        while True:
            try:
                return self._sock.recv(CHUNK_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError):
                await readable(self._sock.fileno())
            except ssl.SSLWantWriteError:
                await writable(self._sock.fileno())
            except ssl.SSLError as error:
                raise Failure(Reason.TLS, f"receive: {error.reason or error}") from None
            except OSError as error:
                raise failure.remote(error, "receive") from None
