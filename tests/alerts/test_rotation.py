"""Who is on call: handovers, clocks put forward and back, days off, covers."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.oncall import contact
from alerts.rotation import Roster, roster
from inventory.model import Calendar, Cover, OnCall, Text
from tests.alerts.outages import province

at = datetime.fromisoformat
VN = "Asia/Ho_Chi_Minh"
ZONES = (VN, "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago")
WEEKDAYS = Calendar(
    id="office", name=Text(vi="x", en="x"), holidays="VN",
    hours=dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), ("07:30-17:00",)),
)  # fmt: skip
TET = {date(2027, 2, 8)}


def rota(**changes: object) -> OnCall:
    values: dict[str, object] = {"rotation": ("a", "b", "c"), "starts": date(2026, 11, 2)} | changes
    return msgspec.convert(values, OnCall)


def local(text: str, zone: str = "+07:00") -> datetime:
    return at(text + zone)


@pytest.mark.parametrize(
    ("moment", "who"),
    [
        ("2026-11-02T07:30:00", "a"),
        ("2026-11-09T07:29:59", "a"),
        ("2026-11-09T07:30:00", "b"),
        ("2026-11-16T07:30:00", "c"),
        ("2026-11-23T07:30:00", "a"),
        ("2026-11-02T07:29:00", "a"),  # before the rotation starts
        ("2026-01-01T00:00:00", "a"),
    ],
)
def test_the_week_says_who(moment: str, who: str) -> None:
    assert Roster(rota(), VN).on_call(local(moment)) == who


def test_daily_turns_change_at_the_handover() -> None:
    daily = Roster(rota(every="day", handover="19:00"), VN)
    found = [daily.on_call(local(f"2026-11-0{day}T18:59:59")) for day in (3, 4, 5, 6)]
    assert found == ["a", "b", "c", "a"]
    assert daily.on_call(local("2026-11-06T19:00:00")) == "b"


def test_days_off_have_turns_of_their_own_and_a_cover_goes_before_both() -> None:
    cover = Cover(starts=date(2027, 2, 8), ends=date(2027, 2, 9), contact="z")
    off = Roster(rota(calendar="office", days_off=("x", "y")), VN, WEEKDAYS, lambda _: TET)
    with_cover = msgspec.structs.replace(off, oncall=rota(calendar="office", days_off=("x",), cover=(cover,)))
    assert {off.on_call(local(f"2026-11-{day}T12:00:00")) for day in (21, 22)} == {"x", "y"}
    assert off.on_call(local("2026-11-23T12:00:00")) == "a"
    assert off.on_call(local("2027-02-08T12:00:00")) in {"x", "y"}
    assert off.on_call(local("2027-02-09T12:00:00")) in {"a", "b", "c"}
    found = [with_cover.on_call(local(f"2027-02-{day}T12:00:00")) for day in ("07", "08", "09")]
    assert found == ["x", "z", "z"]
    assert with_cover.on_call(local("2027-02-10T07:29:59")) == "z"


@pytest.mark.parametrize(
    ("changes", "when", "who"),
    [
        ({}, "2026-11-03T12:00:00", "b"),
        ({}, "2026-11-17T12:00:00", "a"),
        ({"rotation": ("a",)}, "2026-11-03T12:00:00", "a"),
        ({"rotation": ("a", "a", "b")}, "2026-11-03T12:00:00", "b"),
        ({"calendar": "office", "days_off": ("x", "y")}, "2026-11-22T12:00:00", "y"),
        ({"cover": [{"starts": date(2026, 11, 3), "ends": date(2026, 11, 3), "contact": "z"}]},
         "2026-11-03T12:00:00", "a"),
    ],
)  # fmt: skip
def test_the_second_is_the_next_who_is_somebody_else(changes: dict[str, object], when: str, who: str) -> None:
    found = Roster(rota(**changes), VN, WEEKDAYS)
    assert found.second(local(when)) == who
    assert found.second(local(when)) != found.on_call(local(when)) or changes.get("rotation") == ("a",)


CHANGES = st.fixed_dictionaries(
    {
        "every": st.sampled_from(["day", "week"]),
        "handover": st.sampled_from(["00:00", "01:30", "02:00", "02:30", "03:00", "07:30", "23:59"]),
        "rotation": st.lists(st.sampled_from("abcd"), min_size=1, max_size=4),
        "days_off": st.lists(st.sampled_from("xy"), max_size=2),
        "cover": st.just([{"starts": date(2027, 3, 26), "ends": date(2027, 3, 29), "contact": "z"}]),
    }
)
MOMENTS = st.datetimes(at("2026-01-01"), at("2028-12-31"), timezones=st.just(UTC))


@given(CHANGES, st.sampled_from(ZONES), MOMENTS, st.integers(1, 5 * 86400))
def test_shifts_cover_all_time_without_gap_or_overlap(
    changes: dict[str, object], zone: str, now: datetime, later: int
) -> None:
    made = Roster(rota(**changes), zone, WEEKDAYS, lambda _: TET)
    shifts = list(islice(made.shifts(now), 4))
    assert shifts[0].starts <= now < shifts[0].ends
    assert all(one.ends == two.starts for one, two in pairwise(shifts))
    moment = now + timedelta(seconds=later)
    for shift in shifts:
        if shift.starts <= moment < shift.ends:
            assert made.on_call(moment) == shift.contact
    assert made.day_of(now) <= made.day_of(moment)


@given(MOMENTS, st.sampled_from(ZONES))
def test_everybody_has_exactly_a_week_whatever_the_clock_does(now: datetime, zone: str) -> None:
    made = Roster(rota(starts=date(2025, 1, 6), handover="02:30"), zone)
    shift = made.shift(now)
    assert abs(shift.ends - shift.starts - timedelta(days=7)) <= timedelta(hours=1)
    assert shift.starts.isoweekday() in {7, 1}
    assert made.on_call(shift.ends) != shift.contact


def test_a_clock_put_back_hands_over_once() -> None:
    """Berlin shows 02:30 twice on 25 October 2026."""
    made = Roster(rota(every="day", starts=date(2026, 10, 1), handover="02:30"), "Europe/Berlin")
    first = at("2026-10-25T00:00:00+00:00")
    people = [made.on_call(first + timedelta(minutes=10 * n)) for n in range(20)]
    assert sum(one != two for one, two in pairwise(people)) == 1


def test_the_province_clock_decides() -> None:
    """07:29 and 07:30 in Vietnam are 00:29 and 00:30 UTC."""
    inventory = province()
    before, after = datetime(2026, 11, 9, 0, 29, tzinfo=UTC), datetime(2026, 11, 9, 0, 30, tzinfo=UTC)
    names = [found.id for moment in (before, after) if (found := contact(inventory, moment))]
    assert names == ["so-khcn", "truc-b"]
    assert contact(msgspec.structs.replace(inventory, oncall=None), after) is None
    assert roster(msgspec.structs.replace(inventory, oncall=None)) is None
