"""The small pure parts: spans, stretches, pauses of the hub, steps, words."""

import re
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import alerts.gaps
from alerts.gaps import ask, text
from alerts.gaps.find import Region, Stretch, regions, stretches
from alerts.gaps.hub import cut_offs, pauses
from alerts.gaps.model import DEAD, Edge, Fact, Gap, GapLabel, Piece, Side, after, before, between, exactly
from alerts.gaps.tracks import Interval, Span, Track, all_of, both, joined, silences, track
from alerts.rules_model import Tuning
from common import i18n
from common.i18n import LANGUAGES
from deploy.commands.gaps import since_unix

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
SOURCES = [path.read_text() for path in Path(alerts.gaps.__file__).parent.glob("*.py")]
FACTS = {
    kind
    for source in SOURCES
    for said in re.findall(r"(?:Fact|Deaf)\(.*", source)
    for kind in re.findall(r'"([a-z_]+)"(?!:)', said)
}
TIMES = st.lists(st.floats(0, 1000, allow_nan=False), max_size=60).map(lambda found: sorted(set(found)))


# --- tracks --------------------------------------------------------------------------------------
def test_equal_values_are_one_span_until_they_are_too_far_apart() -> None:
    found = track([(0, 1.0), (5, 1.0), (10, 0.0), (15, 0.0), (90, 0.0)], 20)
    assert found.spans == (Span(0, 5, 1.0), Span(10, 15, 0.0), Span(90, 90, 0.0))
    assert found.value_at(-1) is None
    assert (found.value_at(7), found.value_at(12), found.first_value(6)) == (1.0, 0.0, 0.0)
    assert (found.last_before(12), found.last_before(50), found.last_before(0)) == (12, 15, None)
    assert found.covered_seconds(2, 12) == 5
    assert found.told(6, 11)
    assert not found.told(20, 80)


def test_a_change_lies_between_two_samples_and_nothing_is_claimed_over_a_silence() -> None:
    down = track([(0, 1.0), (10, 0.0), (20, 0.0), (90, 0.0), (95, 1.0)], 20).where(lambda value: value == 0)
    assert down == [
        Interval(between(0, 10), exactly(20)),
        Interval(exactly(90), between(90, 95)),
    ]


@given(TIMES, st.floats(0.1, 100))
def test_spans_and_silences_share_out_all_time(times: list[float], reach: float) -> None:
    found = track(((at, 1.0) for at in times), reach)
    whole = sum(span.last - span.first for span in found.spans) + sum(b - a for a, b in silences(found))
    assert whole == pytest.approx(times[-1] - times[0] if times else 0)
    assert all(b - a > reach for a, b in silences(found))
    assert joined([found, found], reach) == found


def test_several_lines_are_down_when_all_are() -> None:
    one = [Interval(exactly(0), exactly(10)), Interval(exactly(20), exactly(30))]
    other = [Interval(after(5, 2), before(25, 1))]
    assert both(one, other) == [Interval(after(5, 2), exactly(10)), Interval(exactly(20), before(25, 1))]
    assert all_of([]) == []
    assert all_of([one]) == one


# --- where gaps are ------------------------------------------------------------------------------
REGION = Region(0, 1000, first=True, last=True)


def beats(*ranges: tuple[float, float]) -> Track:
    return Track(tuple(Span(start, end, 1.0) for start, end in ranges))


def test_missing_samples_are_gaps() -> None:
    found = stretches(REGION, beats((50, 400), (450, 900)), Track(), 6.5)
    assert found == [Stretch(0, 50, clipped=True), Stretch(400, 450), Stretch(900, 1000, open=True)]
    assert stretches(REGION, Track(), Track(), 6.5) == [Stretch(0, 1000, clipped=True, open=True)]
    assert stretches(Region(10, 60), beats((10, 60)), Track(), 6.5) == []


def test_samples_that_came_late_are_a_gap_too_and_both_are_one() -> None:
    delivered = track([(0, 0.0), (100, 98.0), (300, 98.0), (302, 301.0), (304, 303.0)], 1000)
    whole = beats((0, 200), (220, 1000))
    assert stretches(REGION, whole, delivered, 6.5) == [Stretch(98, 301)]


