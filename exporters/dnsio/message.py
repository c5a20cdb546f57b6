"""DNS messages (RFC 1035, 4; EDNS RFC 6891). Pure: bytes in, structs out, :class:`Malformed` for the rest.

Work is bounded: a message is at most 65,535 octets, of which at most :data:`MAX_RECORDS` records are
read, and a name has at most 127 labels however it is compressed.
"""

import struct
from typing import Final

import msgspec

from exporters.dnsio.names import Malformed, Name, decode_name, encode_name, text_of
from exporters.dnsio.rdata import OPT, TYPES, soa_numbers, value_of, whole_name

MAX_RECORDS: Final = 128
UDP_PAYLOAD_OCTETS: Final = 1232
"""What every path carries unfragmented (DNS flag day 2020)."""
MAX_TTL_SECONDS: Final = 2**31 - 1
CLASS_IN: Final = 1
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)
RCODES: Final = {
    0: "noerror", 1: "formerr", 2: "servfail", 3: "nxdomain", 4: "notimp", 5: "refused", 16: "badvers",
}  # fmt: skip
_HEADER: Final = struct.Struct(">6H")
_QUESTION: Final = struct.Struct(">2H")
_RECORD: Final = struct.Struct(">2HIH")
_RESPONSE, _OPCODE, _AUTHORITATIVE, _TRUNCATED = 0x8000, 0x7800, 0x0400, 0x0200
_RECURSION_DESIRED, _RECURSION_AVAILABLE = 0x0100, 0x0080


class TooMany(Malformed):
    """More records than :data:`MAX_RECORDS`."""


class Question(msgspec.Struct, frozen=True):
    """What is asked; ``type`` a number of the registry."""

    name: Name
    type: int
    class_: int = CLASS_IN


class Record(msgspec.Struct, frozen=True):
    """One resource record; ``value`` its data as text (:mod:`exporters.dnsio.rdata`), ``alias`` a CNAME's
    target, ``soa`` an SOA's numbers."""

    name: Name
    type: int
    class_: int
    ttl_seconds: int
    value: str
    alias: Name = ()
    soa: tuple[int, int, int, int, int] | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message; ``rcode`` with its extension; the OPT record is not among ``additionals``."""

    ident: int
    response: bool
    opcode: int
    rcode: int
    truncated: bool
    authoritative: bool
    recursion_available: bool
    questions: tuple[Question, ...]
    answers: tuple[Record, ...] = ()
    authorities: tuple[Record, ...] = ()
    additionals: tuple[Record, ...] = ()
    edns: bool = False

    @property
    def rcode_name(self) -> str:
        """Such as ``servfail``."""
        return RCODES.get(self.rcode, f"rcode {self.rcode}")


def encode_query(ident: int, question: Question, recursion: bool = True, edns: bool = True) -> bytes:
    """Return a query; with EDNS it admits UDP answers of :data:`UDP_PAYLOAD_OCTETS`."""
    flags = _RECURSION_DESIRED if recursion else 0
    header = _HEADER.pack(ident, flags, 1, 0, 0, int(edns))
    asked = encode_name(question.name) + _QUESTION.pack(question.type, question.class_)
    opt = b"\0" + _RECORD.pack(OPT, UDP_PAYLOAD_OCTETS, 0, 0) if edns else b""
    return header + asked + opt


def parse(message: bytes) -> Message:
    """Return what a message says. Raises Malformed.

    Of a truncated one only header and questions are read: what follows may end anywhere.
    """
    if len(message) < _HEADER.size:
        raise Malformed("shorter than a header")
    ident, flags, *counts = _HEADER.unpack_from(message)
    if sum(counts) > MAX_RECORDS:
        raise TooMany(f"{sum(counts)} records")
    at, questions = _HEADER.size, []
    for _ in range(counts[0]):
        question, at = _question(message, at)
        questions.append(question)
    truncated = bool(flags & _TRUNCATED)
    sections: list[list[Record]] = [[], [], []]
    extended, edns = 0, False
    for section, count in zip(sections, (0, 0, 0) if truncated else counts[1:], strict=True):
        for _ in range(count):
            record, at = _record(message, at)
            section.append(record)
            if record.type == OPT:
                extended, edns = record.ttl_seconds >> 24 << 4, True
    return Message(
        ident=ident,
        response=bool(flags & _RESPONSE),
        opcode=(flags & _OPCODE) >> 11,
        rcode=flags & 0x0F | extended,
        truncated=truncated,
        authoritative=bool(flags & _AUTHORITATIVE),
        recursion_available=bool(flags & _RECURSION_AVAILABLE),
        questions=tuple(questions),
        answers=tuple(sections[0]),
        authorities=tuple(sections[1]),
        additionals=tuple(record for record in sections[2] if record.type != OPT),
        edns=edns,
    )


def _question(message: bytes, at: int) -> tuple[Question, int]:
    name, at = decode_name(message, at)
    if at + _QUESTION.size > len(message):
        raise Malformed("a question is cut off")
    type_, class_ = _QUESTION.unpack_from(message, at)
    return Question(name, type_, class_), at + _QUESTION.size


def _record(message: bytes, at: int) -> tuple[Record, int]:
    name, at = decode_name(message, at)
    if at + _RECORD.size > len(message):
        raise Malformed("a record is cut off")
    type_, class_, ttl, length = _RECORD.unpack_from(message, at)
    start = at + _RECORD.size
    end = start + length
    if end > len(message):
        raise Malformed("a record's data is cut off")
    soa = soa_numbers(message, start, end) if type_ == TYPES["SOA"] else None
    if type_ != OPT and ttl > MAX_TTL_SECONDS:
        ttl = 0  # RFC 2181, 8
    if type_ == TYPES["CNAME"]:
        alias = whole_name(message, start, end)
        return Record(name, type_, class_, ttl, text_of(alias), alias), end
    return Record(name, type_, class_, ttl, value_of(type_, message, start, end), (), soa), end
