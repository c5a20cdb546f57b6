"""Times, durations, numbers and lists, as people say them in either language. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from common.i18n import t

_UNITS: Final = (("days", 86400), ("hours", 3600), ("minutes", 60), ("seconds", 1))


def moment(unix: float, zone: str, language: str) -> str:
    """Return a time on the province's clock: ``09:12:33 ngày 22/11/2026``."""
    local = datetime.fromtimestamp(unix, UTC).astimezone(ZoneInfo(zone))
    day = f"{local:%d/%m/%Y}" if language == "vi" else f"{local:%Y-%m-%d}"
    return t("message.moment", language, time=f"{local:%H:%M:%S}", day=day)


def duration(seconds: float, language: str) -> str:
    """Return a duration in its two largest units: ``2 giờ 5 phút``, ``45 giây``."""
    rest = max(0, round(seconds))
    parts: list[str] = []
    for unit, length in _UNITS:
        count, rest = divmod(rest, length)
        if count or (unit == "seconds" and not parts):
            parts.append(t(f"message.duration_{unit}", language, count=count))
        elif parts:
            break  # "1 day 5 seconds" says more than anybody knows
        if len(parts) == 2:
            break
    return " ".join(parts)


def number(value: float, language: str) -> str:
    """Return a whole number with the language's separators: ``1.234`` or ``1,234``."""
    grouped = f"{round(value):,}"
    return grouped.replace(",", ".") if language == "vi" else grouped


def shortened(what: str, names: Sequence[str], most: int, language: str) -> str:
    """Return at most ``most`` names and how many more ``communes`` or ``systems`` there are."""
    if len(names) <= most:
        return ", ".join(names)
    if most == 0:
        return ""
    return t(f"message.more_{what}", language, names=", ".join(names[:most]), count=len(names) - most)


def either(names: Sequence[str], language: str) -> str:
    """Return alternatives: ``mất điện, hỏng mạng LAN hoặc đứt đường truyền``."""
    if len(names) < 2:
        return "".join(names)
    return t("message.either", language, first=", ".join(names[:-1]), last=names[-1])


def sentence(text: str) -> str:
    """Return ``text`` with its first letter large."""
    return text[:1].upper() + text[1:]


def cut(text: str, limit: int) -> str:
    """Return ``text`` in at most ``limit`` characters, saying so where something is missing."""
    return text if len(text) <= limit else text[: max(0, limit - 1)].rstrip() + "…"
