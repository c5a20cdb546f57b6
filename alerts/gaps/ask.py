"""Asks Prometheus in bounded slices: raw samples as spans, and steps in which something was amiss."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from alerts.gaps.tracks import Recorder, Track, Value
from alerts.promapi import PromApi, Series

SLICE_SECONDS: Final = 6 * 3600.0
STEP_SECONDS: Final = 60.0
_POINTS_AT_ONCE: Final = 150_000
_MOST_STEPS: Final = 1440
_LARGEST: Final = 1e11
"""Of anything that a site tells: seconds, bytes or Unix times. What is beyond was never measured."""
Sort = Callable[[Series], tuple[str, Value | None] | None]
"""Says of a series which track it belongs to, and its value there where that is a label's and not the
sample's; None for one that belongs nowhere."""


class Period(msgspec.Struct, frozen=True):
    """From one moment to another, Unix seconds."""

    since: float
    until: float


def slices(period: Period) -> Iterator[Period]:
    """Yield the slices of a period; each begins where the one before ended."""
    start = period.since
    while start < period.until:
        stop = min(start + SLICE_SECONDS, period.until)
        yield Period(start, stop)
        start = stop


async def tracks(
    api: PromApi, selector: str, period: Period, reach_seconds: Callable[[str], float], sort: Sort
) -> dict[str, Track]:
    """Return the tracks of what a selector finds in a period. Raises ApiError."""
    recorders: dict[str, Recorder] = {}
    for part in slices(period):
        span_ms = max(1, math.ceil((part.until - part.since) * 1000))
        points: dict[str, list[tuple[float, Value]]] = {}
        for series in await api.query_raw(f"{selector}[{span_ms}ms]", part.until):
            sorted_ = sort(series)
            if sorted_ is not None:
                name, told = sorted_
                points.setdefault(name, []).extend(
                    (time, value if told is None else told)
                    for time, value in series.points
                    if part.since - 1 <= time <= part.until + 1 and is_believable(value)
                )
        for name, found in points.items():
            recorder = recorders.setdefault(name, Recorder(reach_seconds(name)))
            recorder.feed(sorted(found, key=lambda point: point[0]))
    return {name: recorder.track for name, recorder in recorders.items()}


def is_believable(value: float) -> bool:
    """Whether a value may have been measured. A site may tell anything of itself: no number, no end."""
    return abs(value) < _LARGEST


def chunks(period: Period, series: int) -> Iterator[Period]:
    """Yield the first and last instant of steps that cover a period and end with it; each chunk holds as
    many as an answer may."""
    steps = max(1, math.ceil((period.until - period.since) / STEP_SECONDS))
    most = max(60, min(_MOST_STEPS, _POINTS_AT_ONCE // max(1, series)))
    for first in range(0, steps, most):
        last = min(first + most, steps) - 1
        yield Period(*(period.until - (steps - 1 - step) * STEP_SECONDS for step in (first, last)))


async def low_steps(
    api: PromApi, promql: str, instants: Period, label: str, least: Mapping[str, float], *, absent: bool
) -> dict[str, list[float]]:
    """Return, for each value of ``label`` in ``least``, the instants at which ``promql`` is below that;
    ``absent``: or has no value. Raises ApiError."""
    first, last = instants.since, instants.until
    steps = round((last - first) / STEP_SECONDS) + 1
    seen: dict[str, dict[int, float]] = {key: {} for key in least}
    for series in await api.query_range(promql, first, last, STEP_SECONDS):
        known = seen.get(series.label(label))
        if known is not None:
            known |= {round((time - first) / STEP_SECONDS): value for time, value in series.points}
    missing = -math.inf if absent else math.inf
    return {
        key: [
            first + number * STEP_SECONDS
            for number in range(steps)
            if known.get(number, missing) < least[key]
        ]
        for key, known in seen.items()
    }
