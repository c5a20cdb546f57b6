"""What the ledger says of an outage, and what was learned of it afterwards, as data. Pure.

A revision is another row of the same outage, with the corrected cause and edges; what had been said at first
stands in it too, so that whoever shows an outage can show both. Nothing that was sent is changed by it.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from alerts.gaps.model import Edge, GapLabel, Piece, Side
from alerts.ledger import Entry, Why

Verdict = Literal["cause", "edges", "undecided"]
"""``cause``: another one, or one of several; ``edges``: the same, its times are known better now."""
HARD_LOSS: Final = 0.9


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What was told of an outage while it lasted. ``members``: components that could not be told apart;
    ``loss``: share of packets lost; times are Unix seconds."""

    component: str
    kind: str
    since: float
    until: float
    members: tuple[str, ...] = ()
    communes: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    loss: float = 1.0


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an outage afterwards. ``pieces`` of the gaps, of an outage of one commune; of a wide
    one ``agreeing`` of the communes that were ``asked``."""

    verdict: Verdict
    component: str
    kind: str
    label: GapLabel
    start: Edge
    end: Edge
    vouched_by: tuple[Side, ...] = ()
    said: Said
    pieces: tuple[Piece, ...] = ()
    agreeing: int = 1
    asked: int = 1


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """An outage as it stands in the ledger, for whoever shows it: newest revision, and what was said at
    first where that differs. ``until`` is None while it lasts."""

    id: str
    revision: int
    said_at: float
    status: Literal["open", "ended"]
    why: Why
    component: str
    kind: str
    since: float
    until: float | None
    communes: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    revised: Revision | None = None


class _Cause(msgspec.Struct, frozen=True):
    members: tuple[str, ...] = ()
    communes: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    loss: float = 1.0


class _Told(msgspec.Struct, frozen=True):
    cause: _Cause = _Cause()


def revision_of(entry: Entry) -> Revision | None:
    """Return the revision that a row is; None for another row, or one that is not understood."""
    if entry.why not in ("revised", "undecided"):
        return None
    try:
        return msgspec.json.decode(entry.record, type=Revision)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def said_of(rows: Sequence[Entry]) -> Said | None:
    """Return what was said of an outage that is over, given all of its rows, oldest first; None where that is
    not known.

    While it heals packets pass already, and the last word on it is of a partial fault: what was said while it
    was hard counts.
    """
    if not rows:
        return None
    last = rows[-1]
    found = revision_of(last)
    if found is not None:
        return found.said
    if last.until is None or last.why in ("revised", "undecided"):
        return None
    causes = [_cause(row) for row in rows]
    hard = [cause for cause in causes if cause.loss >= HARD_LOSS]
    cause = hard[-1] if hard else max(causes, key=lambda one: one.loss)
    return Said(
        component=last.component, kind=last.kind, since=last.since, until=last.until,
        **msgspec.structs.asdict(cause),
    )  # fmt: skip


def shown(entry: Entry) -> Shown:
    """Return a row as it is shown."""
    revised = revision_of(entry)
    cause = _cause(entry) if revised is None else revised.said
    return Shown(
        id=entry.id, revision=entry.revision, said_at=entry.said_at, status=entry.status, why=entry.why,
        component=entry.component, kind=entry.kind, since=entry.since, until=entry.until,
        communes=cause.communes, systems=cause.systems, revised=revised,
    )  # fmt: skip


def entry_of(outage_id: str, revision: Revision, now: float) -> Entry:
    """Return the row that keeps a revision."""
    return Entry(
        id=outage_id, said_at=now, status="ended", component=revision.component, kind=revision.kind,
        since=revision.start.at, until=max(revision.end.at, revision.start.at),
        why="undecided" if revision.verdict == "undecided" else "revised",
        record=msgspec.json.encode(revision),
    )  # fmt: skip


def _cause(entry: Entry) -> _Cause:
    try:
        return msgspec.json.decode(entry.record, type=_Told).cause
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Cause()
