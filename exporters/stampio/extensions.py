"""What may follow a test packet (RFC 8972, 4): type-length-value fields, or plain padding. Pure.

Of all types only padding and the HMAC mean anything to us. What we do not know goes back with its
U flag, what has no sensible length with its M flag, and all of it with the I flag when the HMAC over
it is wrong.
"""

import hmac
from typing import Final

import msgspec

from exporters.stampio.packet import HMAC_OCTETS, digest

UNRECOGNISED: Final = 0x80
MALFORMED: Final = 0x40
UNPROVEN: Final = 0x20
EXTRA_PADDING: Final = 1
HMAC: Final = 8
HEAD_OCTETS: Final = 4
MAX_FIELDS: Final = 32
"""So many are looked at; the rest goes back as it came, so that a packet costs little whatever is in it."""


class _Field(msgspec.Struct, frozen=True):
    at: int
    type: int
    length: int


def padding(octets: int) -> bytes:
    """Return an Extra Padding field of ``octets`` altogether, at least 4; b"" for 0."""
    if octets == 0:
        return b""
    body = octets - HEAD_OCTETS
    return bytes((UNRECOGNISED, EXTRA_PADDING)) + body.to_bytes(2, "big") + bytes(body)


def reflect(tail: bytes, key: bytes | None, sent_sequence: bytes, sequence: bytes) -> bytes:
    """Return what goes back for the octets after the base packet; it is as long as ``tail``.

    ``sent_sequence`` and ``sequence`` are the 4 octets that begin the packet received and the answer:
    the HMAC covers them. Zeros alone are padding, and go back as they came.
    """
    if not tail.strip(b"\0"):
        return tail
    fields, malformed_at = _fields(tail)
    out = bytearray(tail)
    if malformed_at is not None:
        out[malformed_at] |= MALFORMED
    if key is not None and not _is_proven(tail, fields, key, sent_sequence):
        for field in fields:
            out[field.at] |= UNPROVEN
        return bytes(out)
    for field in fields:
        known = field.type == EXTRA_PADDING or (field.type == HMAC and key is not None)
        out[field.at] = (out[field.at] & ~UNRECOGNISED) | (0 if known else UNRECOGNISED)
        if field.type == HMAC and key is not None:
            start = field.at + HEAD_OCTETS
            out[start : start + HMAC_OCTETS] = digest(key, sequence + bytes(out[: field.at]))
    return bytes(out)


def _fields(tail: bytes) -> tuple[list[_Field], int | None]:
    """Return the well-formed fields, and where a malformed one begins."""
    found: list[_Field] = []
    at = 0
    while at < len(tail) and len(found) < MAX_FIELDS:
        length = int.from_bytes(tail[at + 2 : at + HEAD_OCTETS], "big")
        if at + HEAD_OCTETS + length > len(tail):
            return found, at
        found.append(_Field(at, tail[at + 1], length))
        at += HEAD_OCTETS + length
    return found, None


def _is_proven(tail: bytes, fields: list[_Field], key: bytes, sent_sequence: bytes) -> bool:
    """Whether the one HMAC field is right: after all others but padding, which alone needs none."""
    proofs = [field for field in fields if field.type == HMAC]
    if not proofs:
        return all(field.type == EXTRA_PADDING for field in fields)
    proof = proofs[0]
    after = [field for field in fields if field.at > proof.at]
    if proof.length != HMAC_OCTETS or any(field.type != EXTRA_PADDING for field in after):
        return False
    start = proof.at + HEAD_OCTETS
    return hmac.compare_digest(
        digest(key, sent_sequence + tail[: proof.at]), tail[start : start + HMAC_OCTETS]
    )
