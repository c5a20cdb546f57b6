"""A TCP connection as probes need it: every phase seen, nothing left behind, little CPU.

A non-blocking socket on the loop's own selector. Streams and transports would buffer, log and
time for us; a probe opens one connection, exchanges one message and must know each edge itself.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Final, Self, TypeVar

from exporters.net import failure
from exporters.net.address import bind_source
from exporters.net.failure import Failure
from exporters.net.literal import Address
from inventory.names import Reason

CHUNK_BYTES: Final = 32768
_NOT_YET: Final = (BlockingIOError, ssl.SSLWantReadError)
T = TypeVar("T")


class NotTrusted(Failure):
    """A certificate that was presented and not accepted."""


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


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


def _try_again(operation: Callable[[], T], outcome: list[T], done: asyncio.Future[None]) -> None:
    """Try what could not be done before; wake the waiter unless it still has to wait for bytes."""
    if done.done():
        return
    try:
        outcome.append(operation())
    except ssl.SSLWantWriteError:
        done.set_result(None)
    except _NOT_YET:
        return
    except (OSError, ValueError) as error:
        done.set_exception(error)
    else:
        done.set_result(None)


class Wire:
    """A connected socket, plain or under TLS. A context manager that closes it.

    What cannot be done yet is tried again by the loop's own callback, and the probe is woken only by
    its result: a handshake of several round trips costs one wake-up.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._descriptor = sock.fileno()
        self._loop = asyncio.get_running_loop()
        self._watched = False
        self._retry: Callable[[], None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; doing so again does nothing."""
        self._unwatch()
        self._sock.close()

    @property
    def sock(self) -> socket.socket:
        """The socket, for what the kernel knows of it."""
        return self._sock

    def rest(self) -> None:
        """Have the loop forget the connection until it is used again."""
        self._unwatch()

    def quiet(self) -> bool:
        """Whether the peer has neither said anything nor closed since it was last read from."""
        try:
            self._receive_now()
        except _NOT_YET:
            return True
        except (OSError, ValueError):
            return False
        return False

    @property
    def tls(self) -> ssl.SSLSocket | None:
        """The socket under TLS, None before :meth:`handshake`."""
        return self._sock if isinstance(self._sock, ssl.SSLSocket) else None

    @property
    def own_host(self) -> str:
        """The address of our end."""
        try:
            return str(self._sock.getsockname()[0])
        except OSError as error:
            raise failure.remote(error, "own address") from None

    async def handshake(self, context: ssl.SSLContext, server_name: str) -> None:
        """Put TLS on. Raises Failure: tls, with the verifier's own words, or reset."""
        try:
            secured = context.wrap_socket(
                self._sock, server_hostname=server_name, do_handshake_on_connect=False
            )
            self._sock = secured
            await self._read_until_done(secured.do_handshake)
        except ssl.SSLCertVerificationError as error:
            raise NotTrusted(Reason.TLS, f"certificate: {error.verify_message}") from None
        except ssl.SSLEOFError:
            raise Failure(Reason.TLS, "handshake: the connection was closed") from None
        except ssl.SSLError as error:
            raise Failure(Reason.TLS, f"handshake: {error.reason or error}") from None
        except ValueError as error:  # a server name that TLS cannot carry
            raise Failure(Reason.TLS, f"server name {server_name!r}: {error}") from None
        except OSError as error:
            raise failure.remote(error, "handshake") from None

    async def send(self, data: bytes) -> None:
        """Send all of ``data``. Raises Failure(reset)."""
        sent = 0
        while sent < len(data):
            try:
                sent += self._sock.send(data[sent:] if sent else data)
            except (BlockingIOError, ssl.SSLWantWriteError):
                await writable(self._descriptor)
            except ssl.SSLWantReadError:
                # Only renegotiation asks for this, which nothing newer than TLS 1.2 knows.
                raise Failure(Reason.TLS, "send: renegotiation") from None
            except OSError as error:
                raise failure.remote(error, "send") from None

    async def receive(self) -> bytes:
        """Return the next bytes, ``b""`` at the end. Raises Failure: reset, or tls for broken records."""
        try:
            return await self._read_until_done(self._receive_now)
        except ssl.SSLError as error:
            raise Failure(Reason.TLS, f"receive: {error.reason or error}") from None
        except OSError as error:
            raise failure.remote(error, "receive") from None

    def _receive_now(self) -> bytes:
        return self._sock.recv(CHUNK_BYTES)

    async def _read_until_done(self, operation: Callable[[], T]) -> T:
        """Return what ``operation`` returns once it no longer waits for bytes to arrive."""
        while True:
            try:
                return operation()
            except ssl.SSLWantWriteError:
                await writable(self._descriptor)
            except _NOT_YET:
                done: asyncio.Future[None] = self._loop.create_future()
                outcome: list[T] = []
                self._retry = partial(_try_again, operation, outcome, done)
                self._watch()
                try:
                    await done
                finally:
                    self._retry = None
                if outcome:
                    return outcome[0]

    def _on_readable(self) -> None:
        if self._retry is None:  # nobody reads at the moment: being told again and again is of no use
            self._unwatch()
        else:
            self._retry()

    def _watch(self) -> None:
        if not self._watched:
            self._loop.add_reader(self._descriptor, self._on_readable)
            self._watched = True

    def _unwatch(self) -> None:
        if self._watched:
            self._loop.remove_reader(self._descriptor)
            self._watched = False
