"""Reads a month of traffic counters and throughput tests from Prometheus, some communes at a time."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from alerts.promapi import PromApi, Series
from dashboards.reports.load import SAMPLE_SECONDS, Counted, Tried, WayKey, first_needed
from dashboards.reports.month import Month
from inventory import names
from inventory.model import Inventory
from inventory.names import HUB_SITE, Metric

AT_ONCE: Final = 8
"""Communes in a query: a month of 5-minute samples of both directions stays a few megabytes."""
TEST_STEP_SECONDS: Final = 3600.0
"""Tests are days apart, and what one found stays until the next."""
_BY: Final = "commune, line, direction"

Samples = tuple[tuple[float, float], ...]


async def collect_loads(
    prometheus: PromApi, inventory: Inventory, month: Month, until: float
) -> dict[WayKey, Counted]:
    """Return the samples and tests of every line of which anything was heard. Raises ApiError."""
    found: dict[WayKey, Counted] = {}
    before = first_needed(inventory.quality, month.start)
    for codes in batches([commune.code for commune in inventory.communes]):
        chosen = f'site!="{HUB_SITE}",line!="",commune=~"{"|".join(codes)}"'
        # In two parts: Prometheus answers with 11,000 points of a series at most.
        earlier = await _samples(prometheus, chosen, before, month.start)
        samples = await _samples(prometheus, chosen, month.start, until)
        tests = await _tests(prometheus, chosen, month.start, until)
        for key in {*earlier, *samples, *tests}:
            all_samples = (*earlier.get(key, ()), *samples.get(key, ()))
            found[key] = Counted(samples=all_samples, tests=tests.get(key, ()))
    return found


def batches(codes: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the codes, some at a time."""
    for first in range(0, len(codes), AT_ONCE):
        yield codes[first : first + AT_ONCE]


async def _samples(prometheus: PromApi, chosen: str, start: float, until: float) -> dict[WayKey, Samples]:
    """Return the samples that end after ``start``, and at ``until`` at the latest."""
    rate = f"max by ({_BY}) (rate({names.TRAFFIC_BYTES.name}{{{chosen}}}[{SAMPLE_SECONDS:.0f}s]))"
    last = start + math.floor((until - start) / SAMPLE_SECONDS) * SAMPLE_SECONDS
    if last <= start:
        return {}
    grid = await prometheus.query_range(rate, start + SAMPLE_SECONDS, last, SAMPLE_SECONDS)
    return {_key(series): series.points for series in grid}


async def _tests(
    prometheus: PromApi, chosen: str, start: float, until: float
) -> dict[WayKey, tuple[Tried, ...]]:
    # One step on: what was tested in the last hour is read there.
    span = (start, until + TEST_STEP_SECONDS, TEST_STEP_SECONDS)
    reached = await prometheus.query_range(_largest(names.THROUGHPUT_GOODPUT, _BY, chosen), *span)
    dated = await prometheus.query_range(_largest(names.THROUGHPUT_MEASURED, "commune, line", chosen), *span)
    return join(reached, dated)


def _largest(metric: Metric, by: str, chosen: str) -> str:
    return f"max by ({by}) ({metric.name}{{{chosen}}})"


def _key(series: Series) -> WayKey:
    return WayKey(series.label("commune"), series.label("line"), series.label("direction"))


def join(reached: Iterable[Series], dated: Iterable[Series]) -> dict[WayKey, tuple[Tried, ...]]:
    """Return each test once: readings of the goodput, told apart by when it was measured."""
    when = {(series.label("commune"), series.label("line")): dict(series.points) for series in dated}
    found: dict[WayKey, tuple[Tried, ...]] = {}
    for series in reached:
        key = _key(series)
        dates = when.get((key.commune, key.line), {})
        tests = {dates[time]: goodput for time, goodput in series.points if time in dates}
        found[key] = tuple(sorted(Tried(date, goodput) for date, goodput in tests.items()))
    return found
