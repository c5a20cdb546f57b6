"""Reads a month's raw counters from Prometheus, a day at a time."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from alerts.promapi import PromApi, Sample, Series, quote
from alerts.slo import Seconds
from dashboards.reports.counters import Key, Reading, Reset, Tally, readings
from dashboards.reports.month import Month
from inventory import names
from inventory.names import HUB_SITE, ComponentKind, State

STEP_SECONDS: Final = 3600.0
WINDOW_STEPS: Final = 24
FINE_STEP_SECONDS: Final = 15.0
FINE_LIMIT_SECONDS: Final = 2 * STEP_SECONDS
"""A restart between readings further apart is left as it is: what came before it stays unknown."""
MAX_RESETS: Final = 500
TIMEOUT_SECONDS: Final = 60.0

_BY: Final = "site, line, target, probe, state"
_LINES: Final = f'site!="{HUB_SITE}",target=~"{ComponentKind.HUB}:.+",line!=""'
_SYSTEMS: Final = f'site="{HUB_SITE}",commune="",target=~"{ComponentKind.SYSTEM}:.+"'
_COMMUNE_SYSTEMS: Final = f'site!="{HUB_SITE}",target=~"{ComponentKind.SYSTEM}:.+"'


async def collect(
    prometheus: PromApi, month: Month, until: float, *, by_commune: bool = False
) -> dict[Key, Seconds]:
    """Return the seconds in each state from the month's start to ``until``. Raises ApiError."""
    tally = Tally()
    for matchers in (_LINES, _SYSTEMS, *((_COMMUNE_SYSTEMS,) if by_commune else ())):
        for start, end in windows(month.start, until):
            series = await prometheus.query_range(counters(matchers), start, end, STEP_SECONDS)
            _feed(tally, series)
        if (until - month.start) % STEP_SECONDS:
            _feed(tally, _as_series(await prometheus.query(counters(matchers), until)))
    for reset in tally.resets[:MAX_RESETS]:
        await _look_closer(prometheus, tally, reset)
    return tally.sums


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
    for key, group in groupby(sorted(series, key=_key), key=_key):
        tally.feed(key, _readings(group))


def _readings(group: Iterable[Series]) -> list[Reading]:
    known = {str(state): state for state in State}
    return readings(
        (known[series.label("state")], time, value)
        for series in group
        if series.label("state") in known
        for time, value in series.points
    )


async def _look_closer(prometheus: PromApi, tally: Tally, reset: Reset) -> None:
    """Read the interval of a restart in small steps, so that little of it stays unknown."""
    start, end = reset.before.time, reset.after.time
    if end - start > FINE_LIMIT_SECONDS:
        return
    key = reset.key
    labels = {"site": key.site, "line": key.line, "target": key.target, "probe": key.probe}
    matchers = ",".join(f"{label}={quote(value)}" for label, value in labels.items())
    series = await prometheus.query_range(counters(matchers), start, end, FINE_STEP_SECONDS)
    tally.correct(reset, [one for one in _readings(series) if start < one.time < end])
