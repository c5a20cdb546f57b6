"""When a test is due, and how much of the month's bytes is its share. Pure; times of the province's clock."""

import hashlib
import re
from calendar import monthrange
from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

_HOURS: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)\Z")
_VIETNAM: Final = timezone(timedelta(hours=7))


def zone(name: str) -> tzinfo:
    """Return a time zone; Vietnam's offset, which has no summer time, where there is no database."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return _VIETNAM


class Hours(msgspec.Struct, frozen=True):
    """From minute to minute of the day; over midnight where ``end`` is not after ``start``."""

    start: int
    end: int

    @property
    def minutes(self) -> int:
        """How long they are."""
        return (self.end - self.start - 1) % 1440 + 1


def parse_hours(text: str) -> Hours:
    """Return the hours of ``HH:MM-HH:MM``. Raises ValueError, also for an end that is the start: whether that
    means never or always nobody can tell; all day is 00:00-24:00.

    >>> parse_hours("22:00-05:00").minutes
    420
    """
    match = _HOURS.match(text)
    if match is None:
        raise ValueError(text)
    a, b, c, d = (int(part or 0) for part in match.groups())
    start, end = a * 60 + b, 1440 if match[3] is None else c * 60 + d
    if start == end:
        raise ValueError(text)
    return Hours(start, end)


def window(hours: Hours, now: datetime) -> date | None:
    """Return the day on which the hours that ``now`` lies in began, None outside of them."""
    passed = (now.hour * 60 + now.minute - hours.start) % 1440
    return (now - timedelta(minutes=passed)).date() if passed < hours.minutes else None


def turn_minutes(hours: Hours, who: str) -> int:
    """Return how long after the hours begin it is the turn of ``who``: spread evenly over the first
    three quarters, so that there is time left for those who found the line or the hub taken."""
    digest = hashlib.sha256(who.encode()).digest()
    return int.from_bytes(digest[:4], "big") * (hours.minutes * 3 // 4) >> 32


def is_turn(hours: Hours, now: datetime, who: str) -> bool:
    """Whether the turn of ``who`` has come within the hours."""
    passed = (now.hour * 60 + now.minute - hours.start) % 1440
    return turn_minutes(hours, who) <= passed < hours.minutes


def month(day: date) -> str:
    """Return the month as the ledger names it.

    >>> month(date(2026, 11, 22))
    '2026-11'
    """
    return f"{day.year:04d}-{day.month:02d}"


def share(budget: int, spent: int, day: date) -> int:
    """Return the bytes that may be spent on ``day``: the month's budget comes in evenly, day by day.

    What is not spent stays; on the last day all that is left may go.

    >>> share(3000, 0, date(2026, 11, 1)), share(3000, 100, date(2026, 11, 30))
    (100, 2900)
    """
    days = monthrange(day.year, day.month)[1]
    return max(0, budget * day.day // days - spent)
