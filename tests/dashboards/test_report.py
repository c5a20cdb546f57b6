"""The monthly account, without Prometheus: months, counters, intervals, rendering."""

import csv
import io
import json
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfoNotFoundError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.slo import Availability, Seconds, availability, verdict
from common.i18n import LANGUAGES
from dashboards.reports import render
from dashboards.reports.availability import Report, line_keys, report, system_keys
from dashboards.reports.collect import STEP_SECONDS, counters, windows
from dashboards.reports.counters import TOLERANCE_SECONDS, Key, Reading, Seam, Tally, gain, readings
from dashboards.reports.month import DAY_SECONDS, MonthError, local, month
from dashboards.reports.words import duration, percent
from inventory.names import HUB_SITE, State
from tests.dashboards import province
from tests.dashboards.history import History, Phase

ZONE = "Asia/Ho_Chi_Minh"
NOVEMBER = month("2026-11", ZONE)
KEY = Key("21040", "main", "hub:main", "icmp")
SECONDS = st.floats(0, 3e6, allow_nan=False)


# --- months ------------------------------------------------------------------------------------
def test_a_month_runs_from_local_midnight_to_local_midnight() -> None:
    start = datetime.fromtimestamp(NOVEMBER.start, UTC)
    assert start == datetime(2026, 10, 31, 17, tzinfo=UTC)
    assert NOVEMBER.end - NOVEMBER.start == 30 * DAY_SECONDS
    assert local(NOVEMBER.start, ZONE) == "2026-11-01 00:00"


def test_a_month_with_a_change_of_clock_has_the_hours_that_it_had() -> None:
    assert (
        month("2026-10", "Europe/Paris").end - month("2026-10", "Europe/Paris").start
        == 31 * DAY_SECONDS + 3600
    )
    assert month("2026-12", ZONE).end == month("2027-01", ZONE).start


@pytest.mark.parametrize(
    "text",
    ["", "2026", "2026-13", "2026-00", "2026-1", "11-2026", "2026-11-01", " 2026-11", "2019-12", "9999-12",
     "٢٠٢٦-11"],
)  # fmt: skip
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(MonthError):
        month(text, ZONE)


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        month("2026-11", "Asia/Nowhere")


@given(st.text(max_size=12))
def test_any_text_is_a_month_or_refused(text: str) -> None:
    try:
        found = month(text, ZONE)
    except MonthError:
        return
    assert found.start < found.end


def test_a_month_is_provisional_while_it_runs_and_while_backlog_may_come() -> None:
    assert NOVEMBER.is_provisional(NOVEMBER.start + 1, 14)
    assert NOVEMBER.is_provisional(NOVEMBER.end + 14 * DAY_SECONDS, 14)
    assert not NOVEMBER.is_provisional(NOVEMBER.end + 15 * DAY_SECONDS, 14)
    assert NOVEMBER.until(NOVEMBER.start + 5) == NOVEMBER.start + 5
    assert NOVEMBER.until(NOVEMBER.end + 5) == NOVEMBER.end


# --- intervals ---------------------------------------------------------------------------------
def test_unknown_time_is_neither_up_nor_down() -> None:
    assert availability(Seconds(up=50, down=10, unknown=40), 100) == Availability(0.5, 0.9, 0.6)
    assert availability(Seconds(), 100) == Availability(0.0, 1.0, 0.0)
    assert availability(Seconds(up=103), 100) == Availability(1.0, 1.0, 1.0)


@given(SECONDS, SECONDS, SECONDS, st.floats(1, 3e6))
def test_an_interval_is_one(up: float, down: float, unknown: float, period: float) -> None:
    found = availability(Seconds(up, down, unknown), period)
    assert 0 <= found.lowest <= found.highest <= 1
    assert 0 <= found.coverage <= 1 + 1e-12
    assert found.highest - found.lowest == pytest.approx(1 - found.coverage, abs=1e-9)


@pytest.mark.parametrize("period", [0.0, -1.0])
def test_a_period_without_length_is_refused(period: float) -> None:
    with pytest.raises(ValueError, match="period"):
        availability(Seconds(), period)


