"""Calendar months in the province's own time zone. Pure."""

import re
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

_FORM: Final = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_FIRST_YEAR: Final = 2020
DAY_SECONDS: Final = 86400.0


class MonthError(ValueError):
    """Not a month of the form YYYY-MM, or one that has not begun."""


class Month(msgspec.Struct, frozen=True):
    """A month in Unix seconds: ``start`` belongs to it, ``end`` to the next."""

    name: str
    timezone: str
    start: float
    end: float

    def until(self, now: float) -> float:
        """Return the end of what can be accounted: the month's, or now while it runs."""
        return min(self.end, now)

    def is_provisional(self, now: float, backlog_days: float) -> bool:
        """Whether late samples can still change it: while it runs, and as long as agents keep a
        backlog (the out-of-order window is that and a day)."""
        return now < self.end + (backlog_days + 1) * DAY_SECONDS


def month(text: str, timezone: str) -> Month:
    """Return the month ``YYYY-MM``. Raises MonthError, ZoneInfoNotFoundError.

    >>> month("2026-11", "Asia/Ho_Chi_Minh").end - month("2026-11", "Asia/Ho_Chi_Minh").start
    2592000.0
    """
    match = _FORM.fullmatch(text)
    if match is None or int(match[1]) < _FIRST_YEAR:
        raise MonthError(text)
    zone = ZoneInfo(timezone)
    year, number = int(match[1]), int(match[2])
    following = (year, number + 1) if number < 12 else (year + 1, 1)
    try:
        return Month(text, timezone, _midnight(year, number, zone), _midnight(*following, zone))
    except ValueError:  # the year after 9999
        raise MonthError(text) from None


def _midnight(year: int, number: int, zone: ZoneInfo) -> float:
    return datetime(year, number, 1, tzinfo=zone).timestamp()


def local(time: float, timezone: str) -> str:
    """Return Unix seconds as ``2026-11-22 07:30`` in a time zone."""
    return datetime.fromtimestamp(time, UTC).astimezone(ZoneInfo(timezone)).strftime("%Y-%m-%d %H:%M")
