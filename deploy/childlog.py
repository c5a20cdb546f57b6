"""Log file of a child: appended to by the child itself, kept bounded by us."""

import contextlib
import os
import shutil
from pathlib import Path
from typing import IO, Final

MAX_BYTES: Final = 8 << 20
_TAIL_BYTES: Final = 4096


class ChildLog:
    """``<name>.log``, and ``<name>.log.1`` for what was there before the last truncation."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self._max_bytes = max_bytes

    def open(self) -> IO[bytes]:
        """Open for appending, for a child to inherit. Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return self.path.open("ab")

    def bound(self) -> bool:
        """Copy away and truncate when the file is too large; returns whether it was.

        The child keeps its descriptor, opened for appending, so it goes on at the new end.
        """
        try:
            if self.path.stat().st_size <= self._max_bytes:
                return False
            with contextlib.suppress(OSError):  # a full disk: losing the copy is better than filling it
                shutil.copyfile(self.path, self.path.with_name(self.path.name + ".1"))
            os.truncate(self.path, 0)
        except FileNotFoundError:
            return False
        return True

    def last_line(self) -> str:
        """Return the last line that is not blank, shortened; empty where there is none."""
        try:
            with self.path.open("rb") as source:
                source.seek(max(0, source.seek(0, os.SEEK_END) - _TAIL_BYTES))
                lines = source.read(_TAIL_BYTES).decode("utf-8", "replace").strip().splitlines()
        except OSError:
            return ""
        return lines[-1][:500] if lines else ""