@pytest.mark.parametrize(
    ("lowest", "highest", "target", "expected"),
    [(0.99, 1, 0.99, "met"), (0.9, 0.989, 0.99, "missed"), (0.9, 0.99, 0.99, "open"), (0, 1, None, "none")],
)
def test_a_verdict_is_given_only_when_it_is_certain(
    lowest: float, highest: float, target: float | None, expected: str
) -> None:
    assert verdict(Availability(lowest, highest, 1), target) == expected


# --- counters ----------------------------------------------------------------------------------
def reading(time: float, up: float, down: float = 0.0, unknown: float = 0.0) -> Reading:
    return Reading(time, Seconds(up, down, unknown))


def test_a_gain_is_the_difference() -> None:
    assert gain(reading(0, 100, 5), reading(3600, 3000, 705)) == Seconds(2900, 700)


def test_a_gain_over_a_gap_counts() -> None:
    assert gain(reading(0, 100), reading(86400, 86500)) == Seconds(86400)


def test_after_a_restart_only_what_was_counted_since_is_known() -> None:
    assert gain(reading(0, 9000, 50), reading(3600, 600, 0)) == Seconds(600)


def test_a_gain_larger_than_the_time_that_passed_is_not_believed() -> None:
    assert gain(reading(0, 0), reading(3600, 3600 + TOLERANCE_SECONDS)) == Seconds(3600 + TOLERANCE_SECONDS)
    assert gain(reading(0, 0), reading(3600, 3601 + TOLERANCE_SECONDS)) == Seconds()
    assert gain(reading(0, 9), reading(3600, 8, 1_000_000)) == Seconds()


def test_the_first_reading_brings_nothing() -> None:
    tally = Tally()
    tally.feed(KEY, [reading(0, 1_000_000)])
    assert tally.sums == {KEY: Seconds()}


def test_windows_join_without_losing_what_lies_between() -> None:
    tally = Tally()
    tally.feed(KEY, [reading(0, 0), reading(3600, 3600)])
    tally.feed(KEY, [])
    tally.feed(KEY, [reading(7200, 7100, 100)])
    tally.feed(KEY, [reading(7200, 7100, 100)])  # the end of the period may be asked for twice
    assert tally.sums[KEY] == Seconds(7100, 100)


def test_a_state_that_was_not_entered_before_counts_from_zero() -> None:
    found = readings([(State.UP, 0, 10.0), (State.UP, 60, 10.0), (State.DOWN, 60, 60.0)])
    assert found == [reading(0, 10), reading(60, 10, 60)]
    assert gain(*found) == Seconds(0, 60)


def test_closer_readings_replace_what_a_restart_left_unknown() -> None:
    tally = Tally()
    tally.feed(KEY, [reading(0, 0), reading(3600, 3600), reading(7200, 600)])
    assert tally.sums[KEY] == Seconds(3600 + 600)
    first, restart = tally.seams
    assert first == Seam(KEY, None, reading(0, 0))
    assert restart == Seam(KEY, reading(3600, 3600), reading(7200, 600))
    tally.correct(restart, [reading(3600, 3600), reading(6000, 6000), reading(6615, 15)])
    assert tally.sums[KEY] == Seconds(3600 + 2400 + 15 + 585)


def test_closer_readings_find_where_a_target_began() -> None:
    tally = Tally()
    tally.feed(KEY, [reading(7200, 5000)])
    assert tally.sums[KEY] == Seconds()
    tally.correct(tally.seams[0], [reading(3615, 1415), reading(3630, 1430)])
    assert tally.sums[KEY] == Seconds(5000 - 1415)


def test_every_instant_of_the_grid_is_in_one_window() -> None:
    until = NOVEMBER.start + 49 * STEP_SECONDS + 1
    found = list(windows(NOVEMBER.start, until))
    hours = [(at - NOVEMBER.start) / STEP_SECONDS for window in found for at in window]
    assert hours == [0, 23, 24, 47, 48, 49]


@given(st.floats(1, 31 * DAY_SECONDS))
def test_windows_cover_any_period(length: float) -> None:
    found = list(windows(0.0, length))
    assert found[0][0] == 0
    assert 0 <= length - found[-1][1] < STEP_SECONDS
    assert all(after[0] - before[1] == STEP_SECONDS for before, after in pairwise(found))


