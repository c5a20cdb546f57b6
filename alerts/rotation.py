"""Who is on call when, from the inventory's rotation, days off and covers. Pure.

Everything goes by days of duty: day D lasts from the handover on D to that on D+1, by the province's
clock. Handovers are moments (UTC), so a clock that is put back or forward makes a day longer or shorter
and never gives it to two people, nor to nobody.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from inventory.calendar import open_on
from inventory.model import Calendar, Inventory, OnCall

Holidays = Callable[[int], Collection[date]]
"""The public holidays of a year."""
Why = Literal["rotation", "day off", "cover"]
DAY: Final = timedelta(days=1)
LONGEST_DAYS: Final = 60
"""As far as one shift is followed: a rotation of one never hands over."""


def no_holidays(_: int) -> Collection[date]:
    """Return no holiday, for who has no list of them."""
    return ()


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """One person's duty, ``starts`` to ``ends`` (UTC, exclusive); at most 60 days of it are looked at."""

    contact: str
    why: Why
    starts: datetime
    ends: datetime


class Roster(msgspec.Struct, frozen=True):
    """The rules of one rotation."""

    oncall: OnCall
    zone: str
    calendar: Calendar | None = None
    holidays: Holidays = no_holidays

    def on_call(self, now: datetime) -> str:
        """Return the contact on call at ``now`` (with its zone)."""
        return self._person(self.day_of(now))[0]

    def second(self, now: datetime) -> str:
        """Return who follows in the same rotation as whoever is on call; the same where there is one."""
        first, why = self._person(self.day_of(now))
        turns = self.oncall.days_off if why == "day off" else self.oncall.rotation
        at = turns.index(first) if first in turns else -1
        return next((turns[(at + n) % len(turns)] for n in range(1, len(turns) + 1)
                     if turns[(at + n) % len(turns)] != first), first)  # fmt: skip

    def shift(self, now: datetime) -> Shift:
        """Return the shift that ``now`` is in."""
        day = self.day_of(now)
        found = self._person(day)
        first, last = day, day
        while day - first < DAY * LONGEST_DAYS and self._person(first - DAY) == found:
            first -= DAY
        while last - day < DAY * LONGEST_DAYS and self._person(last + DAY) == found:
            last += DAY
        contact, why = found
        return Shift(contact=contact, why=why, starts=self._handover(first), ends=self._handover(last + DAY))

    def shifts(self, now: datetime) -> Iterator[Shift]:
        """Yield the shift of ``now`` and those after it, without end."""
        found = self.shift(now)
        while True:
            yield found
            found = msgspec.structs.replace(self.shift(found.ends), starts=found.ends)

    def day_of(self, now: datetime) -> date:
        """Return the day of duty at ``now``."""
        day = now.astimezone(ZoneInfo(self.zone)).date() + DAY
        while self._handover(day) > now:
            day -= DAY
        return day

    def _handover(self, day: date) -> datetime:
        """The moment of the handover; the first of two where the clock shows it twice."""
        local = datetime.combine(day, time.fromisoformat(self.oncall.handover), ZoneInfo(self.zone))
        return local.astimezone(UTC)

    def _person(self, day: date) -> tuple[str, Why]:
        for cover in self.oncall.cover:
            if cover.starts <= day <= cover.ends:
                return cover.contact, "cover"
        turns = (day - self.oncall.starts).days
        if self.oncall.days_off and self._closed(day):
            return self.oncall.days_off[turns % len(self.oncall.days_off)], "day off"
        if self.oncall.every == "week":
            turns //= 7
        # Before the rotation starts its first member answers: a page without anybody would be worse.
        return self.oncall.rotation[max(0, turns) % len(self.oncall.rotation)], "rotation"

    def _closed(self, day: date) -> bool:
        return self.calendar is not None and not open_on(self.calendar, day, self.holidays(day.year))


def roster(inventory: Inventory, holidays: Holidays = no_holidays) -> Roster | None:
    """Return the rotation of ``inventory``, None where it names nobody."""
    oncall = inventory.oncall
    if oncall is None or not oncall.rotation:
        return None
    chosen = next((one for one in inventory.calendars if one.id == oncall.calendar), None)
    return Roster(oncall, inventory.province.timezone, chosen, holidays)
