"""When a certificate expires, read from its DER (RFC 5280, 4.1). Pure.

Python's ssl module decodes only the leaf, and only after verifying it; a date is wanted of every
certificate that was presented, verified or not.
"""

import calendar
import re
import ssl
from functools import lru_cache
from typing import Any, Final, cast

_SEQUENCE, _INTEGER, _VERSION, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0x02, 0xA0, 0x17, 0x18
_TIME: Final = re.compile(r"(\d{2}|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z\Z", re.ASCII)
_ENCODING_DER: Final = 2


class Reader:
    """Walks over DER elements (X.690, 8.1)."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def next(self) -> tuple[int, bytes]:
        """Return tag and contents of the next element. Raises ValueError."""
        data, at = self._data, self._at
        if at + 2 > len(data):
            raise ValueError("DER: stops short")
        tag, length, at = data[at], data[at + 1], at + 2
        if length > 0x80:
            octets = length & 0x7F
            length, at = int.from_bytes(data[at : at + octets], "big"), at + octets
        elif length == 0x80:
            raise ValueError("DER: indefinite length")
        if at + length > len(data):
            raise ValueError("DER: stops short")
        self._at = at + length
        return tag, data[at : self._at]

    @property
    def more(self) -> bool:
        """Whether there is another element."""
        return self._at < len(self._data)

    def expect_either(self, *tags: int) -> int:
        """Return the tag of the next element, which is one of ``tags``. Raises ValueError."""
        tag, _ = self.next()
        if tag not in tags:
            raise ValueError(f"DER: tag {tag:#x} not expected")
        return tag

    def expect(self, *tags: int) -> bytes:
        """Return the contents of the next element, which has one of ``tags``. Raises ValueError."""
        tag, contents = self.next()
        if tag not in tags:
            raise ValueError(f"DER: tag {tag:#x} not expected")
        return contents


@lru_cache(maxsize=256)
def not_after(der: bytes) -> int:
    """Return the Unix time at which a certificate expires. Raises ValueError."""
    body = Reader(Reader(Reader(der).expect(_SEQUENCE)).expect(_SEQUENCE))
    # The version is absent in version 1: then this is the serial number already.
    if body.expect_either(_VERSION, _INTEGER) == _VERSION:
        body.expect(_INTEGER)
    body.expect(_SEQUENCE)  # signature algorithm
    body.expect(_SEQUENCE)  # issuer
    validity = Reader(body.expect(_SEQUENCE))
    validity.expect(_UTC_TIME, _GENERALIZED_TIME)
    return unix_time(validity.expect(_UTC_TIME, _GENERALIZED_TIME).decode("ascii"))


def unix_time(text: str) -> int:
    """Return the Unix time that a UTCTime or GeneralizedTime means. Raises ValueError."""
    found = _TIME.match(text)
    if found is None:
        raise ValueError(f"DER: time {text[:20]!r}")
    year, month, day, hour, minute, second = (int(part) for part in found.groups())
    if year < 100:
        year += 2000 if year < 50 else 1900  # RFC 5280, 4.1.2.5.1
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 61):
        raise ValueError(f"DER: time {text!r}")
    return calendar.timegm((year, month, day, hour, minute, second))


def earliest_expiry(secured: ssl.SSLSocket) -> int | None:
    """Return when the first of the certificates that the peer presented expires; None if unreadable."""
    times = []
    for der in presented(secured):
        try:
            times.append(not_after(der))
        except ValueError:
            continue
    return min(times, default=None)


def presented(secured: ssl.SSLSocket) -> list[bytes]:
    """Return the peer's certificates as DER, leaf first; only the leaf where Python cannot tell."""
    public = getattr(secured, "get_unverified_chain", None)  # Python 3.13
    if public is not None:
        return cast("list[bytes]", public() or [])
    # Since 3.10 the C object beneath has what 3.13 made public.
    inner: Any = getattr(secured, "_sslobj", None)
    if hasattr(inner, "get_unverified_chain"):
        return [bytes(cert.public_bytes(_ENCODING_DER)) for cert in inner.get_unverified_chain() or []]
    leaf = secured.getpeercert(binary_form=True)
    return [leaf] if leaf else []
