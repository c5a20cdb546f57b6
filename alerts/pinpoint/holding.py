"""From causes, tick by tick, to outages that begin and end once. Pure.

A cause is told of when it has been found for some ticks in a row (wide ones 2, those of a single commune 6,
so that they can roll up into a wide one) and its failures span long enough and still arrive: a blip of three
seconds stays in the window for longer than it lasted. Who loses only a part waits longer, since the same blip
looks like that for a while, as does a fault that has just begun; but less long when on most of its paths
bursts of pings lose a part of their packets, as neither makes them do. An outage ends when its cause was not
found for some ticks in a row (:mod:`alerts.pinpoint.ending`), or at once when a wider one explains all that
it did.

From tick to tick a cause is the same one while the classes share a component: evidence that arrives narrows
a class, and must neither begin a new outage nor start the wait anew. What gets worse is the same outage too,
of another grade.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from alerts.locate.model import Cause
from alerts.pinpoint.ending import Ending, span_of
from alerts.pinpoint.grade import RANK, Grade, blamed, grade, is_partial, is_wide
from alerts.pinpoint.sight import WINDOW_SECONDS, Sight
from inventory.graph import CLASS_KINDS, class_id
from inventory.names import ComponentKind

WIDE_TICKS: Final = 2
COMMUNE_TICKS: Final = 6
SPAN_SECONDS: Final = 3.5
PARTIAL_WIDE_TICKS: Final = 4
PARTIAL_COMMUNE_TICKS: Final = 10
PARTIAL_SPAN_SECONDS: Final = 6.0
LOSSY_WIDE_TICKS: Final = 3
LOSSY_WIDE_SPAN_SECONDS: Final = 2.5
"""Instead of the two above, where most of what is affected loses packets and has not stopped to."""
LOSSY_LEAST: Final = 3
"""Paths that lose packets, at least: the beginning of a cut takes a part of a burst or two."""
HEALED_QUICK: Final = 0.25
HEALED: Final = 0.6
"""Where a larger part of the paths that lose packets lost none since, the loss has passed, or may have. Of
requests this says nothing: who fails three in ten is well on most paths at any time."""
WORSE_TICKS: Final = 4
"""For so many ticks in a row an outage must be found worse than told before that is told."""
ARRIVING_SECONDS: Final = 5.0
STILL: Final = 0.5
"""An outage lasts while so large a part of its loss is still seen, though too little to accuse anybody."""
NEWS_OF_LOSS: Final = 0.15
"""A loss is estimated anew each second, and is news only when it is another."""
_OF_COMMUNE: Final = frozenset(str(kind) for kind in CLASS_KINDS)


class Open(msgspec.Struct, frozen=True, kw_only=True):
    """An outage that is told of.

    ``identity`` names the class as it was when it was told of; ``cause`` is what the latest tick found.
    ``since`` is the first failure seen, ``known_at`` the tick at which it was told of (Unix seconds).
    ``grade`` is the worst that it was told to be. ``maintained``: a system that shows a maintenance page.
    """

    identity: str
    kind: str
    cause: Cause
    since: float
    known_at: float
    grade: Grade = "down"
    maintained: bool = False


class Ended(msgspec.Struct, frozen=True):
    """An outage that is over since ``at`` (Unix seconds).

    ``into`` is the identity of the wider one that it turned out to be part of.
    """

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
        self._said: dict[str, Cause] = {name: outage.cause for name, outage in self._open.items()}
        self._worse: dict[str, int] = {}
        self._ending = Ending()
        self._over: list[Ended] = []

    @property
    def open(self) -> tuple[Open, ...]:
        """What is open, oldest first."""
        return tuple(self._open.values())

    def use_routes(self, through: Mapping[str, tuple[int, ...]]) -> None:
        """Numbers of routes mean these now: after a start, and when the inventory is another. What is open
        stays open, and affects whatever passes ``through`` it."""
        for name, outage in self._open.items():
            cause = msgspec.structs.replace(outage.cause, affected=through.get(outage.cause.component, ()))
            self._open[name] = msgspec.structs.replace(outage, cause=cause)
        self._over.clear()

    def tick(self, causes: Sequence[Cause], sight: Sight) -> Step:
        """Take in what was found at ``sight.at``; called once a second."""
        changed, seen, new = [], set(), []
        for found in causes:
            known = next((one for one in self.open if _alike(one.cause, found)), None)
            if known is None:
                new.append(found)
                continue
            seen.add(known.identity)
            self._ending.found(known.identity, found, sight)
            cause = _learned(known, found, sight)
            now = msgspec.structs.replace(known, cause=cause, grade=self._graded(known, cause))
            self._open[known.identity] = now
            if now.grade != known.grade or not _same(self._said[known.identity], cause):
                self._said[known.identity] = cause
                changed.append(now)
        self._candidates = [self._candidate(cause, sight) for cause in new]
        begun = self._begin(sight)
        seen |= {outage.identity for outage in begun}
        explained = {route for one in self.open if one.identity in seen for route in one.cause.affected}
        return Step(tuple(begun), tuple(changed), tuple(self._endings(seen, sight, explained)))

    def _graded(self, known: Open, cause: Cause) -> Grade:
        """Return the grade of an outage: worse only once it was worse for a while, and never better."""
        found = grade(cause)
        worse = RANK[found] > RANK[known.grade]
        self._worse[known.identity] = self._worse.get(known.identity, 0) + 1 if worse else 0
        return found if self._worse[known.identity] >= WORSE_TICKS else known.grade

    def _candidate(self, cause: Cause, sight: Sight) -> _Candidate:
        before = next((one for one in self._candidates if _alike(one.cause, cause)), None)
        span = span_of(cause, sight, partial=is_partial(cause))
        first = sight.at if span is None else span.first
        if before is None:
            return _Candidate(cause, 1, first)
        return _Candidate(cause, before.ticks + 1, min(before.since, first))

    def _begin(self, sight: Sight) -> list[Open]:
        told = (_told(found, sight) for found in self._candidates if not self._is_left_of(found.cause, sight))
        begun = {one.identity: one for one in told if one is not None and one.identity not in self._open}
        for name, outage in begun.items():
            self._ending.begun(name, outage.cause, sight.at)
            self._said[name] = outage.cause
        self._open |= begun
        return list(begun.values())

    def _is_left_of(self, cause: Cause, sight: Sight) -> bool:
        """Whether a cause may be what is left of a wider outage that heals, or has just done so.

        Not everything is measured again at once. What failed on for long enough since then is another.
        """
        span, mine = span_of(cause, sight, partial=is_partial(cause)), set(cause.affected)
        self._over = [one for one in self._over if sight.at - one.at < WINDOW_SECONDS]
        healed = [(one.outage.cause.affected, one.at) for one in self._over]
        for outage in self.open:
            wells = [sight.well.get(route, 0.0) for route in outage.cause.affected]
            healed += [(outage.cause.affected, at) for at in sorted(wells) if at > outage.since][:1]
        least = PARTIAL_SPAN_SECONDS if is_partial(cause) else SPAN_SECONDS
        return any(
            span is not None and mine < set(affected) and span.last - since < least
            for affected, since in healed
        )

    def _endings(self, seen: set[str], sight: Sight, explained: set[int]) -> Iterable[Ended]:
        for outage in self.open:
            name = outage.identity
            if name in seen:
                continue
            into = self._wider(outage, seen)
            if into is None and _may_last(outage, sight, explained):
                continue
            if self._ending.missed(name, outage.cause, sight) or into is not None:
                del self._open[name], self._said[name]
                self._worse.pop(name, None)
                ended = self._ending.close(name, outage.since, sight.at)
                self._over += [Ended(outage, ended)] if into is None else []
                yield Ended(outage, ended if into is None else sight.at, into)

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
    members = blamed(cause)
    split = [member.partition(":") for member in members]
    communes = {rest.partition("/")[0] for _, _, rest in split}
    kinds = {kind for kind, _, _ in split}
    if len(members) > 1 and len(communes) == 1 and kinds <= _OF_COMMUNE:
        chosen = [ComponentKind(kind) for kind in kinds]
        name = class_id(communes.pop(), chosen)
        return name, name.partition(":")[0]
    return cause.component, cause.kind


def held(cause: Cause, sight: Sight) -> tuple[int, float]:
    """Return for how many ticks a cause must be found, and how many seconds its failures must span, before it
    is told of; infinitely many while a loss of packets seems to be over."""
    if not is_partial(cause):
        return WIDE_TICKS if is_wide(cause) else COMMUNE_TICKS, SPAN_SECONDS
    lossy = [route for route in cause.affected if route in sight.lossy and route not in sight.spans]
    if len(lossy) > sum(route in sight.spans for route in cause.affected):
        healed = sum(route in sight.well for route in lossy) / len(lossy)
        if healed > HEALED:
            return PARTIAL_WIDE_TICKS, math.inf
        if is_wide(cause) and len(lossy) >= LOSSY_LEAST and healed <= HEALED_QUICK:
            return LOSSY_WIDE_TICKS, LOSSY_WIDE_SPAN_SECONDS
    return PARTIAL_WIDE_TICKS if is_wide(cause) else PARTIAL_COMMUNE_TICKS, PARTIAL_SPAN_SECONDS


def _told(found: _Candidate, sight: Sight) -> Open | None:
    cause = found.cause
    partial = is_partial(cause)
    span = span_of(cause, sight, partial=partial)
    ticks, least = held(cause, sight)
    if span is None or found.ticks < ticks:
        return None
    first = span.first if partial else found.since
    if span.last - first < least or sight.at - span.last > ARRIVING_SECONDS:
        return None
    name, kind = identity(cause)
    return Open(
        identity=name, kind=kind, cause=cause, since=found.since, known_at=sight.at, grade=grade(cause),
        maintained=name in sight.maintained,
    )  # fmt: skip


def _may_last(outage: Open, sight: Sight, explained: set[int]) -> bool:
    """Whether an outage that was not found has not been seen to be over either.

    Between two checks of what is checked once a minute nothing is counted, and one failure alone accuses
    nobody; nor is anybody accused of what is planned from now on. ``explained``: routes that fail, if they
    do, because of other outages that are told of: who is only suspected yet explains nothing, or there would
    be an end before the wider outage of which this one is a part.
    """
    routes = [route for route in outage.cause.affected if route not in explained and route < len(sight.sent)]
    sent = sum(sight.sent[route] for route in routes)
    failed = sum(sight.failed[route] for route in routes)
    return bool(routes) and (not sent or failed > STILL * outage.cause.loss * sent)


def _learned(known: Open, cause: Cause, sight: Sight) -> Cause:
    """Return what is known now: a class that narrows always, another one only while nothing has come back.

    What heals, heals bit by bit, and what is left of it looks like something else.
    """
    if set(cause.members) <= set(known.cause.members):
        return cause
    if all(sight.well.get(route, 0.0) <= known.since for route in known.cause.affected):
        return cause
    was = known.cause
    return msgspec.structs.replace(cause, component=was.component, kind=was.kind, members=was.members)


def _alike(one: Cause, other: Cause) -> bool:
    return not set(one.members).isdisjoint(other.members)


def _same(one: Cause, other: Cause) -> bool:
    said = [(c.members, is_partial(c), c.communes, c.systems) for c in (one, other)]
    return said[0] == said[1] and abs(one.loss - other.loss) < NEWS_OF_LOSS
