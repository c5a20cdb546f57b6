"""The spool's file and what stands in for it: nothing that a disk does stops the measuring.

While the file cannot be used, rows go to memory (a few MB, hours of one site), and move to the file when it
works again. What is wrong with a file decides:

- damaged, or not this site's: it is renamed, with the time in its name, and a new one begun;
- locked by somebody: it is left alone and tried again, since it still holds what waits;
- full disk, read-only file system, input/output errors: tried again with each write.

Blocks; runs in the spool's own thread. Raises nothing that a file system or SQLite does.
"""

import contextlib
import errno
import logging
import os
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from agent.spool.held import Held
from agent.spool.piece import NewRow, Row
from agent.spool.store import BROKEN, LOG_BYTES, NotOurs, Store, Unreadable
from inventory.names import DropReason

FILE_NAME: Final = "spool.db"
MEMORY_BYTES: Final = 4 << 20
MAX_SET_ASIDE: Final = 3
_TOP: Final = (1 << 63) - 1
_PRIMARY: Final = 0xFF
log = logging.getLogger(__name__)


class Trouble(StrEnum):
    """Why the file cannot be used; values of the label ``kind``."""

    CORRUPT = "corrupt"
    LOCKED = "locked"
    FULL = "full"
    UNUSABLE = "unusable"


class Limits(msgspec.Struct, frozen=True):
    """How much is kept (bytes of the file and its log), and for how long what was acknowledged is."""

    bytes: int
    days: float
    acked_seconds: float = 600.0


