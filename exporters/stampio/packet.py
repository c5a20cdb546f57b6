"""Test packets, RFC 8762, 4.2 and 4.3, with the session identifier of RFC 8972, 3. Pure.

Octets of the unauthenticated packets; those of TWAMP Light (RFC 5357, 4.1.2 and 4.2.1) are the same up
to the sender's octet 14 and the reflector's octet 41, and go on with padding::

    sender     0 sequence  4 time stamp  12 error estimate  14 session  16 zeros  44 extensions
    reflector  0 sequence  4 time stamp  12 error estimate  14 session  16 received  24 sender's
               sequence  28 sender's time stamp  36 sender's error estimate  38 zeros  40 sender's TTL
               41 zeros  44 extensions

Authenticated packets are aligned to 16 octets, and the HMAC in octets 96 to 111 covers what is before it.
"""

import hmac
import struct
from typing import Final

import msgspec

SENDER_LEAST: Final = 14
"""What a sender of TWAMP Light sends at least."""
REFLECTED_LEAST: Final = 41
"""What a reflector of TWAMP Light answers at least."""
OPEN_OCTETS: Final = 44
AUTHENTICATED_OCTETS: Final = 112
HMAC_OCTETS: Final = 16
COVERED_OCTETS: Final = AUTHENTICATED_OCTETS - HMAC_OCTETS

SENT: Final = struct.Struct("!IQHH28x")
SENT_AUTHENTICATED: Final = struct.Struct("!I12xQHH68x")
REFLECTED: Final = struct.Struct("!IQHHQIQHxxB3x")
REFLECTED_AUTHENTICATED: Final = struct.Struct("!I12xQHH4xQ8xI12xQH6xB15x")
_SENT_HEAD: Final = struct.Struct("!IQH")
_REFLECTED_HEAD: Final = struct.Struct("!IQHHQIQHxxB")
_MUST_BE_ZERO: Final = bytes(OPEN_OCTETS - 16)


class Sent(msgspec.Struct, frozen=True):
    """A sender's packet. ``stamp`` and ``error`` as on the wire (:mod:`exporters.stampio.clockword`)."""

    sequence: int
    stamp: int
    error: int
    session: int


class Reflected(msgspec.Struct, frozen=True):
    """A reflector's packet; ``sender_*`` repeat what the sender's packet said, ``hop_limit`` is the TTL
    that was left of it."""

    sequence: int
    stamp: int
    error: int
    session: int
    received: int
    sender_sequence: int
    sender_stamp: int
    sender_error: int
    hop_limit: int


def digest(key: bytes, text: bytes) -> bytes:
    """Return HMAC-SHA-256 truncated to 128 bits (RFC 8762, 4.4; RFC 4868)."""
    return hmac.digest(key, text, "sha256")[:HMAC_OCTETS]


def is_authentic(key: bytes, data: bytes) -> bool:
    """Whether the first 112 octets of ``data`` carry their HMAC. In constant time."""
    if len(data) < AUTHENTICATED_OCTETS:
        return False
    return hmac.compare_digest(digest(key, data[:COVERED_OCTETS]), data[COVERED_OCTETS:AUTHENTICATED_OCTETS])


def encode_sent(packet: Sent, key: bytes | None, extensions: bytes = b"") -> bytes:
    """Return the octets of a sender's packet, authenticated where there is a key."""
    layout = SENT if key is None else SENT_AUTHENTICATED
    head = layout.pack(packet.sequence, packet.stamp, packet.error, packet.session)
    return head + (digest(key, head) if key is not None else b"") + extensions


def parse_sent(data: bytes, key: bytes | None) -> Sent | None:
    """Return a sender's packet, None for what is too short or not authentic.

    A session identifier is one only where the octets after it are zeros: a sender of TWAMP Light pads
    there, often at random.
    """
    if key is not None:
        if not is_authentic(key, data):
            return None
        return Sent(*SENT_AUTHENTICATED.unpack_from(data))
    if len(data) < SENDER_LEAST:
        return None
    if is_stamp(data):
        return Sent(*SENT.unpack_from(data))
    sequence, stamp, error = _SENT_HEAD.unpack_from(data)
    return Sent(sequence, stamp, error, 0)


def is_stamp(data: bytes) -> bool:
    """Whether an unauthenticated sender's packet is one of RFC 8762, not one of TWAMP Light with padding."""
    return len(data) >= OPEN_OCTETS and data[16:OPEN_OCTETS] == _MUST_BE_ZERO


def encode_reflected(packet: Reflected, key: bytes | None) -> bytes:
    """Return the octets of a reflector's packet, 44 or 112 of them."""
    layout = REFLECTED if key is None else REFLECTED_AUTHENTICATED
    head = layout.pack(
        packet.sequence, packet.stamp, packet.error, packet.session, packet.received,
        packet.sender_sequence, packet.sender_stamp, packet.sender_error, packet.hop_limit,
    )  # fmt: skip
    return head if key is None else head + digest(key, head)


def parse_reflected(data: bytes, key: bytes | None) -> Reflected | None:
    """Return a reflector's packet, None for what is too short or not authentic."""
    if key is not None:
        if not is_authentic(key, data):
            return None
        return Reflected(*REFLECTED_AUTHENTICATED.unpack_from(data))
    if len(data) < REFLECTED_LEAST:
        return None
    return Reflected(*_REFLECTED_HEAD.unpack_from(data))
