"""One ICMP socket for all targets of a loop, per family and source.

A datagram ICMP socket where ``net.ipv4.ping_group_range`` admits us, else a raw one. A reply counts
when its source address, identifier, sequence and random cookie are those of a ping still waited for:
what is late, repeated or forged finds no such ping. Round-trip time runs to the kernel's own receive
time stamp, so it does not contain our event loop's delays.
"""

import asyncio
import errno
import os
import socket
import struct
import time
import weakref
from typing import Final

import msgspec

from exporters.icmpio.errors import IcmpError, parse_extended_error
from exporters.icmpio.packet import (
    ECHO_REPLY,
    ECHO_REQUEST,
    Echo,
    encode_request,
    parse_echo,
    strip_ipv4_header,
)
from exporters.net import failure
from exporters.net.address import bind_source
from exporters.net.failure import Failure
from exporters.net.resolve import Address
from inventory.names import Reason

COOKIE_BYTES: Final = 8
MAX_WAITING: Final = 20_000
STEP_TOLERANCE_NS: Final = 500_000
_RECEIVE_BUFFER_BYTES: Final = 1 << 20
_SO_TIMESTAMPNS: Final = 35
_IP_RECVERR, _IPV6_RECVERR = 11, 25
_IP_RECVTTL, _IP_TTL = 12, 2
_SOL_RAW, _ICMP_FILTER = 255, 1
_ICMPV6_FILTER: Final = 1
_TIMESPEC: Final = struct.Struct("@qq")
_INT: Final = struct.Struct("@i")
_SOURCE_GONE: Final = frozenset({errno.ENODEV, errno.ENXIO, errno.EADDRNOTAVAIL, errno.EINVAL})
_ADMITTED: Final = (socket.SOCK_DGRAM, socket.SOCK_RAW)


class Reply(msgspec.Struct, frozen=True):
    """An echo reply; ``hop_limit`` is None where the kernel does not tell."""

    rtt_seconds: float
    hop_limit: int | None


class _Waiting:
    """A ping on its way. Times in nanoseconds."""

    __slots__ = ("cookie", "future", "host", "sent_monotonic", "sent_wall")

    def __init__(self, host: str, cookie: bytes, future: "asyncio.Future[Reply | IcmpError | None]") -> None:
        self.host, self.cookie, self.future = host, cookie, future
        self.sent_wall = self.sent_monotonic = 0


def round_trip_ns(sent: tuple[int, int], stamp_wall: int | None, now: tuple[int, int]) -> int:
    """Return the round-trip time from (wall, monotonic) readings and the kernel's wall-clock stamp.

    The stamp is believed only while both clocks agree on how long it has been since sending: when
    the wall clock stepped in between, the monotonic reading, which contains our own delay, counts.
    """
    elapsed = now[1] - sent[1]
    if stamp_wall is None or abs((now[0] - sent[0]) - elapsed) > STEP_TOLERANCE_NS + elapsed // 1000:
        return elapsed
    rtt = stamp_wall - sent[0]
    return rtt if 0 < rtt <= elapsed else elapsed


