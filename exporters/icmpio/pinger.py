"""Echo requests for all targets of a loop through one socket per family, source and class of service.

A burst costs one future, and all share one timer, which serves whatever is due within the next
millisecond: with thousands of targets there are several packets in each. Round-trip time runs to the
kernel's own receive time stamp, so it does not contain our event loop's delays; nor need the loop wake
up for a reply while another packet is still to leave: replies are read then. That halves the wake-ups,
which cost more than the packets.
"""

import asyncio
import errno
import os
import socket
import struct
import time
import weakref
from collections import deque
from typing import Final

from exporters.icmpio.agenda import Agenda
from exporters.icmpio.burst import Afterwards, Answers, Burst, Shape
from exporters.icmpio.errors import IcmpError, parse_extended_error, parse_local_mtu
from exporters.icmpio.packet import ECHO_REPLY, ECHO_REQUEST, encode_request, parse_echo, strip_ipv4_header
from exporters.icmpio.sockets import (
    HOP_LIMIT_MESSAGES,
    TIMESTAMP_OPTION,
    Manner,
    error_option,
    hear_only,
    open_icmp,
)
from exporters.net.failure import Failure
from exporters.net.resolve import Address
from inventory.names import Reason

COOKIE_BYTES: Final = 8
MAX_BURSTS: Final = 20_000
LINGER_SECONDS: Final = 5.0
MAX_STRAGGLING: Final = 20_000
"""How long late and repeated replies to a burst that has ended are still recognised, and to how many."""
FEW_BURSTS: Final = 8
"""So many may send at the same moments, to share wake-ups; more would queue up behind each other."""
TURN_SECONDS: Final = 0.001
"""A packet may leave this much early, together with another's."""
SOON_SECONDS: Final = 0.005
"""What comes may wait this long for somebody to send."""
STEP_TOLERANCE_NS: Final = 500_000
_TIMESPEC: Final = struct.Struct("@qq")
_INT: Final = struct.Struct("@i")
_SOURCE_GONE: Final = frozenset({errno.ENODEV, errno.ENXIO, errno.EADDRNOTAVAIL, errno.EINVAL})
_SEND_TRIES: Final = 3
_PACKETS_A_TURN: Final = 256
_SENDS_A_TURN: Final = 512
_PACKETS_TO_DRAIN: Final = 4096


def round_trip_ns(sent: tuple[int, int], stamp_wall: int | None, now: tuple[int, int]) -> int:
    """Return the round-trip time from (wall, monotonic) readings and the kernel's wall-clock stamp.

    The stamp divides the time since sending, which the monotonic clock knows, in two: on the way, and
    waiting for us. When the wall clock stepped in between, one of the two is nonsense as a rule, and the
    other tells; where both could be, the monotonic reading counts, which contains our own delay.
    """
    elapsed = now[1] - sent[1]
    if stamp_wall is None:
        return elapsed
    since_sending, until_reading = stamp_wall - sent[0], elapsed - (now[0] - stamp_wall)
    possible = [rtt for rtt in (since_sending, until_reading) if 0 < rtt <= elapsed]
    agree = abs(since_sending - until_reading) <= STEP_TOLERANCE_NS + elapsed // 1000
    return possible[0] if possible and (agree or len(possible) == 1) else elapsed


