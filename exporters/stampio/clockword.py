"""Time stamps and error estimates as test packets carry them (RFC 8762, 4.2; RFC 4656, 4.1.2). Pure.

A time stamp is 64 bits: NTP's seconds since 1900 and binary fractions (RFC 5905, 6), or, where the
Z bit of the error estimate says so, the truncated PTPv2 one: seconds since 1970 in TAI and nanoseconds
(RFC 8186). Both wrap; the reader picks the era that is nearest to its own clock.
"""

from typing import Final

import msgspec

NTP_TO_UNIX_SECONDS: Final = 2_208_988_800
NANO: Final = 1_000_000_000
MAX_SCALE: Final = 63
TAI_MINUS_UTC_SECONDS: Final = 37
"""Since 2017; no leap second has come since, and none is announced (IERS Bulletin C)."""
_ERA: Final = 1 << 32
_SYNCHRONISED, _PTP = 0x8000, 0x4000


class ErrorEstimate(msgspec.Struct, frozen=True):
    """What a party says of its clock. ``seconds`` is None when it gives no usable bound: a multiplier of
    zero, which RFC 4656 forbids."""

    synchronised: bool
    ptp: bool
    seconds: float | None


def ntp_of(unix_ns: int) -> int:
    """Return the 64-bit NTP time stamp of a Unix time in nanoseconds.

    >>> hex(ntp_of(500_000_000))
    '0x83aa7e8080000000'
    """
    seconds, nanoseconds = divmod(unix_ns, NANO)
    return ((seconds + NTP_TO_UNIX_SECONDS) % _ERA << 32) | (nanoseconds << 32) // NANO


def unix_ns_of(stamp: int, near_ns: int, *, ptp: bool = False) -> int:
    """Return the Unix time in nanoseconds of a 64-bit time stamp, in the era nearest to ``near_ns``.

    >>> unix_ns_of(0x83aa7e8080000000, 0)
    500000000
    """
    seconds, fraction = stamp >> 32, stamp & 0xFFFFFFFF
    if ptp:
        since = (seconds - TAI_MINUS_UTC_SECONDS) * NANO + fraction
    else:
        since = (seconds - NTP_TO_UNIX_SECONDS) * NANO + ((fraction * NANO + (1 << 31)) >> 32)
    era_ns = _ERA * NANO
    return since + round((near_ns - since) / era_ns) * era_ns


def encode_error(seconds: float | None, *, synchronised: bool) -> int:
    """Return the 16 bits for an error of at most ``seconds``, rounded up; None: as large as can be said.

    >>> hex(encode_error(0.001, synchronised=True))
    '0x8f84'
    """
    top = _SYNCHRONISED if synchronised else 0
    if seconds is None or not 0 <= seconds < 2.0**39:
        return top | MAX_SCALE << 8 | 0xFF
    units = max(1, -int(-seconds * 2**32 // 1))
    scale = max(0, units.bit_length() - 8)
    multiplier = -(-units >> scale)
    if multiplier > 0xFF:
        scale, multiplier = scale + 1, (multiplier + 1) >> 1
    return top | scale << 8 | multiplier


def decode_error(bits: int) -> ErrorEstimate:
    """Return what the 16 bits of an error estimate say."""
    multiplier = bits & 0xFF
    seconds = multiplier * 2.0 ** ((bits >> 8 & 0x3F) - 32) if multiplier else None
    return ErrorEstimate(bool(bits & _SYNCHRONISED), bool(bits & _PTP), seconds)
