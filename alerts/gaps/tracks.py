"""Series as spans of equal values, and intervals whose ends are uncertain. Pure.

A week of a heartbeat is 302,400 samples; as spans it is a handful, and what matters is all there: the last
sample before something changed, and the first after.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

import msgspec

from alerts.gaps.model import Edge, between, exactly

Value = float | str


class Span(msgspec.Struct, frozen=True):
    """Samples of one value, no two further apart than the track's reach. Unix seconds."""

    first: float
    last: float
    value: Value


class Interval(msgspec.Struct, frozen=True):
    """A stretch of time between two uncertain moments."""

    start: Edge
    end: Edge

    def holds(self, at: float) -> bool:
        """Whether a moment lies within, by the best guess."""
        return self.start.at <= at < self.end.at


class Track(msgspec.Struct, frozen=True):
    """What a series said over time, oldest first."""

    spans: tuple[Span, ...] = ()

    def value_at(self, at: float) -> Value | None:
        """Return the last value not later than ``at``."""
        found = None
        for span in self.spans:
            if span.first > at:
                break
            found = span.value
        return found

    def first_value(self, since: float) -> Value | None:
        """Return the first value that was told at ``since`` or later."""
        return next((span.value for span in self.spans if span.last >= since), None)

    def last_before(self, at: float) -> float | None:
        """Return the time of the last sample before ``at``, as far as spans tell."""
        found = None
        for span in self.spans:
            if span.first >= at:
                break
            found = min(span.last, at)
        return found

    def told(self, start: float, end: float) -> bool:
        """Whether anything was told between two moments."""
        return any(span.last > start and span.first < end for span in self.spans)

    def covered_seconds(self, start: float, end: float) -> float:
        """Return how much of the time between two moments lies within spans."""
        return sum(max(0.0, min(span.last, end) - max(span.first, start)) for span in self.spans)

    def where(self, wanted: Callable[[Value], bool]) -> list[Interval]:
        """Return when the value was as wanted. Where it changed is uncertain by the time between samples;
        over a silence nothing is claimed."""
        found: list[Interval] = []
        for number, span in enumerate(self.spans):
            if not wanted(span.value):
                continue
            start, end = _start(self.spans, number), _end(self.spans, number)
            if found and start.at <= found[-1].end.at:
                start = found.pop().start
            found.append(Interval(start, end))
        return found


def _start(spans: Sequence[Span], number: int) -> Edge:
    span = spans[number]
    touching = number > 0 and spans[number - 1].value != span.value
    return between(spans[number - 1].last, span.first) if touching else exactly(span.first)


def _end(spans: Sequence[Span], number: int) -> Edge:
    span = spans[number]
    touching = number + 1 < len(spans) and spans[number + 1].value != span.value
    return between(span.last, spans[number + 1].first) if touching else exactly(span.last)


class Recorder:
    """Makes a :class:`Track` of samples that come in slices, oldest first; one that is not later than the
    last is passed over. ``reach_seconds``: samples further apart belong to two spans."""

    def __init__(self, reach_seconds: float) -> None:
        self._reach = reach_seconds
        self._spans: list[Span] = []

    def feed(self, points: Iterable[tuple[float, Value]]) -> None:
        """Take in (Unix time, value)."""
        for time, value in points:
            last = self._spans[-1] if self._spans else None
            if last is not None and time <= last.last:
                continue
            if last is not None and last.value == value and time - last.last <= self._reach:
                self._spans[-1] = Span(last.first, time, value)
            else:
                self._spans.append(Span(time, time, value))

    @property
    def track(self) -> Track:
        """What was recorded."""
        return Track(tuple(self._spans))


def track(points: Iterable[tuple[float, Value]], reach_seconds: float) -> Track:
    """Return the track of samples, oldest first."""
    recorder = Recorder(reach_seconds)
    recorder.feed(points)
    return recorder.track


def joined(tracks: Iterable[Track], reach_seconds: float) -> Track:
    """Return when any of the tracks told anything; values are dropped."""
    found: list[Span] = []
    for span in sorted((s for one in tracks for s in one.spans), key=lambda s: (s.first, s.last)):
        if found and span.first - found[-1].last <= reach_seconds:
            found[-1] = Span(found[-1].first, max(found[-1].last, span.last), 1.0)
        else:
            found.append(Span(span.first, span.last, 1.0))
    return Track(tuple(found))


def silences(told: Track) -> Iterator[tuple[float, float]]:
    """Yield (last sample, next sample) between the spans of a track that was made with :func:`joined`."""
    for one, following in pairwise(told.spans):
        yield one.last, following.first


def both(left: Iterable[Interval], right: Iterable[Interval]) -> list[Interval]:
    """Return when one of the left and one of the right intervals hold."""
    others = list(right)
    found = []
    for one in left:
        for other in others:
            start = one.start if one.start.at >= other.start.at else other.start
            end = one.end if one.end.at <= other.end.at else other.end
            if start.at < end.at:
                found.append(Interval(start, end))
    return sorted(found, key=lambda interval: interval.start.at)


def all_of(sets: Sequence[list[Interval]]) -> list[Interval]:
    """Return when an interval of every set holds; never, where there is no set."""
    if not sets:
        return []
    found = sets[0]
    for further in sets[1:]:
        found = both(found, further)
    return found
