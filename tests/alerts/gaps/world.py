"""A commune's month as it really was, and what the hub would hold of it afterwards."""

from collections.abc import Callable, Iterator
from enum import StrEnum

import msgspec

from alerts.gaps.causes import Deaf, Witnesses
from alerts.gaps.find import Region, stretches
from alerts.gaps.label import Case, label
from alerts.gaps.life import Told
from alerts.gaps.model import Gap, GapLabel, Window, after, before
from alerts.gaps.tracks import Interval, Track, joined, track

BEAT, PING, DETAIL, SILENT, SCRAPE = 2, 5, 30, 6.5, 5
STARTS_IN = 20
"""Seconds from power to an agent that runs."""
START = 1_740_000_000.0


class Is(StrEnum):
    """What is the case in a phase."""

    FINE = "fine"
    LINE = "line"
    LAN = "lan"
    POWER = "power"
    CRASH = "crash"
    STOP = "stop"
    HUB = "hub"
    CLOCK = "clock"
    REBOOT = "reboot"  # the machine alone, while the router answers
    BOTH = "both"  # hub and line are down


LABELS = {
    Is.LINE: GapLabel.LINE_DOWN, Is.LAN: GapLabel.LAN_DOWN, Is.POWER: GapLabel.POWER_DOWN,
    Is.CRASH: GapLabel.AGENT_DOWN, Is.STOP: GapLabel.AGENT_STOPPED, Is.HUB: GapLabel.HUB_DOWN,
    Is.CLOCK: GapLabel.CLOCK_WRONG, Is.REBOOT: GapLabel.AGENT_DOWN, Is.BOTH: GapLabel.HUB_DOWN,
}  # fmt: skip
DEAD = frozenset({Is.POWER, Is.CRASH, Is.STOP, Is.REBOOT})
HELD = frozenset({Is.LINE, Is.LAN, Is.HUB, Is.CLOCK, Is.BOTH})
BOOTS = frozenset({Is.POWER, Is.REBOOT})
OFF = frozenset({Is.HUB, Is.BOTH})


class Phase(msgspec.Struct, frozen=True):
    """So many seconds of one state."""

    seconds: int
    state: Is


