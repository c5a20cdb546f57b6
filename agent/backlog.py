"""Sends what waited in the spool, newest first, at a bounded rate, over a connection of its own.

Live data never waits for it: it goes over another connection, and a request here is small beside what the
line carries in a second. The hub is spared too: after each request it is left alone for several times as
long as it took to answer, so that many agents which return together slow down with it. They begin at
different moments.

What the hub will never take is found by halves and given up; what it refuses now waits, and what lies
behind it does not.
"""

import asyncio
import logging
from collections import Counter
from typing import Final

import msgspec

from agent.backoff import Backoff, Random, chance
from agent.clock import HubClock
from agent.itself import Itself
from agent.live import Sender
from agent.remote_write import compress
from agent.sift import Bad, Sift
from agent.spool.fields import Damaged, singles, span_ms, split
from agent.spool.piece import Row
from agent.spool.spool import Spool
from agent.transport import Reply, Result
from inventory.names import DropReason

START_SECONDS: Final = 10.0
"""Agents that come back together begin within this time of each other."""
REST_FACTOR: Final = 3.0
REQUEST_SECONDS: Final = 0.5
"""A request holds at most what the rate allows in this time, so that a second never holds twice the rate."""
MIN_REQUEST_BYTES: Final = 4096
MAX_REQUEST_BYTES: Final = 256 << 10
OVERHEAD_BYTES: Final = 600
"""Headers of request and answer, TLS, TCP and IP."""
PATIENCE_SECONDS: Final = 60.0
PASS_OVER_SECONDS: Final = 60.0
STUBBORN: Final = 3
"""Failures of the hub over one row, while it takes live data, after which the row is looked into."""
log = logging.getLogger(__name__)


class _Later(msgspec.Struct):
    """A row that the hub did not take now: not before ``at``; how often it failed."""

    at: float
    failures: int = 0


class Given(msgspec.Struct):
    """What had to be given up of a row: the series, and how many samples for which reason."""

    dropped: list[bytes] = []
    too_old: int = 0
    refused: int = 0
    server_error: int = 0

    def without(self, raw: bytes) -> bytes | None:
        """Return what is left of a row, None where that is all of it."""
        if not self.dropped:
            return None
        gone = Counter(self.dropped)
        rest = []
        for field in split(raw):
            for one in [field] if gone[field] else singles(field):
                if gone[one]:
                    gone[one] -= 1
                else:
                    rest.append(one)
        return b"".join(rest)


