"""The process that moves a test's bytes, so that the agent's loop never waits for them. No imports of ours.

A child of the agent for the seconds of one transfer: the standard library alone. It reads one
JSON object from standard input (the job, with the token: nothing secret stands in a command line), opens
the streams and an echo beside them, and writes a JSON line every 100 ms. When standard input
ends, the agent is gone, and so is the pump: nothing is sent that nobody accounts for.

Round trips beside the transfer are those of echo.py.
"""

import contextlib
import fcntl
import json
import os
import select
import ssl
import sys
import threading
import time
from typing import Any, Final

from exporters.throughputio.echo import ECHO_BYTES, Datagrams, Records
from exporters.throughputio.stream import NOT_NOW, Broken, Stream, receive

REPORT_SECONDS: Final = 0.1
NICENESS: Final = 10
"""The agent's other measurements go first: of what both want they have nine tenths."""
ECHO_SECONDS: Final = 0.02
BLOCK_BYTES: Final = 262144
MOST: Final = 0.98
"""Of the bytes that go up so many are all: the hub says nothing of the last ones, after which none come."""
_SIOCOUTQNSD: Final = 0x894B
"""Bytes in a socket's queue that were never sent (linux/sockios.h)."""


class Down:
    """Bytes from the hub, counted as they are read."""

    sent = 0

    def __init__(self, streams: list[Stream], size: int) -> None:
        self._left, self._into = size, memoryview(bytearray(BLOCK_BYTES))
        self.count = sum(len(stream.left_over) for stream in streams)
        self.events = select.EPOLLIN

    def ready(self, stream: Stream, mask: int) -> bool:
        """Move what can be moved; False when no more is wanted."""
        with contextlib.suppress(*NOT_NOW):
            for _ in range(8 if isinstance(stream.sock, ssl.SSLSocket) else 1):  # TLS gives one record a call
                got = stream.sock.recv_into(self._into)
                if got == 0:
                    raise Broken("reset", f"the hub closed the connection after {self.count} bytes")
                self.count += got
                if self.count >= self._left:
                    return False
        return True

    def points(self, now: float) -> list[tuple[float, int]]:
        """Return where the count stands."""
        return [(now, self.count)]


class Up:
    """Bytes to the hub; what arrived is what the hub says, by its own clock (transfers.py there)."""

    def __init__(self, streams: list[Stream], size: int) -> None:
        self._size, self._block = size, memoryview(os.urandom(BLOCK_BYTES))
        self._streams, self._taken = streams, 0
        self.events = select.EPOLLIN | select.EPOLLOUT
        self._offset = dict.fromkeys(streams, 0)
        self._text = {stream: stream.left_over for stream in streams}
        self.count = 0
        self._points: list[tuple[float, int]] = []

    def ready(self, stream: Stream, mask: int) -> bool:
        """Move what can be moved; False when all has arrived."""
        if mask & ~select.EPOLLOUT:
            self._listen(stream)
        if mask & select.EPOLLOUT:
            with contextlib.suppress(*NOT_NOW):
                begin = self._offset[stream]
                piece = self._block[begin : begin + min(65536, self._size - self._taken)]
                gone = stream.sock.send(piece)
                # Under TLS what could not go must be offered again exactly as it was: the offset stays.
                self._offset[stream] = (begin + gone) % (BLOCK_BYTES - 65536)
                self._taken += gone
        if self._taken >= self._size:  # what waits in buffers has to arrive before it is known how fast
            self.events = select.EPOLLIN
        return self.count < self._size * MOST

    @property
    def sent(self) -> int:
        """Bytes that have left: what the kernel has taken less what still waits in its buffers."""
        waiting = bytearray(4)
        total = self._taken
        for stream in self._streams:
            fcntl.ioctl(stream.sock.fileno(), _SIOCOUTQNSD, waiting)
            total -= int.from_bytes(waiting, sys.byteorder)
        return max(0, total)

    def _listen(self, stream: Stream) -> None:
        data = receive(stream.sock)
        if data is None:
            return
        if not data:
            raise Broken("reset", f"the hub closed the connection after {self.count} bytes")
        *lines, self._text[stream] = (self._text[stream] + data).split(b"\n")
        if len(self._text[stream]) > 200:
            raise Broken("protocol", "the hub's report is not one")
        for line in lines:
            at, arrived = _report(line)
            self.count = max(self.count, arrived)
            self._points.append((at, arrived))

    def points(self, now: float) -> list[tuple[float, int]]:
        """Return what the hub has said since."""
        points, self._points = self._points, []
        return points


def _report(line: bytes) -> tuple[float, int]:
    at, _, count = line.partition(b" ")
    if len(line) > 60 or not (count.isdigit() and at.replace(b".", b"", 1).isdigit()):
        raise Broken("protocol", f"the hub's report is not one: {line[:40]!r}")
    return float(at), int(count)


class Idle:
    """Nothing but the echo."""

    count = sent = 0
    events = 0

    def ready(self, stream: Stream, mask: int) -> bool:
        """Nothing moves."""
        return True

    def points(self, now: float) -> list[tuple[float, int]]:
        """Nothing moved."""
        return []


