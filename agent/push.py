"""What is pushed when: tiers, and what is urgent. What is collected goes to the spool, and from there out.

Heartbeats go every 2 s, states and results every few seconds and at once on a change, everything else
every half minute. Collecting keeps its pace whether the hub answers or not; ``live.py`` sends what was
just collected, ``backlog.py`` what waited.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

from agent import schedule
from agent.backlog import Backlog
from agent.backoff import Random, chance
from agent.clock import HubClock
from agent.collect import Collector, Work
from agent.config import Push
from agent.expose import Group, Tier
from agent.itself import Itself
from agent.live import Live, Sender
from agent.spool.piece import Piece
from agent.spool.spool import Spool
from agent.transport import Result

LEAST_GAP_SECONDS: Final = 0.2
LAST_WORD_SECONDS: Final = 1.2


class Pusher:
    """Pushes ``groups`` until cancelled; :meth:`last_word` ends all series. ``senders``: for live data,
    and for what waited."""

    def __init__(
        self,
        push: Push,
        clock: HubClock,
        groups: Mapping[str, Group],
        itself: Itself,
        spool: Spool,
        *,
        senders: tuple[Sender, Sender],
        window_days: float = 15.0,
        rng: Random = chance,
    ) -> None:
        self._clock, self._spool, self._senders = clock, spool, senders
        now = clock.now()
        self._slots = {
            Tier.HEARTBEAT: schedule.grid(itself.site, now, push.heartbeat_seconds),
            Tier.DETAIL: schedule.grid(itself.site, now, push.detail_seconds),
        }
        self._collector = Collector(clock, groups)
        self.live = Live(clock, spool, itself, senders[0], trusted=self._dated, rng=rng)
        self._backlog = Backlog(
            spool,
            senders[1],
            clock,
            itself,
            self.live.up,
            rate=push.backlog_bytes_per_second,
            window_days=window_days,
            rng=rng,
        )
        self._wake = asyncio.Event()
        self._urgent: set[str] = set()
        self._whole: set[str] = set()
        self._change = False
        self._all_states = False
        self._owed: set[Tier] = set()  # due again, since they could not be dated when they were

    @property
    def last_result(self) -> Result:
        """What became of the last live request."""
        return self.live.last_result

    @property
    def working(self) -> bool:
        """Whether the hub took the last live request."""
        return self.last_result is Result.OK

    def urge(self, keys: Iterable[str] | None = None, *, whole: bool = False, change: bool = False) -> None:
        """Push the states of some groups now, or of all (None); ``whole``: all that these groups have;
        ``change``: a state changed, which must not be lost whatever happens next."""
        if keys is not None and whole:
            self._whole.update(keys)
        elif keys is None:
            self._all_states = True
        else:
            self._urgent.update(keys)
        self._change |= change
        self._wake.set()

    def follow(self, other: "Pusher") -> None:
        """Go on where ``other`` stopped, knowing what the hub was told."""
        self._collector.follow(other._collector)

    async def run(self) -> None:
        """Push for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._collect_all())
            tasks.create_task(self.live.run())
            tasks.create_task(self._backlog.run())

    async def last_word(self) -> None:
        """Push the last values and end every series. Takes at most 1.2 s; the spool holds what fails."""
        pieces: list[Piece] = []
        self._collector.end(pieces.append)
        for piece in pieces:
            self._spool.take(piece)
        if self._clock.trusted:
            await self.live.send_last(pieces, LAST_WORD_SECONDS)

    async def close(self) -> None:
        """Close the connections."""
        for sender in self._senders:
            await sender.close()

    async def _collect_all(self) -> None:
        """Collect for ever what is due or urgent; what changes within a moment goes into one request."""
        while True:
            await self._wait()
            self._clock.watch()
            work = self._work()
            change, self._change = self._change, False
            pieces = await self._collector.collect(work, self._spool.take, change=change)
            if self._clock.trusted:
                # What was begun before the hub told its time is dated by this machine's clock: it waits.
                self.live.offer([piece for piece in pieces if piece.epoch_ms is None])
            else:
                self.live.ask()
            await asyncio.sleep(LEAST_GAP_SECONDS)

    async def _wait(self) -> None:
        """Wait until a tier is due or somebody urges."""
        due = min(slots.next_seconds() for slots in self._slots.values())
        left = max(0.0, due - self._clock.now())
        try:
            async with asyncio.timeout(left):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    def _dated(self) -> None:
        """The clock is trusted from now on: everything is said anew, and what waits can be dated."""
        self._all_states = True
        self._owed = set(self._slots)
        self._spool.flush_soon()
        self._wake.set()

    def _use_slots(self) -> set[Tier]:
        now = self._clock.now()
        due = {tier for tier, slots in self._slots.items() if slots.next_seconds() <= now + 0.001}
        for tier in due:
            self._slots[tier].use(now)
        owed, self._owed = self._owed, set()
        return due | owed

    def _work(self) -> Work:
        """Take what is to be collected now."""
        due = self._use_slots()
        states, self._all_states = self._all_states, False
        whole, self._whole = self._whole, set()
        urgent, self._urgent = self._urgent | whole, set()
        work: Work = [(tier, None) for tier in sorted(due)]
        if whole and Tier.DETAIL not in due:
            work.insert(0, (Tier.DETAIL, whole))
        if states or urgent:
            work.insert(0, (Tier.STATE, None if states else urgent))
        return work
