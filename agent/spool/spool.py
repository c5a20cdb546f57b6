"""What waits for the hub: the last minute in memory, everything before it on disk.

Every piece that is collected comes here first, then is sent. A minute later at most, what the hub did not
take by then is written as one row (what it took too, if the hub says when it was started: see below). A
change of state is written at once. So ``kill -9`` costs at most a minute of samples that show no change.

What was acknowledged is kept ten minutes and waits again when the hub's start time changes: Prometheus
writes its log to disk late, and a hub that loses power loses what it acknowledged last. Sending again is
harmless, since a sample never changes.

All SQLite runs in one thread of its own; nothing on the loop waits for it but those who need a row.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import msgspec

from agent.clock import HubClock, Remembered
from agent.spool.held import Held
from agent.spool.piece import Fate, Piece, Row, rows_of
from agent.spool.shelf import Shelf
from inventory.names import DropReason

FLUSH_SECONDS: Final = 50.0
"""A sample is on disk, or at the hub, 60 s after it was made at the latest; writing takes its time."""
FLUSH_BYTES: Final = 2 << 20
FLUSH_SOONER_SECONDS: Final = 10.0
IN_FLIGHT_SECONDS: Final = 20.0
"""An answer to a piece is waited for as long before it is written: what was taken meanwhile need not be."""
MAX_MEMORY_BYTES: Final = 16 << 20
"""Of pieces that cannot be handed over since the disk does not answer at all."""
LOOK_SECONDS: Final = 5.0
"""What is held is looked at so often while it drains: that goes through all rows."""
_SAME_START_SECONDS: Final = 1.0
_MAX_STARTS: Final = 16
log = logging.getLogger(__name__)
T = TypeVar("T")


class Spool:
    """Keeps pieces until the hub has them. ``dropped`` counts what is given up, by reason."""

    def __init__(self, shelf: Shelf, clock: HubClock, dropped: Counter[str]) -> None:
        self.stats = Held()
        self.resent = 0
        self.news = asyncio.Event()
        """Set when a row was written, or waits again."""
        self._shelf, self._clock, self._dropped = shelf, clock, dropped
        self._thread = ThreadPoolExecutor(1, "spool")
        self._pieces: list[Piece] = []
        self._bytes = 0
        self._wake = asyncio.Event()
        self._flush_now = False
        self._undated = True  # the file may hold some
        self._resend = False
        self._starts: list[float] = []
        self._looked = 0.0

    @property
    def errors(self) -> Counter[str]:
        """Failures of the file, by kind."""
        return self._shelf.errors

    @property
    def in_memory(self) -> bool:
        """Whether the file cannot be used."""
        return self._shelf.in_memory

    @property
    def limit_bytes(self) -> int:
        """What the file may take on disk."""
        return self._shelf.limits.bytes

    async def open(self) -> None:
        """Open the file; learn what the last run knew of the hub."""
        await self._call(self._shelf.open)
        facts = self._shelf.facts
        with contextlib.suppress(KeyError, ValueError):
            self._starts = [float(facts["hub_start"])]
        with contextlib.suppress(KeyError, msgspec.MsgspecError):
            self._clock.recall(msgspec.json.decode(facts["clock"], type=Remembered))
        await self._look()

    async def close(self) -> None:
        """Write what is not written and close the file."""
        await self._flush(closing=True)
        await self._call(self._shelf.close)
        await self._take_losses()
        self._thread.shutdown(wait=False)

    def bound(self, spool_bytes: int, days: float) -> None:
        """Take new limits."""
        self._shelf.limits = msgspec.structs.replace(self._shelf.limits, bytes=spool_bytes, days=days)

    def take(self, piece: Piece) -> None:
        """Keep a piece that was just collected, whose fate is open; let go of what is settled."""
        while self._pieces and not self._held(self._pieces[0]):
            self._bytes -= len(self._pieces.pop(0).raw)
        self._pieces.append(piece)
        self._bytes += len(piece.raw)
        self._undated |= piece.epoch_ms is not None
        while self._bytes > MAX_MEMORY_BYTES:
            oldest = self._pieces.pop(0)
            self._bytes -= len(oldest.raw)
            self._dropped[DropReason.FULL] += oldest.samples if oldest.fate is Fate.WAITING else 0
        if self._bytes > MAX_MEMORY_BYTES // 2:
            self.flush_soon()
        elif piece.change or self._bytes > FLUSH_BYTES:
            self._wake.set()

    def flush_soon(self) -> None:
        """Write what waits now, so that it can follow: the hub is back."""
        self._flush_now = True
        self._wake.set()

    def heard_start(self, start_unix: float | None) -> None:
        """Take in the hub's start time; a new one makes everything acknowledged before wait again.

        One that was seen before changes nothing: two hubs may answer in turn.
        """
        if start_unix is None or any(abs(start_unix - one) < _SAME_START_SECONDS for one in self._starts):
            return
        if self._starts:
            log.warning("the hub was started anew; what it acknowledged in the last minutes is sent again")
            for piece in self._pieces:
                if piece.fate is Fate.ACKED:
                    piece.fate = Fate.WAITING
                    self.resent += piece.samples
            self._resend = True
        self._starts = [*self._starts[1 - _MAX_STARTS :], start_unix]
        self._shelf.note("hub_start", repr(start_unix))
        self.flush_soon()

    @property
    def keeps_acked(self) -> bool:
        """Whether acknowledged samples could ever have to be sent again."""
        return bool(self._starts)

    async def run(self) -> None:
        """Write for ever."""
        while True:
            try:
                async with asyncio.timeout(self._patience()):
                    await self._wake.wait()
            except TimeoutError:
                self._flush_now = True
            self._wake.clear()
            await self._work()

    async def newest(self, above: int = 0, passed_over: frozenset[int] = frozenset()) -> Row | None:
        """Return the newest row that waits and is dated, with a seq above that one, but for those."""
        return await self._call(lambda: self._shelf.newest(above, passed_over))

    async def settle(self, row: Row, rest: bytes | None, samples: int) -> None:
        """Note that the hub took ``samples`` of a row; ``rest`` are those, where that is not all."""
        keep = self.keeps_acked
        await self._call(lambda: self._shelf.acked(row.seq, rest, samples, keep=keep))
        self.stats = self.stats.less(row.samples)
        if self._clock.now() - self._looked >= LOOK_SECONDS or not self.stats.waiting:
            await self._look()

    def _patience(self) -> float:
        """Return seconds until something has to be written; what comes meanwhile is due later."""
        now = self._clock.now()
        seconds = FLUSH_SECONDS if self._bytes <= FLUSH_BYTES else min(FLUSH_SECONDS, FLUSH_SOONER_SECONDS)
        due = (
            piece.made_seconds + max(seconds, IN_FLIGHT_SECONDS if piece.in_flight else 0.0)
            for piece in self._pieces
            if self._held(piece)
        )
        return max(0.0, min(due, default=now + seconds) - now)

    def _worth(self, piece: Piece) -> bool:
        """Whether a piece has to be on disk."""
        return piece.fate is Fate.WAITING or (piece.fate is Fate.ACKED and self.keeps_acked)

    def _held(self, piece: Piece) -> bool:
        """Whether a piece is of any use: it has to be on disk, or stands for a row that is."""
        return self._worth(piece) or piece.seq is not None

    async def _work(self) -> None:
        self._pieces = [piece for piece in self._pieces if self._held(piece)]
        self._bytes = sum(len(piece.raw) for piece in self._pieces)
        if self._flush_now:
            self._flush_now = False
            await self._flush()
        await self._write_changes()  # also of those that a flush leaves out while their answer is awaited
        if self._resend:
            self._resend = False
            self.resent += await self._call(self._shelf.resend)
        await self._look()

    async def _write_changes(self) -> None:
        """Write pieces with a change as rows of their own, for as long as their minute lasts."""
        pieces = [one for one in self._pieces if one.change and one.seq is None and one.fate is Fate.WAITING]
        for piece in pieces:
            for row in rows_of([piece], self._clock.boot):  # none where the hub refused it meanwhile
                part = msgspec.structs.replace(row, fate=Fate.PART)
                (piece.seq,) = await self._call(lambda part=part: self._shelf.write([part]))  # type: ignore[misc]  # the default binds the loop's variable

    async def _flush(self, *, closing: bool = False) -> None:
        """Write the minute as it is now, and date what could not be dated before."""
        self._note_clock()
        young = self._clock.now() - (0.0 if closing else IN_FLIGHT_SECONDS)
        flying = [piece for piece in self._pieces if piece.in_flight and piece.made_seconds > young]
        pieces = [piece for piece in self._pieces if not (piece.in_flight and piece.made_seconds > young)]
        self._pieces, self._bytes = flying, sum(len(piece.raw) for piece in flying)
        worth = [piece for piece in pieces if self._worth(piece)]
        replaced = [piece.seq for piece in pieces if piece.seq is not None]
        boot, rows = self._clock.boot, list(rows_of(worth, self._clock.boot))
        for piece in pieces:
            piece.written = True
        if rows or replaced or self._shelf.in_memory:
            await self._call(lambda: self._shelf.write(rows, replaced))
        if self._undated and self._clock.trusted:
            epoch_ms, now_ms = round(self._clock.epoch_seconds * 1000), round(self._clock.unix() * 1000)
            right = self._clock.own_right
            self._undated = not await self._call(lambda: self._shelf.date(boot, epoch_ms, right, now_ms))
        now = round(self._clock.unix() * 1000) if self._clock.trusted else None
        if not closing:  # who is to stop has no time for it
            await self._call(lambda: self._shelf.tidy(now))

    def _note_clock(self) -> None:
        """Remember what is known of the hub's clock, for a start without the hub in the same boot."""
        known = self._clock.remember()
        if known is not None:
            self._shelf.note("clock", msgspec.json.encode(known).decode())

    async def _look(self) -> None:
        """See what is held now, and count what had to go."""
        self._looked = self._clock.now()
        self.stats = await self._call(self._shelf.stats)
        await self._take_losses()
        if self.stats.waiting:
            self.news.set()

    async def _take_losses(self) -> None:
        self._dropped.update(await self._call(self._shelf.taken_lost))

    async def _call(self, work: Callable[[], T]) -> T:
        """Run something in the spool's thread. It is done even if whoever waits is cancelled."""
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work))
