"""Reads what state counters gained from hour to hour, a day at a time."""

from collections.abc import Iterator
from typing import Final

from alerts.promapi import PromApi
from alerts.slo import Gain
from dashboards.reports.collect import LINES, STEP_SECONDS, by_key, counters
from dashboards.reports.counters import Key, Reading, gain

DAY_SECONDS: Final = 86400.0


async def collect_gains(prometheus: PromApi, start: float, until: float) -> dict[Key, tuple[Gain, ...]]:
    """Return the gains of every line's SLA probe between full hours from ``start`` to ``until`` (Unix
    seconds at full hours), oldest first. Raises ApiError.

    What a counter gained over a gap is one gain: the agent went on counting.
    """
    query = counters(LINES)
    last: dict[Key, Reading] = {}
    found: dict[Key, list[Gain]] = {}
    for first, end in days(start, until):
        for key, read in by_key(await prometheus.query_range(query, first, end, STEP_SECONDS)).items():
            for reading in read:
                before = last.get(key)
                if before is not None and reading.time > before.time:
                    one = Gain(before.time, reading.time, gain(before, reading))
                    found.setdefault(key, []).append(one)
                last[key] = reading
    return {key: tuple(gained) for key, gained in found.items()}


def days(start: float, until: float) -> Iterator[tuple[float, float]]:
    """Yield (first, last) instants of the hourly grid, a day of them at a time; each in exactly one."""
    first = start
    while first <= until:
        yield first, min(first + DAY_SECONDS - STEP_SECONDS, until)
        first += DAY_SECONDS
