"""Seconds per state, which must survive a restart and never step back.

A counter that steps back by 30 s makes Prometheus' ``increase()`` jump by its whole value; one that
starts again at 0 costs nothing. So:

- a value is shown only once it is on disk (:attr:`StateBook.shown` is what was saved last);
- a store that is missing, damaged or another site's starts at 0;
- when saving fails, the store is removed, so that an old value can never come back, and the counters
  go on from memory: after a restart they start at 0. Where it cannot even be removed (a file system
  turned read-only), what is shown stays as it was last saved and catches up when saving works again.

The time between stop and start is credited to nothing: while an agent does not run there is no series,
and absence is what the hub sees.
"""

import asyncio
import contextlib
import logging
import os
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec

from inventory.names import State

FILE_NAME: Final = "agent-state"
_MAGIC: Final = b"thongsuot-agent-state 1 "
_MAX_BYTES: Final = 16 << 20
log = logging.getLogger(__name__)


class Seconds(msgspec.Struct, frozen=True, gc=False):
    """Seconds that one target spent in each state."""

    up: float = 0.0
    down: float = 0.0
    unknown: float = 0.0

    def plus(self, state: State, seconds: float) -> "Seconds":
        """Return the counters with ``seconds`` more in ``state``."""
        return msgspec.structs.replace(self, **{state.value: getattr(self, state.value) + seconds})

    def sane(self) -> bool:
        """Whether these can be counters at all."""
        return all(0 <= value < 1e12 for value in (self.up, self.down, self.unknown))


class Stored(msgspec.Struct, frozen=True):
    """The file's content. ``counters`` by the identity of a target's series."""

    site: str
    counters: dict[str, Seconds]


class Damaged(Exception):  # noqa: N818 - the file is damaged; the message says how
    """A state file that cannot be believed."""


def encode(stored: Stored) -> bytes:
    """Return the file's bytes: a line with the checksum of what follows, then JSON."""
    body = msgspec.json.encode(stored)
    return _MAGIC + f"{zlib.crc32(body):08x}\n".encode() + body


def decode(raw: bytes) -> Stored:
    """Return the content of a state file. Raises :class:`Damaged`."""
    head, _, body = raw.partition(b"\n")
    if not head.startswith(_MAGIC):
        raise Damaged("not a state file")
    if head[len(_MAGIC) :] != f"{zlib.crc32(body):08x}".encode():
        raise Damaged("checksum does not match")
    try:
        stored = msgspec.json.decode(body, type=Stored)
    except msgspec.MsgspecError as error:
        raise Damaged(str(error)) from None
    if not all(seconds.sane() for seconds in stored.counters.values()):
        raise Damaged("a counter that cannot be")
    return stored


class Store:
    """The file. All methods block; :class:`StateBook` calls them in a thread of their own."""

    def __init__(self, directory: Path, site: str) -> None:
        self.path = directory / FILE_NAME
        self._site = site

    def load(self) -> dict[str, Seconds]:
        """Return the saved counters, empty where there is nothing to believe. Never raises OSError."""
        try:
            with self.path.open("rb") as file:
                stored = decode(file.read(_MAX_BYTES))
        except FileNotFoundError:
            return {}
        except (OSError, Damaged) as error:
            log.error(
                "state file cannot be used, counters start at 0",
                extra={"path": str(self.path), "why": str(error)},
            )
            self._set_aside()
            return {}
        if stored.site != self._site:
            log.warning("state file is of another site, counters start at 0", extra={"site": stored.site})
            return {}
        return stored.counters

    def save(self, counters: Mapping[str, Seconds]) -> None:
        """Replace the file, on disk when this returns. Raises OSError."""
        temporary = self.path.with_suffix(".new")
        raw = encode(Stored(self._site, dict(counters)))
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        self._sync_directory()

    def forget(self) -> None:
        """Remove the file for good. Raises OSError."""
        with contextlib.suppress(FileNotFoundError):  # the whole directory may be gone, and the file with it
            self.path.unlink(missing_ok=True)
            self._sync_directory()

    def _set_aside(self) -> None:
        with contextlib.suppress(OSError):
            self.path.replace(self.path.with_suffix(".damaged"))

    def _sync_directory(self) -> None:
        fd = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


class StateBook:
    """The counters: ``live`` as they are, ``shown`` as they may be exposed."""

    def __init__(self, store: Store | None) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, "state") if store else None
        self._failing = False
        self.errors = 0
        self.live: dict[str, Seconds] = {}
        self.shown: dict[str, Seconds] = {}

    async def load(self) -> None:
        """Read the store, and prove that it can be written before anything is shown from it."""
        if self._store is None or self._thread is None:
            return
        loop = asyncio.get_running_loop()
        self.live = await loop.run_in_executor(self._thread, self._store.load)
        await self.save()

    def open(self, key: str) -> None:
        """Begin to count for a target, so that it is shown with 0 before it has anything."""
        self.live.setdefault(key, Seconds())

    def credit(self, key: str, state: State, seconds: float) -> None:
        """Add seconds to a target's state."""
        self.live[key] = self.live.get(key, Seconds()).plus(state, seconds)

    def shown_of(self, key: str) -> Seconds | None:
        """Return what may be exposed of a target, None before anything of it is on disk."""
        return self.shown.get(key)

    def keep_only(self, keys: set[str]) -> None:
        """Forget targets that are gone."""
        for key in self.live.keys() - keys:
            del self.live[key]

    async def save(self) -> None:
        """Put the counters on disk, then show them. See the module for what happens when that fails."""
        snapshot = dict(self.live)
        if self._store is None or self._thread is None:
            self.shown = snapshot
            return
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, self._store.save, snapshot)
        except OSError as error:
            self._failed(error)
            with contextlib.suppress(OSError):
                await loop.run_in_executor(self._thread, self._store.forget)
                self.shown = snapshot
            return
        if self._failing:
            log.info("state counters are saved again")
        self._failing = False
        self.shown = snapshot

    def _failed(self, error: OSError) -> None:
        self.errors += 1
        if not self._failing:
            log.error("state counters cannot be saved", extra={"why": str(error)})
        self._failing = True

    def close(self) -> None:
        """Stop the thread."""
        if self._thread is not None:
            self._thread.shutdown(wait=False)