class World:
    """Phases one after the other. ``spool``: what was measured while the hub could not be reached is there
    afterwards; ``router``: the hub pings the commune's router; ``battery``: the site tells of its mains;
    ``pinging``: the hub's own agent runs; ``moved``: by as much the agent's clock was corrected after its
    first words and before it told its start."""

    def __init__(
        self,
        phases: tuple[Phase, ...],
        *,
        spool: bool = True,
        router: bool = True,
        battery: bool = False,
        pinging: bool = True,
        moved: float = 0.0,
    ) -> None:
        self.spool, self.router, self.battery, self.pinging = spool, router, battery, pinging
        self.moved = moved
        self.spans: list[tuple[float, float, Is]] = []
        at = START
        for phase in phases:
            self.spans.append((at, at + phase.seconds, phase.state))
            at += phase.seconds
        self.end = at

    def state(self, at: float) -> Is:
        """What is the case at a moment."""
        return next((state for start, end, state in self.spans if start <= at < end), Is.FINE)

    def runs(self) -> Iterator[tuple[float, float, int]]:
        """Yield (start, end, number of the boot) of the agent's runs."""
        started, boot = START - 1000, 0
        for start, end, state in self.spans:
            if state in DEAD:
                yield started, start, boot
                started = end + (STARTS_IN if state in BOOTS else 0)
                boot += state in BOOTS
        yield started, self.end, boot

    def alive(self, at: float) -> bool:
        """Whether the agent runs."""
        return any(start <= at < end for start, end, _ in self.runs())

    def arrives(self, at: float) -> bool:
        """Whether a sample made at a moment is there afterwards."""
        held = self.state(at) in HELD
        return self.alive(at) and (not held or self.spool)

    def times(self, step: int, offset: float, keep: Callable[[float], bool]) -> list[float]:
        """Moments of a schedule at which ``keep`` holds."""
        first = START + offset
        return [t for n in range(int((self.end - first) / step) + 1) if keep(t := first + n * step)]

    def counted(self, until: float, *, down: bool) -> float:
        """Seconds that the agent's counters of its way to the hub gained until a moment, in one state."""
        unreachable = HELD - {Is.CLOCK}
        return sum(
            max(0.0, min(until, end) - start)
            for start, end, state in self.spans
            if state not in DEAD and (state in unreachable) is down
        )

    def beats(self) -> Track:
        """Heartbeats."""
        return track(((t, 1.0) for t in self.times(BEAT, 0.3, self.arrives)), SILENT)

    def delivered(self) -> Track:
        """When a live push was last acknowledged, with each heartbeat."""
        if not self.spool:
            return Track()
        found, last = [], 0.0
        for at in self.times(BEAT, 0.3, self.arrives):
            found.append((at, last))
            if self.state(at) not in HELD:
                last = at
        return track(found, SILENT)

    def details(self, value: Callable[[float, int, float], float | str], reach: float = 90) -> Track:
        """A series told every half minute, and soon after a start."""
        found: list[tuple[float, float | str]] = []
        for start, end, boot in self.runs():
            first = max(start, START) + 3.3
            times = (first + n * DETAIL for n in range(int((end - first) / DETAIL) + 1))
            found += [(t, value(start, boot, t)) for t in times if t < end and self.arrives(t)]
        return track(found, reach)

    def stops(self) -> Track:
        """The farewells: in the last words, and from the next run on."""
        found: list[tuple[float, float | str]] = []
        stopped = 0.0
        for start, end, _ in self.runs():
            first = max(start, START) + 1
            times = (first + n * PING for n in range(int((end - first) / PING) + 1))
            found += [(t, stopped) for t in times if t < end and self.arrives(t)]
            stopped = end if self.state(end) is Is.STOP else 0.0
            if stopped:
                found.append((end, stopped))
        return track(found, SILENT)

    def told(self) -> Told:
        """What the site told of itself."""
        starts, stopped = self.details(lambda start, boot, at: start + self.moved, SILENT), self.stops()
        battery = {"mains": self.details(lambda start, boot, at: 1.0)} if self.battery else {}
        return Told(
            heard=joined([self.beats(), self.delivered(), starts, stopped], SILENT),
            starts=starts, stopped=stopped,
            booted=self.details(lambda start, boot, at: self._booted(boot)),
            boots=self.details(lambda start, boot, at: f"boot {boot}"),
            guard=self.details(lambda start, boot, at: float(self.state(at) is Is.CLOCK))
            if self.spool else Track(),
            spool=self.details(lambda start, boot, at: 1.0) if self.spool else Track(),
            **battery,
        )  # fmt: skip

    def _booted(self, boot: int) -> float:
        ends = [end for _, end, state in self.spans if state in BOOTS]
        return START - 5000 if boot == 0 else ends[boot - 1] + 5

    def seen(self) -> Witnesses:
        """What was measured meanwhile."""
        dark = {Is.LINE, Is.POWER, Is.BOTH}
        listening = list(self.times(PING, 1.7, lambda at: self.state(at) not in OFF))
        pings = listening if self.pinging else []
        outside = track(((t, float(self.state(t) not in dark)) for t in pings), 20)
        mine = self.times(PING, 2.9, self.arrives)
        own = track(((t, float(self.state(t) not in {Is.LINE, Is.LAN, *OFF})) for t in mine), 20)
        lan = track(((t, float(self.state(t) is not Is.LAN)) for t in mine), 20)
        deaf = tuple(
            Deaf(Interval(after(start - 1, 2), before(end + 1, 2)), "hub_off")
            for start, end, state in self.spans if state in OFF
        )  # fmt: skip
        return Witnesses(
            lines=("main",), routers=("main",) if self.router else (),
            outside={"main": outside} if self.router and self.pinging else {}, own={"main": own}, lan=lan,
            deaf=deaf,
        )  # fmt: skip

    def gaps(self, windows: tuple[Window, ...] = ()) -> list[Gap]:
        """Return what is made of all that."""
        told, seen, delivered = self.told(), self.seen(), self.delivered()
        region = Region(START, self.end, first=True, last=True)
        found = stretches(region, joined([self.beats(), delivered], SILENT), delivered, SILENT)
        return [
            label(
                Case(commune="21040", stretch=one, beat_seconds=BEAT, told=told, seen=seen, windows=windows)
            )
            for one in found
        ]
