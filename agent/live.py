"""Sends what was just collected, newest state of things first; what fails waits in the spool.

Whatever is to be sent is in the spool already (see ``spool/``), so nothing is lost here: a request that
fails is not tried again, since by then there is something newer to say. What it held follows as backlog.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from agent.backoff import Backoff, Random, chance
from agent.clock import HubClock
from agent.itself import Itself
from agent.remote_write import compress
from agent.sift import Bad, Sift
from agent.spool.fields import sample_count, split
from agent.spool.piece import Fate, Piece
from agent.spool.spool import Spool
from agent.transport import Reply, Result
from inventory.names import DropReason

MAX_REQUEST_BYTES: Final = 1 << 20
"""Before compression."""
LEAST_GAP_SECONDS: Final = 0.2
RETRY_SECONDS: Final = 1.0
MAX_QUEUED_SECONDS: Final = 10.0
"""What is older is no news: it follows as backlog."""
MAX_SIFT_REQUESTS: Final = 64
"""To look for a bad series among what is current, which waits meanwhile; the rest is the backlog's work."""
_HAS_TROUBLE: Final = frozenset([Result.BUSY, Result.SERVER_ERROR, Result.TOO_OLD, Result.UNAUTHORISED])
log = logging.getLogger(__name__)


class Sender(Protocol):
    """What :class:`agent.transport.Transport` does."""

    async def send(self, body: bytes, timeout_seconds: float | None = None) -> Reply: ...

    async def close(self) -> None: ...