class Pinger:
    """Sends bursts and matches what comes back. Belongs to one event loop.

    It keeps no reference to the loop, so that the socket goes when the loop does. ``local_mtu_bytes``
    is what the kernel last said of a packet that did not fit our own interface, 0 before.
    """

    def __init__(self, manner: Manner) -> None:
        self.socket, self.is_raw = open_icmp(manner)
        self._request_type, self._reply_type = ECHO_REQUEST[manner.family], ECHO_REPLY[manner.family]
        self._checksums = self._has_header = self.is_raw and manner.family == socket.AF_INET
        self._error_option = error_option(manner.family)
        self._ident = int.from_bytes(os.urandom(2), "big")
        if self.is_raw:
            hear_only(self.socket, self._ident)
        self.sequence = int.from_bytes(os.urandom(2), "big")
        self._by_cookie: dict[bytes, Burst] = {}
        self._by_host: dict[str, list[Burst]] = {}  # those on their way
        self._ended: deque[tuple[float, bytes]] = deque()
        self._random = b""
        self._agenda = Agenda()
        self._timer: asyncio.TimerHandle | None = None
        self.local_mtu_bytes = 0
        self.broken = False
        self._descriptor = self.socket.fileno()
        self._reading = self._closed = False
        self._open = 0  # bursts on their way
        self._waiting = 0  # those of which all packets have left
        loop = asyncio.get_running_loop()
        self._read(loop)
        weakref.finalize(loop, self.socket.close)

    def close(self) -> None:
        """Stop receiving; bursts on their way run into their deadlines."""
        self._pause(asyncio.get_running_loop())
        self._closed = True
        self.socket.close()

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have the loop read whatever comes."""
        if not (self._reading or self._closed):
            loop.add_reader(self._descriptor, self._receive)
            self._reading = True

    def _pause(self, loop: asyncio.AbstractEventLoop) -> None:
        """Leave what comes with the kernel."""
        if self._reading:
            loop.remove_reader(self._descriptor)
            self._reading = False

    async def burst(
        self, to: Address, shape: Shape, timeout_seconds: float, afterwards: Afterwards
    ) -> Answers:
        """Send a burst and return what came of it, at the latest after ``timeout_seconds``.

        Never raises for what the network does; :attr:`Answers.unsent` tells what this machine refused.
        Raises Failure(local) when too many bursts are on their way.
        """
        loop = asyncio.get_running_loop()
        burst = Burst(to.host, to.at(0), shape, self._cookie(), afterwards)
        self._begin(burst, loop.time(), timeout_seconds)
        burst.future = loop.create_future()
        try:
            self._move_on(burst, loop.time())
            self._arm(loop)
            return await burst.future
        finally:
            self._finish(burst, loop)

    def _begin(self, burst: Burst, now: float, timeout_seconds: float) -> None:
        while self._ended and self._ended[0][0] <= now:
            self._by_cookie.pop(self._ended.popleft()[1], None)
        if self._open >= MAX_BURSTS:
            raise Failure(Reason.LOCAL, f"{MAX_BURSTS} bursts of pings are on their way already")
        self._open += 1
        aligned = len(self._by_host) < FEW_BURSTS
        burst.start((self.sequence + 1) & 0xFFFF, now, timeout_seconds, aligned=aligned)
        self.sequence = (self.sequence + burst.shape.packets) & 0xFFFF
        self._by_cookie[burst.cookie] = burst
        self._by_host.setdefault(burst.host, []).append(burst)

    def _finish(self, burst: Burst, loop: asyncio.AbstractEventLoop) -> None:
        """Give up what waits, keep what recognises stragglers."""
        self._agenda.drop(burst)
        burst.future = None
        self._open -= 1
        if not self._open:
            self._rest(loop)
        self._waiting -= burst.is_waiting
        bursts = self._by_host[burst.host]
        bursts.remove(burst)
        if not bursts:
            del self._by_host[burst.host]
        if burst.closed:
            self._remember(burst, loop.time())
        else:
            del self._by_cookie[burst.cookie]

    def _rest(self, loop: asyncio.AbstractEventLoop) -> None:
        """Nobody sends: wait for nothing but stragglers."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None  # it would keep the loop
        if not loop.is_closed():
            self._read(loop)

    def _remember(self, burst: Burst, now: float) -> None:
        """Keep recognising stragglers for a while: some bursts a target, so many in all."""
        while len(self._ended) >= MAX_STRAGGLING:
            self._by_cookie.pop(self._ended.popleft()[1], None)
        self._ended.append((now + LINGER_SECONDS, burst.cookie))
        if (oldest := burst.afterwards.remember(burst.cookie)) is not None:
            self._by_cookie.pop(oldest, None)

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        """Set the timer to the first moment of the agenda; one that comes too early does no harm. Read
        replies as they come only while some burst has nothing else to do, and nobody is about to send."""
        first = self._agenda.first
        if first is None:
            return
        if self._waiting and first > loop.time() + SOON_SECONDS:
            self._read(loop)
        else:
            self._pause(loop)
        if self._timer is None or self._timer.when() > first:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = loop.call_at(first, self._turn, loop)

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look after what is due."""
        self._timer, now = None, loop.time()
        if not self._reading:
            self._receive()
        try:
            for burst in self._agenda.take(now + TURN_SECONDS, _SENDS_A_TURN):
                if not burst.closed:  # by a reply, in this very turn
                    self._move_on(burst, now)
        finally:
            self._arm(loop)

    def _move_on(self, burst: Burst, now: float) -> None:
        """Send what is due, and note what is due next."""
        if now >= burst.end:
            self._receive(_PACKETS_TO_DRAIN)  # what came in time is not lost because we are late
            _end(burst)
            return
        if not burst.all_sent:
            burst.last_sent = now
            self._send(burst)
            if burst.settled:
                _end(burst)
            if burst.closed:
                return
        if not burst.is_waiting and (burst.all_sent or burst.shape.one_suffices):
            burst.is_waiting = True
            self._waiting += 1
        self._agenda.put(burst, burst.end if burst.all_sent else min(burst.next_send(now), burst.deadline))

    def _send(self, burst: Burst) -> None:
        sequence = (burst.first + len(burst.sent)) & 0xFFFF
        data = encode_request(self._request_type, self._ident, sequence, burst.payload, self._checksums)
        problem: OSError | None = None
        for _ in range(_SEND_TRIES):
            monotonic, wall = time.monotonic_ns(), time.time_ns()
            try:
                self.socket.sendto(data, burst.to)
            except OSError as error:
                # An error that came back for another target is reported by whatever call is next.
                problem = error
                self._receive_errors()
                if burst.closed:  # by one of them
                    return
            else:
                burst.left(wall, monotonic)
                return
        burst.stays(problem)
        self.broken = problem is not None and problem.errno in _SOURCE_GONE

    def _cookie(self) -> bytes:
        if len(self._random) < COOKIE_BYTES:
            self._random = os.urandom(64 * COOKIE_BYTES)
        cookie, self._random = self._random[:COOKIE_BYTES], self._random[COOKIE_BYTES:]
        return cookie

    def _receive(self, most: int = _PACKETS_A_TURN) -> None:
        """Take what the socket has, so many packets at most before others have a turn."""
        for taken in range(most):
            try:
                data, ancillary, _, sender = self.socket.recvmsg(2048, 256)
            except BlockingIOError:
                # After a packet, nothing more is what is usual; woken for nothing else, it is an error.
                return None if taken else self._receive_errors()
            except OSError:
                return self._receive_errors()
            self.take(data, ancillary, sender[0])
        return None

    def take(self, data: bytes, ancillary: list[tuple[int, int, bytes]], sender: str) -> None:
        """Take one packet as ``recvmsg`` gives it."""
        hop_limit = None
        if self._has_header:
            stripped = strip_ipv4_header(data)
            if stripped is None:
                return
            hop_limit, data = stripped
        echo = parse_echo(data)
        if echo is None or echo.type != self._reply_type or (self.is_raw and echo.ident != self._ident):
            return
        burst = self._by_cookie.get(echo.payload[:COOKIE_BYTES])
        position = burst.position(echo.sequence) if burst else None
        if burst is None or position is None or sender.partition("%")[0] != burst.host:
            return
        now = (time.time_ns(), time.monotonic_ns())
        stamp, told = _ancillary(ancillary)
        sent = now if burst.closed else burst.sent[position]
        burst.take_reply(position, round_trip_ns(sent, stamp, now), hop_limit if told is None else told)
        if burst.settled:
            _end(burst)

    def _receive_errors(self) -> None:
        for _ in range(_PACKETS_A_TURN):
            try:
                data, ancillary, _, to = self.socket.recvmsg(2048, 512, socket.MSG_ERRQUEUE)
            except OSError:
                return
            for _, kind, value in ancillary:
                if kind != self._error_option:
                    continue
                if (error := parse_extended_error(value)) is not None:
                    self.take_error(data, str(to[0]), error)
                elif mtu_bytes := parse_local_mtu(value):
                    self.local_mtu_bytes = mtu_bytes

    def take_error(self, quoted: bytes, to: str, error: IcmpError) -> None:
        """Take one ICMP error: what it quotes of our packet, and where that packet went."""
        echo = parse_echo(quoted)
        if echo is None or (self.is_raw and echo.ident != self._ident):
            return
        seen = echo.payload[:COOKIE_BYTES]  # routers may quote as little as the header (RFC 792)
        for burst in self._by_host.get(to.partition("%")[0], ()):
            position = burst.position(echo.sequence)
            if position is not None and burst.cookie.startswith(seen):
                burst.take_error(position, error)
                self._reconsider(burst)
                return

    def _reconsider(self, burst: Burst) -> None:
        """A refusal may end a burst at once, or earlier than its deadline."""
        if burst.settled:
            _end(burst)
        elif burst.all_sent and burst.due is not None and burst.due > burst.end:
            self._agenda.put(burst, burst.end)
            self._arm(asyncio.get_running_loop())


def _end(burst: Burst) -> None:
    if burst.future is not None and not burst.future.done():
        burst.future.set_result(burst.close())


def _ancillary(messages: list[tuple[int, int, bytes]]) -> tuple[int | None, int | None]:
    """Return the kernel's receive time stamp in nanoseconds of the wall clock, and the hop limit."""
    stamp = hop_limit = None
    for _, kind, value in messages:
        if kind == TIMESTAMP_OPTION and len(value) == _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack(value)
            stamp = seconds * 1_000_000_000 + nanoseconds
        elif kind in HOP_LIMIT_MESSAGES and len(value) == _INT.size:
            hop_limit = _INT.unpack(value)[0]
    return stamp, hop_limit


_pingers: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Manner, Pinger]]" = (
    weakref.WeakKeyDictionary()
)


def pinger_for(manner: Manner) -> Pinger:
    """Return the running loop's pinger for a manner of sending, opened on first use or after a fault.

    Raises Failure(local).
    """
    pingers = _pingers.setdefault(asyncio.get_running_loop(), {})
    pinger = pingers.get(manner)
    if pinger is not None and pinger.broken:
        pinger.close()
        pinger = None
    if pinger is None:
        pinger = pingers[manner] = Pinger(manner)
    return pinger
