"""Reads the gaps of communes whose lines have unknown time, and what their counters gained over them."""

from collections.abc import Mapping

from alerts.gaps.ask import Period
from alerts.gaps.model import Gap
from alerts.gaps.read import Progress, nobody_asks, read
from alerts.promapi import PromApi
from alerts.slo import Seconds
from dashboards.reports.availability import line_keys
from dashboards.reports.collect import counters
from dashboards.reports.counters import Key, Reading, gain, readings
from dashboards.reports.unheard import LEAST_SECONDS, Heard, Unheard, is_vouched_down, unheard
from inventory.model import Inventory
from inventory.names import State

SETTLED_SECONDS = 60.0
"""After a gap, until counters are told again."""


async def collect_gaps(
    prometheus: PromApi,
    inventory: Inventory,
    period: Period,
    counted: Mapping[Key, Seconds],
    progress: Progress = nobody_asks,
) -> dict[Key, Unheard]:
    """Return what gaps change, for each line that has unknown time. Raises ApiError."""
    length = period.until - period.since
    keys = {
        key: commune.code
        for key, (commune, _) in line_keys(inventory).items()
        if length - _known(counted.get(key)) >= LEAST_SECONDS
    }
    found = await read(prometheus, inventory, period, set(keys.values()), progress)
    result = {}
    for key, code in keys.items():
        heard = [Heard(gap, await _gained(prometheus, key, gap)) for gap in found if gap.commune == code]
        result[key] = unheard(heard, period.since, period.until, counted.get(key, Seconds()))
    return result


def _known(counted: Seconds | None) -> float:
    return 0.0 if counted is None else counted.up + counted.down


async def _gained(prometheus: PromApi, key: Key, gap: Gap) -> Seconds:
    """What a line's counters gained over a gap; asked for only where that decides something."""
    if not any(is_vouched_down(piece) for piece in gap.pieces):
        return Seconds()
    before = await _reading(prometheus, key, gap.start.at)
    after = await _reading(prometheus, key, gap.end.at + SETTLED_SECONDS)
    return gain(before, after) if before and after else Seconds()


async def _reading(prometheus: PromApi, key: Key, at: float) -> Reading | None:
    matchers = f'site="{key.site}",line="{key.line}",target="{key.target}",probe="{key.probe}"'
    known = {str(state): state for state in State}
    found = readings(
        (known[sample.label("state")], at, sample.value)
        for sample in await prometheus.query(counters(matchers), at)
        if sample.label("state") in known
    )
    return found[0] if found else None
