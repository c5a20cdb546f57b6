"""What a path does to packets on purpose, and how that is written down. Pure.

The same seed makes the same decisions about the first, the second, the third packet of a direction,
whatever the packets and whenever they come. The log says what was really done, and when: it is the truth
against which measurements are held.
"""

import random
import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

Ratio = Annotated[float, Meta(ge=0, le=1)]
Seconds = Annotated[float, Meta(ge=0, le=10)]


class Impairment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of one direction. The delay of a packet lies within ``jitter_seconds`` of ``delay_seconds``, and
    packets keep their order but for the share that is held back ``reorder_seconds`` longer.

    A duplicate leaves together with its original.
    """

    delay_seconds: Seconds = 0.0
    jitter_seconds: Seconds = 0.0
    loss_ratio: Ratio = 0.0
    duplicate_ratio: Ratio = 0.0
    reorder_ratio: Ratio = 0.0
    reorder_seconds: Seconds = 0.05


class Fates:
    """Decides about one packet after the other."""

    def __init__(self, impairment: Impairment, seed: str) -> None:
        self._wanted = impairment
        self._chance = random.Random(seed)  # noqa: S311 - has to be repeatable, not secret
        self._latest = 0.0

    def of(self, now_seconds: float) -> tuple[float, ...]:
        """Return when a packet that came now is to be released: never, once, or twice."""
        draw, wanted = self._chance.random, self._wanted
        lost, twice, held, where = draw(), draw(), draw(), draw()  # always four, so that none moves another
        if lost < wanted.loss_ratio:
            return ()
        delay = max(0.0, wanted.delay_seconds + (2 * where - 1) * wanted.jitter_seconds)
        due = max(now_seconds + delay, self._latest)
        if held < wanted.reorder_ratio:
            due += wanted.reorder_seconds
        else:
            self._latest = due
        return (due, due) if twice < wanted.duplicate_ratio else (due,)


class Fate(IntEnum):
    """What became of a packet."""

    RELEASED = 0
    LOST = 1  # as imposed
    COPY = 2  # the duplicate of one that was released
    OVERFLOWED = 3  # more packets on their way than the relay holds
    UNWRITABLE = 4  # the other side took it not


class Record(msgspec.Struct, frozen=True, gc=False):
    """A packet. ``direction`` 0 from the near to the far side, 1 back; ``protocol`` of IP; ``kind`` is the
    ICMP type; ``size`` in bytes with the IP header; ``key`` tells packets apart: identifier and sequence
    number of ICMP, the sequence number of TCP, the first four bytes of what UDP carries. Times in seconds
    of CLOCK_MONOTONIC; ``out_seconds`` is 0 for what was not released."""

    direction: int
    fate: Fate
    protocol: int
    kind: int
    size: int
    key: int
    in_seconds: float
    out_seconds: float


_FORM: Final = struct.Struct("<BBBBHIdd")
RECORD_BYTES: Final = _FORM.size
_ICMP, _TCP, _UDP, _ICMP6 = 1, 6, 17, 58
_KEY_PLACES: Final = {_ICMP: 4, _ICMP6: 4, _TCP: 4, _UDP: 8}


def encode(direction: int, fate: Fate, packet: bytes, in_seconds: float, out_seconds: float) -> bytes:
    """Return the log's record of a packet."""
    protocol, kind, key = identify(packet)
    return _FORM.pack(direction, fate, protocol, kind, len(packet), key, in_seconds, out_seconds)


def decode(log: bytes) -> Iterator[Record]:
    """Return the records of a log, in order of release; a last one that is not complete is left out."""
    whole = len(log) - len(log) % RECORD_BYTES
    for direction, fate, *rest in _FORM.iter_unpack(log[:whole]):
        yield Record(direction, Fate(fate), *rest)


def identify(packet: bytes) -> tuple[int, int, int]:
    """Return protocol, ICMP type and key of an IPv4 or IPv6 packet; zeros for what is neither."""
    if packet[:1] and packet[0] >> 4 == 4 and len(packet) >= 20:
        start, protocol = (packet[0] & 15) * 4, packet[9]
    elif packet[:1] and packet[0] >> 4 == 6 and len(packet) >= 40:
        start, protocol = 40, packet[6]
    else:
        return 0, 0, 0
    place = start + _KEY_PLACES.get(protocol, len(packet))
    key = int.from_bytes(packet[place : place + 4], "big")
    kind = packet[start] if protocol in (_ICMP, _ICMP6) and len(packet) > start else 0
    return protocol, kind, key