class Interrupted(Exception):  # noqa: N818 - reads as what it says
    """The row has to wait; ``reply`` is why."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.result.value)
        self.reply = reply


class Backlog:
    """Drains ``spool`` at ``rate`` bytes per second whenever ``up`` is set; ``window_days``: how old a
    sample may be for the hub to take it."""

    def __init__(
        self,
        spool: Spool,
        sender: Sender,
        clock: HubClock,
        itself: Itself,
        up: asyncio.Event,
        *,
        rate: float,
        window_days: float,
        rng: Random = chance,
    ) -> None:
        self._spool, self._sender, self._clock, self._itself, self._up = spool, sender, clock, itself, up
        self._rate, self._rng = rate, rng
        self._window_ms = int(window_days * 86_400_000)
        self._most = max(MIN_REQUEST_BYTES, min(MAX_REQUEST_BYTES, int(rate * REQUEST_SECONDS)))
        self._limit = self._most
        self._backoff = Backoff(1.0, 60.0, rng)
        self._bad = Bad(clock.now)
        self._later: dict[int, _Later] = {}
        self._refusing = Backoff(60.0, 3600.0, rng)
        self._floor = self._last_floor = 0  # the hub takes nothing older than this row just now
        self._floor_until = 0.0
        self._free_at = 0.0
        self._left_out = 0  # of the row that is being sent

    async def run(self) -> None:
        """Drain for ever."""
        while True:
            await self._up.wait()
            await asyncio.sleep(START_SECONDS * self._rng())
            while self._up.is_set():
                self._spool.news.clear()
                row = await self._newest()
                if row is None:
                    await self._news()
                else:
                    await self._send_row(row)

    async def _news(self) -> None:
        """Wait until there is a new row, or one that was passed over may be tried again."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._spool.news.wait()
        except TimeoutError:
            pass

    async def _newest(self) -> Row | None:
        """Return the next row to send, but for those that are passed over."""
        now = self._clock.now()
        if self._floor_until <= now:
            self._floor = 0
        later = frozenset(seq for seq, later in self._later.items() if later.at > now)
        return await self._spool.newest(self._floor, later)

    async def _send_row(self, row: Row) -> None:
        try:
            given = await self._sent(row)
        except Interrupted as interrupted:
            self._pass_over(row, interrupted.reply)
            await asyncio.sleep(self._backoff.failed(interrupted.reply.retry_after_seconds))
        except Damaged as error:
            log.error("a row of the spool is damaged and given up", extra={"why": str(error)})
            self._itself.dropped[DropReason.DAMAGED] += row.samples
            await self._spool.settle(row, None, 0)
        else:
            self._backoff.worked()
            self._limit = min(self._most, self._limit * 2)
            await self._settle(row, given)

    async def _sent(self, row: Row) -> Given:
        """Send a row, and return what became of it. Raises :class:`Interrupted` and Damaged."""
        given, self._left_out = Given(), 0
        later = self._later.get(row.seq)
        if later is not None and later.failures >= STUBBORN:
            await self._sift(split(row.raw), given, stubborn=True)
            return given
        body = compress((row.raw,))
        if len(body) <= self._limit:
            reply = await self._send(body)
            if reply.result is not Result.OK:
                await self._answer(split(row.raw), reply, given)
            return given
        fields = split(row.raw)
        size = -(-len(fields) // -(-len(body) // self._limit))
        for start in range(0, len(fields), size):
            part = fields[start : start + size]
            reply = await self._send(compress(part))
            if reply.result is not Result.OK:
                await self._answer(part, reply, given)
        return given

    async def _settle(self, row: Row, given: Given) -> None:
        """Count what became of a row, once and for all."""
        given.refused += self._left_out
        dropped = self._itself.dropped
        dropped[DropReason.TOO_OLD] += given.too_old
        dropped[DropReason.REFUSED] += given.refused
        dropped[DropReason.SERVER_ERROR] += given.server_error
        rest = given.without(row.raw)
        samples = row.samples - given.too_old - given.refused - given.server_error
        self._itself.pushed += samples
        self._itself.backlog_sent += samples
        self._later.pop(row.seq, None)
        if row.seq <= self._last_floor:
            self._itself.hub_clock_alarms.discard("backlog")
            self._refusing.worked()
        await self._spool.settle(row, rest, samples)

    async def _answer(self, fields: list[bytes], reply: Reply, given: Given) -> None:
        """Do what an answer other than OK asks for. Raises :class:`Interrupted`."""
        if reply.result is Result.TOO_OLD:
            await self._without_old(fields, reply, given)
        elif reply.result is Result.REFUSED:
            await self._sift(fields, given)
        else:
            raise Interrupted(reply)

    async def _without_old(self, fields: list[bytes], reply: Reply, given: Given) -> None:
        """Give up what is outside the hub's window by the hub's own clock, and send the rest.

        Where nothing is, the hub's clock or a sample dated ahead is at fault, and everything is kept.
        """
        rest = self._young(fields, given)
        if len(rest) == len(fields):
            raise Interrupted(reply)
        if not rest:
            return
        reply = await self._send(compress(rest))
        if reply.result is Result.REFUSED:
            await self._sift(rest, given)
        elif reply.result is not Result.OK:
            raise Interrupted(reply)

    def _young(self, fields: list[bytes], given: Given) -> list[bytes]:
        """Return what is inside the window, and count what is not."""
        oldest_ms = round(self._clock.unix() * 1000) - self._window_ms
        if all(span_ms(field)[0] >= oldest_ms for field in fields):
            return fields
        ones = [one for field in fields for one in singles(field)]
        old = [one for one in ones if span_ms(one)[0] < oldest_ms]
        given.dropped += old
        given.too_old += len(old)
        return [one for one in ones if span_ms(one)[0] >= oldest_ms]

    async def _sift(self, fields: list[bytes], given: Given, *, stubborn: bool = False) -> None:
        """Find what the hub will never take. ``stubborn``: and what makes it fail, again and again; but a
        hub that fails over all of it has not said what is wrong."""
        sift = Sift(self._young(fields, given), self._bad)
        refusals = {Result.REFUSED, Result.SERVER_ERROR} if stubborn else {Result.REFUSED}
        reply: Reply | None = None
        while some := sift.next():
            reply = await self._send(compress(some))
            if reply.result is Result.OK:
                sift.taken()
            elif reply.result in refusals:
                sift.refused()
            else:
                raise Interrupted(reply)
        if stubborn and not sift.telling and reply is not None:
            raise Interrupted(reply)
        sift.learn()
        given.dropped += sift.dropped
        if stubborn:
            given.server_error += sift.dropped_samples
        else:
            given.refused += sift.dropped_samples

    async def _send(self, body: bytes) -> Reply:
        """Send when the rate allows, and only while the hub takes live data. Raises Interrupted."""
        await asyncio.sleep(max(0.0, self._free_at - self._clock.now()))
        started = self._clock.now()
        reply = await self._sender.send(body)
        self._itself.pushes[reply.result] += 1
        answer = max(0.0, reply.received_seconds - reply.sent_seconds)
        rest = max((len(body) + OVERHEAD_BYTES) / self._rate, REST_FACTOR * answer)
        self._free_at = max(started, self._clock.now()) + rest * (1 + 0.3 * self._rng())
        if reply.result is Result.OK:
            self._left_out += reply.left_out
            self._spool.heard_start(reply.start_unix)
        elif not self._up.is_set():
            raise Interrupted(reply)
        return reply

    def _pass_over(self, row: Row, reply: Reply) -> None:
        """Leave a row for later, if it is the row and not the line or the hub that is at fault."""
        if reply.result is Result.TIMEOUT:
            self._limit = max(MIN_REQUEST_BYTES, self._limit // 2)
        if not self._up.is_set():
            return
        now = self._clock.now()
        if reply.result is Result.TOO_OLD:
            self._alarm(reply)
            self._floor = self._last_floor = row.seq
            self._floor_until = now + self._refusing.failed()
        elif reply.result is Result.SERVER_ERROR:
            later = self._later.setdefault(row.seq, _Later(0.0))
            later.failures += 1
            if later.failures > STUBBORN:
                later.at = now + min(PASS_OVER_SECONDS * 2.0 ** (later.failures - STUBBORN), 3600.0)

    def _alarm(self, reply: Reply) -> None:
        alarms = self._itself.hub_clock_alarms
        if "backlog" not in alarms:
            log.error(
                "the hub refuses samples within its window as too old; they are kept",
                extra={"detail": reply.detail},
            )
        alarms.add("backlog")
