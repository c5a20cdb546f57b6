"""How the run before this one ended: on purpose, or not.

Who stops an agent on purpose (systemctl stop, an update, an orderly shutdown) makes a gap that nobody has
to be called for, and afterwards such a gap must be told from a crash. So an agent that is told to stop says
so twice: in its last words to the hub, and in a file that the next start reads and removes. A run that ends
in any other way leaves no file.
"""

import contextlib
import logging
from pathlib import Path
from typing import Final

import msgspec

FILE_NAME: Final = "agent-stopped"
_MAX_BYTES: Final = 1000
log = logging.getLogger(__name__)


class Parting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file's content: whose it is, and the Unix time of the stop by the hub's clock."""

    site: str
    stopped_unix: float


class Farewell:
    """The file. All methods block for the time of one small file; none raises OSError."""

    def __init__(self, directory: Path, site: str) -> None:
        self._path, self._site = directory / FILE_NAME, site

    def take(self) -> float:
        """Return when the run before this one was stopped on purpose, 0 where it was not; forget it."""
        try:
            with self._path.open("rb") as file:
                raw = file.read(_MAX_BYTES)
            self._path.unlink()  # before it is believed: what cannot be removed would be told again
            found = msgspec.json.decode(raw, type=Parting)
        except FileNotFoundError:
            return 0.0
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            log.warning("how the last run ended cannot be read", extra={"why": str(error)})
            return 0.0
        believable = found.site == self._site and 0 < found.stopped_unix < 1e11
        return found.stopped_unix if believable else 0.0

    def leave(self, stopped_unix: float) -> None:
        """Say that this run was stopped on purpose."""
        raw = msgspec.json.encode(Parting(self._site, stopped_unix))
        temporary = self._path.with_suffix(".new")
        try:
            temporary.write_bytes(raw)
            temporary.replace(self._path)
        except OSError as error:
            log.warning("cannot keep that this stop is on purpose", extra={"why": str(error)})
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
