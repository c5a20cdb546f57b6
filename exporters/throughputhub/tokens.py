"""Who may test: bearer tokens (RFC 6750, 2.1), one a line of a file."""

import hashlib
import hmac
import os
from pathlib import Path
from typing import Final

from common.files import read_plain

LEAST_LETTERS: Final = 16
MAX_TOKENS: Final = 5000
MAX_FILE_BYTES: Final = 1 << 20


class BadTokens(Exception):  # noqa: N818 - reads as what it says
    """A file of tokens that cannot be used; the message says why, and never what is in it."""


def parse(text: str) -> tuple[bytes, ...]:
    """Return the digests of the tokens in ``text``; blank lines and ``#`` comments do not count.

    Raises BadTokens.
    """
    lines = [line.strip() for line in text.splitlines()]
    tokens = [line for line in lines if line and not line.startswith("#")]
    if not tokens or len(tokens) > MAX_TOKENS:
        raise BadTokens(f"expected 1 to {MAX_TOKENS} tokens, one a line; there are {len(tokens)}")
    if any(len(token) < LEAST_LETTERS or not token.isascii() or " " in token for token in tokens):
        raise BadTokens(f"a token has at least {LEAST_LETTERS} ASCII letters and no blank")
    return tuple(dict.fromkeys(_digest(token.encode("ascii")) for token in tokens))


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


class Tokens:
    """The tokens of a file, read again when it has changed. Raises BadTokens or OSError at first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = self._look()
        self._digests = self._read()

    def holder(self, authorization: str) -> str | None:
        """Return a name of the token in an Authorization field, None where there is no valid one.

        Takes as long for every wrong token, however much of it is right.
        """
        scheme, _, token = authorization.partition(" ")
        digest = _digest(token.strip().encode("utf-8", "surrogateescape"))
        found = None
        for known in self._digests:
            if hmac.compare_digest(known, digest):
                found = known
        return found.hex()[:16] if found is not None and scheme.lower() == "bearer" else None

    def reload(self) -> str | None:
        """Read the file again if it has changed; returns what is wrong (the old tokens go on) or None."""
        try:
            stamp = self._look()
            if stamp != self._stamp:
                self._digests, self._stamp = self._read(), stamp
        except (BadTokens, OSError) as error:
            return f"{self._path}: {error}"
        return None

    def _look(self) -> tuple[int, int, int]:
        seen = os.stat(self._path)
        return seen.st_mtime_ns, seen.st_size, seen.st_ino

    def _read(self) -> tuple[bytes, ...]:
        data = read_plain(self._path, MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise BadTokens(f"over {MAX_FILE_BYTES} bytes")
        return parse(data.decode("utf-8", "replace"))
