"""What is learned at the start, from a Prometheus that may have been told anything."""

import math

import pytest

from alerts.pinpoint.read import Reader
from alerts.promapi import Sample, Series
from inventory.names import Recorded

NOW = 1_800_000_000.0


class Memory:
    """Answers as a Prometheus that remembers one heartbeat of a site and what rules kept of another."""

    def __init__(self, value: float) -> None:
        self.value = value

    async def query(self, promql: str, at: float | None = None) -> tuple[Sample, ...]:
        if promql == str(Recorded.LAST_HEARD):
            return (Sample({"commune": "21499"}, NOW - 90_000, NOW),)
        return (Sample({"site": "21040"}, self.value, NOW),)

    async def query_raw(self, promql: str, at: float | None = None) -> tuple[Series, ...]:
        return ()


@pytest.mark.parametrize("value", [-math.inf, math.inf, math.nan, -1e18, 0.0, NOW + 60])
async def test_a_time_that_cannot_be_is_passed_over(value: float) -> None:
    reader = Reader(Memory(value))  # type: ignore[arg-type]  # only asks
    await reader.recall(NOW)
    assert reader.beats == {"21499": NOW - 90_000}


async def test_who_was_heard_is_known() -> None:
    reader = Reader(Memory(NOW - 5))  # type: ignore[arg-type]  # only asks
    await reader.recall(NOW)
    assert reader.beats == {"21499": NOW - 90_000, "21040": NOW - 5}
