"""Domain names on the wire (RFC 1035, 3.1 and 4.1.4). Pure."""

import random
from collections.abc import Iterable
from typing import Final

Name = tuple[bytes, ...]
"""The labels, without the empty one of the root."""

MAX_NAME_OCTETS: Final = 255
MAX_LABEL_OCTETS: Final = 63
MAX_POINTERS: Final = 20
"""How many of them may lead to one name: nothing honest needs more, and each costs the reader time."""
_POINTER: Final = 0xC0
_PLAIN: Final = bytes(sorted(set(range(0x21, 0x7F)) - set(b'."\\')))


class Malformed(ValueError):  # noqa: N818 - reads as what it says
    """Bytes that are no DNS message."""


def name_of(host: str) -> Name:
    """Return the labels of a name that a person wrote; letters of any alphabet by IDNA (RFC 3490).

    Raises ValueError.

    >>> name_of("tỉnh.example.")
    (b'xn--tnh-dlz', b'example')
    """
    try:
        labels = tuple(_label(part) for part in host.removesuffix(".").split("."))
    except UnicodeError as error:
        raise ValueError(f"{host[:80]!r} is not a domain name: {error}") from None
    if not all(0 < len(label) <= MAX_LABEL_OCTETS for label in labels):
        raise ValueError(f"{host[:80]!r} is not a domain name: a label has 1 to 63 octets")
    if sum(len(label) + 1 for label in labels) + 1 > MAX_NAME_OCTETS:
        raise ValueError(f"{host[:80]!r} is not a domain name: longer than {MAX_NAME_OCTETS} octets")
    return labels


def _label(part: str) -> bytes:
    return part.encode("ascii") if part.isascii() else part.encode("idna")


def text_of(name: Iterable[bytes]) -> str:
    r"""Return a name in lower case, without the final dot; what is not printable as ``\DDD``.

    >>> text_of((b"Hub", b"a.b", b"\xff"))
    'hub.a\\.b.\\255'
    """
    return ".".join(map(_label_text, name)) or "."


def _label_text(label: bytes) -> str:
    if not label.translate(None, _PLAIN):
        return label.lower().decode("ascii")
    return "".join(map(_letter, label.lower()))


def _letter(octet: int) -> str:
    if octet in _PLAIN:
        return chr(octet)
    return f"\\{chr(octet)}" if octet in b'."\\' else f"\\{octet:03d}"


def same(one: Name, other: Name) -> bool:
    """Whether two names are equal, whatever their case (RFC 4343)."""
    return len(one) == len(other) and all(a.lower() == b.lower() for a, b in zip(one, other, strict=True))


def with_random_case(name: Name, source: random.Random) -> Name:
    """Return ``name`` with each letter in a case chosen by chance, which a forger would have to guess."""
    return tuple(bytes(_flipped(octet, source) for octet in label) for label in name)


def _flipped(octet: int, source: random.Random) -> int:
    letter = 0x41 <= octet & 0xDF <= 0x5A
    return octet ^ (source.getrandbits(1) << 5) if letter else octet


def encode_name(name: Name) -> bytes:
    """Return a name, uncompressed."""
    return b"".join(bytes((len(label),)) + label for label in name) + b"\0"


def decode_name(message: bytes, at: int) -> tuple[Name, int]:
    """Return the name at an offset of a message, and the offset behind it. Raises Malformed.

    A pointer leads to an earlier place than the one it is part of, so no chain of them is a loop.
    """
    labels: list[bytes] = []
    octets, behind, lowest, pointers = 1, 0, at, 0
    try:
        while length := message[at]:
            if length < _POINTER:
                label = message[at + 1 : at + 1 + length]
                octets += length + 1
                if length > MAX_LABEL_OCTETS or len(label) < length or octets > MAX_NAME_OCTETS:
                    raise Malformed("a name is cut off, too long or of an unknown form")
                labels.append(label)
                at += length + 1
                continue
            target = (length & ~_POINTER) << 8 | message[at + 1]
            behind, pointers = behind or at + 2, pointers + 1
            if target >= lowest or pointers > MAX_POINTERS:
                raise Malformed("a name's pointer does not lead backwards, or not soon enough")
            at = lowest = target
    except IndexError:
        raise Malformed("a name is cut off") from None
    return tuple(labels), behind or at + 1
