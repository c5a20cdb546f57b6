"""Tickets in one message a day. Pure."""

from collections.abc import Sequence
from datetime import datetime, time
from typing import Final

import msgspec

from alerts.book import Book
from alerts.outage import OWN, Listed, Outage
from inventory.calendar import open_on
from inventory.model import Digest

DIGEST: Final = "TicketDigest"


def due(rules: Digest, book: Book, now: datetime, last: str | None) -> bool:
    """Whether today's digest is to be made. ``now`` is the province's wall-clock time without zone,
    ``last`` the day (ISO 8601) of the newest one. A hub that was off at the time catches up the same day. A
    ``last`` that lies ahead was made by a clock that was wrong, and says nothing about today.
    """
    day = now.date()
    if now.time() < time.fromisoformat(rules.at) or last == day.isoformat():
        return False
    calendar = next((one for one in book.inventory.calendars if one.id == rules.calendar), None)
    return calendar is None or open_on(calendar, day, book.holidays(day.year))


def gather(day: str, entries: Sequence[Listed], now: float) -> Outage:
    """Return the digest of ``day``: what is open before what is over, newest first; what came and went is
    one entry. What two sources told of at the same time came once."""
    merged: dict[tuple[str, str, str], Listed] = {}
    for one in sorted(entries, key=lambda one: (one.starts_at, one.id)):
        key = (one.alertname, one.component, "" if one.component else one.id)
        merged[key] = _again(merged[key], one) if key in merged else one
    ordered = sorted(merged.values(), key=lambda one: (one.ends_at is not None, -one.starts_at, one.id))
    return Outage(
        id=f"digest:{round(now * 1000)}@{day}", alertname=DIGEST, source=OWN, severity="ticket",
        listed=tuple(ordered), starts_at=now,
    )  # fmt: skip


def _again(first: Listed, later: Listed) -> Listed:
    """Both as one: over when the later one is, since the first; open when either is. They are one occurrence
    where the later one began before the first was over."""
    over = first.ends_at is not None and later.ends_at is not None
    apart = first.ends_at is not None and first.ends_at < later.starts_at
    ends = max(first.ends_at or 0.0, later.ends_at or 0.0) if over else None
    return msgspec.structs.replace(first, ends_at=ends, times=first.times + later.times - (not apart))