class Shelf:
    """Rows on disk, else in memory. ``path`` None: memory only."""

    def __init__(
        self,
        directory: Path | None,
        site: str,
        limits: Limits,
        now: Callable[[], float],
        first_seq: int | None = None,
    ) -> None:
        self.path = None if directory is None else directory / FILE_NAME
        self.limits = limits
        self.facts: dict[str, str] = {}
        self.errors: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        """Samples given up since :meth:`taken_lost`, by reason."""
        self._site, self._now = site, now
        self._disk: Store | None = None
        self._memory: Store | None = None
        self._trouble: Trouble | None = None
        self._unsaved: dict[str, str] = {}
        self._owed: dict[int, tuple[float, bytes | None, int] | None] = {}
        # Rows are numbered before the file is open, and must not be taken for those in it.
        self._next = time.time_ns() // 1_000_000 if first_seq is None else first_seq
        self._held = Held()  # by the file, as of late

    @property
    def in_memory(self) -> bool:
        """Whether what is kept now is not on disk."""
        return self._trouble is not None or self.path is None

    def open(self) -> None:
        """Open the file, or whatever stands in for it."""
        self._reopen()

    def close(self) -> None:
        """Move what is in memory to the file if that works, and close it."""
        self._on_disk(lambda _: None)
        if self._memory is not None:
            samples = self._memory.stats().samples
            if samples:
                self.lost[DropReason.STOPPED] += samples
            self._memory.close()
        if self._disk is not None:
            with contextlib.suppress(*BROKEN):
                self._disk.close()
        self._disk = self._memory = None

    def write(self, rows: Sequence[NewRow], replaced: Sequence[int] = ()) -> list[int]:
        """Keep rows in place of others; returns their seqs."""
        seqs = list(range(self._next, self._next + len(rows)))
        self._next += len(rows)
        named = dict(zip(seqs, rows, strict=True))
        facts = dict(self._unsaved)
        if self._on_disk(lambda disk: disk.write(named, replaced, facts)):
            for name, value in facts.items():
                if self._unsaved.get(name) == value:  # else it was noted anew meanwhile
                    del self._unsaved[name]
            if self._memory is not None and replaced:
                self._memory.write({}, replaced, {})
        elif named or replaced:
            self._spare().write(named, replaced, {})
            self.lost[DropReason.FULL] += self._spare().shrink_to(MEMORY_BYTES)
            for seq in replaced:
                self._owed.setdefault(seq, None)
        return seqs

    def note(self, name: str, value: str) -> None:
        """Remember a fact; it is on disk after the next :meth:`write`."""
        if self.facts.get(name) != value:
            self.facts[name] = self._unsaved[name] = value

    def newest(self, above: int = 0, passed_over: frozenset[int] = frozenset()) -> Row | None:
        """Return the newest row that waits, with a seq above that one, but for those."""
        found = [
            row
            for store in (self._memory, self._disk)
            if store is not None and (row := self._newest_of(store, passed_over)) is not None
        ]
        newest = max(found, key=lambda row: row.seq, default=None)
        return newest if newest is not None and newest.seq > above else None

    def acked(self, seq: int, rest: bytes | None, samples: int, *, keep: bool) -> None:
        """Note that the hub took a row; ``rest`` is what of it, where not all. ``keep``: for a while."""
        how = (self._now(), rest, samples) if keep and samples else None
        if self._memory is not None:
            _settle(self._memory, seq, how)
        if self._disk is not None and not self._try(lambda disk: _settle(disk, seq, how)):
            self._owed[seq] = how

    def resend(self) -> int:
        """Let what was acknowledged wait again; returns its samples."""
        self._pay()
        samples = 0 if self._memory is None else self._memory.resend()
        for seq in [seq for seq, how in self._owed.items() if how is not None]:
            del self._owed[seq]
        found: list[int] = []
        self._try(lambda disk: found.append(disk.resend()))
        return samples + sum(found)

    def date(self, boot: str, epoch_ms: int, others_right: bool, now_ms: int) -> bool:
        """Date what is not; False when the file did not let us."""
        if self._memory is not None:
            self.lost[DropReason.UNDATED] += self._memory.date(boot, epoch_ms, others_right, now_ms)
        lost: list[int] = []
        done = self._disk is None or self._try(
            lambda disk: lost.append(disk.date(boot, epoch_ms, others_right, now_ms))
        )
        self.lost[DropReason.UNDATED] += sum(lost)
        return done and (self._disk is not None or self.path is None)

    def tidy(self, now_ms: int | None) -> None:
        """Keep the bounds. ``now_ms`` None: no clock says how old anything is."""
        before = self._now() - self.limits.acked_seconds
        for store, size in ((self._memory, MEMORY_BYTES), (self._disk, self.limits.bytes - LOG_BYTES)):
            if store is not None:
                self._tidy(store, size, before, now_ms)

    def stats(self) -> Held:
        """Return what is held."""
        if self._disk is not None:
            with contextlib.suppress(*BROKEN):
                self._held = self._disk.stats()
        return self._held if self._memory is None else self._held.plus(self._memory.stats())

    def taken_lost(self) -> Counter[str]:
        """Return what was given up since the last time, by reason."""
        lost, self.lost = self.lost, Counter()
        return +lost

    def _tidy(self, store: Store, size: int, before_seconds: float, now_ms: int | None) -> None:
        def work(on: Store) -> None:
            on.expire_acked(before_seconds)
            if now_ms is not None:
                oldest = now_ms - int(self.limits.days * 86_400_000)
                self.lost[DropReason.AGED] += on.expire_aged(oldest)
            self.lost[DropReason.FULL] += on.shrink_to(size)
            on.forget_shapes()
            on.give_back()

        if store is self._memory:
            work(store)
        else:
            self._try(work)

    def _newest_of(self, store: Store, passed_over: frozenset[int]) -> Row | None:
        below = _TOP
        while True:
            try:
                return store.newest(below, passed_over | self._owed.keys())
            except Unreadable as damaged:
                log.error("a row of the spool is damaged and given up", extra={"why": str(damaged)})
                self.lost[DropReason.DAMAGED] += damaged.samples
                self.errors[Trouble.CORRUPT] += 1
                below = damaged.seq
                self.acked(damaged.seq, None, 0, keep=False)
            except BROKEN as error:
                if store is self._disk:
                    self._failed(error)
                return None

    def _on_disk(self, work: Callable[[Store], object]) -> bool:
        """Do something with the file, opened again where it has to be; first what is owed to it."""
        for _ in range(2):
            if self._disk is None:
                self._reopen()
            else:
                self._replace_if_removed(self._disk)
            if self._pay() and self._try(work):
                self._well()
                return True
            if self._trouble is not Trouble.CORRUPT:
                break  # else it has been set aside by now, and a new one takes the work
        return False

    def _pay(self) -> bool:
        """Do what the file could not do before: settle rows, and take those from memory."""
        for seq, how in list(self._owed.items()):
            if not self._try(partial(_settle, seq=seq, how=how)):
                return False
            self._owed.pop(seq, None)
        memory = self._memory
        if memory is not None and memory.last_seq():
            return self._try(memory.move_to)
        return self._disk is not None

    def _try(self, work: Callable[[Store], object]) -> bool:
        if self._disk is None:
            return False
        try:
            work(self._disk)
        except BROKEN as error:
            self._failed(error)
            return False
        return True

    def _spare(self) -> Store:
        if self._memory is None:
            self._memory = Store(None, self._site, self._now())
        return self._memory

    def _replace_if_removed(self, gone: Store) -> None:
        """Where the file was removed under us, move what it held to a new one."""
        if self.path is None or gone.is_at(self.path):
            return
        log.error(
            "the spool's file was removed; what it held goes to a new one", extra={"path": str(self.path)}
        )
        self._disk = None
        for suffix in ("-wal", "-shm"):
            with contextlib.suppress(OSError):
                self.path.with_name(self.path.name + suffix).unlink()
        if self._reopen():
            self._try(gone.move_to)
        with contextlib.suppress(*BROKEN):
            gone.close()

    def _reopen(self) -> bool:
        for _ in range(2):
            if self.path is None:
                return False
            if self._opened(self.path):
                return True
            if self._trouble is not Trouble.CORRUPT:
                break  # else it has been set aside by now
        return False

    def _opened(self, path: Path) -> bool:
        try:
            _prepare(path)
            disk = Store(path, self._site, self._now())
        except BROKEN as error:
            self._failed(error)
            return False
        self._disk = disk
        self.facts = {**disk.facts(), **self._unsaved}
        self._next = max(self._next, disk.last_seq() + 1)
        self._well()  # opening writes
        return True

    def _failed(self, error: Exception) -> None:
        kind = _kind(error)
        self.errors[kind] += 1
        if kind is not self._trouble:
            log.error(
                "the spool's file cannot be used (%s); measuring goes on, what waits is kept in memory",
                kind.value,
                extra={"path": str(self.path), "why": str(error)},
            )
        self._trouble = kind
        if kind is Trouble.CORRUPT:
            self._set_aside()

    def _well(self) -> None:
        if self._trouble is not None:
            log.info("the spool's file is used again", extra={"path": str(self.path)})
        self._trouble = None

    def _set_aside(self) -> None:
        """Rename the file and what belongs to it; the oldest that were set aside make room."""
        assert self.path is not None  # noqa: S101 - there is no trouble without a file
        if self._disk is not None:
            with contextlib.suppress(*BROKEN):
                self._disk.close()
            self._disk = None
        self.lost[DropReason.DAMAGED] += self._held.samples
        self._held = Held()
        self._owed.clear()
        self._unsaved = dict(self.facts, **self._unsaved)
        self._unsaved.pop("site", None)
        aside = f"{self.path.name}.damaged-{time.time_ns() // 1_000_000}"
        with contextlib.suppress(OSError):
            for suffix in ("-wal", "-shm", ""):
                part = self.path.with_name(self.path.name + suffix)
                if part.exists():
                    part.replace(self.path.with_name(aside + suffix))
            log.error("the damaged spool was set aside", extra={"path": aside})
            self._make_room(sorted(self.path.parent.glob(f"{self.path.name}.damaged-*[0-9]")))

    def _make_room(self, aside: Sequence[Path]) -> None:
        """Remove the oldest of what was set aside: a few are kept, and no more than a spool holds."""
        size = 0
        for place, old in enumerate(reversed(aside)):
            parts = list(old.parent.glob(f"{old.name}*"))
            size += sum(part.stat().st_size for part in parts)
            if place and (place >= MAX_SET_ASIDE or size > self.limits.bytes):
                for part in parts:
                    part.unlink()


