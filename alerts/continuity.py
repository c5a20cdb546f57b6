"""One outage, several who speak of it: what is the same cause, and when it is over. Pure.

While the locator lives, the plain rules are inhibited; when it dies, they take over in the middle of an
outage, and when it comes back, it does. Nobody is told twice: an alert of the other source about the same
cause is one more **witness** of the outage that is open. A witness has **spoken** when Alertmanager let its
alert through; one that was only seen there, muted, has not.

The end is told when the last who spoke has said so. A locator that fell silent has said nothing: then the
rules decide, if they ever saw the outage; and if they never did, nobody vouches for an end, so there is none
until the locator is back.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Literal, Protocol

import msgspec

from alerts.book import Book, commune_of, split
from alerts.outage import LOCATOR, RULES, SEGMENT_LOSSY, Outage
from alerts.rules_alerts import (
    AGENT_SILENT,
    COMMUNE_CUT_OFF,
    DNS_DOWN,
    HUB_BLIND,
    LINE_DOWN,
    SHARED_SEGMENT_DOWN,
    SYSTEM_DOWN,
    WIDE,
)
from alerts.rules_systems import SYSTEM_IN_MAINTENANCE

LOCATED: Final = frozenset(
    {
        AGENT_SILENT,
        COMMUNE_CUT_OFF,
        DNS_DOWN,
        LINE_DOWN,
        SHARED_SEGMENT_DOWN,
        SYSTEM_DOWN,
        SYSTEM_IN_MAINTENANCE,
        *WIDE.values(),
    }
)
"""The alerts of the rules that the locator's life keeps quiet: it judges the same."""
JUDGED: Final = LOCATED | {HUB_BLIND, SEGMENT_LOSSY}
"""The alerts by which locator and rules may speak of one outage: what loses packets may turn out to be down,
which is no second page."""
LINGER_SECONDS: Final = 45.0
"""How long after its last word the locator is taken for alive at most, and a look at that comes."""
MOST: Final = 0.5
"""Who hits more than this share of what another does speaks of the same."""
_BEYOND_HUB: Final = frozenset({"system", "host", "dns", "wan", "datacentre"})
_UPSTREAM: Final = ("pop", "ring", "isp")

Phase = Literal["stands", "doubted", "silent", "ended"]
"""``doubted``: Alertmanager says that it is over, and nothing stands behind that yet. ``silent``: whoever
raised it speaks no more, and has not said that it is over."""


