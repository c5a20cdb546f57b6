"""Whether a gap's label says what an outage was, after the fact. Pure.

While a commune is cut off nobody can tell its power from its line, or its LAN from its agent. Afterwards its
gap has a label (``alerts.gaps``), and edges that are intervals. Of an outage of one commune the gap decides
cause and edges. Of a wide one the cause stays, it has many witnesses; its edges are where those of most of
its communes meet.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from alerts.gaps.model import Edge, Gap, GapLabel, Piece, exactly
from alerts.pinpoint.words import commune_of
from alerts.revision import HARD_LOSS, Revision, Said
from inventory.names import ComponentKind

MOST_ASKED: Final = 20
"""Communes of a wide outage whose gaps are looked at; more would say the same."""
TOUCH_SECONDS: Final = 1.0
"""A piece that shares less with an outage lies beside it."""
SAME_SECONDS: Final = 0.5
"""Edges that moved by less are the same."""
_KINDS: Final[Mapping[GapLabel, ComponentKind]] = {
    GapLabel.LINE_DOWN: ComponentKind.LINE,
    GapLabel.LAN_DOWN: ComponentKind.LAN,
    GapLabel.POWER_DOWN: ComponentKind.POWER,
    GapLabel.AGENT_DOWN: ComponentKind.AGENT,
    GapLabel.AGENT_STOPPED: ComponentKind.AGENT,
    GapLabel.CLOCK_WRONG: ComponentKind.AGENT,
    GapLabel.HUB_DOWN: ComponentKind.HUB,
}
"""What each label accuses; ``unknown`` accuses nobody."""
_WIDE: Final[Mapping[str, GapLabel]] = {
    **dict.fromkeys(("pop", "ring", "isp"), GapLabel.LINE_DOWN),
    "area": GapLabel.POWER_DOWN,
    "hub": GapLabel.HUB_DOWN,
}
"""What the communes behind a wide outage say of it; nobody falls silent for the sake of a system."""


class Waiting(StrEnum):
    """Why there is nothing to say, as yet."""

    NO_GAP = "no_gap"  # the hub heard the commune all the time
    OPEN = "open"  # nothing is heard of it still
    UNKNOWN = "unknown"  # what arrived does not decide
    DISAGREE = "disagree"  # the communes of a wide outage do not meet


class Places(msgspec.Struct, frozen=True):
    """What the inventory says: the lines of each commune, by their ids within it, and the hub's id."""

    lines: Mapping[str, tuple[str, ...]]
    hub: str


def asks(said: Said) -> tuple[str, ...]:
    """Return the communes whose gaps can tell more of an outage; none where gaps say nothing of it."""
    if said.loss < HARD_LOSS:
        return ()
    commune = commune_of(said.component)
    if commune:
        return (commune,)
    return tuple(sorted(said.communes)[:MOST_ASKED]) if said.kind in _WIDE else ()


def is_ambiguous(said: Said) -> bool:
    """Whether several kinds of component were named."""
    return "|" in said.kind


def decide(said: Said, gaps: Iterable[Gap], places: Places) -> Revision | Waiting:
    """Return what gaps of the communes that :func:`asks` names say of an outage that is over."""
    of: dict[str, list[Gap]] = {}
    for gap in gaps:
        of.setdefault(gap.commune, []).append(gap)
    commune = commune_of(said.component)
    if commune:
        return _of_one(said, commune, of.get(commune, []), places)
    return _of_many(said, [of.get(one, []) for one in asks(said)])


def undecided(said: Said) -> Revision:
    """Return that nothing was learned and nothing more will be."""
    return Revision(
        verdict="undecided", component=said.component, kind=said.kind, label=GapLabel.UNKNOWN,
        start=exactly(said.since), end=exactly(said.until), said=said,
    )  # fmt: skip


def is_news(found: Revision, known: Revision | None) -> bool:
    """Whether a revision says anything that the one before did not."""
    if known is None or known.verdict == "undecided":
        return True
    moved = max(
        abs(getattr(getattr(found, edge), part) - getattr(getattr(known, edge), part))
        for edge in ("start", "end")
        for part in ("at", "earliest", "latest")
    )
    same = [(one.component, one.label, one.vouched_by) for one in (found, known)]
    return moved > SAME_SECONDS or same[0] != same[1]


