"""From causes, tick by tick, to outages that begin and end once. Pure.

A cause is told of when it has been found for some ticks in a row (wide ones 2, those of a single commune 6,
so that they can roll up into a wide one) and its failures span long enough and still arrive: a blip of three
seconds stays in the window for longer than it lasted. An outage ends when its cause was not found for some
ticks in a row, or at once when a wider one explains all that it did.

From tick to tick a cause is the same one while the classes share a component: evidence that arrives narrows
a class, and must neither begin a new outage nor start the wait anew.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from alerts.locate.model import Cause
from alerts.pinpoint.sight import Sight, Span
from inventory.graph import CLASS_KINDS, class_id
from inventory.names import ComponentKind

WIDE_TICKS: Final = 2
COMMUNE_TICKS: Final = 6
END_TICKS: Final = 4
SPAN_SECONDS: Final = 3.5
ARRIVING_SECONDS: Final = 5.0
_OF_COMMUNE: Final = frozenset(str(kind) for kind in CLASS_KINDS)


class Open(msgspec.Struct, frozen=True, kw_only=True):
    """An outage that is told of.

    ``identity`` names the class as it was when it was told of; ``cause`` is what the latest tick found.
    ``since`` is the first failure seen, ``known_at`` the tick at which it was told of (Unix seconds).
    """

    identity: str
    kind: str
    cause: Cause
    since: float
    known_at: float


class Ended(msgspec.Struct, frozen=True):
    """An outage that is over; ``into`` is the identity of the wider one that it turned out to be part of."""

    outage: Open
    at: float
    into: str | None = None


class Step(msgspec.Struct, frozen=True):
    """What one tick changed; ``changed`` are those whose cause says something new."""

    begun: tuple[Open, ...] = ()
    changed: tuple[Open, ...] = ()
    ended: tuple[Ended, ...] = ()


class _Candidate(msgspec.Struct, frozen=True):
    cause: Cause
    ticks: int
    since: float


class Holding:
    """Keeps what is open from tick to tick; ``recovered`` is what a run before had told of."""

    def __init__(self, recovered: Iterable[Open] = ()) -> None:
        self._open: dict[str, Open] = {outage.identity: outage for outage in recovered}
        self._candidates: list[_Candidate] = []
        self._absent: dict[str, int] = {}

    @property
    def open(self) -> tuple[Open, ...]:
        """What is open, oldest first."""
        return tuple(self._open.values())

    def tick(self, causes: Iterable[Cause], sight: Sight) -> Step:
        """Take in what was found at ``sight.at``; called once a second."""
        changed, seen, new = [], set(), []
        for cause in causes:
            known = next((one for one in self.open if _alike(one.cause, cause)), None)
            if known is None:
                new.append(cause)
                continue
            seen.add(known.identity)
            if not _same(known.cause, cause):
                self._open[known.identity] = msgspec.structs.replace(known, cause=cause)
                changed.append(self._open[known.identity])
        self._candidates = [self._candidate(cause, sight) for cause in new]
        told = (_told(found, sight) for found in self._candidates)
        begun = [one for one in told if one is not None]
        self._open |= {outage.identity: outage for outage in begun}
        seen |= {outage.identity for outage in begun}
        return Step(tuple(begun), tuple(changed), tuple(self._endings(seen, sight.at)))

    def _candidate(self, cause: Cause, sight: Sight) -> _Candidate:
        before = next((one for one in self._candidates if _alike(one.cause, cause)), None)
        span = span_of(cause, sight)
        first = sight.at if span is None else span.first
        if before is None:
            return _Candidate(cause, 1, first)
        return _Candidate(cause, before.ticks + 1, min(before.since, first))

    def _endings(self, seen: set[str], at: float) -> Iterable[Ended]:
        for outage in self.open:
            name = outage.identity
            self._absent[name] = 0 if name in seen else self._absent.get(name, 0) + 1
            into = self._wider(outage, seen) if self._absent[name] else None
            if self._absent[name] >= END_TICKS or into is not None:
                del self._open[name], self._absent[name]
                yield Ended(outage, at, into)

    def _wider(self, outage: Open, seen: set[str]) -> str | None:
        """Return what now explains all that ``outage`` did, if anything does."""
        mine = set(outage.cause.affected)
        wider = (one for one in self.open if one.identity in seen and mine and mine < set(one.cause.affected))
        return next((one.identity for one in wider), None)


def identity(cause: Cause) -> tuple[str, str]:
    """Return name and kind of an outage: of the component, or of the class that cannot be told apart.

    A class within one commune is named by its kinds, such as ``power|line:21040``; of others the likeliest
    component is named.
    """
    split = [member.partition(":") for member in cause.members]
    communes = {rest.partition("/")[0] for _, _, rest in split}
    kinds = {kind for kind, _, _ in split}
    if len(cause.members) > 1 and len(communes) == 1 and kinds <= _OF_COMMUNE:
        chosen = [ComponentKind(kind) for kind in kinds]
        name = class_id(communes.pop(), chosen)
        return name, name.partition(":")[0]
    return cause.component, cause.kind


def held_ticks(cause: Cause) -> int:
    """Return for how many ticks a cause must be found before it is told of."""
    return COMMUNE_TICKS if cause.kind in _OF_COMMUNE else WIDE_TICKS


def span_of(cause: Cause, sight: Sight) -> Span | None:
    """Return when the failures that a cause explains were seen first and last."""
    spans = [sight.spans[route] for route in cause.affected if route in sight.spans]
    if not spans:
        return None
    return Span(min(span.first for span in spans), max(span.last for span in spans))


def _told(found: _Candidate, sight: Sight) -> Open | None:
    span = span_of(found.cause, sight)
    if span is None or found.ticks < held_ticks(found.cause):
        return None
    if span.last - found.since < SPAN_SECONDS or sight.at - span.last > ARRIVING_SECONDS:
        return None
    name, kind = identity(found.cause)
    return Open(identity=name, kind=kind, cause=found.cause, since=found.since, known_at=sight.at)


def _alike(one: Cause, other: Cause) -> bool:
    return not set(one.members).isdisjoint(other.members)


def _same(one: Cause, other: Cause) -> bool:
    said = [(c.members, round(c.loss, 1), c.communes, c.systems) for c in (one, other)]
    return said[0] == said[1]
