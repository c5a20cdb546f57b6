"""What the agent says about itself: heartbeat, clock, pushes, and its own failures."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Protocol

from agent.clock import HubClock
from agent.expose import Histogram, Point, Series, Site, Tier
from agent.spool.held import Held
from inventory.names import (
    AGENT_BACKLOG_SAMPLES,
    AGENT_BACKLOG_SENT,
    AGENT_BOOT,
    AGENT_BUILD_INFO,
    AGENT_CLOCK_CORRECTION,
    AGENT_CLOCK_GUARD,
    AGENT_CLOCK_OFFSET,
    AGENT_CONFIG_FETCHES,
    AGENT_CONFIG_RELOADS,
    AGENT_DELIVERED,
    AGENT_DROPPED_SAMPLES,
    AGENT_HUB_CLOCK_ALARM,
    AGENT_PROBE_EXCEPTIONS,
    AGENT_PUSH_DURATION,
    AGENT_PUSHED_SAMPLES,
    AGENT_PUSHES,
    AGENT_RESENT_SAMPLES,
    AGENT_SCHEDULE_DELAY,
    AGENT_SKIPPED_SLOTS,
    AGENT_SPOOL_BYTES,
    AGENT_SPOOL_ERRORS,
    AGENT_SPOOL_IN_MEMORY,
    AGENT_SPOOL_LIMIT,
    AGENT_SPOOL_OLDEST,
    AGENT_SPOOL_ROWS,
    AGENT_START,
    AGENT_STOPPED,
    AGENT_STORE_ERRORS,
    AGENT_TARGETS,
    AGENT_UPTIME,
    HEARTBEAT,
    Label,
    Metric,
)


class Spooled(Protocol):
    """What :class:`agent.spool.spool.Spool` says about itself."""

    stats: Held
    resent: int

    @property
    def errors(self) -> Counter[str]: ...

    @property
    def in_memory(self) -> bool: ...

    @property
    def limit_bytes(self) -> int: ...


_DELAY_BOUNDS = (0.005, 0.02, 0.1, 0.5, 2.5)
_PUSH_BOUNDS = (0.01, 0.05, 0.2, 1.0, 5.0)


class Itself:
    """Counters and gauges of the agent (a :class:`agent.expose.Group`)."""

    key = "agent"

    def __init__(self, site: Site, clock: HubClock, version: str) -> None:
        self._site, self._clock, self._version = site, clock, version
        self._started_seconds = clock.now()
        self._known: dict[tuple[str, tuple[tuple[str, str], ...]], Series] = {}
        self.pushes, self.pushed, self.dropped = Counter[str](), 0, Counter[str]()
        self.exceptions, self.reloads = Counter[str](), Counter[str]({"ok": 0, "refused": 0})
        self.fetches = Counter[str]()
        self.skipped_slots = 0
        self.targets = 0
        self.config_hash = ""
        self.store_errors: Callable[[], int] = lambda: 0
        self.pushing = False
        self.spool: Spooled | None = None
        self.backlog_sent = 0
        self.delivered_seconds: float | None = None
        self.hub_clock_alarms: set[str] = set()
        """Whom the hub tells that fresh samples are too old: live, backlog."""
        self.stopped_unix = 0.0
        """When this run, or the one before, was stopped on purpose; 0 where it was not."""
        self.delays = Histogram(site, AGENT_SCHEDULE_DELAY, _DELAY_BOUNDS)
        self.push_durations = Histogram(site, AGENT_PUSH_DURATION, _PUSH_BOUNDS)

    @property
    def site(self) -> str:
        """Name of the site."""
        return self._site.site

    def points(self, tier: Tier) -> Iterator[Point]:
        """Return the values of a tier."""
        if tier is Tier.HEARTBEAT:
            yield self._series(HEARTBEAT), round(self._clock.unix(), 3)
            if self.delivered_seconds is not None:
                yield self._series(AGENT_DELIVERED), round(self._clock.unix(self.delivered_seconds), 3)
        elif tier is Tier.STATE:
            yield self._series(AGENT_STOPPED), self.stopped_unix
        elif tier is Tier.DETAIL:
            yield from self._gauges()
            yield from self._counters()
            yield from self.delays.points()
            if self.pushing:
                yield from self.push_durations.points()

    def _gauges(self) -> Iterator[Point]:
        unix, now = self._clock.unix, self._clock.now()
        build = {"version": self._version, "config": self.config_hash}
        yield self._series(AGENT_BUILD_INFO, **build), 1
        yield self._series(AGENT_START), round(unix(self._started_seconds), 1)
        yield self._series(AGENT_BOOT), round(unix(0.0), 1)
        yield self._series(AGENT_UPTIME), round(now - self._started_seconds, 3)
        yield self._series(AGENT_TARGETS), self.targets
        yield self._series(AGENT_CLOCK_GUARD), float(self.pushing and not self._clock.trusted)
        if (offset := self._clock.offset_seconds) is not None:
            yield self._series(AGENT_CLOCK_OFFSET), round(offset, 3)
            yield self._series(AGENT_CLOCK_CORRECTION), round(self._clock.correction_seconds, 3)
        if self.pushing:
            yield self._series(AGENT_HUB_CLOCK_ALARM), float(bool(self.hub_clock_alarms))
        if self.spool is not None:
            yield from self._spool_gauges(self.spool)

    def _spool_gauges(self, spool: Spooled) -> Iterator[Point]:
        held = spool.stats
        oldest = 0.0 if held.oldest_ms is None else max(0.0, self._clock.unix() - held.oldest_ms / 1000)
        yield self._series(AGENT_SPOOL_BYTES), held.bytes
        yield self._series(AGENT_SPOOL_LIMIT), spool.limit_bytes
        yield self._series(AGENT_SPOOL_ROWS, state="waiting"), held.waiting
        yield self._series(AGENT_SPOOL_ROWS, state="acknowledged"), held.acked
        yield self._series(AGENT_SPOOL_OLDEST), round(oldest, 1)
        yield self._series(AGENT_BACKLOG_SAMPLES), held.samples
        yield self._series(AGENT_SPOOL_IN_MEMORY), float(spool.in_memory)

    def _counters(self) -> Iterator[Point]:
        yield self._series(AGENT_STORE_ERRORS), self.store_errors()
        yield self._series(AGENT_SKIPPED_SLOTS), self.skipped_slots
        yield from self._by(AGENT_CONFIG_RELOADS, Label.RESULT, self.reloads)
        yield from self._by(AGENT_CONFIG_FETCHES, Label.RESULT, self.fetches)
        yield from self._by(AGENT_PROBE_EXCEPTIONS, Label.PROBE, self.exceptions)
        if self.pushing:
            yield self._series(AGENT_PUSHED_SAMPLES), self.pushed
            yield from self._by(AGENT_PUSHES, Label.RESULT, self.pushes)
            yield from self._by(AGENT_DROPPED_SAMPLES, Label.REASON, self.dropped)
            yield self._series(AGENT_BACKLOG_SENT), self.backlog_sent
        if self.spool is not None:
            yield self._series(AGENT_RESENT_SAMPLES), self.spool.resent
            yield from self._by(AGENT_SPOOL_ERRORS, Label.KIND, self.spool.errors)

    def _by(self, metric: Metric, label: str, counts: Counter[str]) -> Iterator[Point]:
        for value, count in list(counts.items()):
            yield self._series(metric, **{str(label): value}), count

    def _series(self, metric: Metric, **labels: str) -> Series:
        key = metric.name, tuple(labels.items())
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._site.series(metric, labels)
        return known
