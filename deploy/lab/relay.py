"""A wire that delays, loses, repeats and reorders: two TUN devices and what lies between them.

``python -m deploy.lab.relay ORDER`` (JSON, :class:`RelayOrder`) makes a device in each of two network
namespaces and carries packets until SIGTERM. It says ``ready`` on its stdout once both are there. Some
kernels come without netem; besides, here every packet's times and fate are known afterwards.

Carries about 700 Mbit/s, and what it does takes 0.1 to 0.9 ms by itself: the log has the real times.
"""

import contextlib
import fcntl
import heapq
import os
import select
import signal
import struct
import sys
import time
from pathlib import Path
from typing import Final

import msgspec
from pyroute2 import netns  # type: ignore[import-untyped]  # it ships no types

from deploy.lab.impair import Fate, Fates, Impairment, encode

MAX_HELD: Final = 20_000
"""Packets on their way; a second of 1,500-byte packets at 240 Mbit/s."""
_READ_AT_ONCE: Final = 32
_PACKET_BYTES: Final = 65_535
_LOG_BYTES: Final = 1 << 16
_IDLE_SECONDS: Final = 0.2
_TUNSETIFF: Final = 0x400454CA
_IFF_TUN: Final = 0x0001
_IFF_NO_PI: Final = 0x1000


class RelayOrder(msgspec.Struct, frozen=True, kw_only=True):
    """``near`` and ``far`` are files of network namespaces, ``device`` is made in both. ``spin`` takes a
    whole core and never sleeps: waking a process takes a tenth of a ms, which no log of its own can have."""

    near: str
    far: str
    log: str
    device: str = "line"
    up: Impairment = Impairment()
    down: Impairment = Impairment()
    seed: int = 1
    spin: bool = False


def open_tun(namespace: str, device: str) -> int:
    """Make a TUN device in a network namespace; returns its descriptor. Raises OSError.

    The process stays in that namespace: a device belongs to where it was opened.
    """
    netns.setns(namespace)
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", device.encode(), _IFF_TUN | _IFF_NO_PI))
    return fd


class Log:
    """The release log: a file that is appended to, some records late."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._held = bytearray()

    def add(self, record: bytes) -> None:
        """Take a record in."""
        self._held += record
        if len(self._held) >= _LOG_BYTES:
            self.flush()

    def flush(self) -> None:
        """Put what is held into the file."""
        if self._held:
            os.write(self._fd, self._held)
            self._held.clear()


class Relay:
    """Carries packets between two descriptors, ``ends[0]`` the near one."""

    def __init__(self, ends: tuple[int, int], order: RelayOrder, log: Log) -> None:
        self._ends, self._log = ends, log
        self._longest_seconds = 0.0 if order.spin else _IDLE_SECONDS
        self._fates = tuple(
            Fates(impairment, f"{order.seed}/{direction}")
            for direction, impairment in enumerate((order.up, order.down))
        )
        self._held: list[tuple[float, int, int, bytes, float, Fate]] = []
        self._count = 0

    def run(self) -> None:
        """Carry for ever."""
        while True:
            self.turn(self._longest_seconds)

    def turn(self, longest_seconds: float) -> None:
        """Wait for a packet or until one is due, at most so long; then carry."""
        wait = min(self._held[0][0] - time.monotonic(), longest_seconds) if self._held else longest_seconds
        readable, _, _ = select.select(self._ends, (), (), max(0.0, wait))  # to the microsecond, unlike epoll
        for fd in readable:
            self._read(self._ends.index(fd))
        self._release()
        if not readable:
            self._log.flush()

    def _read(self, direction: int) -> None:
        """Decide about what has come from one side."""
        with contextlib.suppress(BlockingIOError):
            for _ in range(_READ_AT_ONCE):
                packet = os.read(self._ends[direction], _PACKET_BYTES)
                now = time.monotonic()
                if len(self._held) >= MAX_HELD:
                    self._log.add(encode(direction, Fate.OVERFLOWED, packet, now, 0.0))
                    continue
                dues = self._fates[direction].of(now)
                if not dues:
                    self._log.add(encode(direction, Fate.LOST, packet, now, 0.0))
                for place, due in enumerate(dues):
                    fate = Fate.COPY if place else Fate.RELEASED
                    self._count += 1
                    heapq.heappush(self._held, (due, self._count, direction, packet, now, fate))

    def _release(self) -> None:
        """Send what is due."""
        while self._held and self._held[0][0] <= time.monotonic():
            _, _, direction, packet, came, fate = heapq.heappop(self._held)
            # The time before the write: the far side may answer before a call returns.
            now = time.monotonic()
            try:
                os.write(self._ends[1 - direction], packet)
            except OSError:
                self._log.add(encode(direction, Fate.UNWRITABLE, packet, came, 0.0))
            else:
                self._log.add(encode(direction, fate, packet, came, now))


def main(argument: str) -> None:
    """Carry until SIGTERM. Raises OSError where devices cannot be made."""
    order = msgspec.json.decode(argument, type=RelayOrder)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    log = Log(Path(order.log))
    ends = open_tun(order.near, order.device), open_tun(order.far, order.device)
    try:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        Relay(ends, order, log).run()
    finally:
        log.flush()


if __name__ == "__main__":
    main(sys.argv[1])
