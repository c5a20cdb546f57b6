"""When each line was down, as the rules recorded it: from Prometheus, a day at a time."""

from collections.abc import Iterable, Iterator
from typing import Final

from alerts.promapi import PromApi, Series
from alerts.rules_model import selector
from inventory.names import Recorded

STEP_SECONDS: Final = 15.0
DAY_SECONDS: Final = 86400.0
Down = tuple[float, float]


async def line_outages(prometheus: PromApi, start: float, until: float) -> dict[str, list[Down]]:
    """Return the outages of every line from ``start`` to ``until`` (Unix seconds), by its component id, to
    15 s. Raises ApiError.

    The hub's own verdict is read, not the agents': a line counts as down while its commune is silent too.
    """
    lines = selector(Recorded.FAILED, 'line!=""')
    asked = f"max by (member) ({lines}) == 1"
    found: dict[str, list[Down]] = {}
    for first, last in _days(start, until):
        for series in await prometheus.query_range(asked, first, last, STEP_SECONDS):
            _append(found.setdefault(series.label("member"), []), spans(series))
    return found


def spans(series: Series) -> Iterator[Down]:
    """Join the points at which a line was down; one missing point does not end an outage."""
    begun: float | None = None
    last = 0.0
    for time, _ in series.points:
        if begun is not None and time - last > 2 * STEP_SECONDS:
            yield begun, last + STEP_SECONDS
            begun = None
        if begun is None:
            begun = time
        last = time
    if begun is not None:
        yield begun, last + STEP_SECONDS


def _append(known: list[Down], more: Iterable[Down]) -> None:
    """An outage over midnight is one."""
    for down in more:
        if known and down[0] - known[-1][1] <= STEP_SECONDS:
            known[-1] = (known[-1][0], down[1])
        else:
            known.append(down)


def _days(start: float, until: float) -> Iterator[tuple[float, float]]:
    first = start
    while first < until:
        yield first, min(first + DAY_SECONDS - STEP_SECONDS, until)
        first += DAY_SECONDS
