"""Reads a month's raw counters from Prometheus, a day at a time."""

import math
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from alerts.promapi import PromApi, Sample, Series
from alerts.slo import Seconds
from dashboards.reports.counters import Key, Reading, Seam, Tally, readings
from dashboards.reports.month import Month
from inventory import names
from inventory.names import HUB_SITE, ComponentKind, State

STEP_SECONDS: Final = 3600.0
WINDOW_STEPS: Final = 24
FINE_STEP_SECONDS: Final = 15.0
FINE_LIMIT_SECONDS: Final = 2 * STEP_SECONDS
"""A seam between readings further apart is left as it is: what lies in it stays unknown."""
TIMEOUT_SECONDS: Final = 60.0

_BY: Final = "site, line, target, probe, state"
LINES: Final = f'site!="{HUB_SITE}",target=~"{ComponentKind.HUB}:.+",line!=""'
_SYSTEMS: Final = f'site="{HUB_SITE}",commune="",target=~"{ComponentKind.SYSTEM}:.+"'
_COMMUNE_SYSTEMS: Final = f'site!="{HUB_SITE}",target=~"{ComponentKind.SYSTEM}:.+"'


async def collect(
    prometheus: PromApi, month: Month, until: float, *, by_commune: bool = False
) -> dict[Key, Seconds]:
    """Return the seconds in each state from the month's start to ``until``, for every target of which
    anything was heard. Raises ApiError."""
    sums: dict[Key, Seconds] = {}
    for matchers in (LINES, _SYSTEMS, *((_COMMUNE_SYSTEMS,) if by_commune else ())):
        tally = await _read(prometheus, counters(matchers), month.start, until)
        sums |= tally.sums
    return sums


async def _read(prometheus: PromApi, query: str, start: float, until: float) -> Tally:
    tally = Tally()
    for first, last in windows(start, until):
        _feed(tally, await prometheus.query_range(query, first, last, STEP_SECONDS))
    if (until - start) % STEP_SECONDS:
        _feed(tally, _as_series(await prometheus.query(query, until)))
    by_place: dict[tuple[float, float], list[Seam]] = {}
    for seam in tally.seams:
        by_place.setdefault(_place(seam, start), []).append(seam)
    for place, seams in by_place.items():
        if 0 < place[1] - place[0] <= FINE_LIMIT_SECONDS:
            series = await prometheus.query_range(query, *place, FINE_STEP_SECONDS)
            _look_closer(tally, seams, by_key(series))
    return tally


def _place(seam: Seam, start: float) -> tuple[float, float]:
    """The time of a seam: from the reading before it, or else from the instant of the grid before it."""
    end = seam.after.time
    if seam.before is not None:
        return seam.before.time, end
    steps = math.ceil((end - start) / STEP_SECONDS) - 1
    return start + max(0, steps) * STEP_SECONDS, end


def counters(matchers: str) -> str:
    """The query for state counters, without the labels of whoever carried them."""
    return f"max by ({_BY}) ({names.TARGET_STATE_SECONDS.name}{{{matchers}}})"


def windows(start: float, until: float) -> Iterator[tuple[float, float]]:
    """Yield (first, last) instants of each window; every instant of the grid is in exactly one."""
    last_step = int((until - start) // STEP_SECONDS)
    for first in range(0, last_step + 1, WINDOW_STEPS):
        last = min(first + WINDOW_STEPS - 1, last_step)
        yield start + first * STEP_SECONDS, start + last * STEP_SECONDS


def _as_series(samples: Iterable[Sample]) -> tuple[Series, ...]:
    return tuple(Series(sample.labels, ((sample.time, sample.value),)) for sample in samples)


def _key(series: Series) -> Key:
    return Key(series.label("site"), series.label("line"), series.label("target"), series.label("probe"))


def _feed(tally: Tally, series: Iterable[Series]) -> None:
    for key, found in by_key(series).items():
        tally.feed(key, found)


def by_key(series: Iterable[Series]) -> dict[Key, list[Reading]]:
    return {key: _readings(group) for key, group in groupby(sorted(series, key=_key), key=_key)}


def _readings(group: Iterable[Series]) -> list[Reading]:
    known = {str(state): state for state in State}
    return readings(
        (known[series.label("state")], time, value)
        for series in group
        if series.label("state") in known
        for time, value in series.points
    )


def _look_closer(tally: Tally, seams: Iterable[Seam], finer: dict[Key, list[Reading]]) -> None:
    """Correct seams by readings in small steps, so that little of them stays unknown."""
    for seam in seams:
        tally.correct(seam, [one for one in finer.get(seam.key, ()) if one.time < seam.after.time])
