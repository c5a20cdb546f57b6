"""Lines that the inventory puts in the wrong place: their outages follow another POP, ring or carrier. Pure.

A wrong inventory is the worst enemy of locating, and nobody notices: the wrong people are called. Evidence
is in the outages themselves. An **event** of a shared component is a moment at which most of its lines have
gone down; a line **follows** it where it goes down in the same minute. Only moments count that tell two
places apart: those at which nothing fails that the line is declared behind (a carrier that takes both POPs
down says nothing of either), and at which the line was up before.

A line is suspect of running behind ``suspected`` where it followed that at least 3 times and in most cases,
at least twice as often as what it is declared behind, and chance does not explain it: a line that goes down
s times in the window follows a moment by chance with p = s * 2 minutes / window, so that many in n are
binomial, and 1 % is shared among all the pairs that were looked at (Bonferroni), the whole province
together.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from alerts.topology import LINE_KINDS, kind_of, topology
from inventory.model import Inventory
from inventory.names import ComponentKind

DAYS: Final = 28
MIN_TOGETHER: Final = 3
FOLLOWS_RATIO: Final = 0.6
TIMES_OWN: Final = 2
MAX_CHANCE: Final = 0.01
EVENT_SHARE: Final = 0.6
"""Of a component's lines must be down, as for the rules; and two of them at least."""
WITHIN_SECONDS: Final = 60.0
KINDS: Final = (ComponentKind.POP, ComponentKind.RING, ComponentKind.ISP)
"""What a line may be behind without anybody knowing; power areas have no lines of their own."""

Down = tuple[float, float]
"""From, to: Unix seconds of one confirmed outage."""


class Suspect(msgspec.Struct, frozen=True, kw_only=True):
    """``together`` of ``events``: how often the line followed ``suspected``; ``own_together`` of
    ``own_events`` likewise ``declared`` (empty: nothing of that kind is declared). ``indistinct`` are others
    that it followed in exactly the same moments. ``chance`` is after Bonferroni."""

    line: str
    declared: str
    suspected: str
    indistinct: tuple[str, ...] = ()
    together: int
    events: int
    own_together: int
    own_events: int
    chance: float
    last: float


class _Match(msgspec.Struct, frozen=True):
    component: str
    followed: tuple[float, ...]
    events: int
    chance: float


def suspects(
    inventory: Inventory, outages: Mapping[str, Sequence[Down]], window_seconds: float = DAYS * 86400.0
) -> tuple[Suspect, ...]:
    """Return the suspect lines, the surest first. ``outages`` by component id of the line, each sorted and
    without overlap."""
    behind = _behind(inventory)
    events = {component: _events(lines, outages) for component, lines in behind.items()}
    declared: dict[str, set[str]] = {}
    for component, lines in behind.items():
        for line in lines:
            declared.setdefault(line, set()).add(component)
    search = _Search(events, declared, window_seconds)
    found = [search.suspect(line, downs) for line, downs in sorted(outages.items()) if line in declared]
    return tuple(sorted((one for one in found if one), key=lambda one: (one.chance, one.line)))


def _behind(inventory: Inventory) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for member in topology(inventory).members:
        if kind_of(member.component) in LINE_KINDS:
            found.setdefault(member.component, set()).add(member.member)
    return found


def _events(lines: Iterable[str], outages: Mapping[str, Sequence[Down]]) -> list[float]:
    """Moments at which so many are down that had not been before, ascending."""
    members = list(lines)
    needed = max(2, math.ceil(len(members) * EVENT_SHARE))
    changes = sorted(
        (time, step) for line in members for down in outages.get(line, ()) for time, step in _steps(down)
    )
    found: list[float] = []
    lost = 0
    for time, step in changes:
        lost += step
        if step > 0 and lost == needed:
            found.append(time)
    return found


def _steps(down: Down) -> Iterator[tuple[float, int]]:
    yield down[0], 1
    yield down[1], -1


