"""The month of a line's load and tests: what is judged, from what, and how it is told."""

import json
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.promapi import PromApi, Series
from common.i18n import LANGUAGES
from dashboards.reports import render
from dashboards.reports.availability import report
from dashboards.reports.collect_load import batches, collect_loads, join
from dashboards.reports.load import SAMPLE_SECONDS, Counted, Period, Tried, Way, WayKey, quantile, way
from dashboards.reports.month import DAY_SECONDS, month
from inventory.model import Quality
from tests.dashboards import province

NOVEMBER = month("2026-11", "Asia/Ho_Chi_Minh")
WHOLE = Period(NOVEMBER.start, NOVEMBER.end)
RATE = 25e6  # 200 Mbit/s
PER_DAY = int(DAY_SECONDS / SAMPLE_SECONDS)


def samples(*days: float, known: float = 1.0) -> tuple[tuple[float, float], ...]:
    """A month in which every sample of a day has the same share of the rate."""
    return tuple(
        (NOVEMBER.start + day * DAY_SECONDS + (slot + 1) * SAMPLE_SECONDS, share * RATE)
        for day, share in enumerate(days)
        for slot in range(round(PER_DAY * known))
    )


def judged(found: Counted, period: Period = WHOLE, quality: Quality | None = None) -> Way:
    return way(quality or Quality(), "down", RATE, period, found)


def test_a_quiet_month_meets_the_regulation() -> None:
    found = judged(Counted(samples=samples(*[0.4] * 30)))
    assert (found.verdict, found.known, found.over) == ("met", 1.0, 0.0)
    assert found.percentile == pytest.approx(0.4)
    assert found.carried_bytes == pytest.approx(0.4 * RATE * 30 * DAY_SECONDS)


def test_one_busy_week_decides_though_the_months_percentile_does_not() -> None:
    """A single day at the limit is a seventh of its week, and a thirtieth of the month."""
    found = judged(Counted(samples=samples(*[0.2] * 12, 0.97, *[0.2] * 17)))
    assert found.percentile == pytest.approx(0.2)
    assert found.busiest == pytest.approx(0.97)
    assert found.verdict == "exceeded"
    assert found.over == pytest.approx(1 / 30)


def test_the_busiest_week_may_begin_on_any_day() -> None:
    week = [0.2] * 3 + [0.95] * 7 + [0.2] * 20
    assert judged(Counted(samples=samples(*week))).busiest == pytest.approx(0.95)


def around(before: list[float], *days: float) -> Counted:
    """Samples of the last days of the month before, and of November."""
    earlier = samples(*before)
    back = len(before) * DAY_SECONDS
    return Counted(samples=(*((time - back, rate) for time, rate in earlier), *samples(*days)))


def test_a_span_over_the_border_counts_in_the_month_in_which_it_ends() -> None:
    """Busy on 30 and 31 October: seven days that end in November hold them."""
    october = [0.2] * 4 + [0.97] * 2
    found = judged(around(october, *[0.2] * 30))
    assert found.verdict == "exceeded"
    assert found.busiest == pytest.approx(0.97)
    assert found.over == 0
    assert found.percentile == pytest.approx(0.2)
    assert found.known == 1
    assert found.carried_bytes == pytest.approx(0.2 * RATE * 30 * DAY_SECONDS)


def test_the_last_days_of_a_month_are_judged_with_the_next() -> None:
    """Some hours over the limit on the last day are too few for seven days, in this month or the next;
    with as many on the first of December they are enough, and only there."""
    november = samples(*[0.2] * 30)
    busy = 0.027 * 7 * PER_DAY  # samples at each side: together 5.4 % of a week
    over = tuple((time, 0.95 * RATE if time > NOVEMBER.end - busy * SAMPLE_SECONDS else rate)
                 for time, rate in november)  # fmt: skip
    assert judged(Counted(samples=over)).verdict == "met"
    december = month("2026-12", NOVEMBER.timezone)
    next_ = tuple((december.start + (slot + 1) * SAMPLE_SECONDS, (0.95 if slot < busy else 0.2) * RATE)
                  for slot in range(31 * PER_DAY))  # fmt: skip
    period = Period(december.start, december.end)
    assert judged(Counted(samples=next_), period).verdict == "met"
    assert judged(Counted(samples=(*over, *next_)), period).verdict == "exceeded"


