"""Hostile series: nothing stops a tick, and a liar accuses nobody but itself."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.locate.locator import Locator
from alerts.locate.model import Cause
from alerts.pinpoint.events import MOST_RESULTS, events
from alerts.pinpoint.judging import causes
from alerts.pinpoint.sight import WINDOW_SECONDS, Heard, Sight, sight
from alerts.pinpoint.watching import Probe, watching
from alerts.promapi import Series
from inventory import names
from inventory.names import HUB_SITE, Reason
from tests.dashboards import province

NOW = 1_800_000_000.0
SEEN = watching(province.small())
LOCATOR = Locator(SEEN.components, SEEN.routes)
SITES = (HUB_SITE, *SEEN.beats)
LIAR = "21040"
OWN = {"power", "lan", "line", "agent", "lan|agent"}


def series(probe: Probe, *points: tuple[float, float], **labels: str) -> Series:
    given = {
        "site": probe.site, "commune": probe.commune, "line": probe.line, "target": probe.target,
        "probe": probe.kind, **labels,
    }  # fmt: skip
    return Series(given, points)


def well(probe: Probe) -> Series:
    return series(probe, (NOW - 12, 1), (NOW - 7, 2), (NOW - 2, 3), result="ok")


def look(found: list[Series]) -> tuple[Sight, tuple[Cause, ...]]:
    seen = sight(
        SEEN,
        Heard(NOW, events(found, NOW - WINDOW_SECONDS), dict.fromkeys(SITES, NOW - 1), frozenset(SITES), 0.0),
    )
    return seen, causes(LOCATOR, SEEN, seen)


def says(probe: Probe, reason: Reason, count: float) -> list[Series]:
    return [series(probe, (NOW - 9, 0), (NOW - 6, count), (NOW - 1, 2 * count), result=str(reason))]


def loses(probe: Probe) -> list[Series]:
    moments = (NOW - 12, NOW - 7, NOW - 2)
    return [
        well(probe),
        series(probe, *((at, 10.0 * n) for n, at in enumerate(moments)), __name__=names.ICMP_SENT.name),
        series(probe, *((at, 9.0 * n) for n, at in enumerate(moments)), __name__=names.ICMP_LOST.name),
    ]


@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.REFUSED, Reason.DNS])
@pytest.mark.parametrize("count", [1, 50, MOST_RESULTS])
@pytest.mark.parametrize("chosen", ["hub:main", "pop:binh-son", "isp:vnpt", "system:dvc", ""])
def test_a_liar_accuses_nobody_but_itself(reason: Reason, count: int, chosen: str) -> None:
    found: list[Series] = []
    for probe in SEEN.probes:
        lies = probe.site == LIAR and (probe.target == chosen or not chosen)
        found += says(probe, reason, count) if lies else [well(probe)]
    _, blamed = look(found)
    accused = [cause.component for cause in blamed]
    assert all(LIAR in name and name.partition(":")[0] in OWN for name in accused), accused


def test_a_liar_that_loses_packets_accuses_nobody_but_itself() -> None:
    found: list[Series] = []
    for probe in SEEN.probes:
        found += loses(probe) if probe.site == LIAR and probe.kind == "icmp" else [well(probe)]
    _, blamed = look(found)
    assert all(LIAR in cause.component for cause in blamed)


def test_a_liar_hides_no_outage_of_others() -> None:
    found = []
    for probe in SEEN.probes:
        if "pop:ba-to" in SEEN.routes[min(SEEN.probes[probe].paths.values())].path:
            found += says(probe, Reason.TIMEOUT, 3)
        elif probe.site == LIAR:
            found += says(probe, Reason.TIMEOUT, MOST_RESULTS)
        else:
            found.append(well(probe))
    _, blamed = look(found)
    assert "pop:ba-to" in [cause.component for cause in blamed]


def test_two_who_say_the_same_are_believed() -> None:
    found: list[Series] = []
    for probe in SEEN.probes:
        broken = probe.target == "system:dvc" and probe.site in SITES[1:]
        found += says(probe, Reason.REFUSED, 3) if broken else [well(probe)]
    _, blamed = look(found)
    assert [cause.component for cause in blamed] == ["system:dvc"]


VALUE = st.floats() | st.sampled_from([math.nan, math.inf, -math.inf, 1e308, -1.0, 0.0, 1.0])
POINTS = st.lists(st.tuples(st.floats(NOW - 30, NOW + 30) | VALUE, VALUE), max_size=6)
LABELS = st.fixed_dictionaries(
    {},
    optional={
        "__name__": st.sampled_from([names.ICMP_SENT.name, names.ICMP_LOST.name, "x", ""]),
        "result": st.sampled_from([*map(str, Reason), "kaputt", ""]),
        "site": st.sampled_from([*SITES, "99999", ""]),
        "target": st.text(max_size=3),
        "le": st.text(max_size=3),
    },
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(SEEN.probes)), LABELS, POINTS), max_size=8))
def test_hostile_series_stop_nothing_and_fake_nothing(
    wild: list[tuple[Probe, dict[str, str], list[tuple[float, float]]]],
) -> None:
    mine = [(probe, labels, points) for probe, labels, points in wild if probe.site == LIAR]
    hostile = [series(probe, *points, **{**labels, "site": LIAR}) for probe, labels, points in mine]
    seen, blamed = look([well(probe) for probe in SEEN.probes] + hostile)
    assert all(0 <= failed <= sent for sent, failed in zip(seen.sent, seen.failed, strict=True))
    assert all(LIAR in cause.component for cause in blamed)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(SEEN.probes)), LABELS, POINTS), max_size=8))
def test_hostile_series_of_anybody_stop_nothing(
    wild: list[tuple[Probe, dict[str, str], list[tuple[float, float]]]],
) -> None:
    seen, _ = look([series(probe, *points, **labels) for probe, labels, points in wild])
    assert all(0 <= failed <= sent for sent, failed in zip(seen.sent, seen.failed, strict=True))
