"""Credentials of agents: bearer tokens (RFC 6750), of which only hashes are kept.

A token is ``ts_<commune>_<43 letters>``: 256 random bits, so that a plain SHA-256 of it is as good as any
slow hash, and nobody guesses one. Two may be valid at once, to change over without a gap. The file is
written under a lock, whole or not at all; it belongs to whoever owns its directory.
"""

import contextlib
import fcntl
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from common.files import write_atomically

FILE_NAME: Final = "tokens.json"
MOST_VALID: Final = 2
MAX_FILE_BYTES: Final = 8 << 20
MAX_TOKEN_LETTERS: Final = 200
_RANDOM_BYTES: Final = 32
_NOBODY: Final = hashlib.sha256(b"nobody").hexdigest()


class BadTokens(Exception):  # noqa: N818 - reads as what it says
    """A file of tokens that cannot be used; the message says why, and never what is in it."""


class TooMany(Exception):  # noqa: N818 - reads as what it says
    """A commune that has two valid tokens already."""


class Wrong(StrEnum):
    """Why nobody is let in. Counted; the one who asks is told nothing of it."""

    MISSING = "missing"
    UNKNOWN = "unknown"  # malformed, mistyped, revoked, or of nobody
    EXPIRED = "expired"
    CERTIFICATE = "certificate"  # of no commune, or of another than the token's


class Token(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept of a token. Times are Unix seconds; ``expires`` None: never."""

    id: str
    commune: str
    sha256: str
    created: float
    expires: float | None = None

    def valid(self, unix: float) -> bool:
        """Whether it lets in at this time."""
        return self.expires is None or unix < self.expires


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    tokens: tuple[Token, ...] = ()


def encode(tokens: tuple[Token, ...]) -> bytes:
    """Return the file's content."""
    return msgspec.json.format(msgspec.json.encode(_File(1, tokens))) + b"\n"


def decode(content: bytes) -> tuple[Token, ...]:
    """Return the tokens of a file. Raises BadTokens."""
    try:
        file = msgspec.json.decode(content, type=_File)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise BadTokens("not a file of tokens") from None
    if file.version != 1 or any(len(token.sha256) != 64 for token in file.tokens):
        raise BadTokens("not a file of tokens that this version knows")
    return file.tokens


def make(commune: str, unix: float, expires: float | None = None) -> tuple[str, Token]:
    """Return a new token and what is kept of it."""
    secret = f"ts_{commune}_{secrets.token_urlsafe(_RANDOM_BYTES)}"
    kept = Token(
        id=secrets.token_hex(4), commune=commune, sha256=_hash(secret), created=round(unix), expires=expires
    )
    return secret, kept


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def claimed(authorization: str | None) -> str:
    """Return the commune that an Authorization field names, right or wrong; empty where it names none."""
    return _commune(_secret(authorization or ""))


def _secret(authorization: str) -> str:
    """Return what may be a token, empty where there is none."""
    scheme, _, secret = authorization.partition(" ")
    secret = secret.strip()
    return secret if scheme.lower() == "bearer" and len(secret) <= MAX_TOKEN_LETTERS else ""


def _commune(secret: str) -> str:
    return [*secret.split("_", 2), "", ""][1]


class Book:
    """The tokens in force, by commune; replaced as a whole when the file changes."""

    def __init__(self, tokens: tuple[Token, ...] = ()) -> None:
        self._by_commune: dict[str, list[Token]] = {}
        for token in tokens:
            self._by_commune.setdefault(token.commune, []).append(token)

    def holder(self, authorization: str | None, unix: float) -> str | Wrong:
        """Return whose token an Authorization field has. Takes as long for any wrong token of a commune,
        however much of it is right, and whether there is such a commune or not."""
        if authorization is None:
            return Wrong.MISSING
        secret = _secret(authorization)
        if not secret:
            return Wrong.UNKNOWN
        commune = _commune(secret)
        digest = _hash(secret)
        found: Token | None = None
        known = self._by_commune.get(commune, [])
        for token in known:
            if hmac.compare_digest(token.sha256, digest):
                found = token
        for _ in range(len(known), MOST_VALID):
            hmac.compare_digest(_NOBODY, digest)
        if found is None:
            return Wrong.UNKNOWN
        return commune if found.valid(unix) else Wrong.EXPIRED

    def valid(self, unix: float) -> int:
        """Return how many tokens let in now."""
        return sum(token.valid(unix) for tokens in self._by_commune.values() for token in tokens)


class Store:
    """The file. All methods block."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE_NAME
        self._stamp: tuple[int, int, int] | None = None

    def read(self) -> tuple[Token, ...]:
        """Return all tokens, none where there is no file. Raises BadTokens or OSError."""
        try:
            with self.path.open("rb") as file:
                content = file.read(MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            return ()
        if len(content) > MAX_FILE_BYTES:
            raise BadTokens(f"over {MAX_FILE_BYTES} bytes")
        return decode(content)

    def changed(self) -> tuple[Token, ...] | None:
        """Return the tokens when the file is another than at the last call, else None. Raises as read."""
        try:
            seen = os.stat(self.path)
            stamp = seen.st_mtime_ns, seen.st_size, seen.st_ino
        except FileNotFoundError:
            stamp = (0, 0, 0)
        if stamp == self._stamp:
            return None
        found = self.read()
        self._stamp = stamp
        return found

    def add(self, commune: str, unix: float, expires: float | None = None) -> tuple[str, Token]:
        """Return a new token and what is kept of it. Raises TooMany, BadTokens or OSError."""
        made = make(commune, unix, expires)

        def add(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
            kept = tuple(token for token in tokens if token.commune != commune or token.valid(unix))
            if sum(token.commune == commune for token in kept) >= MOST_VALID:
                raise TooMany(commune)
            return (*kept, made[1])

        self._change(add)
        return made

    def revoke(self, commune: str, wanted: str | None = None) -> tuple[Token, ...]:
        """Take back a commune's token of this id, or all of them; returns those taken back.
        Raises BadTokens or OSError."""
        gone: list[Token] = []

        def keep(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
            gone[:] = [t for t in tokens if t.commune == commune and wanted in {None, t.id}]
            return tuple(token for token in tokens if token not in gone)

        self._change(keep)
        return tuple(gone)

    def _change(self, change: Callable[[tuple[Token, ...]], tuple[Token, ...]]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._locked():
            before = self.read()
            after = change(before)
            if after != before:
                write_atomically(self.path, encode(after), mode=0o600)
                self._own(self.path)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        lock = self.path.with_suffix(".lock")
        with lock.open("ab") as held:
            self._own(lock)
            fcntl.flock(held, fcntl.LOCK_EX)
            yield

    def _own(self, path: Path) -> None:
        """Root's enrolment must not lock out the gateway, which runs as the owner of the directory."""
        if os.geteuid() == 0:
            owner = os.stat(self.path.parent)
            os.chown(path, owner.st_uid, owner.st_gid)
