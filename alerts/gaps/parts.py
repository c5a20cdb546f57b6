"""Stretches with one label, on their way to pieces that cover a gap exactly. Pure."""

from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from typing import Final

import msgspec

from alerts.gaps.model import Edge, Fact, GapLabel, Side

SLIVER_SECONDS: Final = 15.0
"""What no witness explains between one that does and the gap's start: pings are seconds apart."""
RETRY_SECONDS: Final = 90.0
"""The same before the gap's end: an agent does not try again at once when the way is free."""
VOUCHED_SHARE: Final = 0.8
"""Of a stretch: pings notice its beginning and its end some seconds late."""
SHORTEST_SECONDS: Final = 0.5
"""Pieces that are shorter by the best guess say nothing."""


class Part(msgspec.Struct, frozen=True):
    """A stretch with one label, before pieces are made of it."""

    label: GapLabel
    start: Edge
    end: Edge
    sides: tuple[Side, ...] = ()
    facts: tuple[Fact, ...] = ()


def joined(parts: Iterable[Part]) -> list[Part]:
    """Join neighbours with one label; who vouches for nearly all of it vouches for the whole."""
    return [_one(list(group)) for _, group in groupby(parts, key=lambda part: part.label)]


def _one(parts: Sequence[Part]) -> Part:
    length = {id(part): part.end.at - part.start.at for part in parts}
    whole = sum(length.values())
    sides = tuple(
        side
        for side in Side
        if sum(length[id(part)] for part in parts if side in part.sides) >= VOUCHED_SHARE * whole
        and any(side in part.sides for part in parts)
    )
    facts: list[Fact] = []
    for part in parts:
        facts += (fact for fact in part.facts if fact not in facts)
    return Part(parts[0].label, parts[0].start, parts[-1].end, sides, tuple(facts))


def absorbed(parts: list[Part]) -> list[Part]:
    """Give short unexplained stretches to their neighbours: that is how far witnesses are apart."""
    found: list[Part] = []
    for number, part in enumerate(parts):
        length = part.end.at - part.start.at
        unexplained = part.label is GapLabel.UNKNOWN
        last = number == len(parts) - 1
        if unexplained and found and length <= (RETRY_SECONDS if last else SLIVER_SECONDS):
            before = found.pop()
            end = Edge(part.end.at, min(part.end.earliest, part.start.earliest), part.end.latest)
            found.append(msgspec.structs.replace(before, end=end))
        elif unexplained and not found and not last and length <= SLIVER_SECONDS:
            following = parts[number + 1]
            start = Edge(part.start.at, part.start.earliest, max(part.start.latest, part.end.latest))
            parts[number + 1] = msgspec.structs.replace(following, start=start)
        else:
            found.append(part)
    return joined(found)


def without_dust(parts: Sequence[Part]) -> list[Part]:
    """Leave out parts that say nothing; their neighbour takes their time, and what was unsure of it."""
    kept = [part for part in parts if not _is_dust(part)]
    if not kept:
        longest = max(parts, key=lambda part: part.end.at - part.start.at)
        return [msgspec.structs.replace(longest, start=parts[0].start, end=parts[-1].end)]
    found: list[Part] = []
    start: Edge | None = None
    for part in parts:
        if part not in kept:
            if found:
                last = found.pop()
                found.append(msgspec.structs.replace(last, end=part.end.hull(part.start)))
            elif start is None:
                start = part.start
            continue
        found.append(part if start is None else msgspec.structs.replace(part, start=start.hull(part.start)))
        start = None
    return found


def _is_dust(part: Part) -> bool:
    """Whether a part is too short to be one, or may not have been at all between its uncertain edges."""
    length = part.end.at - part.start.at
    uncertain = part.end.earliest <= part.start.latest
    return length <= SHORTEST_SECONDS or (uncertain and length <= SLIVER_SECONDS)


def continuous(parts: Sequence[Part]) -> list[Part]:
    """Give neighbours the same edge: as unsure as either has it, and in order."""
    edges = [parts[0].start, *(one.end.hull(two.start) for one, two in pairwise(parts)), parts[-1].end]
    low, high = edges[0].at, edges[-1].at
    inner = [Edge(edge.at, max(edge.earliest, low), min(edge.latest, high)) for edge in edges[1:-1]]
    every = [edges[0], *inner, edges[-1]]
    return [
        msgspec.structs.replace(part, start=every[number], end=every[number + 1])
        for number, part in enumerate(parts)
    ]
