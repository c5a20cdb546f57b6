"""The one directory below which all state lives, and the lock that keeps a second process out."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self


class Busy(Exception):  # noqa: N818 - reads as what it says: the directory is busy
    """Another process holds the lock; ``str()`` is the path of the lock file."""


def default() -> Path:
    """Return $THONGSUOT_STATE_DIR, else $XDG_STATE_HOME/thongsuot, else ~/.local/state/thongsuot."""
    chosen = os.environ.get("THONGSUOT_STATE_DIR")
    if chosen:
        return Path(chosen).absolute()
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "thongsuot"


class Lock:
    """Exclusive use of a directory while the context is open. Raises :class:`Busy`.

    The kernel drops the lock with the process, so a crash never leaves one behind.
    """

    def __init__(self, directory: Path, name: str = "lock") -> None:
        self._path = directory / name
        self._fd = -1

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise Busy(str(self._path)) from None
        self._fd = fd
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)
