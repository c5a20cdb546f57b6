"""What a Session-Reflector answers to whom (RFC 8762, 4.3; RFC 5357, Appendix I). No I/O.

There is no telling a forged sender address from a true one without a key, so an answer must be worth
nothing to a forger: it goes where the packet came from, once, and is as long as the packet. The one
exception is asked for by RFC 5357: a sender of TWAMP Light may send 14 octets, and an answer needs 41.
Such answers are few a second, whoever asks, and none where ``symmetric`` is chosen. What looks like an
answer is never answered, on whatever port: two reflectors cannot be set on each other.
"""

import ipaddress
from collections import Counter
from enum import StrEnum
from functools import lru_cache
from typing import Final

import msgspec

from exporters.stampio import extensions, packet
from exporters.stampio.clock import Reading, Timeline
from exporters.stampio.clockword import ntp_of
from exporters.stampio.sessions import Sessions

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOWEST_SENDER_PORT: Final = 1024
"""Below are services that answer whatever they get (echo, chargen, time), and STAMP's own port 862."""
ANSWERING_PORTS: Final = frozenset({1900, 3702, 5060, 5353, 5683, 9462, 11211})
"""Above it: SSDP, WS-Discovery, SIP, mDNS, CoAP, our own default port, memcached."""
GROWN_PER_SECOND: Final = 50
_SECOND: Final = 1 << 32  # of a 64-bit time stamp


class Verdict(StrEnum):
    """What became of a packet. Closed list: values of the label ``result``."""

    REFLECTED = "reflected"
    NETWORK = "network"  # not from a network that is allowed
    PORT = "port"  # from the port of a service that would answer our answer
    GROUP = "group"  # sent to many at once
    SHORT = "short"  # too short for a test packet, or for an answer of its length
    LONG = "long"  # longer than any test packet
    HMAC = "hmac"  # not authentic
    LOOP = "loop"  # is an answer itself
    UNSENT = "unsent"  # the answer did not leave this machine


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """``key``: answer only authentic packets; ``networks``: only these senders, empty: all;
    ``symmetric``: never more octets than came."""

    key: bytes | None = None
    networks: tuple[Network, ...] = ()
    symmetric: bool = False


class Arrival(msgspec.Struct, frozen=True):
    """Where a packet came from, its TTL or hop limit, and when (Unix time in nanoseconds)."""

    host: str
    port: int
    hop_limit: int
    received_ns: int


class Reflector:
    """Answers packets and counts what became of them. ``own_ports`` are those it listens on."""

    def __init__(self, rules: Rules, timeline: Timeline | None = None) -> None:
        self.rules = rules
        self.timeline = timeline or Timeline()
        self.sessions = Sessions()
        self.results: Counter[Verdict] = Counter(dict.fromkeys(Verdict, 0))
        self.own_ports: set[int] = set()
        self.addresses: tuple[str, ...] = ()
        self._grown = _Allowance(GROWN_PER_SECOND)
        self._allowed = lru_cache(maxsize=4096)(self._is_allowed)

    def answer(self, data: bytes, arrival: Arrival, now: Reading) -> bytes | None:
        """Return the answer to one packet, None for none, which is then counted.

        ``now``: when it was taken from the socket.
        """
        verdict = self._refuse(data, arrival, now)
        if verdict is None:
            return self._make(data, arrival, now)
        self.count(verdict)
        return None

    def count(self, verdict: Verdict) -> None:
        """Count a packet: one that is not looked at, or whose answer left, or did not."""
        self.results[verdict] += 1

    def _refuse(self, data: bytes, arrival: Arrival, now: Reading) -> Verdict | None:
        """Why a packet gets no answer; what costs least is asked first."""
        port, key = arrival.port, self.rules.key
        if not self._allowed(arrival.host):
            return Verdict.NETWORK
        if port < LOWEST_SENDER_PORT or port in ANSWERING_PORTS or port in self.own_ports:
            return Verdict.PORT
        if len(data) < (packet.SENDER_LEAST if key is None else packet.AUTHENTICATED_OCTETS):
            return Verdict.SHORT
        if looks_reflected(data, authenticated=key is not None):
            return Verdict.LOOP
        return self._refuse_open(data, now) if key is None else self._refuse_forged(data, key)

    def _refuse_open(self, data: bytes, now: Reading) -> Verdict | None:
        if len(data) >= packet.REFLECTED_LEAST:
            return None
        may_grow = not self.rules.symmetric and self._grown.take(now.monotonic_ns / 1e9)
        return None if may_grow else Verdict.SHORT

    def _refuse_forged(self, data: bytes, key: bytes) -> Verdict | None:
        return None if packet.is_authentic(key, data) else Verdict.HMAC

    def _make(self, data: bytes, arrival: Arrival, now: Reading) -> bytes:
        key = self.rules.key
        sent = packet.parse_sent(data, None) if key is None else _unpack(data)
        assert sent is not None  # noqa: S101 - judged before
        name = (arrival.host, arrival.port, sent.session)
        sequence = self.sessions.next_sequence(name, now.monotonic_ns / 1e9)
        tail = self._tail(data, sequence)
        reflected = packet.Reflected(
            sequence=sequence,
            stamp=ntp_of(self.timeline.since(now)),
            error=self.timeline.error_bits(now),
            session=sent.session,
            received=ntp_of(arrival.received_ns),
            sender_sequence=sent.sequence,
            sender_stamp=sent.stamp,
            sender_error=sent.error,
            hop_limit=arrival.hop_limit,
        )
        base = packet.encode_reflected(reflected, key)
        return base[: max(len(data), packet.REFLECTED_LEAST)] + tail

    def _tail(self, data: bytes, sequence: int) -> bytes:
        key = self.rules.key
        tail = data[packet.OPEN_OCTETS if key is None else packet.AUTHENTICATED_OCTETS :]
        if not tail or (key is None and not packet.is_stamp(data)):
            return tail
        return extensions.reflect(tail, key, data[:4], sequence.to_bytes(4, "big"))

    def _is_allowed(self, host: str) -> bool:
        if not self.rules.networks:
            return True
        address = ipaddress.ip_address(host.partition("%")[0])
        return any(address in network for network in self.rules.networks)


def looks_reflected(data: bytes, *, authenticated: bool) -> bool:
    """Whether a packet is a reflector's: it says when it was sent and, at most a second before, received.

    There a sender's packet has zeros, or padding, which is no such time but once in two thousand million.
    """
    stamp_at, received_at = (16, 32) if authenticated else (4, 16)
    if len(data) < received_at + 8:
        return False
    stamp = int.from_bytes(data[stamp_at : stamp_at + 8], "big")
    received = int.from_bytes(data[received_at : received_at + 8], "big")
    return received != 0 and 0 <= stamp - received < _SECOND


def _unpack(data: bytes) -> packet.Sent:
    return packet.Sent(*packet.SENT_AUTHENTICATED.unpack_from(data))


class _Allowance:
    """So many a second, and as many at once."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._left = float(per_second)
        self._at = 0.0

    def take(self, now: float) -> bool:
        """Take one, if one is left."""
        self._left = min(self._per_second, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
