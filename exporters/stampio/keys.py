"""Keys of authenticated mode, from files only."""

from pathlib import Path
from typing import Final

from common.i18n import t

LEAST_OCTETS: Final = 16
"""An HMAC of 128 bits is worth no more than its key (RFC 8762, 7; RFC 2104, 3)."""
MOST_OCTETS: Final = 4096


class KeyUnusable(Exception):  # noqa: N818 - reads as what it says: the key is unusable
    """The file cannot be read or holds no key; the message never shows what it holds."""


def read_key(path: Path) -> bytes:
    """Return the key: the octets of the file, without the end of line. Raises KeyUnusable."""
    try:
        with path.open("rb") as file:
            key = file.read(MOST_OCTETS).rstrip(b"\r\n")
    except OSError as error:
        problem = error.strerror or str(error)
        raise KeyUnusable(t("reflect.key_unreadable", path=path, problem=problem)) from None
    if len(key) < LEAST_OCTETS:
        raise KeyUnusable(t("reflect.key_short", path=path, octets=LEAST_OCTETS))
    return key
