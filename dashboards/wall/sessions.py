"""Session cookies that the server need not remember: name and end, signed with HMAC-SHA-256.

A session ends with its time, with the user's line in the users file (a new password logs out), and
with the key, which lives in the state directory so that wall screens outlive a restart.
"""

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from .passwords import User

LASTS_SECONDS: Final = 30 * 86400
_KEY_BYTES: Final = 32
_MOST_CHARS: Final = 400


def load_key(path: Path) -> bytes:
    """Return the key at ``path``, made on first use, readable by its owner alone. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    if not path.exists():
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
        try:
            os.link(fresh, path)  # the first of two that start together wins
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    key = path.read_bytes()
    if len(key) != _KEY_BYTES:
        raise OSError(f"{path}: expected {_KEY_BYTES} bytes")
    return key


class Sessions:
    """Issues and checks tokens. Times are Unix seconds."""

    def __init__(self, key: bytes, users: Mapping[str, User]) -> None:
        self._key = key
        self.users = users

    def issue(self, name: str, now: float) -> str:
        """Return a token for a user who has just proved who they are."""
        return self._token(name, int(now) + LASTS_SECONDS)

    def check(self, token: str, now: float) -> str | None:
        """Return whose valid token this is, or None."""
        parts = token.split(".")
        if len(token) > _MOST_CHARS or len(parts) != 3 or not token.isascii() or not parts[1].isdigit():
            return None
        try:
            name = base64.urlsafe_b64decode(parts[0]).decode()
        except ValueError:
            return None
        ends = int(parts[1])
        if name not in self.users or not hmac.compare_digest(self._token(name, ends), token):
            return None
        return name if now < ends else None

    def _token(self, name: str, ends: int) -> str:
        return f"{base64.urlsafe_b64encode(name.encode()).decode()}.{ends}.{self._sign(name, ends)}"

    def _sign(self, name: str, ends: int) -> str:
        user = self.users[name]
        return hmac.new(self._key, f"{name}\n{ends}\n{user.line}".encode(), hashlib.sha256).hexdigest()
