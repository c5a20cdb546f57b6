"""Service hours by weekday, holiday, swap day and the minute."""

from datetime import date, datetime

import pytest

from inventory.calendar import hours_on, in_service, open_on
from inventory.model import Calendar, Text

OFFICE = ("07:30-11:30", "13:30-17:00")
WEEK = Calendar(
    id="office",
    name=Text(vi="Giờ hành chính", en="Office hours"),
    hours={
        "mon": OFFICE,
        "tue": OFFICE,
        "wed": OFFICE,
        "thu": OFFICE,
        "fri": OFFICE,
        "sat": ("07:30-11:30",),
    },
    holidays="VN",
    closed=(date(2026, 11, 25),),
    open=(date(2026, 11, 29), date(2026, 9, 2)),
)
HOLIDAYS = {date(2026, 11, 24), date(2026, 9, 2)}


@pytest.mark.parametrize(
    ("local", "serving"),
    [
        ("2026-11-23T07:29:59", False),  # a Monday
        ("2026-11-23T07:30:00", True),
        ("2026-11-23T11:29:59", True),
        ("2026-11-23T11:30:00", False),  # the end is exclusive
        ("2026-11-23T13:30:00", True),
        ("2026-11-24T09:00:00", False),  # holiday
        ("2026-11-25T09:00:00", False),  # closed by decree
        ("2026-11-28T09:00:00", True),  # Saturday morning
        ("2026-11-28T14:00:00", False),
        ("2026-11-22T09:00:00", False),  # Sunday
        ("2026-11-29T14:00:00", True),  # a Sunday worked instead: hours of a working day
        ("2026-09-02T09:00:00", True),  # `open` goes before the holiday
    ],
)
def test_in_service(local: str, serving: bool) -> None:
    assert in_service(WEEK, datetime.fromisoformat(local), HOLIDAYS) is serving


def test_holidays_count_only_where_the_calendar_says_so() -> None:
    plain = Calendar(id="all", name=WEEK.name, hours={"tue": ("00:00-24:00",)})
    assert open_on(plain, date(2026, 11, 24), HOLIDAYS)
    assert not open_on(plain, date(2026, 11, 25), HOLIDAYS)


def test_a_day_may_last_until_midnight() -> None:
    whole = Calendar(id="all", name=WEEK.name, hours={"tue": ("13:00-24:00", "00:00-12:00")})
    spans = hours_on(whole, date(2026, 11, 24), ())
    assert [(str(start), str(end)) for start, end in spans] == [
        ("2026-11-24 00:00:00", "2026-11-24 12:00:00"),
        ("2026-11-24 13:00:00", "2026-11-25 00:00:00"),
    ]