class Witness(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that speaks of an outage; ``since`` is that of the phase, in Unix seconds."""

    outage_id: str
    alert: Outage
    phase: Phase
    spoken: bool
    since: float
    ends_at: float | None = None


def over(witnesses: Sequence[Witness]) -> float | None:
    """Return since when their outage is over (Unix seconds), None while it is not."""
    spoken = [one for one in witnesses if one.spoken]
    if not spoken or any(one.phase in {"stands", "doubted"} for one in spoken):
        return None
    silent = [one for one in spoken if one.phase == "silent"]
    if not silent:
        return _latest(spoken)
    rules = [one for one in witnesses if one.alert.source == RULES and one.phase != "silent"]
    if not rules or any(one.phase != "ended" for one in rules):
        return None
    ends = _latest(rules)
    # What ended for the rules while the locator still saw it is no end: it sees more than they do.
    heard = max(one.since for one in rules)
    return ends if heard >= min(one.since for one in silent) - LINGER_SECONDS else None


def lasts(witnesses: Iterable[Witness]) -> bool:
    """Whether somebody who spoke has not taken it back, be it that he fell silent."""
    return any(one.spoken and one.phase in {"stands", "silent"} for one in witnesses)


def _latest(witnesses: Iterable[Witness]) -> float:
    return max(one.since if one.ends_at is None else one.ends_at for one in witnesses)


# --- the same cause ------------------------------------------------------------------------------
Among = Callable[[Outage], Iterable[int]]
"""Of an outage that is new: where those stand, in order, of whose cause it speaks."""
_Key = tuple[str, str]


class Same(Protocol):
    """What says who speaks of the same cause."""

    def __call__(self, new: Outage, known: Outage, /) -> bool:
        """Whether ``new`` speaks of the same cause as ``known``, which is open."""

    def among(self, known: Sequence[Outage], /) -> Among:
        """Ask the same of many that are new, and of all of ``known``."""


class Nobody(msgspec.Struct, frozen=True):
    """Never the same: for who has no inventory."""

    def __call__(self, new: Outage, known: Outage, /) -> bool:
        """Whether ``new`` is no news beside ``known``: it always is."""
        return False

    def among(self, known: Sequence[Outage], /) -> Among:
        """Find none."""
        return lambda _new: ()


nobody: Final = Nobody()


class Sameness(msgspec.Struct, frozen=True):
    """A :data:`Same` by the inventory of ``book``."""

    book: Book

    def __call__(self, new: Outage, known: Outage, /) -> bool:
        """Whether ``new`` is no news beside ``known``."""
        if not (_is_judged(new) and _is_judged(known)):
            return False
        if known.severity == "ticket" != new.severity:
            return False  # a ticket that becomes a page is news
        if new.source == known.source:
            # Two locators side by side may name a class differently; two rules never speak of one.
            return new.source == LOCATOR and self._alike(new, known)
        return self._alike(new, known) or self._covered(new, known)

    def among(self, known: Sequence[Outage], /) -> Among:
        """Index ``known``, so that each that is new is compared only with those that have to do with it."""
        index: dict[_Key, list[int]] = {}
        for at, one in enumerate(known):
            for key in self._keys(one) if _is_judged(one) else ():
                index.setdefault(key, []).append(at)

        def found(new: Outage) -> Iterator[int]:
            near = {at for key in self._asked(new) for at in index.get(key, ())}
            return (at for at in sorted(near) if self(new, known[at]))

        return found

    def _keys(self, known: Outage) -> set[_Key]:
        """Return all by which another may be found to speak of the same cause as ``known``."""
        keys = self._own_keys(known)
        keys.update(("system", system) for system in _bare(known.systems))
        keys.update(("commune", code) for code in known.communes)
        keys.add(("of", commune_of(known.component)))
        keys.add(("kind", known.kind))
        return keys

    def _asked(self, new: Outage) -> set[_Key]:
        """Return by which keys to look for what ``new`` may be the same as: for each way in which
        :meth:`__call__` says yes, one that both must have."""
        keys = self._own_keys(new)
        if new.kind in _BEYOND_HUB:
            return keys | {("system", system) for system in _bare(new.systems)}
        keys.add(("kind", "hub"))
        keys.update(("", new.labels[kind]) for kind in _UPSTREAM if kind in new.labels)
        mine = commune_of(new.component)
        if not mine:
            return keys | {("commune", code) for code in new.communes}
        commune = self.book.communes.get(mine)
        return keys | {("of", mine), ("", "" if commune is None else f"area:{commune.area}")}

    def _own_keys(self, outage: Outage) -> set[_Key]:
        return {("", outage.component), *(("member", member) for member in self._members(outage))}

    def _alike(self, new: Outage, known: Outage) -> bool:
        """Whether both name the same component, or classes that share one."""
        if new.component == known.component:
            return bool(new.component)
        if self._members(new).isdisjoint(self._members(known)):
            return False
        return self._one_line_of_several(new) == self._one_line_of_several(known)

    def _members(self, outage: Outage) -> frozenset[str]:
        return frozenset({*self.book.members(outage.component), *outage.members})

    def _one_line_of_several(self, outage: Outage) -> bool:
        """Whether it speaks of a line beside which its commune has others: the commune is not cut off."""
        commune = self.book.communes.get(commune_of(outage.component))
        _, rest = split(outage.component)
        return "/" in rest and commune is not None and len(commune.lines) > 1

    def _covered(self, new: Outage, known: Outage) -> bool:
        """Whether what ``known`` has told explains most of what ``new`` hits."""
        if (new.kind in _BEYOND_HUB) != (known.kind in _BEYOND_HUB):
            return False
        if new.kind in _BEYOND_HUB:
            return _mostly(_bare(new.systems), _bare(known.systems))
        mine, its = commune_of(new.component), commune_of(known.component)
        if mine and its:
            lines = self._one_line_of_several(new), self._one_line_of_several(known)
            return mine == its and lines == (False, False)
        if mine or new.kind in _UPSTREAM:
            return self._runs_through(new, known) or (not mine and _mostly(new.communes, known.communes))
        return _mostly(new.communes, known.communes)

    def _runs_through(self, new: Outage, known: Outage) -> bool:
        """Whether all of ``new`` runs through the component of ``known``; of two lines both have to."""
        if known.kind == "hub":
            return True
        if known.kind == "area":
            commune = self.book.communes.get(commune_of(new.component))
            return commune is not None and f"area:{commune.area}" == known.component
        return known.kind in _UPSTREAM and new.labels.get(known.kind) == known.component


def _is_judged(outage: Outage) -> bool:
    return outage.source in {LOCATOR, RULES} and outage.alertname in JUDGED


def _bare(systems: Iterable[str]) -> tuple[str, ...]:
    return tuple(system.removeprefix("system:") for system in systems)


def _mostly(new: Sequence[str], known: Sequence[str]) -> bool:
    return len(set(new) & set(known)) > MOST * len(set(new))
