"""What the ledger says of an outage, and what was learned of it afterwards, as data. Pure.

A revision is another row of the same outage, with the corrected cause and edges; what had been said at first
stands in it too, so that whoever shows an outage can show both. Nothing that was sent is changed by it.
"""

from typing import Final, Literal

import msgspec

from alerts.gaps.model import Edge, GapLabel, Piece, Side
from alerts.ledger import Entry, Why

Verdict = Literal["cause", "edges", "undecided"]
"""``cause``: another one, or one of several; ``edges``: the same, its times are known better now."""
_HARD_LOSS: Final = 0.99


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
    loss: float = _HARD_LOSS


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
    loss: float = _HARD_LOSS


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


def said_of(entry: Entry) -> Said | None:
    """Return what was said of an outage that is over, by any of its rows; None where that is not known."""
    found = revision_of(entry)
    if found is not None:
        return found.said
    if entry.until is None or entry.why in ("revised", "undecided"):
        return None
    return Said(
        component=entry.component, kind=entry.kind, since=entry.since, until=entry.until,
        **msgspec.structs.asdict(_cause(entry)),
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
