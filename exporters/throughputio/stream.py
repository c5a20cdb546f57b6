"""A connection of the pump to the hub: opened, asked, read. The standard library alone, like the pump."""

import socket
import ssl
from typing import Any, Final

MAX_HEADER_BYTES: Final = 16384
NOT_NOW: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Broken(Exception):  # noqa: N818 - reads as what it says
    """The transfer cannot go on; ``reason`` is one of inventory.names.Reason."""

    def __init__(self, reason: str, evidence: str) -> None:
        super().__init__(evidence)
        self.reason, self.evidence = reason, evidence


class Stream:
    """One connection to the hub."""

    def __init__(self, job: dict[str, Any], context: ssl.SSLContext | None) -> None:
        self._job, self._context = job, context
        self.sock: socket.socket = socket.socket(job["family"], socket.SOCK_STREAM)
        self.left_over = b""
        self.problem: Broken | None = None

    def connect(self) -> None:
        """Open it; what goes wrong is kept in ``problem``. Runs in a thread of its own."""
        job = self._job
        try:
            self.sock.settimeout(job["patience_seconds"])
            bind(self.sock, job)
            self.sock.connect(tuple(job["address"]))
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                self.sock = self._context.wrap_socket(self.sock, server_hostname=job["server_name"])
        except TimeoutError:
            self.problem = Broken("timeout", "connect: no answer")
        except ssl.SSLError as error:
            self.problem = Broken("tls", f"handshake: {error.reason or error}")
        except OSError as error:
            self.problem = Broken("reset", f"connect: {error.strerror or error}")

    def ask(self, line: str, length: int | None) -> None:
        """Send the head of a request, of HTTP/1.0 so that the answer's body is plain bytes."""
        job = self._job
        fields = [
            line,
            f"Host: {job['authority']}",
            f"Authorization: Bearer {job['token']}",
            f"Thongsuot-Lease: {job['lease']}",
        ]
        if length is not None:
            fields.append(f"Content-Length: {length}")
        self.sock.sendall("\r\n".join([*fields, "", ""]).encode("latin-1"))

    def read_head(self) -> None:
        """Read the answer's head; what follows is kept in ``left_over``. Raises Broken, OSError."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.sock.recv(4096)
            if not more:
                raise Broken("reset", "the hub closed the connection")
            data += more
            if len(data) > MAX_HEADER_BYTES:
                raise Broken("too_large", f"header over {MAX_HEADER_BYTES} bytes")
        head, _, self.left_over = data.partition(b"\r\n\r\n")
        words = head.split(None, 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/1."):
            raise Broken("protocol", f"not HTTP: {data[:40]!r}")
        if words[1] != b"200":
            raise Broken("status", f"the hub answers {words[1][:10].decode('latin-1')}")
        self.sock.setblocking(False)


def bind(sock: socket.socket, job: dict[str, Any]) -> None:
    """Leave by the line's own address or interface. Raises OSError."""
    if job["source_address"]:
        sock.bind((job["source_address"], 0))
    elif job["source_interface"]:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, job["source_interface"].encode() + b"\0")


def receive(sock: socket.socket) -> bytes | None:
    """Return what has come, ``b""`` at the end, None when there is nothing yet. Raises OSError."""
    try:
        return sock.recv(65536)
    except NOT_NOW:
        return None
