"""What a test may take now, of the night and of the month's bytes. Pure."""

from datetime import datetime
from typing import Final

import msgspec

from exporters.throughputio import due
from exporters.throughputio.config import Config
from exporters.throughputio.deferred import Deferred
from exporters.throughputio.ledger import Book
from exporters.throughputio.load import HEADERS
from exporters.throughputio.measure import Sizes, shrunk, sizes

LEAST_SECONDS: Final = 2.0
"""A share that fills the line for less than this is saved up for another day."""
ECHOES: Final = 2_000_000
"""For connections, echoes and leases of a test: bytes on the line, more than they take."""


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """Payload bytes by direction; the reservation on the line, its month, and the window (a day, or "")."""

    size: Sizes
    reserved: int
    month: str
    window: str


def window(config: Config, now: datetime, *, forced: bool) -> str:
    """Return the day whose window this is, "" where there are none. Raises Deferred."""
    if config.hours is None or forced:
        return ""
    hours = due.parse_hours(config.hours)
    day = due.window(hours, now)
    if day is None:
        raise Deferred(f"only within {config.hours}")
    if not due.is_turn(hours, now, config.line):
        raise Deferred(f"not yet this line's turn within {config.hours}")
    return day.isoformat()


def budget_bytes(config: Config) -> int | None:
    """Return the budget of a month, None where none is kept."""
    return None if config.budget_gigabytes_per_month is None else int(config.budget_gigabytes_per_month * 1e9)


def allow(config: Config, book: Book, now: datetime, night: str) -> Allowance:
    """Return what a test may take. Raises Deferred."""
    if night and book.tested == night:
        raise Deferred("tested in this night already")
    month, budget, full = due.month(now.date()), budget_bytes(config), sizes(config)
    if budget is None:
        return Allowance(size=full, reserved=0, month=month, window=night)
    allowed = due.share(budget, book.spent.get(month, 0), now.date())
    size = shrunk(full, max(0, allowed - ECHOES))
    least = LEAST_SECONDS / config.max_seconds
    if size.down < full.down * least or size.up < full.up * least:
        raise Deferred(f"the month's budget gives {allowed / 1e6:.0f} MB by today, too little for a test")
    return Allowance(
        size=size, reserved=int((size.down + size.up) * HEADERS) + ECHOES, month=month, window=night
    )


def used(spent: float) -> int:
    """Return the bytes on the line for so many bytes of payload."""
    return int(spent * HEADERS) + ECHOES if spent else 0
