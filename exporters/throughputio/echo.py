"""Round trips beside a transfer, seen by the pump: by datagrams, or over a connection where none come back.

16 bytes every 20 ms, which share the bottleneck's queue with the transfer but not its socket buffers: what
another user of the line would see. A datagram that is lost is no round trip, as with ping; a record that is
lost on a connection comes late by a retransmission, and so do those behind it, so a full queue looks longer
than it is (40 % too long beside ping). What was not sent from here, or came back before, does not count.
"""

import contextlib
import os
import select
import socket
import struct
import time
from typing import Any, Final

from exporters.throughputio.stream import NOT_NOW, Broken, Stream, bind, receive

ECHO_BYTES: Final = 65536
"""What the hub echoes on one connection."""
TRIES: Final = 3
TRY_SECONDS: Final = 0.5
_RECORD: Final = struct.Struct("!Q8s")
_SO_TIMESTAMPNS: Final = 35
"""Receive time by the kernel (asm-generic/socket.h): however busy this machine is."""
_TIMESPEC: Final = struct.Struct("@ll")


class Echo:
    """What both ways share: the records under way, and the round trips of those that came back.

    ``rtts`` are (sent at, seconds), the first counted from the ``zero`` given to :meth:`receive`.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._cookie = os.urandom(8)
        self._sent: dict[int, tuple[float, float]] = {}
        self._next = 0
        self.rtts: list[tuple[float, float]] = []

    @property
    def descriptor(self) -> int:
        """Of its socket."""
        return self._sock.fileno()

    def _begin(self) -> bytes:
        self._sent[self._next] = time.monotonic(), time.time()
        return _RECORD.pack(self._next, self._cookie)

    def _end(self, record: bytes, zero: float, kernel_time: float | None = None) -> bool:
        """Note a record that came back; False when it is not ours, or was here before."""
        number, cookie = _RECORD.unpack(record)
        sent = self._sent.pop(number, None) if cookie == self._cookie else None
        if sent is None:
            return False
        seconds = time.monotonic() - sent[0]
        if kernel_time is not None and 0 < kernel_time - sent[1] < seconds:  # unless the clock was set
            seconds = kernel_time - sent[1]
        self.rtts.append((round(sent[0] - zero, 6), round(seconds, 6)))
        return True


class Datagrams(Echo):
    """Echoes by UDP, at the port where the hub takes connections."""

    def __init__(self, job: dict[str, Any]) -> None:
        super().__init__(socket.socket(job["family"], socket.SOCK_DGRAM))
        self._key, self._to = bytes.fromhex(job["echo"]), tuple(job["address"])
        bind(self._sock, job)
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._sock.setblocking(False)

    def works(self) -> bool:
        """Whether any of some datagrams comes back."""
        for _ in range(TRIES):
            self.send()
            select.select([self._sock], [], [], TRY_SECONDS)
            self.receive(0.0)
            if self.rtts:
                self.rtts.clear()
                return True
        self._sock.close()
        return False

    def send(self) -> None:
        """Send the next record; one that this machine has no room for is lost like any other."""
        with contextlib.suppress(OSError):
            self._sock.sendto(self._key + self._begin(), self._to)
        self._next += 1

    def receive(self, zero: float) -> None:
        """Take in what has come back. What others send here is not heeded."""
        with contextlib.suppress(OSError):  # nothing there, or an ICMP error
            while True:
                data, ancillary, _, _ = self._sock.recvmsg(64, 64)
                if len(data) == len(self._key) + _RECORD.size and data.startswith(self._key):
                    self._end(data[len(self._key) :], zero, _kernel_time(ancillary))


def _kernel_time(ancillary: list[tuple[int, int, bytes]]) -> float | None:
    for level, kind, data in ancillary:
        if (level, kind, len(data)) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS, _TIMESPEC.size):
            seconds, nanoseconds = _TIMESPEC.unpack(data)
            return float(seconds + nanoseconds * 1e-9)
    return None


class Records(Echo):
    """Echoes over a connection of their own."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream.sock)
        self._left, self._buffer = ECHO_BYTES // _RECORD.size, stream.left_over

    def send(self) -> None:
        """Send the next record, unless there is no room: then the last ones tell enough."""
        if self._left <= 0:
            return
        with contextlib.suppress(*NOT_NOW):
            if self._sock.send(self._begin()) != _RECORD.size:
                raise Broken("protocol", "the echo connection is stuck")
            self._next, self._left = self._next + 1, self._left - 1

    def receive(self, zero: float) -> None:
        """Take in what has come back. Raises Broken, OSError."""
        data = receive(self._sock)
        if data is None:
            return
        if not data:
            raise Broken("reset", "the hub closed the echo connection")
        self._buffer += data
        while len(self._buffer) >= _RECORD.size:
            record, self._buffer = self._buffer[: _RECORD.size], self._buffer[_RECORD.size :]
            if not self._end(record, zero):
                raise Broken("protocol", "the echo is not what was sent")