class Pinger:
    """Sends echo requests and matches what comes back. Belongs to one event loop.

    It keeps no reference to the loop, so that the socket goes when the loop does.
    """

    def __init__(self, family: socket.AddressFamily, source: str | None) -> None:
        self.family = family
        self.socket, self.is_raw = _open(family, source)
        self._request_type, self._reply_type = ECHO_REQUEST[family], ECHO_REPLY[family]
        self._checksums = self._has_header = self.is_raw and family == socket.AF_INET
        self._error_option = _IP_RECVERR if family == socket.AF_INET else _IPV6_RECVERR
        self._ident = int.from_bytes(os.urandom(2), "big")
        self.sequence = 0
        self._waiting: dict[int, _Waiting] = {}
        self._random = b""
        self.broken = False
        loop = asyncio.get_running_loop()
        loop.add_reader(self.socket.fileno(), self._receive)
        weakref.finalize(loop, self.socket.close)

    def close(self) -> None:
        """Stop receiving; pings still waiting run into their deadlines."""
        asyncio.get_running_loop().remove_reader(self.socket.fileno())
        self.socket.close()

    async def ping(self, to: Address, payload_bytes: int, timeout_seconds: float) -> Reply | IcmpError | None:
        """Send one echo request and return what came of it; None when nothing did in time.

        Raises Failure(local) when it could not be sent.
        """
        loop = asyncio.get_running_loop()
        cookie = self._cookie()
        waiting = _Waiting(to.host, cookie, loop.create_future())
        sequence = self._free_sequence()
        data = encode_request(
            self._request_type,
            self._ident,
            sequence,
            cookie.ljust(payload_bytes, b"\xa5"),
            self._checksums,
        )
        self._waiting[sequence] = waiting
        deadline = loop.call_later(timeout_seconds, _give_up, waiting.future)
        try:
            self._send(data, to, waiting)
            result = await waiting.future
        finally:
            deadline.cancel()
            del self._waiting[sequence]
        late = isinstance(result, Reply) and result.rtt_seconds > timeout_seconds
        return None if late else result

    def _send(self, data: bytes, to: Address, waiting: _Waiting) -> None:
        for last in (False, True):
            waiting.sent_monotonic = time.monotonic_ns()
            waiting.sent_wall = time.time_ns()
            try:
                self.socket.sendto(data, to.at(0))
            except OSError as error:
                # An error that came back for another target is reported by whatever call is next.
                self._receive_errors()
                if last:
                    self.broken = error.errno in _SOURCE_GONE
                    raise failure.local(error, f"ping {to.host}") from None
            else:
                return

    def _cookie(self) -> bytes:
        if len(self._random) < COOKIE_BYTES:
            self._random = os.urandom(64 * COOKIE_BYTES)
        cookie, self._random = self._random[:COOKIE_BYTES], self._random[COOKIE_BYTES:]
        return cookie

    def _free_sequence(self) -> int:
        if len(self._waiting) >= MAX_WAITING:
            raise Failure(Reason.LOCAL, f"{MAX_WAITING} pings are on their way already")
        while True:
            self.sequence = (self.sequence + 1) & 0xFFFF
            if self.sequence not in self._waiting:
                return self.sequence

    def _receive(self) -> None:
        """Take what the socket has, at most one packet per ping waited for before others have a turn."""
        for _ in range(max(1, min(len(self._waiting), 64))):
            try:
                data, ancillary, _, sender = self.socket.recvmsg(2048, 256)
            except BlockingIOError:
                return self._receive_errors()
            except OSError:
                return self._receive_errors()
            self.take(data, ancillary, sender[0])
        return None

    def take(self, data: bytes, ancillary: list[tuple[int, int, bytes]], sender: str) -> None:
        """Take one packet as ``recvmsg`` gives it."""
        now = (time.time_ns(), time.monotonic_ns())
        hop_limit = None
        if self._has_header:
            stripped = strip_ipv4_header(data)
            if stripped is None:
                return
            hop_limit, data = stripped
        waiting = self._match(parse_echo(data), sender)
        if waiting is None:
            return
        stamp = None
        for _, kind, value in ancillary:
            if kind == _SO_TIMESTAMPNS and len(value) == _TIMESPEC.size:
                seconds, nanoseconds = _TIMESPEC.unpack(value)
                stamp = seconds * 1_000_000_000 + nanoseconds
            elif kind in (_IP_TTL, socket.IPV6_HOPLIMIT) and len(value) == _INT.size:
                hop_limit = _INT.unpack(value)[0]
        rtt = round_trip_ns((waiting.sent_wall, waiting.sent_monotonic), stamp, now)
        waiting.future.set_result(Reply(rtt / 1e9, hop_limit))

    def _match(self, echo: Echo | None, sender: str) -> _Waiting | None:
        if echo is None or echo.type != self._reply_type or (self.is_raw and echo.ident != self._ident):
            return None
        waiting = self._waiting.get(echo.sequence)
        if waiting is None or waiting.future.done() or sender.partition("%")[0] != waiting.host:
            return None
        return waiting if echo.payload.startswith(waiting.cookie) else None

    def _receive_errors(self) -> None:
        for _ in range(64):
            try:
                data, ancillary, _, to = self.socket.recvmsg(2048, 512, socket.MSG_ERRQUEUE)
            except OSError:
                return
            for _, kind, value in ancillary:
                error = parse_extended_error(value) if kind == self._error_option else None
                if error is not None:
                    self.take_error(data, str(to[0]), error)

    def take_error(self, quoted: bytes, to: str, error: IcmpError) -> None:
        """Take one ICMP error: what it quotes of our packet, and where that packet went."""
        echo = parse_echo(quoted)
        waiting = self._waiting.get(echo.sequence) if echo else None
        if echo is None or waiting is None or waiting.future.done() or to.partition("%")[0] != waiting.host:
            return
        if self.is_raw and echo.ident != self._ident:
            return
        if echo.payload[:COOKIE_BYTES] == waiting.cookie[: len(echo.payload)]:
            waiting.future.set_result(error)


def _give_up(future: "asyncio.Future[Reply | IcmpError | None]") -> None:
    if not future.done():
        future.set_result(None)


def _open(family: socket.AddressFamily, source: str | None) -> tuple[socket.socket, bool]:
    """Open a datagram ICMP socket, else a raw one. Raises Failure(local)."""
    protocol = socket.IPPROTO_ICMP if family == socket.AF_INET else socket.IPPROTO_ICMPV6
    problem = OSError()
    for type_ in _ADMITTED:
        try:
            opened = socket.socket(family, type_ | socket.SOCK_NONBLOCK, protocol)
        except OSError as error:
            problem = error
            continue
        try:
            _set_up(opened, source, raw=type_ == socket.SOCK_RAW)
        except OSError as error:
            opened.close()
            raise failure.local(error, f"ping from {source}") from None
        return opened, type_ == socket.SOCK_RAW
    raise failure.local(problem, "ICMP socket (needs net.ipv4.ping_group_range or CAP_NET_RAW)")


def _set_up(opened: socket.socket, source: str | None, raw: bool) -> None:
    bind_source(opened, source)
    opened.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
    if opened.family == socket.AF_INET:
        opened.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        opened.setsockopt(socket.IPPROTO_IP, _IP_RECVTTL, 1)
        if raw:  # let nothing through but echo replies: a bit set blocks that type (raw(7))
            opened.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", 0xFFFFFFFF & ~(1 << 0)))
        return
    opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
    opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
    if raw:  # the same, 256 types in eight words (RFC 3542, 3.2)
        words = [0xFFFFFFFF] * 8
        words[129 // 32] &= ~(1 << (129 % 32))
        opened.setsockopt(socket.IPPROTO_ICMPV6, _ICMPV6_FILTER, struct.pack("=8I", *words))


_Key = tuple[socket.AddressFamily, str | None]
_pingers: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[_Key, Pinger]]" = (
    weakref.WeakKeyDictionary()
)


def pinger_for(family: socket.AddressFamily, source: str | None) -> Pinger:
    """Return the running loop's pinger for a family and source, opened on first use or after a fault.

    Raises Failure(local).
    """
    pingers = _pingers.setdefault(asyncio.get_running_loop(), {})
    pinger = pingers.get((family, source))
    if pinger is not None and pinger.broken:
        pinger.close()
        pinger = None
    if pinger is None:
        pinger = pingers[family, source] = Pinger(family, source)
    return pinger
