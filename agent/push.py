"""Pushes the agent's series to the hub in tiers, live data first.

Heartbeats go every 2 s, states and results every few seconds and at once on a change, everything else
every half minute. One request carries whatever is due. What the hub did not take waits in a bounded
memory and follows newest first, behind live data; what does not fit is dropped and counted.

A series that was pushed and is there no more (a target removed, a state unknown, the agent stopping)
gets a stale marker, as a scrape would give it: else its last value stays current for five minutes.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

import msgspec

from agent import schedule
from agent.clock import HubClock
from agent.config import Push
from agent.expose import Group, Tier
from agent.itself import Itself
from agent.remote_write import Encoder, compress, encode_series
from agent.slices import Slices
from agent.transport import Reply, Result

MAX_WAITING_BYTES: Final = 3 << 20
MAX_TRIES: Final = 3
MAX_SERIES: Final = 5000
"""Series in one request: about 1 MB before compression, which takes 2 ms."""
_DRAIN_AT_ONCE: Final = 4
_LEAST_GAP_SECONDS: Final = 0.2
_LAST_WORD_SECONDS: Final = 1.2
log = logging.getLogger(__name__)


class Sender(Protocol):
    """What :class:`agent.transport.Transport` does."""

    async def send(self, body: bytes, timeout_seconds: float | None = None) -> Reply: ...

    async def close(self) -> None: ...


class Batch(msgspec.Struct):
    """One request. ``keep``: worth another try, unlike a heartbeat that has passed."""

    body: bytes
    samples: int
    keep: bool
    tries: int = 0


class Batches:
    """Encoded series on their way into requests of about :data:`MAX_SERIES`."""

    def __init__(self) -> None:
        self.keep = False
        self._closed: list[Batch] = []
        self._parts: list[bytes] = []

    def add(self, parts: list[bytes]) -> None:
        """Take in the series of a group."""
        self._parts += parts
        if len(self._parts) >= MAX_SERIES:
            self._close()

    def taken(self) -> list[Batch]:
        """Return all requests, and begin anew."""
        if self._parts:
            self._close()
        closed, self._closed = self._closed, []
        return closed

    def _close(self) -> None:
        self._closed.append(Batch(compress(self._parts), len(self._parts), self.keep))
        self._parts = []


class Waiting:
    """Batches that the hub did not take, bounded by bytes; the oldest go first."""

    def __init__(self, limit_bytes: int = MAX_WAITING_BYTES) -> None:
        self._limit, self._bytes = limit_bytes, 0
        self._batches: deque[Batch] = deque()

    def put(self, batch: Batch) -> int:
        """Keep a batch; returns how many samples had to go for it."""
        self._batches.append(batch)
        self._bytes += len(batch.body)
        lost = 0
        while self._bytes > self._limit:
            oldest = self._batches.popleft()
            self._bytes -= len(oldest.body)
            lost += oldest.samples
        return lost

    def newest(self) -> Batch | None:
        """Take out the newest batch."""
        if not self._batches:
            return None
        batch = self._batches.pop()
        self._bytes -= len(batch.body)
        return batch


class Pusher:
    """Pushes ``groups`` until cancelled; :meth:`last_word` ends all series."""

    def __init__(
        self,
        push: Push,
        clock: HubClock,
        groups: Mapping[str, Group],
        itself: Itself,
        sender: Sender,
    ) -> None:
        self._clock, self._groups, self._itself, self._sender = clock, groups, itself, sender
        now = clock.now()
        self._slots = {
            Tier.HEARTBEAT: schedule.grid(itself.site, now, push.heartbeat_seconds),
            Tier.DETAIL: schedule.grid(itself.site, now, push.detail_seconds),
        }
        self._pushed: dict[Tier, dict[str, dict[bytes, None]]] = {tier: {} for tier in Tier}
        self._waiting = Waiting()
        self._wake = asyncio.Event()
        self._urgent: set[str] = set()
        self._whole: set[str] = set()
        self._all_states = False
        self._owed: set[Tier] = set()  # due since a time that could not be dated
        self._last_ms = 0
        self.last_result = Result.OK

    @property
    def working(self) -> bool:
        """Whether the hub took the last request."""
        return self.last_result is Result.OK

    def urge(self, keys: Iterable[str] | None = None, *, whole: bool = False) -> None:
        """Push the states of some groups now, or of all (None); ``whole``: all that these groups have."""
        if keys is not None and whole:
            self._whole.update(keys)
        elif keys is None:
            self._all_states = True
        else:
            self._urgent.update(keys)
        self._wake.set()

    def follow(self, other: "Pusher") -> None:
        """Go on where ``other`` stopped: with what waits, and knowing what the hub was told."""
        self._pushed, self._waiting, self._last_ms = other._pushed, other._waiting, other._last_ms

    async def run(self) -> None:
        """Push for ever."""
        while True:
            await self._wait()
            self._clock.watch()
            if not self._clock.trusted:
                await self._ask()
            elif await self._send_live():
                await self._drain()
            await asyncio.sleep(_LEAST_GAP_SECONDS)  # what changes meanwhile goes into one request

    async def last_word(self) -> None:
        """Push the last values and end every series. Takes at most 1.2 s."""
        if not self._clock.trusted:
            return
        time_ms = self._stamp()
        last, end = Encoder(time_ms), Encoder(time_ms + 1)
        parts, count = [], 0
        for tier, groups in self._pushed.items():
            for key, pushed in groups.items():
                values = self._values(tier, key) if tier is Tier.STATE else {}
                for prefix in pushed | dict.fromkeys(values):
                    samples = (
                        (last.sample(values[prefix]), end.stale()) if prefix in values else (end.stale(),)
                    )
                    parts.append(encode_series(prefix, *samples))
                    count += len(samples)
        reply = await self._sender.send(compress(parts), _LAST_WORD_SECONDS)
        self._count(reply, count)

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

    async def _ask(self) -> None:
        """Ask for nothing but the hub's clock: an empty request."""
        self._use_slots()
        self._urgent.clear()
        self._whole.clear()
        self._all_states = False
        self._note(await self._sender.send(compress(())))
        if self._clock.trusted:
            self._all_states = True
            self._owed = set(self._slots)
            self._wake.set()

    def _use_slots(self) -> set[Tier]:
        now = self._clock.now()
        due = {tier for tier, slots in self._slots.items() if slots.next_seconds() <= now + 0.001}
        for tier in due:
            self._slots[tier].use(now)
        owed, self._owed = self._owed, set()
        return due | owed

    async def _send_live(self) -> bool:
        """Send what is due now; returns whether the hub took all of it."""
        batches = deque(await self._collect())
        sent = bool(batches)
        try:
            while batches and sent:
                sent = await self._deliver(batches.popleft())
        finally:
            for batch in batches:  # what the hub refuses to hear now, it gets later
                self._keep(batch)
        return sent

    async def _deliver(self, batch: Batch) -> bool:
        """Send a batch; returns whether the hub will hear more: it took this one, or will never take it.
        A batch whose fate is unknown may be sent again."""
        try:
            reply = await self._sender.send(batch.body)
        except asyncio.CancelledError:
            self._keep(batch)
            raise
        self._note(reply)
        self._settle(batch, reply)
        return reply.result in {Result.OK, Result.REFUSED}

    async def _drain(self) -> None:
        """Send a few batches that waited, as long as nothing live is due."""
        for _ in range(_DRAIN_AT_ONCE):
            if self._wake.is_set() or self._slots[Tier.HEARTBEAT].next_seconds() <= self._clock.now():
                return
            batch = self._waiting.newest()
            if batch is None or not await self._deliver(batch):
                return

    async def _collect(self) -> list[Batch]:
        """Encode what is due now, in slices; a cancelled collection keeps what it has."""
        due = self._use_slots()
        states, self._all_states = self._all_states, False
        whole, self._whole = self._whole, set()
        urgent, self._urgent = self._urgent | whole, set()
        work: list[tuple[Tier, set[str] | None]] = [(tier, None) for tier in sorted(due)]
        if whole and Tier.DETAIL not in due:
            work.insert(0, (Tier.DETAIL, whole))
        if states or urgent:
            work.insert(0, (Tier.STATE, None if states else urgent))
        batches = Batches()
        batches.keep = states or bool(urgent) or Tier.DETAIL in due
        try:
            await self._encode(work, batches)
        except asyncio.CancelledError:
            for batch in batches.taken():
                self._keep(batch)
            raise
        return batches.taken()

    async def _encode(self, work: list[tuple[Tier, set[str] | None]], batches: Batches) -> None:
        """Add the groups of each tier, all (None) or those with these keys."""
        encoder = Encoder(self._stamp())
        born = Encoder(self._last_ms - 1000)
        slices = Slices()
        for tier, keys in work:
            for key in list(self._pushed[tier].keys() | self._groups.keys() if keys is None else keys):
                parts = self._encode_group(tier, key, encoder, born)
                batches.add(parts)
                await slices.used(len(parts) + 1)

    def _encode_group(self, tier: Tier, key: str, encoder: Encoder, born: Encoder) -> list[bytes]:
        """Return the series of a group, with an end for each that is there no more."""
        pushed, group = self._pushed[tier], self._groups.get(key)
        before = pushed.get(key)
        after: dict[bytes, None] = {}
        parts = []
        for series, value in group.points(tier) if group else ():
            prefix = series.prefix
            after[prefix] = None
            new = series.from_zero and before is not None and prefix not in before
            first = (born.sample(0.0),) if new else ()
            parts.append(encode_series(prefix, *first, encoder.sample(value)))
        parts += [encode_series(prefix, encoder.stale()) for prefix in before or () if prefix not in after]
        if after:
            pushed[key] = after
        else:
            pushed.pop(key, None)
        return parts

    def _values(self, tier: Tier, key: str) -> dict[bytes, float]:
        group = self._groups.get(key)
        return {series.prefix: value for series, value in group.points(tier)} if group else {}

    def _stamp(self) -> int:
        """Return this moment in ms; never the same twice, even when the clock is slewed back a little."""
        time_ms = round(self._clock.unix() * 1000)
        if 0 <= self._last_ms - time_ms < 1000:
            time_ms = self._last_ms + 1
        self._last_ms = time_ms
        return time_ms

    def _note(self, reply: Reply) -> None:
        """Learn from an answer: the hub's clock, and whether pushing works."""
        self._itself.pushes[reply.result] += 1
        self._itself.push_durations.observe(reply.received_seconds - reply.sent_seconds)
        if reply.date_unix is not None and reply.result is not Result.UNEXPECTED:
            self._clock.observe(reply.sent_seconds, reply.received_seconds, reply.date_unix)
        if reply.result is not self.last_result:
            level = logging.INFO if reply.result is Result.OK else logging.WARNING
            log.log(level, "push: %s", reply.result.value, extra={"detail": reply.detail})
        self.last_result = reply.result

    def _settle(self, batch: Batch, reply: Reply) -> None:
        """Count what was taken; keep what may be taken later."""
        batch.tries += 1
        if reply.result is Result.OK:
            self._count(reply, batch.samples)
        elif reply.result is Result.REFUSED:
            self._itself.dropped["refused"] += batch.samples
        elif reply.result is Result.SERVER_ERROR and batch.keep and batch.tries > MAX_TRIES:
            self._itself.dropped["server_error"] += batch.samples
        else:
            if reply.result is not Result.SERVER_ERROR:
                batch.tries -= 1  # an unreachable hub says nothing about this batch
            self._keep(batch)

    def _keep(self, batch: Batch) -> None:
        if batch.keep:
            self._itself.dropped["full"] += self._waiting.put(batch)
        else:
            self._itself.dropped["passed"] += batch.samples

    def _count(self, reply: Reply, samples: int) -> None:
        if reply.result is Result.OK:
            self._itself.pushed += samples
