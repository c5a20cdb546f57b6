"""Reads from Prometheus what dead zones are judged by."""

import math

from alerts import rules_deadzones
from alerts.deadzone import STEP_SECONDS, first_second
from alerts.deadzone_list import Evidence, LineKey, Signal
from alerts.promapi import PromApi
from alerts.slo import Gain
from dashboards.reports.availability import line_keys
from dashboards.reports.collect_gains import collect_gains
from inventory.model import Inventory
from inventory.names import Recorded


async def read(prometheus: PromApi, inventory: Inventory, now: float) -> Evidence:
    """Return the evidence up to the last full hour before ``now`` (Unix seconds). Raises ApiError."""
    until = math.floor(now / STEP_SECONDS) * STEP_SECONDS
    counted = await collect_gains(prometheus, first_second(until), until)
    gains: dict[LineKey, tuple[Gain, ...]] = {
        (commune.code, line): counted[key]
        for key, (commune, line) in line_keys(inventory).items()
        if key in counted
    }
    heard = await prometheus.query(f"max by (commune) ({Recorded.LAST_HEARD})", now)
    return Evidence(
        until=until,
        gains=gains,
        signals=await _signals(prometheus, now),
        heard=frozenset(sample.label("commune") for sample in heard),
    )


async def _signals(prometheus: PromApi, now: float) -> dict[LineKey, Signal]:
    medians = await prometheus.query(rules_deadzones.signal_median(), now)
    known = {
        (sample.label("commune"), sample.label("line")): sample.value
        for sample in await prometheus.query(rules_deadzones.signal_days(), now)
    }
    keyed = {(sample.label("commune"), sample.label("line")): sample.value for sample in medians}
    return {key: Signal(value, round(known.get(key, 0))) for key, value in keyed.items()}
