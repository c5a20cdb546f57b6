"""Reads the file to which the hub's sink channel appends one JSON line per notification."""

from pathlib import Path
from typing import Final

import msgspec

_MAX_READ_BYTES: Final = 1 << 24


class Page(msgspec.Struct, frozen=True):
    """One notification as it went out at ``time``; ``starts_at`` and ``ends_at`` are what it says of the
    outage. Unix seconds."""

    time: float
    status: str
    component: str
    severity: str
    communes: tuple[str, ...]
    text_vi: str
    text_en: str
    alertname: str = ""
    outage_id: str = ""
    starts_at: float = 0.0
    ends_at: float | None = None


class Sink:
    """Reads the lines that are new since the last time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def new(self) -> tuple[Page, ...]:
        """Return the pages that came since the last call; an unfinished line waits for its end."""
        try:
            with self._path.open("rb") as stream:
                stream.seek(self._offset)
                data = stream.read(_MAX_READ_BYTES)
        except FileNotFoundError:
            return ()
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        return tuple(msgspec.json.decode(line, type=Page) for line in whole.splitlines())
