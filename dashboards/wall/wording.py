"""Times, ages and numbers as people read them, in one language and the province's time zone. Pure."""

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from common.i18n import t
from inventory.model import Text


class Words(msgspec.Struct, frozen=True):
    """A language and a time zone."""

    language: str
    timezone: str

    def say(self, name: str, /, **values: object) -> str:
        """Return the string ``wall.<name>``."""
        return t(f"wall.{name}", self.language, **values)

    def of(self, text: Text) -> str:
        """Return a name in this language."""
        return text.vi if self.language == "vi" else text.en

    def clock(self, time: float) -> str:
        """Return hours and minutes, such as 07:05."""
        return self._local(time).strftime("%H:%M")

    def exactly(self, time: float) -> str:
        """Return the clock to the second, such as 07:05:09."""
        return self._local(time).strftime("%H:%M:%S")

    def moment(self, time: float) -> str:
        """Return clock and date, such as 07:05 22/11."""
        return self._local(time).strftime("%H:%M %d/%m")

    def offset_seconds(self, time: float) -> int:
        """Return the zone's offset from UTC, for the clock that the browser ticks."""
        offset = self._local(time).utcoffset()
        return int(offset.total_seconds()) if offset else 0

    def number(self, value: float, decimals: int = 0) -> str:
        """Return a number as people of this language write it: 1.234,5 or 1,234.5."""
        written = f"{value:,.{decimals}f}"
        if self.language == "vi":
            return written.translate(str.maketrans(",.", ".,"))
        return written

    def age(self, seconds: float) -> str:
        """Return a duration in its two largest units. The browser ticks the same words on."""
        whole = max(0, int(seconds))
        days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
        if days:
            return self.say("age_days", days=days, hours=hours)
        if hours:
            return self.say("age_hours", hours=hours, minutes=minutes)
        if minutes:
            return self.say("age_minutes", minutes=minutes)
        return self.say("age_seconds", seconds=whole)

    def _local(self, time: float) -> datetime:
        return datetime.fromtimestamp(time, ZoneInfo(self.timezone))
