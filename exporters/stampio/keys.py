"""Keys of authenticated mode, from files only."""

from pathlib import Path
from typing import Final

from common.files import read_plain
from common.i18n import t

LEAST_OCTETS: Final = 16
"""An HMAC of 128 bits is worth no more than its key (RFC 8762, 7; RFC 2104, 3)."""
MOST_OCTETS: Final = 4096


class KeyUnusable(Exception):  # noqa: N818 - reads as what it says: the key is unusable
    """The file cannot be read (``problem`` says why) or holds too short a key (None).

    ``str()`` is in the user's language, ``evidence`` in English; neither shows what the file holds.
    """

    def __init__(self, path: Path, problem: str | None = None) -> None:
        if problem is None:
            super().__init__(t("reflect.key_short", path=path, octets=LEAST_OCTETS))
            self.evidence = f"{path}: a key of at least {LEAST_OCTETS} octets is needed"
        else:
            super().__init__(t("reflect.key_unreadable", path=path, problem=problem))
            self.evidence = f"{path}: {problem}"


def read_key(path: Path) -> bytes:
    """Return the key: the octets of the file, without the end of line. Raises KeyUnusable."""
    try:
        key = read_plain(path, MOST_OCTETS).rstrip(b"\r\n")
    except OSError as error:
        raise KeyUnusable(path, error.strerror or str(error)) from None
    if len(key) < LEAST_OCTETS:
        raise KeyUnusable(path)
    return key
