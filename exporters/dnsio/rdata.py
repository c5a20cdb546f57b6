r"""What a record says, as text (RFC 1035, 3.3; RFC 3596, 2782, 8659). Pure.

Names are in lower case without the final dot; TXT strings are joined, as RFC 7208, 3.3 reads them; a
type without a form of its own is written as RFC 3597, 5 has it: ``\# 2 abcd``.
"""

import ipaddress
import struct
from collections.abc import Callable
from typing import Final

from exporters.dnsio.names import Malformed, Name, decode_name, text_of

TYPES: Final = {
    "A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33,
    "NAPTR": 35, "DNAME": 39, "DS": 43, "DNSKEY": 48, "TLSA": 52, "SVCB": 64, "HTTPS": 65, "CAA": 257,
}  # fmt: skip
OPT: Final = 41
_SOA_NUMBERS: Final = struct.Struct(">5I")
_SRV: Final = struct.Struct(">3H")
MAX_TEXT: Final = 4096


def value_of(type_: int, message: bytes, start: int, end: int) -> str:
    """Return the text of the record data at ``message[start:end]``. Raises Malformed."""
    return _FORMS.get(type_, _unknown)(message, start, end)[:MAX_TEXT]


def soa_numbers(message: bytes, start: int, end: int) -> tuple[int, int, int, int, int]:
    """Return serial, refresh, retry, expire and minimum of SOA data. Raises Malformed."""
    _, at = decode_name(message, start)
    _, at = decode_name(message, at)
    if end - at != _SOA_NUMBERS.size:
        raise Malformed("SOA data of a wrong length")
    serial, refresh, retry, expire, minimum = _SOA_NUMBERS.unpack_from(message, at)
    return serial, refresh, retry, expire, minimum


def _address(message: bytes, start: int, end: int) -> str:
    if end - start not in (4, 16):
        raise Malformed("address data of a wrong length")
    return str(ipaddress.ip_address(message[start:end]))


def _v4(message: bytes, start: int, end: int) -> str:
    if end - start != 4:
        raise Malformed("A data of a wrong length")
    return _address(message, start, end)


def _v6(message: bytes, start: int, end: int) -> str:
    if end - start != 16:
        raise Malformed("AAAA data of a wrong length")
    return _address(message, start, end)


def whole_name(message: bytes, start: int, end: int) -> Name:
    """Return the name that fills ``message[start:end]``. Raises Malformed."""
    name, behind = decode_name(message, start)
    if behind != end:
        raise Malformed("a name does not fill its record")
    return name


def _name(message: bytes, start: int, end: int) -> str:
    return text_of(whole_name(message, start, end))


def _mx(message: bytes, start: int, end: int) -> str:
    if end - start < 3:
        raise Malformed("MX data of a wrong length")
    return f"{int.from_bytes(message[start : start + 2], 'big')} {_name(message, start + 2, end)}"


def _srv(message: bytes, start: int, end: int) -> str:
    if end - start < _SRV.size + 1:
        raise Malformed("SRV data of a wrong length")
    priority, weight, port = _SRV.unpack_from(message, start)
    return f"{priority} {weight} {port} {_name(message, start + _SRV.size, end)}"


def _soa(message: bytes, start: int, end: int) -> str:
    master, at = decode_name(message, start)
    mailbox, _ = decode_name(message, at)
    numbers = soa_numbers(message, start, end)
    return " ".join((text_of(master), text_of(mailbox), *map(str, numbers)))


def _txt(message: bytes, start: int, end: int) -> str:
    strings = []
    while start < end:
        length = message[start]
        start += 1 + length
        if start > end:
            raise Malformed("a text string is cut off")
        strings.append(message[start - length : start])
    return b"".join(strings).decode("utf-8", "replace")


def _caa(message: bytes, start: int, end: int) -> str:
    if end - start < 2 or end - start < 2 + message[start + 1]:
        raise Malformed("CAA data of a wrong length")
    tag_end = start + 2 + message[start + 1]
    tag, value = message[start + 2 : tag_end], message[tag_end:end]
    return f'{message[start]} {tag.decode("ascii", "replace")} "{value.decode("utf-8", "replace")}"'


def _unknown(message: bytes, start: int, end: int) -> str:
    return f"\\# {end - start} {message[start:end].hex()}".rstrip()


_FORMS: Final[dict[int, Callable[[bytes, int, int], str]]] = {
    TYPES["A"]: _v4, TYPES["AAAA"]: _v6, TYPES["NS"]: _name, TYPES["CNAME"]: _name, TYPES["PTR"]: _name,
    TYPES["DNAME"]: _name, TYPES["MX"]: _mx, TYPES["SRV"]: _srv, TYPES["SOA"]: _soa, TYPES["TXT"]: _txt,
    TYPES["CAA"]: _caa,
}  # fmt: skip