def test_counters_are_asked_for_without_the_labels_of_their_carrier() -> None:
    assert counters('site="x"') == (
        'max by (site, line, target, probe, state) (thongsuot_target_state_seconds_total{site="x"})'
    )


PHASES = st.lists(
    st.builds(
        Phase,
        seconds=st.floats(1, 20_000),
        state=st.sampled_from(State),
        heard=st.booleans(),
        restarts=st.booleans(),
    ),
    min_size=1,
    max_size=25,
).map(tuple)


def read_as_prometheus(history: History, until: float) -> list[Reading]:
    """Return the readings of the grid: the last sample before each instant, not over 5 minutes old."""
    found = []
    at = history.start
    while at <= until:
        heard = [
            at - age for age in range(0, 300, 5) if at - age >= history.start and history.is_heard(at - age)
        ]
        if heard:
            values = (history.value(state, heard[0]) for state in (State.UP, State.DOWN, State.UNKNOWN))
            found.append(Reading(at, Seconds(*values)))
        at += STEP_SECONDS
    return found


@settings(max_examples=200)
@given(PHASES)
def test_the_truth_lies_within_the_interval_whatever_was_heard_and_however_often_counters_restarted(
    phases: tuple[Phase, ...],
) -> None:
    history = History(0.0, phases)
    period = history.end - history.start
    tally = Tally()
    tally.feed(KEY, read_as_prometheus(history, history.end))
    known = tally.sums[KEY] if KEY in tally.sums else Seconds()
    edge = 300.0 + 1e-6 * period  # a reading may be 5 minutes old
    assert known.up <= history.spent(State.UP) + edge
    assert known.down <= history.spent(State.DOWN) + edge
    found = availability(known, period)
    lowest, highest = history.spent(State.UP) / period, 1 - history.spent(State.DOWN) / period
    assert found.lowest <= lowest + edge / period
    assert found.highest >= highest - edge / period


# --- the report --------------------------------------------------------------------------------
NOW = NOVEMBER.start + 10 * DAY_SECONDS


def account(counted: dict[Key, Seconds] | None = None, *, by_commune: bool = False) -> Report:
    return report(province.small(), NOVEMBER, NOW, counted or {}, by_commune=by_commune)


def test_every_line_and_system_of_the_inventory_has_a_row_even_when_nothing_was_heard() -> None:
    found = account()
    inventory = province.small()
    assert [row.commune for row in found.rows if row.subject == "line"] == [
        c.code for c in inventory.communes
    ]
    assert [row.system for row in found.rows if row.subject == "system"] == [s.id for s in inventory.systems]
    assert {row.availability for row in found.rows} == {Availability(0.0, 1.0, 0.0)}
    assert not any(row.heard for row in found.rows)
    assert found.provisional


def test_every_commune_and_system_is_added_when_asked_for() -> None:
    rows = [row for row in account(by_commune=True).rows if row.subject == "commune_system"]
    assert len(rows) == 6 * 4
    assert len({(row.commune, row.system) for row in rows}) == 24


def test_a_row_holds_what_was_counted_for_its_key() -> None:
    inventory = province.small()
    line = next(key for key, (commune, _) in line_keys(inventory).items() if commune.code == "21040")
    system = next(key for key, item in system_keys(inventory, HUB_SITE).items() if item.id == "ho-tich")
    assert line == KEY
    assert system == Key(HUB_SITE, "", "system:ho-tich", "http")
    found = account({line: Seconds(9.9 * DAY_SECONDS, 0.01 * DAY_SECONDS), system: Seconds(5 * DAY_SECONDS)})
    row = next(row for row in found.rows if row.commune == "21040")
    assert row.availability.lowest == pytest.approx(0.99)
    assert row.availability.highest == pytest.approx(0.999)
    assert (row.target, row.verdict) == (0.995, "open")
    assert row.unknown_seconds == pytest.approx(0.09 * DAY_SECONDS)
    row = next(row for row in found.rows if row.system == "ho-tich")
    assert (row.availability.lowest, row.availability.highest) == (0.5, 1.0)


# --- rendering ---------------------------------------------------------------------------------
def sample() -> Report:
    return account({KEY: Seconds(9.5 * DAY_SECONDS, 3661)}, by_commune=True)


