"""What kept a living agent from being heard: hub, clock, LAN or line, moment by moment. Pure.

A label needs a witness, and no witness against it. That the line was down is vouched for by the hub when its
pings to every router of the commune failed, and by the site when its own pings over every line failed (or,
where their samples did not survive, when its counters gained that time as down).
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final

import msgspec

from alerts.gaps.model import Edge, Fact, GapLabel, Side
from alerts.gaps.parts import Part, joined
from alerts.gaps.tracks import Interval, Track, all_of
from alerts.slo import Seconds

COUNTED_SHARE: Final = 0.5
CLOCK_OFF_SECONDS: Final = 10.0


class Deaf(msgspec.Struct, frozen=True):
    """The hub was not listening. ``why``: a fact's kind."""

    interval: Interval
    why: str


class Witnesses(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured around a gap. ``lines``: of the commune; ``routers``: those whose router the hub is
    to ping; ``outside``: its pings of them, ``own``: the site's to the hub, ``lan``: the site's to its
    gateway, all 1 up, 0 down; ``counted``: what the site's counters gained over the gap, by line; ``deaf``:
    when the hub was not listening."""

    lines: tuple[str, ...] = ()
    routers: tuple[str, ...] = ()
    outside: Mapping[str, Track] = {}
    own: Mapping[str, Track] = {}
    lan: Track = Track()
    counted: Mapping[str, Seconds] = {}
    deaf: tuple[Deaf, ...] = ()


def is_up(value: float | str) -> bool:
    """Whether a state is up."""
    return value == 1


def is_down(value: float | str) -> bool:
    """Whether a state is down."""
    return value == 0


def is_guarding(value: float | str) -> bool:
    """Whether the clock guard holds samples back."""
    return value == 1


class Causes:
    """Everything that may explain why an agent that ran was not heard."""

    def __init__(self, seen: Witnesses, guard: Track, offset: Track, start: Edge, end: Edge) -> None:
        self._deaf = [deaf.interval for deaf in seen.deaf]
        self._why = {deaf.interval: deaf.why for deaf in seen.deaf}
        self._guard = guard.where(is_guarding)
        self._lan = seen.lan.where(is_down)
        whole = [Interval(start, end)]
        self._outside = [one for one in seen.outside.values() if one.told(start.at, end.at)]
        every = len(self._outside) == len(seen.lines)  # a line that is not pinged may have carried
        self._outside_down = all_of([one.where(is_down) for one in self._outside]) if every else []
        self._outside_up = [interval for one in self._outside for interval in one.where(is_up)]
        self._own = [one for one in seen.own.values() if one.told(start.at, end.at)]
        self._own_down = all_of([one.where(is_down) for one in self._own])
        self._own_up = [interval for one in self._own for interval in one.where(is_up)]
        self._counted_down = not self._own and _mostly(seen.counted, "down", end.at - start.at)
        self._counted_up = not self._own and _any_mostly(seen.counted, "up", end.at - start.at)
        if self._counted_down:
            self._own_down = whole
        if self._counted_up:
            self._own_up = whole
        self._seen = seen
        self._off = _is_off(offset.first_value(end.at))

    def parts(self, start: Edge, end: Edge) -> list[Part]:
        """Return what explains the time between two moments, in order and without a gap."""
        edges = self._edges(start, end)
        found = [self._part(one, following) for one, following in pairwise(edges)]
        return joined(found)

    def _edges(self, start: Edge, end: Edge) -> list[Edge]:
        every = (
            self._deaf, self._guard, self._lan, self._outside_down, self._outside_up, self._own_down,
            self._own_up,
        )  # fmt: skip
        inner = {
            edge.at: edge
            for intervals in every
            for interval in intervals
            for edge in (interval.start, interval.end)
            if start.at < edge.at < end.at
        }
        return [start, *(inner[at] for at in sorted(inner)), end]

    def _part(self, start: Edge, end: Edge) -> Part:
        label, sides, facts = self._cause((start.at + end.at) / 2)
        return Part(label, start, end, sides, facts)

    def _cause(self, at: float) -> tuple[GapLabel, tuple[Side, ...], tuple[Fact, ...]]:
        deaf = next((one for one in self._deaf if one.holds(at)), None)
        if deaf is not None:
            return GapLabel.HUB_DOWN, (Side.HUB,), (Fact(self._why[deaf]),)
        if _any(self._guard, at):
            return GapLabel.CLOCK_WRONG, (Side.SITE,), (Fact("guard"),)
        if _any(self._lan, at):
            return GapLabel.LAN_DOWN, (Side.SITE,), (Fact("lan_down"),)
        return self._line(at)

    def _line(self, at: float) -> tuple[GapLabel, tuple[Side, ...], tuple[Fact, ...]]:
        outside, own = _any(self._outside_down, at), _any(self._own_down, at)
        outside_up = _any(self._outside_up, at)
        own_up = _any(self._own_up, at)
        facts = tuple(self._line_facts(outside=outside, own=own, outside_up=outside_up, own_up=own_up))
        if (outside and not own_up) or (own and not outside_up):
            sides = (*((Side.HUB,) if outside else ()), *((Side.SITE,) if own else ()))
            return GapLabel.LINE_DOWN, sides, facts
        if self._off and not own:
            return GapLabel.CLOCK_WRONG, (Side.SITE,), (Fact("clock_off"),)
        return GapLabel.UNKNOWN, (), facts

    def _line_facts(self, *, outside: bool, own: bool, outside_up: bool, own_up: bool) -> Iterable[Fact]:
        if not self._outside:
            yield Fact("not_pinged" if self._seen.routers else "no_router")
        elif outside:
            yield Fact("outside_down")
        elif outside_up:
            yield Fact("outside_up")
        if own:
            yield Fact("counted_down" if self._counted_down else "own_down")
        elif own_up:
            yield Fact("counted_up" if self._counted_up else "own_up")


def _any(intervals: Iterable[Interval], at: float) -> bool:
    return any(interval.holds(at) for interval in intervals)


def _is_off(offset: float | str | None) -> bool:
    return offset is not None and abs(float(offset)) > CLOCK_OFF_SECONDS


def _mostly(counted: Mapping[str, Seconds], state: str, length: float) -> bool:
    """Whether every line's counters gained most of the time in this state."""
    return bool(counted) and all(getattr(one, state) >= COUNTED_SHARE * length for one in counted.values())


def _any_mostly(counted: Mapping[str, Seconds], state: str, length: float) -> bool:
    return any(getattr(one, state) >= COUNTED_SHARE * length for one in counted.values())
