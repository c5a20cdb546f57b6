"""Declared maintenance: cuts what lies across the edge of a window, so that each piece is in or out. Pure."""

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from alerts.gaps.model import Edge, Fact, Piece, Window, exactly
from alerts.gaps.parts import SHORTEST_SECONDS, Part


def pieces(part: Part, windows: Sequence[Window]) -> Iterator[Piece]:
    """Yield the pieces of a part, which they cover exactly: in a window, then out of it, and so on."""
    for planned, group in groupby(
        pairwise(_edges(part, windows)), lambda cut: _within(cut[0], cut[1], windows)
    ):
        cuts = list(group)
        facts = (*part.facts, Fact("planned", {"window": planned})) if planned else part.facts
        yield Piece(
            label=part.label, start=cuts[0][0], end=cuts[-1][1], sides=part.sides, planned=planned,
            facts=facts,
        )  # fmt: skip


def _edges(part: Part, windows: Sequence[Window]) -> list[Edge]:
    low, high = part.start.at + SHORTEST_SECONDS, part.end.at - SHORTEST_SECONDS
    cuts = {at for window in windows for at in (window.starts, window.ends) if low < at < high}
    return [part.start, *(exactly(at) for at in sorted(cuts)), part.end]


def _within(start: Edge, end: Edge, windows: Sequence[Window]) -> str:
    """The window that holds between two edges, none of which lies between them."""
    middle = (start.at + end.at) / 2
    return next((window.id for window in windows if window.starts <= middle < window.ends), "")