def test_a_table_says_what_is_known_and_what_is_not() -> None:
    text = render.table(sample(), "en")
    assert "Availability in 2026-11" in text
    assert "From 2026-11-01 00:00 to 2026-11-11 00:00 (Asia/Ho_Chi_Minh)" in text
    assert "PROVISIONAL" in text
    line = next(line for line in text.splitlines() if line.startswith("21040 Xã Bình Sơn / main"))
    assert line.split()[6:] == [
        "95.000",
        "%",
        "99.577",
        "%",
        "95.423",
        "%",
        "01:01:01",
        "10:58:59",
        "99.500",
        "%",
        "undecided",
    ]
    assert text.count("never reported") == 5 + 4 + 24


def test_a_table_in_vietnamese_has_decimal_commas() -> None:
    text = render.table(sample(), "vi")
    assert "TẠM TÍNH" in text
    assert "95,000 %" in text
    assert "chưa từng báo về" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_columns_of_a_table_stand_below_each_other(language: str) -> None:
    lines = render.table(sample(), language).splitlines()
    head = next(number for number, line in enumerate(lines) if set(line) == {"-"}) - 1
    rows = lines[head + 2 : head + 8]
    assert {line.rindex("%", 0, 80) for line in rows if line.count("%") > 2} != set()
    widths = {line.index("%") for line in rows}
    assert len(widths) == 1


@pytest.mark.parametrize(
    ("ratio", "down", "up"),
    [
        (0.9999999, "99.999 %", "100.000 %"),
        (1.0, "100.000 %", "100.000 %"),
        (0.0, "0.000 %", "0.000 %"),
        (0.995, "99.500 %", "99.500 %"),
    ],
)
def test_a_percentage_never_flatters(ratio: float, down: str, up: str) -> None:
    assert percent(ratio, "en", up=False) == down
    assert percent(ratio, "en", up=True) == up


@given(st.floats(0, 1))
def test_a_percentage_encloses_its_ratio(ratio: float) -> None:
    low, high = (float(percent(ratio, "en", up=up).rstrip(" %")) / 100 for up in (False, True))
    assert low - 1e-9 <= ratio <= high + 1e-9
    assert high - low <= 1.1e-5


@pytest.mark.parametrize(("seconds", "text"), [(0, "00:00:00"), (59.6, "00:01:00"), (90061, "1d 01:01:01")])
def test_a_duration_is_readable(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_csv_holds_plain_numbers_and_quotes_names() -> None:
    rows = list(csv.DictReader(io.StringIO(render.as_csv(sample(), "vi"), newline="")))
    assert tuple(rows[0]) == render.CSV_COLUMNS
    assert rows[0] | {"availability_max": ""} == {
        "subject": "line", "commune": "21040", "commune_name": "Xã Bình Sơn", "line": "main", "system": "",
        "system_name": "", "availability_min": "0.950000", "availability_max": "", "coverage": "0.954237",
        "up_seconds": "820800", "down_seconds": "3661", "unknown_seconds": "39539", "target": "0.995",
        "verdict": "open", "month": "2026-11", "provisional": "1",
        **dict.fromkeys(render.CSV_COLUMNS[16:], ""), "excluded_seconds": "0",
    }  # fmt: skip
    assert len(rows) == 6 + 4 + 24


def test_csv_begins_with_a_mark_only_when_asked() -> None:
    assert not render.as_csv(sample(), "vi").startswith("\ufeff")
    assert render.as_csv(sample(), "vi", bom=True) == "\ufeff" + render.as_csv(sample(), "vi")


def test_json_holds_everything() -> None:
    found = json.loads(render.as_json(sample()))
    assert (found["month"], found["timezone"], found["provisional"]) == ("2026-11", ZONE, True)
    assert (found["start"], found["end"], found["until"]) == (NOVEMBER.start, NOVEMBER.end, NOW)
    assert len(found["rows"]) == 34
    assert found["rows"][0]["availability_min"] == pytest.approx(0.95)
    assert found["rows"][6]["system_name"] == {"vi": "Hộ tịch điện tử", "en": "Electronic civil status"}
