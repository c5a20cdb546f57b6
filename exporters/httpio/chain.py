"""Certificates in words, for people: whose, by whom, from when to when (RFC 5280, 4.1.2)."""

import ssl
from datetime import UTC, datetime
from typing import Final

from exporters.evidence import asked
from exporters.httpio.certificate import Reader, presented, unix_time

_SEQUENCE, _SET, _OID, _INTEGER, _VERSION = 0x30, 0x31, 0x06, 0x02, 0xA0
_TIMES: Final = (0x17, 0x18)
_BMP_STRING: Final = 0x1E
_NAMES: Final = {3: "CN", 6: "C", 7: "L", 8: "ST", 10: "O", 11: "OU"}
"""Attribute types below 2.5.4 (X.520)."""
MAX_VALUE: Final = 100
MAX_CERTIFICATES: Final = 10


def note_certificates(secured: ssl.SSLSocket) -> None:
    """Tell whoever asked what the peer presented, its own certificate first."""
    if (notes := asked()) is not None:
        for place, der in enumerate(presented(secured)[:MAX_CERTIFICATES]):
            notes.add("certificate", f"{place}: {describe(der)}")


def describe(der: bytes) -> str:
    """Return one line about a certificate; what cannot be read says so."""
    try:
        return _describe(der)
    except ValueError as error:
        return f"unreadable: {error}"


def _describe(der: bytes) -> str:
    body = Reader(Reader(Reader(der).expect(_SEQUENCE)).expect(_SEQUENCE))
    if body.expect_either(_VERSION, _INTEGER) == _VERSION:
        body.expect(_INTEGER)
    body.expect(_SEQUENCE)
    issuer = _name(body.expect(_SEQUENCE))
    validity = Reader(body.expect(_SEQUENCE))
    start, end = (unix_time(validity.expect(*_TIMES).decode("ascii")) for _ in range(2))
    return f"{_name(body.expect(_SEQUENCE))}; issued by {issuer}; valid {_day(start)} to {_day(end)}"


def _name(contents: bytes) -> str:
    parts, names = Reader(contents), []
    while parts.more:
        relative = Reader(parts.expect(_SET))
        while relative.more:
            pair = Reader(relative.expect(_SEQUENCE))
            kind = pair.expect(_OID)
            tag, value = pair.next()
            short = _NAMES.get(kind[2], "?") if len(kind) == 3 and kind[:2] == b"\x55\x04" else "?"
            text = value.decode("utf-16-be" if tag == _BMP_STRING else "utf-8", "replace")
            names.append(f"{short}={text[:MAX_VALUE]}")
    return ", ".join(reversed(names)) or "nobody"


def _day(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d %H:%M UTC")
