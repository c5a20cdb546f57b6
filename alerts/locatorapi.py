"""The locator's own page: what it blames, how sure it is, and whether it is at work.

    async with LocatorApi("http://127.0.0.1:9491") as locator:
        for cause in (await locator.blamed()).outages: ...

Alertmanager has the outages too, and outlives the locator; here stands what an alert has no room for: loss,
counts, the next best explanation. Raises nothing but ApiError (tree in ``alerts.httpapi``).
"""

import math
from typing import Final

import msgspec

from alerts.httpapi import ApiError, BadAnswerError, JsonApi

MOST_OUTAGES: Final = 200
MOST_NAMES: Final = 4000
"""More communes than the country has in one outage are nonsense."""
MOST_CHARS: Final = 120

__all__ = ["ApiError", "Blamed", "LocatorApi", "Outage", "parse_outages"]


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """An outage as the locator tells of it.

    ``component`` is its identity (``pop:ba-to``, ``power|line:21040``). ``members`` are all components that
    cannot be told apart, the likeliest first; ``loss`` is a share of 1, ``confidence`` in nats; ``sent`` and
    ``failed`` count the measurements through it. ``since`` is Unix seconds; ``paged``: it is no mere ticket.
    """

    component: str
    kind: str
    members: tuple[str, ...] = ()
    loss: float
    confidence: float
    runner_up: str | None = None
    communes: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    sent: int = 0
    failed: int = 0
    since: float
    paged: bool = True


class Blamed(msgspec.Struct, frozen=True):
    """What is open, oldest first; ``dropped`` entries made no sense. ``fresh``: it judged a moment ago."""

    outages: tuple[Outage, ...]
    dropped: int
    fresh: bool


class _Cause(msgspec.Struct, frozen=True):
    members: tuple[str, ...]
    loss: float
    confidence: float
    communes: tuple[str, ...]
    systems: tuple[str, ...]
    sent: int
    failed: int
    runner_up: str | None = None


class _Open(msgspec.Struct, frozen=True):
    identity: str
    kind: str
    cause: _Cause
    since: float
    grade: str = "down"


def parse_outages(body: bytes) -> tuple[tuple[Outage, ...], int]:
    """Return the outages in an answer of ``/api/outages``, and how many entries made no sense.

    Raises BadAnswerError where it is no list at all.
    """
    try:
        entries = msgspec.json.decode(body, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadAnswerError(f"outages: {error}") from error
    found = [_outage(entry) for entry in entries[:MOST_OUTAGES]]
    sound = {outage.component: outage for outage in found if outage is not None}
    return tuple(sorted(sound.values(), key=lambda one: (one.since, one.component))), len(entries) - len(
        sound
    )


def _outage(entry: msgspec.Raw) -> Outage | None:
    try:
        one = msgspec.json.decode(entry, type=_Open)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    cause = one.cause
    if min(cause.loss, one.since) < 0 or not math.isfinite(one.since + cause.loss + cause.confidence):
        return None
    names = (one.identity, one.kind, cause.runner_up or "", *cause.members[:MOST_NAMES])
    if (
        not one.identity
        or any(len(name) > MOST_CHARS for name in names)
        or not 0 <= cause.failed <= cause.sent
    ):
        return None
    return Outage(
        component=one.identity,
        kind=one.kind,
        members=cause.members[:MOST_NAMES],
        loss=min(cause.loss, 1.0),
        confidence=max(cause.confidence, 0.0),
        runner_up=cause.runner_up or None,
        communes=cause.communes[:MOST_NAMES],
        systems=cause.systems[:MOST_NAMES],
        sent=cause.sent,
        failed=cause.failed,
        since=one.since,
        paged=one.grade != "ticket",
    )


class LocatorApi(JsonApi):
    """The locator below ``url``."""

    async def blamed(self) -> Blamed:
        """Return what it blames now. Raises ApiError."""
        status, body = await self.get("/api/outages", {})
        if status != 200:
            raise BadAnswerError(f"HTTP status {status}")
        outages, dropped = parse_outages(body)
        ready, _ = await self.get("/-/ready", {})
        return Blamed(outages, dropped, ready == 200)