class Live:
    """Sends pieces over one connection, one request at a time; ``trusted`` is called when the clock is."""

    def __init__(
        self,
        clock: HubClock,
        spool: Spool,
        itself: Itself,
        sender: Sender,
        *,
        trusted: Callable[[], None],
        rng: Random = chance,
    ) -> None:
        self._clock, self._spool, self._itself, self._sender = clock, spool, itself, sender
        self._trusted = trusted
        self._backoff = Backoff(1.0, 8.0, rng)
        self._bad = Bad(clock.now)
        self._queue: list[Piece] = []
        self._wake = asyncio.Event()
        self._not_before = 0.0
        self.up = asyncio.Event()
        """Set while the hub takes live samples."""
        self.last_result = Result.OK

    def offer(self, pieces: Iterable[Piece]) -> None:
        """Have pieces sent that the spool holds."""
        oldest = self._clock.now() - MAX_QUEUED_SECONDS
        _none_in_flight([piece for piece in self._queue if piece.made_seconds < oldest])
        self._queue = [piece for piece in self._queue if piece.made_seconds >= oldest]
        for piece in pieces:
            piece.in_flight = True
            self._queue.append(piece)
        self._wake.set()

    def ask(self) -> None:
        """Have the hub asked for its time, if nothing else is to be sent."""
        self._wake.set()

    async def run(self) -> None:
        """Send for ever."""
        while True:
            await self._wake.wait()
            left = self._not_before - self._clock.now()
            await asyncio.sleep(max(left, 0.0))
            self._wake.clear()
            await self._send_all()
            await asyncio.sleep(LEAST_GAP_SECONDS)  # what comes meanwhile goes into one request

    async def send_last(self, pieces: list[Piece], timeout_seconds: float) -> None:
        """Send what ends the series; a single try."""
        reply = await self._send(pieces, timeout_seconds)
        self._settle(pieces, reply)

    async def _send_all(self) -> None:
        """Send what is there, in requests; with one that fails, the rest is left to the spool."""
        if not self._clock.trusted:
            _none_in_flight(self._queue)
            self._queue = []
            await self._send([])
            return
        while self._queue:
            pieces = self._next()
            reply = await self._send(pieces)
            if reply.result is Result.REFUSED:
                await self._sift(pieces)
            elif not self._settle(pieces, reply):
                _none_in_flight(self._queue)
                self._queue = []
            _none_in_flight(pieces)

    def _next(self) -> list[Piece]:
        """Take what fits into one request: first what is small and current."""
        self._queue.sort(key=lambda piece: not piece.first)
        size, count = 0, 0
        for piece in self._queue:
            size += len(piece.raw)
            if count and size > MAX_REQUEST_BYTES:
                break
            count += 1
        pieces, self._queue = self._queue[:count], self._queue[count:]
        return pieces

    async def _send(self, pieces: list[Piece], timeout_seconds: float | None = None) -> Reply:
        if self._bad:
            for piece in pieces:
                self._strip(piece)
        reply = await self._sender.send(compress(piece.raw for piece in pieces), timeout_seconds)
        self._note(reply, carried=any(piece.samples for piece in pieces))
        return reply

    def _note(self, reply: Reply, *, carried: bool = True) -> None:
        """Learn from an answer: the hub's clock, when it was started, and whether pushing works.
        ``carried``: there were samples in the request, so that an answer says something about them."""
        self._itself.pushes[reply.result] += 1
        self._itself.push_durations.observe(reply.received_seconds - reply.sent_seconds)
        before = self._clock.trusted
        if reply.date_unix is not None and reply.result is not Result.UNEXPECTED:
            self._clock.observe(reply.sent_seconds, reply.received_seconds, reply.date_unix)
            if self._clock.trusted and not before:
                self._trusted()
        if reply.result is not self.last_result:
            level = logging.INFO if reply.result is Result.OK else logging.WARNING
            log.log(level, "push: %s", reply.result.value, extra={"detail": reply.detail})
        back = reply.result is Result.OK and self.last_result is not Result.OK
        self.last_result = reply.result
        if reply.result is Result.OK:
            self._worked(reply, back=back, carried=carried)
        else:
            self._failed(reply)

    def _worked(self, reply: Reply, *, back: bool, carried: bool) -> None:
        self._backoff.worked()
        self._not_before = 0.0
        self._itself.hub_clock_alarms.discard("live")
        self._spool.heard_start(reply.start_unix)
        if back:
            self._spool.flush_soon()
        if carried:
            self.up.set()

    def _failed(self, reply: Reply) -> None:
        if reply.result is Result.TOO_OLD and "live" not in self._itself.hub_clock_alarms:
            log.error(
                "the hub refuses what was just measured as too old: its clock is wrong, or somebody sent"
                " a sample dated ahead; everything is kept",
                extra={"detail": reply.detail},
            )
            self._itself.hub_clock_alarms.add("live")
        if reply.result is not Result.REFUSED:
            self.up.clear()
        trouble = reply.result in _HAS_TROUBLE
        wait = self._backoff.failed(reply.retry_after_seconds) if trouble else RETRY_SECONDS
        self._not_before = self._clock.now() + wait if reply.result is not Result.REFUSED else 0.0

    def _settle(self, pieces: list[Piece], reply: Reply) -> bool:
        """Note what was taken; returns whether it was. What was not waits in the spool as it is."""
        if reply.result is not Result.OK:
            return False
        counted = [piece for piece in pieces if not piece.written]  # else its row is sent, and counts
        for piece in counted:
            piece.fate = Fate.ACKED
            self._itself.pushed += piece.samples
        if counted:
            self._itself.pushed -= reply.left_out
            self._itself.dropped[DropReason.REFUSED] += reply.left_out
        if pieces:
            self._itself.delivered_seconds = reply.sent_seconds
        return True

    async def _sift(self, pieces: list[Piece]) -> None:
        """Find what the hub will never take, in a bounded number of requests.

        Nothing is given up while it takes nothing at all: then something else is wrong.
        """
        left = MAX_SIFT_REQUESTS
        sifts = [(piece, Sift(split(piece.raw), self._bad)) for piece in pieces]
        for _, sift in sifts:
            while left > 0 and (fields := sift.next()):
                left -= 1
                reply = await self._sender.send(compress(fields))
                self._note(reply)
                if reply.result is Result.OK:
                    sift.taken()
                elif reply.result is Result.REFUSED:
                    sift.refused()
                else:
                    return
        if any(sift.telling for _, sift in sifts):
            for piece, sift in sifts:
                self._sifted(piece, sift)
        else:
            self.up.clear()
            self._not_before = self._clock.now() + self._backoff.failed()

    def _sifted(self, piece: Piece, sift: Sift) -> None:
        """What is left of a piece was taken, and the rest is given up, if all of it was looked at."""
        sift.learn()
        if sift.good:
            self._itself.delivered_seconds = self._clock.now()
        if not sift.complete or piece.written:
            return
        self._itself.dropped[DropReason.REFUSED] += sift.dropped_samples
        _leave(piece, sift.good)
        self._itself.pushed += piece.samples
        piece.fate = Fate.ACKED if sift.good else Fate.GONE

    def _strip(self, piece: Piece) -> None:
        """Leave out what the hub did not want lately."""
        fields = split(piece.raw)
        good = [field for field in fields if self._bad.wanted(field)]
        if len(good) < len(fields) and not piece.written:
            before = piece.samples
            _leave(piece, good)
            self._itself.dropped[DropReason.REFUSED] += before - piece.samples


def _none_in_flight(pieces: Iterable[Piece]) -> None:
    for piece in pieces:
        piece.in_flight = False


def _leave(piece: Piece, fields: list[bytes]) -> None:
    piece.raw = b"".join(fields)
    piece.samples = sum(sample_count(field) for field in fields)
