"""NTP packets and the arithmetic of their timestamps (RFC 5905, 6 to 8; RFC 4330). Pure.

A timestamp counts 1/2**32 of a second since 1900 modulo 2**64. Differences are taken modulo 2**64 too,
so that they hold beyond 7 February 2036, when the counter begins anew.
"""

import struct
from typing import Final

import msgspec

PACKET_OCTETS: Final = 48
MODE_CLIENT: Final = 3
MODE_SERVER: Final = 4
UNSYNCHRONISED: Final = 3
MAX_STRATUM: Final = 15
_VERSION: Final = 4
_FIELDS: Final = struct.Struct(">BBbbII4sQQQQ")
_UNIX_IN_NTP: Final = 2_208_988_800
_SECOND: Final = 1 << 32
_WHOLE: Final = 1 << 64
_SHORT: Final = 1 << 16


class Packet(msgspec.Struct, frozen=True, kw_only=True):
    """What a server says. Timestamps as on the wire; ``reference_id`` four octets."""

    leap: int
    version: int
    mode: int
    stratum: int
    precision: int
    root_delay_seconds: float
    root_dispersion_seconds: float
    reference_id: bytes
    reference: int
    origin: int
    receive: int
    transmit: int

    @property
    def kiss_code(self) -> str:
        """The reason of a refusal (RFC 5905, 7.4), such as ``RATE``; empty for an answer."""
        if self.stratum:
            return ""
        return "".join(chr(octet) if 0x20 < octet < 0x7F else "?" for octet in self.reference_id)


class Measured(msgspec.Struct, frozen=True):
    """``offset_seconds``: the server's clock minus ours; ``delay_seconds``: the way there and back."""

    offset_seconds: float
    delay_seconds: float


def encode_request(transmit: int) -> bytes:
    """Return a client's packet. ``transmit`` comes back as origin: 64 bits by chance tell a stranger
    nothing of our clock and cannot be guessed."""
    return _FIELDS.pack(_VERSION << 3 | MODE_CLIENT, 0, 0, 0, 0, 0, b"", 0, 0, 0, transmit)


def parse(data: bytes) -> Packet:
    """Return what a packet says; extensions and authentication behind it are not read. Raises ValueError."""
    if len(data) < PACKET_OCTETS:
        raise ValueError(f"{len(data)} octets, at least {PACKET_OCTETS} expected")
    first, stratum, _, precision, delay, dispersion, ident, *times = _FIELDS.unpack_from(data)
    reference, origin, receive, transmit = times
    return Packet(
        leap=first >> 6,
        version=first >> 3 & 7,
        mode=first & 7,
        stratum=stratum,
        precision=precision,
        root_delay_seconds=delay / _SHORT,
        root_dispersion_seconds=dispersion / _SHORT,
        reference_id=ident,
        reference=reference,
        origin=origin,
        receive=receive,
        transmit=transmit,
    )


def timestamp_of(unix_ns: int) -> int:
    """Return the timestamp of a Unix time in nanoseconds.

    >>> hex(timestamp_of(0))
    '0x83aa7e8000000000'
    """
    seconds, nanoseconds = divmod(unix_ns, 10**9)
    return ((seconds + _UNIX_IN_NTP) * _SECOND + nanoseconds * _SECOND // 10**9) % _WHOLE


def difference_seconds(later: int, earlier: int) -> float:
    """Return ``later - earlier`` of two timestamps less than 68 years apart."""
    units = (later - earlier) % _WHOLE
    return (units - _WHOLE if units >= _WHOLE // 2 else units) / _SECOND


def measure(sent_ns: int, packet: Packet, received_ns: int) -> Measured:
    """Return offset and delay by four timestamps (RFC 5905, 8); ours as Unix times in nanoseconds."""
    sent, received = timestamp_of(sent_ns), timestamp_of(received_ns)
    there = difference_seconds(packet.receive, sent)
    back = difference_seconds(packet.transmit, received)
    inside = difference_seconds(packet.transmit, packet.receive)
    return Measured((there + back) / 2, (received_ns - sent_ns) / 1e9 - inside)