Mover = Down | Up | Idle


def open_all(job: dict[str, Any]) -> tuple[Datagrams | Records, list[Stream], Mover]:
    """Open every connection and ask for what is to come. Raises Broken, OSError."""
    context = _context(job)
    datagrams = _datagrams(job)
    echoing = [] if datagrams else [Stream(job, context)]
    moving = [Stream(job, context) for _ in range(0 if job["direction"] == "idle" else job["streams"])]
    _connect([*echoing, *moving])
    for stream in echoing:
        stream.ask("POST /echo HTTP/1.0", ECHO_BYTES)
        stream.read_head()
    for stream in moving:
        if job["direction"] == "down":
            stream.ask(f"GET /down?bytes={job['bytes']} HTTP/1.0", None)
        else:
            stream.ask("POST /up HTTP/1.0", job["bytes"])
    for stream in moving:
        stream.read_head()
    return datagrams or Records(echoing[0]), moving, _mover(job, moving)


def _datagrams(job: dict[str, Any]) -> Datagrams | None:
    if not job["echo"]:
        return None
    found = Datagrams(job)
    return found if found.works() else None


def _connect(streams: list[Stream]) -> None:
    threads = [threading.Thread(target=stream.connect, daemon=True) for stream in streams]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for stream in streams:
        if stream.problem is not None:
            raise stream.problem


def _mover(job: dict[str, Any], streams: list[Stream]) -> Mover:
    if not streams:
        return Idle()
    return (Down if job["direction"] == "down" else Up)(streams, job["bytes"])


def _context(job: dict[str, Any]) -> ssl.SSLContext | None:
    if not job["tls"]:
        return None
    try:
        return ssl.create_default_context(cafile=job["ca_file"])
    except (OSError, ValueError) as error:
        raise Broken("local", f"TLS files: {error}") from None


def say(**values: Any) -> None:
    """Write one line for the agent."""
    sys.stdout.write(json.dumps(values, separators=(",", ":")) + "\n")
    sys.stdout.flush()


class Loop:
    """Waits for all connections and for the parent, and says every 100 ms where things stand."""

    def __init__(self, echo: Datagrams | Records, streams: list[Stream], mover: Mover, parent: int) -> None:
        self._echo, self._mover, self._parent = echo, mover, parent
        self._by_descriptor = {stream.sock.fileno(): stream for stream in streams}
        self._events = mover.events
        self._poll = select.epoll()
        for descriptor in self._by_descriptor:
            self._poll.register(descriptor, self._events)
        self._poll.register(echo.descriptor, select.EPOLLIN)
        self._poll.register(parent, select.EPOLLIN)
        self._zero = self._report_at = self._echo_at = time.monotonic()

    def run(self, seconds: float) -> None:
        """Move until the time or the bytes are up, or the parent closes its end. Raises Broken, OSError."""
        while time.monotonic() - self._zero < seconds:
            self._punctual()
            wait = min(self._echo_at, self._report_at) - time.monotonic()
            for descriptor, mask in self._poll.poll(max(0.0, wait)):
                if descriptor == self._parent:
                    return  # nobody is there any more, or enough is known
                if not self._move(descriptor, mask):
                    self._say()
                    return
        self._say()

    def _punctual(self) -> None:
        """Do what is due by the clock."""
        now = time.monotonic()
        if now >= self._echo_at:
            self._echo.send()
            self._echo_at = max(self._echo_at + ECHO_SECONDS, now)
        if now >= self._report_at:
            self._say()
            self._report_at = max(self._report_at + REPORT_SECONDS, now)

    def _move(self, descriptor: int, mask: int) -> bool:
        """Move what can be moved; False when no more is wanted."""
        if descriptor == self._echo.descriptor:
            self._echo.receive(self._zero)
            return True
        going = self._mover.ready(self._by_descriptor[descriptor], mask)
        if self._mover.events != self._events:
            self._events = self._mover.events
            for each in self._by_descriptor:
                self._poll.modify(each, self._events)
        return going

    def _say(self) -> None:
        now = round(time.monotonic() - self._zero, 6)
        rtts, self._echo.rtts = self._echo.rtts, []
        moved = max(self._mover.count, self._mover.sent)
        say(at=now, points=self._mover.points(now), moved=moved, rtts=rtts)


def pump(job: dict[str, Any], parent: int) -> None:
    """Do the job, unless the parent closes its end before. Raises Broken, OSError."""
    Loop(*open_all(job), parent).run(job["seconds"])


def main() -> int:
    """Run the job on standard input; the last line says how it ended."""
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    job = json.loads(sys.stdin.buffer.readline())
    try:
        pump(job, sys.stdin.fileno())
    except Broken as error:
        say(reason=error.reason, evidence=error.evidence)
    except TimeoutError:
        say(reason="stalled", evidence=f"{job['direction']}: no answer")
    except ssl.SSLError as error:
        say(reason="tls", evidence=f"{job['direction']}: {error.reason or error}")
    except OSError as error:
        say(reason="reset", evidence=f"{job['direction']}: {error.strerror or error}")
    else:
        say(reason="ok", evidence="")
    return 0
