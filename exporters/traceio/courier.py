"""The packets of one trace: sent with a rising time to live, and matched with what comes back.

Needs no privileges where the kernel allows ICMP datagram sockets, and none at all by UDP: what routers
say is read from the socket's error queue (``IP_RECVERR``). All packets of all traces to a target look
alike to a router that spreads load over several paths (same addresses, ports or identifier, same ICMP
checksum), so that it sends all of them the same way (the idea of Paris traceroute, Augustin et al.,
IMC 2006).
"""

import asyncio
import os
import socket
import struct
import zlib
from collections.abc import Callable
from types import TracebackType
from typing import Final, Literal, NamedTuple, Self

from exporters.icmpio.errors import IcmpError, parse_extended_error
from exporters.icmpio.packet import (
    ECHO_REPLY,
    ECHO_REQUEST,
    checksum,
    encode_request,
    parse_echo,
    strip_ipv4_header,
)
from exporters.icmpio.sockets import Manner, error_option, open_icmp, set_hop_limit, set_up
from exporters.net import failure
from exporters.net.failure import Failure
from exporters.net.resolve import Address
from exporters.traceio.walk import Question

Protocol = Literal["icmp", "udp"]
COOKIE_BYTES: Final = 8
UDP_PORT: Final = 33434  # where traceroute has knocked since 1988: nobody listens there
_QUESTION: Final = struct.Struct("!BB")
_PADDING: Final = b"\xa5" * 20
_PORTS_TRIED: Final = 8
_ERRORS_A_TURN: Final = 64


class Answer(NamedTuple):
    """``question`` is None when a router quoted too little to tell; ``by`` None when unknown; ``error``
    None for an echo reply."""

    question: Question | None
    by: str | None
    error: IcmpError | None = None


Heard = Callable[[Answer], None]


class Courier:
    """A socket of one trace; a context manager that closes it. Raises Failure(local)."""

    def __init__(self, to: Address, source: str | None, protocol: Protocol, name: str, heard: Heard) -> None:
        self._to, self._protocol, self._heard = to, protocol, heard
        self._ident = 0x8000 | (zlib.crc32(f"{name}|{to.host}|{source}".encode()) & 0x3FFF)
        self._cookie = os.urandom(COOKIE_BYTES)
        self._socket, self._raw = self._open(Manner(to.family, source))
        self._error_option = error_option(to.family)

    def __enter__(self) -> Self:
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._receive)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()

    def send(self, question: Question) -> None:
        """Send one packet. Raises Failure(local)."""
        data = self._udp(question) if self._protocol == "udp" else self._echo(question)
        port = UDP_PORT if self._protocol == "udp" else 0
        for last in (False, False, True):
            try:
                set_hop_limit(self._socket, question.ttl)
                self._socket.sendto(data, self._to.at(port))
            except OSError as error:
                # What a router said of an earlier packet is reported by whatever call is next.
                self._receive_errors()
                if last:
                    raise failure.local(error, f"trace {self._to.host}") from None
            else:
                return

    def _open(self, manner: Manner) -> tuple[socket.socket, bool]:
        """Open with the port or identifier that this target always has, unless somebody else has it."""
        for port in (*range(self._ident, self._ident + _PORTS_TRIED), 0):
            wanted = Manner(manner.family, manner.source, port=port)
            try:
                opened = _open_udp(wanted) if self._protocol == "udp" else open_icmp(wanted)
            except Failure:
                if port == 0:
                    raise
            else:
                return opened
        raise AssertionError("the last port raises or returns")

    def _udp(self, question: Question) -> bytes:
        return self._cookie + _QUESTION.pack(*question) + _PADDING

    def _echo(self, question: Question) -> bytes:
        """An echo request whose checksum is that of all others: a word makes up for what differs."""
        sequence = question.attempt << 8 | question.ttl
        varying = self._cookie + sequence.to_bytes(2, "big")
        payload = self._cookie + checksum(varying).to_bytes(2, "big") + _PADDING
        with_checksum = self._raw and self._to.family == socket.AF_INET
        return encode_request(ECHO_REQUEST[self._to.family], self._ident, sequence, payload, with_checksum)

    def _receive(self) -> None:
        self._receive_errors()
        for _ in range(_ERRORS_A_TURN):
            try:
                data, sender = self._socket.recvfrom(2048)
            except OSError:
                return self._receive_errors()
            if self._protocol == "icmp":
                self.take_reply(data, sender[0])
        return None

    def take_reply(self, data: bytes, sender: str) -> None:
        """Take what came to an ICMP socket."""
        if self._raw and self._to.family == socket.AF_INET:
            stripped = strip_ipv4_header(data)
            data = stripped[1] if stripped else b""
        echo = parse_echo(data)
        if (
            echo is None
            or echo.type != ECHO_REPLY[self._to.family]
            or (self._raw and echo.ident != self._ident)
        ):
            return
        host = sender.partition("%")[0]
        if host == self._to.host and echo.payload.startswith(self._cookie):
            self._heard(Answer(_question(echo.sequence), host))

    def _receive_errors(self) -> None:
        for _ in range(_ERRORS_A_TURN):
            try:
                data, ancillary, _, to = self._socket.recvmsg(2048, 512, socket.MSG_ERRQUEUE)
            except OSError:
                return
            for _, kind, value in ancillary:
                error = parse_extended_error(value) if kind == self._error_option else None
                if error is not None and str(to[0]).partition("%")[0] == self._to.host:
                    self.take_error(data, error)

    def take_error(self, quoted: bytes, error: IcmpError) -> None:
        """Take one ICMP error: ``quoted`` is what it has of our packet, behind the UDP header if any."""
        if self._protocol == "udp":
            end = COOKIE_BYTES + _QUESTION.size
            if len(quoted) < end:  # RFC 792 asks routers for no more than the UDP header
                self._heard(Answer(None, error.router, error))
            elif quoted.startswith(self._cookie):
                question = Question(*_QUESTION.unpack(quoted[COOKIE_BYTES:end]))
                self._heard(Answer(question, error.router, error))
            return
        echo = parse_echo(quoted)
        if echo is None or (self._raw and echo.ident != self._ident):
            return
        if echo.type == ECHO_REQUEST[self._to.family] and self._cookie.startswith(
            echo.payload[:COOKIE_BYTES]
        ):
            self._heard(Answer(_question(echo.sequence), error.router, error))


def _question(sequence: int) -> Question:
    return Question(sequence & 0xFF, sequence >> 8)


def _open_udp(manner: Manner) -> tuple[socket.socket, bool]:
    try:
        opened = socket.socket(manner.family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    except OSError as error:
        raise failure.local(error, "trace") from None
    try:
        set_up(opened, manner)
    except OSError as error:
        opened.close()
        raise failure.local(error, f"trace from {manner.source}") from None
    return opened, False
