"""Service hours: whether an office is open at a moment. Pure.

Everything is local time of the province, without zone: offices open by the clock on the wall. Which
days are public holidays is given by the caller, since it comes from a package and changes by decree.
"""

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from typing import Final

from inventory.model import Calendar, Weekday

_WEEKDAYS: Final[tuple[Weekday, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SWAP_DAYS: Final[tuple[Weekday, ...]] = ("mon", "tue", "wed", "thu", "fri")


def open_on(calendar: Calendar, day: date, holidays: Collection[date]) -> bool:
    """Whether the office opens on ``day``: ``closed`` and ``open`` go before holidays, those before weekdays.

    ``holidays`` are the public holidays of the country; they count only where the calendar says so.
    """
    if day in calendar.closed:
        return False
    if day in calendar.open:
        return True
    return not (calendar.holidays and day in holidays) and _usual_hours(calendar, day) != ()


def hours_on(
    calendar: Calendar, day: date, holidays: Collection[date]
) -> tuple[tuple[datetime, datetime], ...]:
    """Return the service hours of ``day`` as (start, end) in local time, in order; end exclusive."""
    if not open_on(calendar, day, holidays):
        return ()
    ranges = _usual_hours(calendar, day) or _swapped_hours(calendar)
    spans = (text.split("-") for text in ranges)
    return tuple(sorted((_moment(day, start), _moment(day, end)) for start, end in spans))


def in_service(calendar: Calendar, when_local: datetime, holidays: Collection[date]) -> bool:
    """Whether the office is open at ``when_local`` (local time, without zone)."""
    spans = hours_on(calendar, when_local.date(), holidays)
    return any(start <= when_local < end for start, end in spans)


def _usual_hours(calendar: Calendar, day: date) -> tuple[str, ...]:
    return calendar.hours.get(_WEEKDAYS[day.weekday()], ())


def _swapped_hours(calendar: Calendar) -> tuple[str, ...]:
    """Hours of an ``open`` day that is usually closed: a swap day keeps those of a working day."""
    return next((calendar.hours[day] for day in _SWAP_DAYS if calendar.hours.get(day)), ())


def _moment(day: date, clock: str) -> datetime:
    if clock == "24:00":
        return datetime.combine(day + timedelta(days=1), time())
    return datetime.combine(day, time.fromisoformat(clock))