# --- one commune -------------------------------------------------------------------------------------
def _of_one(said: Said, commune: str, gaps: Sequence[Gap], places: Places) -> Revision | Waiting:
    concerned = [gap for gap in gaps if _touches(gap, said)]
    if any(gap.open for gap in concerned):
        return Waiting.OPEN
    pieces = sorted(_pieces(said, concerned), key=lambda piece: piece.start.at)
    if not pieces:
        return Waiting.NO_GAP
    label = _longest(said, pieces)
    if label is GapLabel.UNKNOWN:
        return Waiting.UNKNOWN
    component = _accused(label, commune, said, places)
    sides = {side for piece in pieces if piece.label is label for side in piece.sides}
    return Revision(
        verdict="edges" if component == said.component else "cause",
        component=component, kind=str(_KINDS[label]), label=label,
        start=pieces[0].start, end=pieces[-1].end, vouched_by=tuple(sorted(sides)), said=said,
        pieces=tuple(pieces),
    )  # fmt: skip


def _touches(gap: Gap, said: Said) -> bool:
    return gap.start.at < said.until and gap.end.at > said.since


def _shared_seconds(piece: Piece, said: Said) -> float:
    return min(piece.end.at, said.until) - max(piece.start.at, said.since)


def _pieces(said: Said, gaps: Iterable[Gap]) -> list[Piece]:
    """The pieces that lie in an outage, not merely beside it."""
    least = min(TOUCH_SECONDS, (said.until - said.since) / 2)
    return [piece for gap in gaps for piece in gap.pieces if _shared_seconds(piece, said) > least]


def _longest(said: Said, pieces: Iterable[Piece]) -> GapLabel:
    """The label of most of the outage; of equals the earliest."""
    seconds: dict[GapLabel, float] = {}
    for piece in pieces:
        seconds[piece.label] = seconds.get(piece.label, 0.0) + _shared_seconds(piece, said)
    return max(seconds, key=lambda label: seconds[label])


def _accused(label: GapLabel, commune: str, said: Said, places: Places) -> str:
    kind = _KINDS[label]
    if kind is ComponentKind.HUB:
        return places.hub
    if kind is not ComponentKind.LINE:
        return f"{kind}:{commune}"
    known = {f"line:{commune}/{line}" for line in places.lines.get(commune, ())}
    named = known.intersection(said.members) or known
    return named.pop() if len(named) == 1 else f"line:{commune}"


# --- many communes -----------------------------------------------------------------------------------
def _of_many(said: Said, gaps: Sequence[Sequence[Gap]]) -> Revision | Waiting:
    label = _WIDE.get(said.kind)
    told = [
        pieces
        for found in gaps
        if not any(gap.open for gap in found)
        and (pieces := [piece for piece in _pieces(said, found) if piece.label is label])
    ]
    if not label or 2 * len(told) < len(gaps) or not told:
        return Waiting.UNKNOWN
    start = meeting([min((piece.start for piece in pieces), key=_at) for pieces in told])
    end = meeting([max((piece.end for piece in pieces), key=_at) for pieces in told])
    if start is None or end is None or start[0].at > end[0].at:
        return Waiting.DISAGREE
    sides = {side for pieces in told for piece in pieces for side in piece.sides}
    return Revision(
        verdict="edges", component=said.component, kind=said.kind, label=label, start=start[0], end=end[0],
        vouched_by=tuple(sorted(sides)), said=said, agreeing=min(start[1], end[1]), asked=len(gaps),
    )  # fmt: skip


def _at(edge: Edge) -> float:
    return edge.at


def meeting(edges: Sequence[Edge]) -> tuple[Edge, int] | None:
    """Return where most of the edges can be the same moment, and how many can; None where no more than half
    of them can."""
    best: list[Edge] = []
    for one in edges:
        here = [edge for edge in edges if edge.earliest <= one.earliest <= edge.latest]
        best = max(best, here, key=len)
    if 2 * len(best) <= len(edges):
        return None
    low, high = max(edge.earliest for edge in best), min(edge.latest for edge in best)
    middle = sorted(edge.at for edge in best)[len(best) // 2]
    return Edge(min(max(middle, low), high), low, high), len(best)