def _settle(store: Store, seq: int, how: tuple[float, bytes | None, int] | None) -> None:
    if how is None:
        store.forget(seq)
    else:
        store.acked(seq, *how)


def _prepare(path: Path) -> None:
    """Make the directory, and the file readable for us only. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


_KINDS: Final[Mapping[int, Trouble]] = {
    sqlite3.SQLITE_CORRUPT: Trouble.CORRUPT,
    sqlite3.SQLITE_NOTADB: Trouble.CORRUPT,
    sqlite3.SQLITE_ERROR: Trouble.CORRUPT,  # our statements are right, so a table or column is not there
    sqlite3.SQLITE_BUSY: Trouble.LOCKED,
    sqlite3.SQLITE_LOCKED: Trouble.LOCKED,
    sqlite3.SQLITE_PROTOCOL: Trouble.LOCKED,
    sqlite3.SQLITE_FULL: Trouble.FULL,
}


def _kind(error: Exception) -> Trouble:
    if isinstance(error, NotOurs):
        return Trouble.CORRUPT
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_INTERNAL)
        return _KINDS.get(code & _PRIMARY, Trouble.UNUSABLE)
    if isinstance(error, OSError):
        return Trouble.FULL if error.errno == errno.ENOSPC else Trouble.UNUSABLE
    return Trouble.CORRUPT
