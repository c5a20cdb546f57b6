"""Wide outages on the map: a mark amid the communes that they hit, and a stroke to each of them. Pure.

A POP or a carrier has no coordinates, so the mark stands where its communes are, and never on one of them.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from .geo import Layout, Point
from .markup import Html, anchor, el
from .shapes import culprit
from .snapshot import OutageView
from .wording import Words

MAX_MARKS: Final = 8
MAX_STROKES: Final = 60
"""More of them would hide the map; the dots are coloured all the same."""
_CLEAR: Final = 34.0  # least distance of a mark from any dot and from other marks
_STEP: Final = 14.0
_ROUNDS: Final = 12
_EDGE: Final = 24.0


class Mark(msgspec.Struct, frozen=True):
    """An outage, where its mark stands, and the communes that it hits and the map shows."""

    outage: OutageView
    at: Point
    codes: tuple[str, ...]


def marks(outages: Sequence[OutageView], layout: Layout) -> tuple[Mark, ...]:
    """Place the marks of wide outages, the widest first."""
    found: list[Mark] = []
    for outage in sorted((one for one in outages if one.wide), key=lambda one: (-len(one.communes), one.key)):
        codes = tuple(code for code in outage.communes if code in layout.points)
        if codes and len(found) < MAX_MARKS:
            taken = [*layout.points.values(), *(mark.at for mark in found)]
            found.append(Mark(outage, _free(_middle(codes, layout), taken, layout), codes))
    return tuple(found)


def _middle(codes: Sequence[str], layout: Layout) -> Point:
    """Insets stand for places elsewhere: they do not pull the mark where others are on the map."""
    apart = {code for inset in layout.insets for code in inset.codes}
    points = [layout.points[code] for code in codes if code not in apart]
    points = points or [layout.points[code] for code in codes]
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)


def _free(wanted: Point, taken: Sequence[Point], layout: Layout) -> Point:
    """Return the nearest spot with room about it, or the roomiest."""
    best, most = wanted, -1.0
    for spot in _spiral(wanted):
        inside = _EDGE <= spot[0] <= layout.width - _EDGE and _EDGE <= spot[1] <= layout.height - _EDGE
        room = min((math.dist(spot, other) for other in taken), default=_CLEAR) if inside else -1.0
        if room >= _CLEAR:
            return spot
        if room > most:
            best, most = spot, room
    return best


def _spiral(middle: Point) -> Iterator[Point]:
    yield middle
    for ring in range(1, _ROUNDS + 1):
        for turn in range(12):
            angle = math.tau * turn / 12
            yield middle[0] + ring * _STEP * math.cos(angle), middle[1] + ring * _STEP * math.sin(angle)


def strokes(found: Sequence[Mark], layout: Layout) -> Iterator[Html]:
    """Draw what leads from marks to communes; it lies under the dots."""
    for mark in found:
        if len(mark.codes) <= MAX_STROKES:
            ends = (layout.points[code] for code in mark.codes)
            x, y = mark.at
            path = "".join(f"M{x:.0f} {y:.0f}L{end[0]:.0f} {end[1]:.0f}" for end in ends)
            yield el("path", d=path, class_="strokes lossy" if mark.outage.loss is not None else "strokes")


def drawn(mark: Mark, words: Words) -> Html:
    """Draw a mark: a link to its outage in the list."""
    outage = mark.outage
    cause, hits = words.of(outage.cause), words.say("affects", count=len(outage.communes))
    said = f"{words.of(outage.what)}: {cause}. {hits}"
    return el(
        "a",
        el("title", said),
        culprit(),
        href=f"#{anchor(outage.key)}",
        class_="culprit lossy" if outage.loss is not None else "culprit",
        transform=f"translate({mark.at[0]:.1f} {mark.at[1]:.1f})",
        aria_label=said,
    )
