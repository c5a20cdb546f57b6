"""The users file: ``name:scrypt$n$r$p$salt$hash`` a line (scrypt, RFC 7914). Blank lines and ``#`` pass.

Made by ``thongsuot wall --make-password NAME``. Cost 2^15, 8, 1: about 50 ms and 32 MB a check.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from typing import Final

import msgspec

from common.i18n import t

LEAST_CHARS: Final = 10
MOST_CHARS: Final = 1024
_N, _R, _P = 2**15, 8, 1
_HASH_BYTES: Final = 32
_MEMORY_BYTES: Final = 160 << 20
NAME: Final = re.compile(r"[A-Za-z0-9._@-]{1,64}")
_LINE: Final = re.compile(
    r"(?P<name>[A-Za-z0-9._@-]{1,64}):scrypt\$(?P<n>[0-9]{1,7})\$(?P<r>[0-9]{1,2})\$(?P<p>[0-9]{1,2})"
    r"\$(?P<salt>[A-Za-z0-9+/]{16,88}={0,2})\$(?P<hash>[A-Za-z0-9+/]{42,88}={0,2})"
)


class UsersError(Exception):
    """A users file that is refused; the message is for the person who wrote it."""


class User(msgspec.Struct, frozen=True):
    """One user. ``line`` is the whole hash, to which sessions are bound."""

    name: str
    n: int
    r: int
    p: int
    salt: bytes
    digest: bytes
    line: str


_NOBODY: Final = User("", _N, _R, _P, bytes(16), bytes(_HASH_BYTES), "")


def _scrypt(password: str, user: User) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "replace"),
        salt=user.salt, n=user.n, r=user.r, p=user.p, dklen=len(user.digest), maxmem=_MEMORY_BYTES,
    )  # fmt: skip


def make_line(name: str, password: str) -> str:
    """Return a line for the users file. Raises UsersError."""
    if not NAME.fullmatch(name):
        raise UsersError(t("wall.password_name", name=name))
    if len(password) < LEAST_CHARS:
        raise UsersError(t("wall.password_short", least=LEAST_CHARS))
    user = msgspec.structs.replace(_NOBODY, salt=secrets.token_bytes(16))
    encoded = (base64.b64encode(part).decode() for part in (user.salt, _scrypt(password, user)))
    return f"{name}:scrypt${_N}${_R}${_P}${'$'.join(encoded)}"


def parse_users(content: str, path: str) -> dict[str, User]:
    """Return the users by name. Raises UsersError with file and line."""
    users: dict[str, User] = {}
    for number, raw in enumerate(content.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        user = _parse_line(line)
        if user is None:
            raise UsersError(t("wall.users_bad_line", path=path, line=number))
        if user.name in users:
            raise UsersError(t("wall.users_twice", path=path, line=number, name=user.name))
        users[user.name] = user
    if not users:
        raise UsersError(t("wall.users_empty", path=path))
    return users


def _parse_line(line: str) -> User | None:
    match = _LINE.fullmatch(line)
    if not match:
        return None
    n, r, p = (int(match[part]) for part in "nrp")
    affordable = 2**10 <= n <= 2**17 and n & (n - 1) == 0 and 1 <= r <= 8 and 1 <= p <= 4
    if not affordable:
        return None
    try:
        salt, digest = (base64.b64decode(match[part], validate=True) for part in ("salt", "hash"))
    except ValueError:
        return None
    return User(match["name"], n, r, p, salt, digest, line)


def verify(users: Mapping[str, User], name: str, password: str) -> bool:
    """Whether the password is that user's. Blocks for tens of milliseconds: call it in a thread.

    A name that nobody has costs the same time, and never matches.
    """
    if len(password) > MOST_CHARS:
        return False
    user = users.get(name, _NOBODY)
    return hmac.compare_digest(_scrypt(password, user), user.digest) and user is not _NOBODY
