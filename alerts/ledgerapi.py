"""The ledger as the locator tells of it: what lasted of late, and what was learned of it since.

    async with LedgerApi("http://127.0.0.1:9491") as ledger:
        for row in await ledger.recent(since=time.time() - 86400): ...

Raises nothing but ApiError (tree in ``alerts.httpapi``).
"""

import math
from typing import Final

import msgspec

from alerts.httpapi import ApiError, BadAnswerError, JsonApi
from alerts.revision import Shown

MOST_ROWS: Final = 200
MOST_CHARS: Final = 120
MOST_NAMES: Final = 4000
_LATEST_UNIX: Final = 1e11

__all__ = ["ApiError", "LedgerApi", "parse_ledger"]


class _Body(msgspec.Struct, frozen=True):
    outages: list[msgspec.Raw]


def parse_ledger(body: bytes) -> tuple[Shown, ...]:
    """Return the rows of an answer of ``/api/ledger``; rows that make no sense are left out.

    Raises BadAnswerError where it is no such answer at all.
    """
    try:
        rows = msgspec.json.decode(body, type=_Body).outages
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadAnswerError(f"ledger: {error}") from error
    found = (_row(row) for row in rows[:MOST_ROWS])
    return tuple(row for row in found if row is not None)


def _row(row: msgspec.Raw) -> Shown | None:
    try:
        one = msgspec.json.decode(row, type=Shown)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return one if _makes_sense(one) else None


def _makes_sense(one: Shown) -> bool:
    times = [one.since, one.since if one.until is None else one.until, one.said_at]
    names = [one.id, one.component, one.kind]
    if one.revised is not None:
        said, revised = one.revised.said, one.revised
        times += [said.since, said.until, revised.start.at, revised.end.at]
        names += [said.component, said.kind, revised.component]
    sane = all(math.isfinite(at) and 0 <= at < _LATEST_UNIX for at in times)
    short = all(len(name) <= MOST_CHARS for name in names)
    return sane and short and max(len(one.communes), len(one.systems)) <= MOST_NAMES


class LedgerApi(JsonApi):
    """The ledger of the locator below ``url``."""

    async def recent(self, since: float, limit: int = MOST_ROWS) -> tuple[Shown, ...]:
        """Return what lasted after ``since`` (Unix seconds), the latest begun first. Raises ApiError."""
        status, body = await self.get("/api/ledger", {"since": f"{since:.3f}", "limit": str(limit)})
        if status != 200:
            raise BadAnswerError(f"HTTP status {status}")
        return parse_ledger(body)
