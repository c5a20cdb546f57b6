"""Links by which somebody who got a message may answer it: signed, for one outage, for some time. Pure,
but for the file of the key.

A link carries outage, channel and end of life, and an HMAC-SHA256 (RFC 2104) over its purpose and these, cut
to 128 bits (as RFC 2104, 5, allows). Whoever has the link may answer: it is as secret as the message.
"""

import base64
import binascii
import contextlib
import hashlib
import hmac
import os
import secrets
import stat
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from common.files import read_plain

PURPOSE: Final = b"thongsuot answer 1"
PATH: Final = "/a/"
MAX_TOKEN_CHARS: Final = 1200
_KEY_BYTES: Final = 32
_MAC_BYTES: Final = 16


class Refusal(StrEnum):
    """Why a link is refused."""

    MALFORMED = "malformed"
    SIGNATURE = "signature"
    EXPIRED = "expired"


class LinkError(Exception):
    """A link that is refused; ``reason`` is closed."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(str(reason))
        self.reason = reason


class Answerable(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a link is for. ``expires`` is Unix seconds."""

    outage_id: str
    channel: str
    expires: int


class Links(msgspec.Struct, frozen=True):
    """Makes and opens links below ``base_url``, under ``key``."""

    key: bytes
    base_url: str
    life_seconds: float

    def url(self, outage_id: str, channel: str, now: float) -> str:
        """Return the link by which ``channel`` answers for an outage, good from ``now`` (Unix seconds)."""
        payload = msgspec.json.encode(Answerable(outage_id, channel, int(now + self.life_seconds)))
        return f"{self.base_url.rstrip('/')}{PATH}{_text(payload)}.{_text(self._mac(payload))}"

    def open(self, token: str, now: float) -> Answerable:
        """Return what ``token``, the last part of a link, is for. Raises :class:`LinkError`."""
        if len(token) > MAX_TOKEN_CHARS or not token.isascii():
            raise LinkError(Refusal.MALFORMED)
        body, _, signed = token.partition(".")
        payload, mac = _bytes(body), _bytes(signed)
        if not hmac.compare_digest(self._mac(payload), mac):
            raise LinkError(Refusal.SIGNATURE)
        try:
            found = msgspec.json.decode(payload, type=Answerable)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise LinkError(Refusal.MALFORMED) from None
        if now >= found.expires:
            raise LinkError(Refusal.EXPIRED)
        return found

    def _mac(self, payload: bytes) -> bytes:
        return hmac.new(self.key, PURPOSE + b"\n" + payload, hashlib.sha256).digest()[:_MAC_BYTES]


def load_key(path: Path) -> bytes:
    """Return the key in ``path``, made with mode 600 where there is none. Raises OSError, ValueError.

    A key that others may read, or that is short, is refused: whoever has it answers for everybody.
    """
    with contextlib.suppress(FileExistsError):
        _make(path)
    mode = path.stat().st_mode
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ValueError(f"{path}: others may read it (mode {stat.S_IMODE(mode):o}, expected 600)")
    try:
        key = bytes.fromhex(read_plain(path, 4096).decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) < _KEY_BYTES:
        raise ValueError(f"{path}: not {_KEY_BYTES} bytes in hex; remove it and a new one is made")
    return key


def _make(path: Path) -> None:
    """Write a new key whole under its name or not at all. Raises FileExistsError where there is one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(secrets.token_hex(_KEY_BYTES).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        path.hardlink_to(draft)
    finally:
        draft.unlink()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """The one spelling that :func:`_text` gives, so that a link has no second form."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise LinkError(Refusal.MALFORMED) from None
    if _text(raw) != text:
        raise LinkError(Refusal.MALFORMED)
    return raw