class _Search:
    """All events at hand, asked about one line after the other."""

    def __init__(
        self, events: Mapping[str, list[float]], declared: Mapping[str, set[str]], window_seconds: float
    ) -> None:
        self._events = events
        self._declared = declared
        self._window_seconds = window_seconds
        candidates = [component for component in events if kind_of(component) in KINDS]
        self._candidates = candidates
        self._pairs = max(1, len(declared) * len(candidates))

    def suspect(self, line: str, downs: Sequence[Down]) -> Suspect | None:
        own = self._declared[line]
        explained = sorted(time for component in own for time in self._events[component])
        matches = [
            match
            for component in self._candidates
            if component not in own and (match := self._match(component, downs, explained)) is not None
        ]
        if not matches:
            return None
        best = min(matches, key=lambda match: (match.chance, match.events, match.component))
        return self._told(line, best, matches, downs)

    def _match(self, component: str, downs: Sequence[Down], explained: Sequence[float]) -> _Match | None:
        """What speaks for a candidate, where it is enough."""
        telling = [
            time
            for time in self._events[component]
            if not _near(explained, time) and not _was_down(downs, time)
        ]
        followed = tuple(time for time in telling if _went_down(downs, time))
        if len(followed) < max(MIN_TOGETHER, FOLLOWS_RATIO * len(telling)):
            return None
        by_chance = min(1.0, len(downs) * 2 * WITHIN_SECONDS / self._window_seconds)
        chance = tail(len(followed), len(telling), by_chance) * self._pairs
        return _Match(component, followed, len(telling), chance) if chance <= MAX_CHANCE else None

    def _told(
        self, line: str, best: _Match, matches: Sequence[_Match], downs: Sequence[Down]
    ) -> Suspect | None:
        kind = kind_of(best.component)
        declared = next((c for c in sorted(self._declared[line]) if kind_of(c) == kind), "")
        theirs = self._events[best.component]
        own = [
            time
            for time in self._events.get(declared, ())
            if not _near(theirs, time) and not _was_down(downs, time)
        ]
        followed = sum(_went_down(downs, time) for time in own)
        if own and followed / len(own) * TIMES_OWN > len(best.followed) / best.events:
            return None
        return Suspect(
            line=line,
            declared=declared,
            suspected=best.component,
            indistinct=tuple(
                match.component
                for match in matches
                if match.component != best.component and _same(match.followed, best.followed)
            ),
            together=len(best.followed),
            events=best.events,
            own_together=followed,
            own_events=len(own),
            chance=best.chance,
            last=best.followed[-1],
        )


def _near(times: Sequence[float], time: float) -> bool:
    """Whether any of ``times``, ascending, lies within the minute."""
    place = bisect_left(times, time - WITHIN_SECONDS)
    return place < len(times) and times[place] <= time + WITHIN_SECONDS


def _went_down(downs: Sequence[Down], time: float) -> bool:
    place = bisect_left(downs, (time - WITHIN_SECONDS, -math.inf))
    return place < len(downs) and downs[place][0] <= time + WITHIN_SECONDS


def _was_down(downs: Sequence[Down], time: float) -> bool:
    """Whether it had been down already: then the moment says nothing of it."""
    before = time - WITHIN_SECONDS
    place = bisect_right(downs, (before, -math.inf)) - 1
    return place >= 0 and downs[place][0] < before <= downs[place][1]


def _same(one: Sequence[float], other: Sequence[float]) -> bool:
    return len(one) == len(other) and all(
        abs(a - b) <= WITHIN_SECONDS for a, b in zip(one, other, strict=True)
    )


def tail(successes: int, trials: int, probability: float) -> float:
    """Return the chance of so many ``successes`` or more in ``trials``, each of that ``probability``.

    >>> round(tail(3, 4, 0.5), 4), tail(0, 4, 0.1), tail(1, 3, 0)
    (0.3125, 1.0, 0.0)
    """
    if successes <= 0:
        return 1.0
    return min(
        1.0,
        math.fsum(
            math.comb(trials, k) * probability**k * (1 - probability) ** (trials - k)
            for k in range(successes, trials + 1)
        ),
    )