@given(TIMES, TIMES)
def test_gaps_neither_overlap_nor_touch(times: list[float], acknowledged: list[float]) -> None:
    delivered = track([(at, max((a for a in acknowledged if a <= at), default=0.0)) for at in times], 6.5)
    found = stretches(REGION, track(((at, 1.0) for at in times), 6.5), delivered, 6.5)
    assert all(0 <= one.start < one.end <= 1000 for one in found)
    assert all(one.end < following.start for one, following in pairwise(found))


@given(st.sets(st.integers(1, 200)), st.integers(1, 3000))
def test_what_is_looked_at_closely_covers_what_was_amiss(minutes: set[int], until: int) -> None:
    low = [minute * 60.0 for minute in minutes if minute * 60 <= until]
    found = list(regions(low, 60, 0, until))
    assert all(any(one.start <= end - 60 and end <= one.end for one in found) for end in low)
    assert all(one.end < following.start for one, following in pairwise(found))


@given(st.floats(1, 40 * 86400), st.integers(1, 4000))
def test_steps_cover_the_period_and_end_with_it(length: float, series: int) -> None:
    found = list(ask.chunks(ask.Period(0, length), series))
    assert found[-1].until == pytest.approx(length)
    assert found[0].since <= ask.STEP_SECONDS
    for one, following in pairwise(found):
        assert following.since - one.until == pytest.approx(ask.STEP_SECONDS)


# --- the hub -------------------------------------------------------------------------------------
def test_a_pause_of_the_rules_lies_between_two_evaluations() -> None:
    found = list(pauses(REGION, beats((0, 300), (400, 1000)), 10, 2))
    assert found == [Interval(Edge(300, 300, 302), Edge(400, 398, 400))]
    assert list(pauses(REGION, Track(), 10, 2)) == [Interval(exactly(0), exactly(1000))]
    edges = list(pauses(REGION, beats((100, 900)), 10, 2))
    assert [(one.start.at, one.end.at) for one in edges] == [(0, 100), (900, 1000)]


def test_a_hub_that_was_cut_off_was_so_since_the_last_sign_of_life() -> None:
    down, began = beats((520, 600)), track([(520, 505.0), (600, 505.0)], 1000)
    healed = track([(585, 581.0)], 10)
    (one,) = cut_offs(down, began, healed, Tuning())
    assert (one.start.at, one.end.latest) == (505, 581)
    (alone,) = cut_offs(down, Track(), Track(), Tuning())
    assert (alone.start.at, alone.end.latest) == (520, 600)


# --- words ---------------------------------------------------------------------------------------
def test_every_label_every_side_and_every_fact_has_its_words() -> None:
    for language in LANGUAGES:
        assert len({text.label_text(label, language) for label in GapLabel}) == len(GapLabel)
        known = i18n.catalogue(language)
        assert {f"gaps.by_{side}" for side in Side} <= known.keys()
        assert {f"gaps.fact_{kind}" for kind in FACTS} <= known.keys()
    assert set(GapLabel) > DEAD


def test_a_moment_in_evidence_is_local_time() -> None:
    said = text.fact_text(Fact("restarted", {"started_unix": 1_740_000_000.0}), ZONE, "en")
    assert said == "the agent was started at 2025-02-20 04:20:00"


def test_an_open_gap_has_no_end_and_no_gap_is_said() -> None:
    piece = Piece(label=GapLabel.UNKNOWN, start=exactly(0), end=exactly(90061))
    gap = Gap(commune="21040", start=piece.start, end=piece.end, open=True, data_ratio=0.0, pieces=(piece,))
    i18n.choose("en")
    said = text.table([gap], {"21040": "Xã Bình Sơn"}, ZONE)
    assert "goes on" in said
    assert "1d 1:01:01" in said
    assert text.table([], {}, ZONE) == "No gaps.\n"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [("90m", 1e9 - 5400), ("7d", 1e9 - 7 * 86400), ("2001-09-08", 999882000.0), ("0d", None), ("401d", None),
     ("7", None), ("2001-13-01", None), ("2999-01-01", None), ("", None), ("-1d", None), ("٧d", None)],
)  # fmt: skip
def test_since_is_a_time_back_or_a_date(wanted: str, expected: float | None) -> None:
    assert since_unix(wanted, 1e9, ZONE) == expected
