"""When a line's turn is, and what its month's budget gives by a day."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.yaml.problems import Refused
from exporters.registry import convert_options
from exporters.throughputio import due
from exporters.throughputio.allowance import ECHOES, allow, budget_bytes, used, window
from exporters.throughputio.config import Config
from exporters.throughputio.deferred import Deferred
from exporters.throughputio.ledger import Book

NIGHT = due.parse_hours("22:00-05:00")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "22-5",
        "24:00-05:00",
        "22:00-25:00",
        "22:60-05:00",
        " 22:00-05:00",
        "22:00-05:00\n",
        "22:00-22:00",
        "00:00-00:00",
    ],
)
def test_hours_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"\A"):
        due.parse_hours(text)
    with pytest.raises(Refused, match="hours: from hour to hour"):
        convert_options("throughput", {"hours": text})


def test_hours() -> None:
    assert due.parse_hours("08:00-24:00").minutes == 960
    assert due.parse_hours("00:00-24:00").minutes == 1440
    assert due.parse_hours("22:00-24:00").minutes == due.parse_hours("22:00-00:00").minutes == 120


@pytest.mark.parametrize(
    ("now", "began"),
    [
        ("2026-11-22T21:59", None),
        ("2026-11-22T22:00", date(2026, 11, 22)),
        ("2026-11-23T00:00", date(2026, 11, 22)),
        ("2026-11-23T04:59", date(2026, 11, 22)),
        ("2026-11-23T05:00", None),
        ("2027-01-01T01:00", date(2026, 12, 31)),
    ],
)
def test_a_night_is_one_window(now: str, began: date | None) -> None:
    assert due.window(NIGHT, at(now)) == began


@given(st.integers(0, 1439), st.integers(0, 1439), st.text(max_size=30), st.integers(0, 1439))
def test_everybody_has_a_turn_within_the_hours(start: int, end: int, who: str, minute: int) -> None:
    hours = due.Hours(start, end)
    now = datetime(2026, 11, 22, tzinfo=UTC) + timedelta(minutes=minute)
    assert 0 <= due.turn_minutes(hours, who) < hours.minutes
    if due.is_turn(hours, now, who):
        assert due.window(hours, now) is not None
    last = datetime(2026, 11, 22, tzinfo=UTC) + timedelta(minutes=start + hours.minutes - 1)
    assert due.is_turn(hours, last, who)


def test_turns_are_spread_over_three_quarters_of_the_night() -> None:
    turns = sorted(due.turn_minutes(NIGHT, f"line:{21000 + n}/main") for n in range(400))
    quarter = NIGHT.minutes * 3 // 4
    assert turns[0] < quarter * 0.05
    assert quarter * 0.95 < turns[-1] < quarter
    assert max(b - a for a, b in pairwise(turns)) < quarter * 0.05


@given(st.integers(0, 10**13), st.integers(0, 10**13), st.dates())
def test_a_share_never_passes_the_budget(budget: int, spent: int, day: date) -> None:
    share = due.share(budget, spent, day)
    assert share >= 0
    assert share + spent <= budget or share == 0
    if day.day == monthrange(day.year, day.month)[1]:
        assert share == max(0, budget - spent)


def test_a_month_that_spends_each_day_s_share_spends_its_budget() -> None:
    spent = 0
    for number in range(1, 31):
        spent += due.share(5_000_000_007, spent, date(2026, 11, number))
    assert spent == 5_000_000_007


def test_a_time_zone_without_a_database_is_vietnam_s() -> None:
    assert due.zone("Asia/Nowhere").utcoffset(None) == timedelta(hours=7)
    assert due.zone("../etc/passwd").utcoffset(None) == timedelta(hours=7)
    assert datetime(2026, 7, 1, tzinfo=due.zone("Asia/Ho_Chi_Minh")).utcoffset() == timedelta(hours=7)


LINE = Config(
    line="line:21040/main", contracted_down_mbps=200, contracted_up_mbps=100, hours="22:00-05:00",
    budget_gigabytes_per_month=5,
)  # fmt: skip


def test_out_of_hours_and_before_its_turn_a_line_waits() -> None:
    with pytest.raises(Deferred, match="only within 22:00-05:00"):
        window(LINE, at("2026-11-22T12:00"), forced=False)
    first = due.turn_minutes(NIGHT, LINE.line)
    turn = at("2026-11-22T22:00") + timedelta(minutes=first)
    with pytest.raises(Deferred, match="not yet"):
        window(LINE, turn - timedelta(minutes=1), forced=False)
    assert window(LINE, turn, forced=False) == "2026-11-22"
    assert window(LINE, at("2026-11-22T12:00"), forced=True) == ""


def test_one_test_a_night() -> None:
    book = Book(tested="2026-11-22")
    with pytest.raises(Deferred, match="already"):
        allow(LINE, book, at("2026-11-23T03:00"), "2026-11-22")
    assert allow(LINE, book, at("2026-11-23T03:00"), "").window == ""
    assert allow(LINE, book, at("2026-11-23T23:00"), "2026-11-23").window == "2026-11-23"


@given(st.integers(0, 6 * 10**9), st.dates(date(2026, 1, 1), date(2030, 1, 1)))
def test_what_is_reserved_is_within_the_day_s_share(spent: int, day: date) -> None:
    now = datetime(day.year, day.month, day.day, 23, tzinfo=UTC)
    try:
        given_ = allow(LINE, Book(spent={due.month(day): spent}), now, "")
    except Deferred as deferred:
        assert "budget" in str(deferred)  # noqa: PT017 - either outcome is right, each checked
        return
    assert given_.reserved + spent <= due.share(5 * 10**9, 0, day)
    assert used(given_.size.down + given_.size.up) <= given_.reserved
    assert given_.size.down >= given_.size.up > 0


def test_bytes_on_the_line_are_more_than_payload() -> None:
    assert used(0) == 0
    assert used(100e6) == 110e6 + ECHOES
    assert budget_bytes(LINE) == 5 * 10**9
    assert budget_bytes(Config()) is None