def test_a_line_measured_since_the_month_began_can_meet_it() -> None:
    assert judged(Counted(samples=samples(*[0.4] * 30))).verdict == "met"
    assert judged(around([0.1] * 2, *[0.4] * 30)).verdict == "met"


@pytest.mark.parametrize(("name", "days"), [("2027-02", 28), ("2028-02", 29), ("2026-10", 31)])
def test_every_midnight_of_a_month_ends_a_span(name: str, days: int) -> None:
    """Whatever its length; the last span is the one that ends with the month."""
    found = month(name, NOVEMBER.timezone)
    first = found.start - 6 * DAY_SECONDS
    for busy in (0, 6 + days - 1):  # the first day that any span holds, and the last
        counted = Counted(samples=tuple(
            (first + (slot + 1) * SAMPLE_SECONDS, (0.97 if slot // PER_DAY == busy else 0.2) * RATE)
            for slot in range((6 + days) * PER_DAY)
        ))  # fmt: skip
        assert judged(counted, Period(found.start, found.end)).verdict == "exceeded", busy


def test_at_the_limit_is_within_it() -> None:
    assert judged(Counted(samples=samples(*[0.9] * 30))).verdict == "met"


@pytest.mark.parametrize(
    ("found", "period"),
    [
        (Counted(), WHOLE),
        (Counted(samples=samples(*[0.1] * 30, known=0.4)), WHOLE),
        (Counted(samples=samples(*[0.99] * 3)), Period(NOVEMBER.start, NOVEMBER.start + 3 * DAY_SECONDS)),
        (Counted(samples=samples(*[0.1] * 20)), WHOLE),
    ],
    ids=["nothing", "too few", "less than half of seven days", "the last weeks are unknown"],
)
def test_what_is_not_known_is_not_judged(found: Counted, period: Period) -> None:
    assert judged(found, period).verdict == "open"


def test_what_is_known_to_be_over_decides_whatever_else_is_unknown() -> None:
    assert judged(Counted(samples=samples(*[0.95] * 8))).verdict == "exceeded"


def test_days_and_limit_are_the_inventorys() -> None:
    quality = Quality(congestion_days=2, congestion_ratio_max=0.5)
    found = judged(Counted(samples=samples(*[0.2] * 10, 0.6, 0.6, *[0.2] * 18)), quality=quality)
    assert found.verdict == "exceeded"
    assert found.busiest == pytest.approx(0.6)


@pytest.mark.parametrize(("reached", "expected"), [(0.81, "met"), (0.79, "missed")])
def test_the_median_test_is_held_against_the_contract(reached: float, expected: str) -> None:
    tests = tuple(Tried(NOVEMBER.start + n, share * RATE) for n, share in enumerate((0.1, reached, 0.99)))
    found = judged(Counted(tests=(*tests, Tried(NOVEMBER.start - 1, 0.0), Tried(NOVEMBER.end, 0.0))))
    assert (found.contract, found.tests) == (expected, 3)
    assert found.goodput == pytest.approx(reached * RATE)


def test_a_test_that_the_hub_held_back_misses_nothing() -> None:
    tried = Counted(tests=(Tried(NOVEMBER.start, 0.5 * RATE),))
    assert way(Quality(), "down", RATE, WHOLE, tried, testable=False).contract == "open"
    reached = Counted(tests=(Tried(NOVEMBER.start, 0.9 * RATE),))
    assert way(Quality(), "down", RATE, WHOLE, reached, testable=False).contract == "met"


@given(st.lists(st.floats(0, 1e9), max_size=50), st.floats(0, 1))
def test_a_quantile_lies_between_its_neighbours(values: list[float], share: float) -> None:
    ordered = sorted(values)
    found = quantile(ordered, share)
    if not ordered:
        assert found is None
        return
    assert found is not None
    assert ordered[0] <= found <= ordered[-1] * (1 + 1e-12)
    assert quantile(ordered, 0.0) == ordered[0]
    assert quantile(ordered, 1.0) == ordered[-1]


@given(st.lists(st.tuples(st.floats(0, 3e6), st.floats(0, 1e9)), max_size=40), st.floats(1, 3e6))
def test_any_samples_give_shares_within_bounds(offsets: list[tuple[float, float]], length: float) -> None:
    found = Counted(samples=tuple((NOVEMBER.start + at, rate) for at, rate in sorted(offsets)))
    shown = judged(found, Period(NOVEMBER.start, NOVEMBER.start + length))
    assert 0 <= shown.known <= 1
    assert shown.over is None or 0 <= shown.over <= 1


def test_a_test_counts_once_however_often_it_is_read() -> None:
    labels = {"commune": "21040", "line": "main"}
    times = [NOVEMBER.start + 3600 * hour for hour in range(5)]
    dated = Series(labels, tuple(zip(times, (5.0, 5.0, 5.0, 9.0, 9.0), strict=True)))
    reached = Series({**labels, "direction": "up"}, tuple(zip(times, (1e6, 1e6, 1e6, 2e6, 2e6), strict=True)))
    found = join((reached,), (dated,))
    assert found == {WayKey("21040", "main", "up"): (Tried(5.0, 1e6), Tried(9.0, 2e6))}


def test_communes_are_asked_some_at_a_time() -> None:
    codes = [f"{n:05}" for n in range(19)]
    found = list(batches(codes))
    assert [code for batch in found for code in batch] == codes
    assert max(map(len, found)) <= 8
    assert all(len(one) >= len(other) for one, other in pairwise(found))


@pytest.mark.parametrize("days", [1, 7, 31])
async def test_no_question_is_longer_than_prometheus_answers(days: int) -> None:
    asked: list[tuple[float, float, float]] = []

    class Recorder(PromApi):
        async def query_range(
            self, promql: str, start: float, end: float, step_seconds: float
        ) -> tuple[Series, ...]:
            asked.append((start, end, step_seconds))
            return ()

    inventory = msgspec.structs.replace(province.small(), quality=Quality(congestion_days=days))
    october = month("2026-10", NOVEMBER.timezone)
    assert await collect_loads(Recorder("http://nowhere"), inventory, october, october.end) == {}
    assert all((end - start) / step + 1 <= 11_000 for start, end, step in asked)
    fine = [(start, end) for start, end, step in asked if step == SAMPLE_SECONDS]
    assert min(fine)[0] == october.start - (days - 1) * DAY_SECONDS + SAMPLE_SECONDS
    assert max(end for _, end in fine) == october.end


# --- told ------------------------------------------------------------------------------------------
LOADED = {
    WayKey("21040", "main", "down"): Counted(
        samples=samples(*[0.2] * 12, 0.97, *[0.2] * 17), tests=(Tried(NOVEMBER.start + 5, 0.6 * RATE),)
    )
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_table_tells_of_every_line_and_how_it_is_judged(language: str) -> None:
    found = report(province.small(), NOVEMBER, NOVEMBER.end + 40 * DAY_SECONDS, {}, loaded=LOADED)
    text = render.table(found, language)
    line = next(line for line in text.splitlines() if "21040" in line and "200" in line)
    said = {"en": ("shared", "97.0 %", "congested", "120.0 (60 %, n=1)", "missed")}
    said["vi"] = ("dùng chung", "97,0 %", "nghẽn", "120,0 (60 %, n=1)", "không đạt")
    for part in said[language]:
        assert part in line, line
    assert "06/2026/TT-BKHCN" in text


def test_without_load_a_report_is_as_before() -> None:
    found = report(province.small(), NOVEMBER, NOVEMBER.end, {})
    assert "TT-BKHCN" not in render.table(found, "en")
    assert json.loads(render.as_json(found))["loads"] == []


def test_csv_and_json_have_a_row_for_every_direction() -> None:
    found = report(province.small(), NOVEMBER, NOVEMBER.end, {}, loaded=LOADED)
    rows = [row.split(",") for row in render.as_csv(found, "en").splitlines()]
    loads = [dict(zip(rows[0], row, strict=True)) for row in rows if row[0] == "load"]
    assert len(loads) == 12
    assert loads[0]["busiest"] == "0.97"
    assert (loads[0]["verdict"], loads[0]["contract"], loads[1]["verdict"]) == ("exceeded", "missed", "open")
    decoded = json.loads(render.as_json(found))["loads"]
    assert decoded[0]["ways"][0]["busiest"] == pytest.approx(0.97)
    assert msgspec.json.decode(msgspec.json.encode(decoded)) == decoded
