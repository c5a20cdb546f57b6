"""Whatever an agent says of itself and whatever Prometheus answers, gaps are found, labelled and printed."""

import json
import math
from itertools import pairwise
from random import Random
from typing import cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.gaps import text
from alerts.gaps.ask import Period
from alerts.gaps.model import Gap
from alerts.gaps.read import read
from alerts.promapi import PromApi, Sample, Series
from inventory import names
from inventory.names import HUB_SITE, Recorded
from tests.dashboards import province

SINCE, UNTIL = 1_740_000_000.0, 1_740_000_600.0
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
PERIOD = Period(SINCE, UNTIL)
COMMUNE = province.small().communes[0]
METRICS = [
    metric.name for metric in (
        names.HEARTBEAT, names.AGENT_DELIVERED, names.AGENT_START, names.AGENT_BOOT, names.AGENT_STOPPED,
        names.HOST_BOOT_INFO, names.AGENT_CLOCK_GUARD, names.AGENT_CLOCK_OFFSET, names.POWER_ON_MAINS,
        names.AGENT_SPOOL_BYTES, names.PROBE_SUCCESS,
    )
]  # fmt: skip
HUB = [str(one) for one in (Recorded.EVALUATED, Recorded.DOWN, Recorded.DOWN_SINCE, Recorded.DOWN_UNTIL)]
TARGETS = ["hub:main", f"line:{COMMUNE.code}/main", f"lan:{COMMUNE.code}", "", "x/y"]
ODD = [math.nan, math.inf, -math.inf, 1e300, -1e300, -1.0, 0.0, 1.0, 5e-324, 1e18, SINCE + 1, UNTIL + 1e6]


class Hostile:
    """Answers every question with anything."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def _value(self) -> float:
        return self._random.choice([*ODD, self._random.uniform(SINCE, UNTIL)])

    def _time(self) -> float:
        return self._random.choice([self._random.uniform(SINCE - 200, UNTIL + 200)] * 9 + [1e300, -1e300, 0])

    def _labels(self) -> dict[str, str]:
        choose = self._random.choice
        return {
            "__name__": choose(METRICS * 2 + HUB), "site": choose([COMMUNE.code] * 3 + [HUB_SITE, ""]),
            "line": choose(["main", "", "?"]), "target": choose(TARGETS), "state": choose(["up", "down", ""]),
            "boot_id": choose(["a", "b", ""]), "k": "hub",
        }  # fmt: skip

    def _series(self, most: int, points: int) -> tuple[Series, ...]:
        def one() -> Series:
            told = ((self._time(), self._value()) for _ in range(self._random.randint(0, points)))
            return Series(self._labels(), tuple(told))

        return tuple(one() for _ in range(self._random.randint(0, most)))

    async def query(self, promql: str, at: float | None = None) -> tuple[Sample, ...]:
        return tuple(Sample(one.labels, self._value(), at or 0.0) for one in self._series(3, 0))

    async def query_raw(self, promql: str, at: float | None = None) -> tuple[Series, ...]:
        return self._series(30, 12)

    async def query_range(self, *_: object) -> tuple[Series, ...]:
        return self._series(3, 20)


def shown(gaps: tuple[Gap, ...]) -> None:
    """It can be printed, and is a gap: pieces follow one another and no edge is outside its uncertainty."""
    assert text.table(gaps, {}, ZONE)
    json.dumps([text.as_data(gap, ZONE) for gap in gaps], allow_nan=False)
    for gap in gaps:
        assert 0 <= gap.data_ratio <= 1
        assert (gap.pieces[0].start, gap.pieces[-1].end) == (gap.start, gap.end)
        assert all(one.end == following.start for one, following in pairwise(gap.pieces))
        for piece in gap.pieces:
            assert piece.start.at <= piece.end.at
            assert all(edge.earliest <= edge.at <= edge.latest for edge in (piece.start, piece.end))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
async def test_no_answer_brings_the_gaps_of_the_province_down(seed: int) -> None:
    api = cast(PromApi, Hostile(Random(seed)))
    shown(await read(api, province.small(), PERIOD, {COMMUNE.code}))


@pytest.mark.parametrize("at", ODD)
def test_every_moment_has_words(at: float) -> None:
    assert text.moment(at, ZONE)
