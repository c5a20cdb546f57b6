"""Every commune and every line of it, judged and ranked by the dossiers that suffer. Pure."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from alerts import deadzone
from alerts.clusters import Cluster, clusters
from alerts.deadzone import Judged
from alerts.slo import Gain
from inventory.model import Commune, Inventory, Line
from inventory.names import DeadZone

_ORDER: Final = {why: rank for rank, why in enumerate(DeadZone)}
LineKey = tuple[str, str]
"""A line: the code of its commune, and its id there."""


class Signal(msgspec.Struct, frozen=True):
    """The median of a line's signal over the 28 days, and the days on which it is known."""

    median_dbm: float
    days: int


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured until ``until`` (Unix seconds); ``heard`` are the communes that ever reported."""

    until: float
    gains: Mapping[LineKey, tuple[Gain, ...]]
    signals: Mapping[LineKey, Signal] = {}
    heard: frozenset[str] = frozenset()


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One line at its commune. Ratios from 0 to 1; None is what is not known. ``dead`` None: cannot tell."""

    line: str
    technology: str
    availability: float | None = None
    upper: float | None = None
    days: int = 0
    dead: bool | None = None
    signal_dbm: float | None = None
    signal_days: int = 0
    weak: bool | None = None


class Zone(msgspec.Struct, frozen=True, kw_only=True):
    """One commune. ``reasons`` say why it is a dead zone, none: it is not, or (``judged`` false) nobody can
    tell. Availability is that of its best line; ``dossiers_lost_per_day`` those that meet it down."""

    commune: str
    name: str
    reasons: tuple[DeadZone, ...]
    judged: bool
    availability: float | None
    upper: float | None
    days: int
    dossiers_per_day: float
    dossiers_lost_per_day: float | None
    places: tuple[Place, ...]
    cluster: int | None = None


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """All communes, dead zones first; ``Zone.cluster`` is a place in ``clusters``."""

    until: float
    zones: tuple[Zone, ...]
    clusters: tuple[Cluster, ...]
    weak_rsrp_dbm: float

    @property
    def dead(self) -> tuple[Zone, ...]:
        """The dead zones alone, ranked."""
        return tuple(zone for zone in self.zones if zone.reasons)


def listing(inventory: Inventory, evidence: Evidence) -> Listing:
    """Judge and rank. Communes that never reported lead nobody: nothing says how bad they are."""
    zones = [_zone(commune, inventory.quality.weak_rsrp_dbm, evidence) for commune in inventory.communes]
    # A commune that was never heard says nothing about what it shares with others.
    measured = (z.commune for z in zones if z.reasons and DeadZone.NEVER_REPORTED not in z.reasons)
    found = clusters(inventory, measured)
    of = {code: number for number, cluster in enumerate(found) for code in cluster.communes}
    ranked = sorted(zones, key=_rank)
    return Listing(
        until=evidence.until,
        zones=tuple(msgspec.structs.replace(zone, cluster=of.get(zone.commune)) for zone in ranked),
        clusters=found,
        weak_rsrp_dbm=inventory.quality.weak_rsrp_dbm,
    )


def _rank(zone: Zone) -> tuple[int, float, float, float, str]:
    """Dead by measurement, dead unheard, then the rest; by dossiers lost, then by time lost."""
    group = len(_ORDER) if not zone.reasons else min(_ORDER[why] for why in zone.reasons)
    lost = zone.dossiers_lost_per_day or 0.0
    up = 1.0 if zone.availability is None else zone.availability
    measured = 0 if group < _ORDER[DeadZone.NEVER_REPORTED] else group
    return measured, -lost, up, -zone.dossiers_per_day, zone.commune


def _zone(commune: Commune, weak_dbm: float, evidence: Evidence) -> Zone:
    verdicts = [_judged(commune, line, evidence) for line in commune.lines]
    places = tuple(
        _place(line, found, evidence.signals.get((commune.code, line.id)), weak_dbm)
        for line, found in zip(commune.lines, verdicts, strict=True)
    )
    dead = deadzone.commune_dead(verdicts)
    best = _best(verdicts)
    return Zone(
        commune=commune.code,
        name=commune.name,
        reasons=_reasons(commune, places, dead, evidence),
        judged=dead is not None,
        availability=best.availability if best else None,
        upper=best.upper if best else None,
        days=best.days if best else 0,
        dossiers_per_day=commune.dossiers_per_day,
        dossiers_lost_per_day=commune.dossiers_per_day * (1 - best.availability) if best else None,
        places=places,
    )


def _best(verdicts: Iterable[Judged | None]) -> Judged | None:
    known = [verdict for verdict in verdicts if verdict is not None]
    return max(known, key=lambda verdict: verdict.availability, default=None)


def _reasons(
    commune: Commune, places: tuple[Place, ...], dead: bool | None, evidence: Evidence
) -> tuple[DeadZone, ...]:
    if commune.code not in evidence.heard and all(place.availability is None for place in places):
        return (DeadZone.NEVER_REPORTED,)
    found = [DeadZone.AVAILABILITY] if dead else []
    fixed = any(line.technology not in deadzone.WIRELESS for line in commune.lines)
    weak = [place.weak for place in places if place.weak is not None]
    if not fixed and weak and all(weak):
        found.append(DeadZone.WEAK_SIGNAL)
    return tuple(found)


def _judged(commune: Commune, line: Line, evidence: Evidence) -> Judged | None:
    return deadzone.judge(evidence.gains.get((commune.code, line.id), ()), evidence.until)


def _place(line: Line, found: Judged | None, signal: Signal | None, weak_dbm: float) -> Place:
    enough = signal is not None and signal.days >= deadzone.MIN_DAYS
    return Place(
        line=line.id,
        technology=line.technology,
        availability=found.availability if found else None,
        upper=found.upper if found else None,
        days=found.days if found else 0,
        dead=found.dead if found else None,
        signal_dbm=signal.median_dbm if signal else None,
        signal_days=signal.days if signal else 0,
        weak=signal.median_dbm < weak_dbm if signal is not None and enough else None,
    )
