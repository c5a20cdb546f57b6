"""Which dead zones lie together: behind one shared component first, then side by side. Pure.

A cluster behind a POP or ring has one cause and one person to call, so that is looked for first; only what
no such component explains is grouped by place. A commune lies in a cluster of neighbours where at least 4 of
the 8 nearest are dead zones too. Coordinates are centroids: good enough for who is next to whom.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from alerts.topology import kind_of, topology
from inventory.model import Commune, Inventory
from inventory.names import ComponentKind

NEAREST: Final = 8
NEAREST_DEAD: Final = 4
MIN_SHARED: Final = 3
"""Dead zones behind a component, below which they are no cluster."""
MIN_SHARE: Final = 0.5
"""Of the communes behind it."""
_KINDS: Final = (ComponentKind.POP, ComponentKind.RING)


class Cluster(msgspec.Struct, frozen=True):
    """``component`` is empty for neighbours; ``behind`` counts all communes behind it. ``communes`` are
    codes, sorted."""

    component: str
    communes: tuple[str, ...]
    behind: int = 0


def clusters(inventory: Inventory, dead: Iterable[str]) -> tuple[Cluster, ...]:
    """Return the clusters among the communes ``dead`` (codes), each commune in one at most."""
    left = set(dead)
    everybody = frozenset(left)
    found: list[Cluster] = []
    behind = _behind(inventory)
    while (best := _densest(behind, left)) is not None:
        members = behind[best] & left
        found.append(Cluster(best, tuple(sorted(members)), len(behind[best])))
        left -= members
    near = nearest(inventory.communes)
    crowded = {code for code in left if len(everybody.intersection(near.get(code, ()))) >= NEAREST_DEAD}
    found += (Cluster("", codes) for codes in _joined(crowded, near))
    return tuple(found)


def _behind(inventory: Inventory) -> dict[str, set[str]]:
    """Communes by the POP or ring through which any of their lines runs."""
    found: dict[str, set[str]] = {}
    for member in topology(inventory).members:
        if kind_of(member.component) in _KINDS:
            found.setdefault(member.component, set()).add(member.origin)
    return found


def _densest(behind: Mapping[str, set[str]], dead: set[str]) -> str | None:
    """The component of which most is dead; of equals the one with more, since one cause explains more."""
    ranked = [
        (len(codes & dead) / len(codes), len(codes & dead), component)
        for component, codes in behind.items()
        if len(codes & dead) >= MIN_SHARED
    ]
    share, _, component = max(ranked, default=(0.0, 0, ""))
    return component if share >= MIN_SHARE else None


def nearest(communes: Iterable[Commune]) -> dict[str, tuple[str, ...]]:
    """Return the codes of the 8 nearest communes, by code; those without coordinates are left out."""
    places = {
        commune.code: (commune.latitude, commune.longitude)
        for commune in communes
        if commune.latitude is not None and commune.longitude is not None
    }
    return {
        code: tuple(
            sorted((c for c in places if c != code), key=lambda c: (_degrees(place, places[c]), c))[:NEAREST]
        )
        for code, place in places.items()
    }


def _degrees(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Distance in degrees of latitude; a degree of longitude is shorter away from the equator."""
    shrink = math.cos(math.radians((one[0] + other[0]) / 2))
    return math.hypot(one[0] - other[0], (one[1] - other[1]) * shrink)


def _joined(codes: set[str], near: Mapping[str, tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Groups of communes that are among each other's nearest, either way round; single ones are none."""
    left = sorted(codes)
    found: list[tuple[str, ...]] = []
    while left:
        group = [left.pop(0)]
        for code in group:  # grows while it is walked
            beside = [other for other in left if other in near[code] or code in near[other]]
            group += beside
            left = [other for other in left if other not in beside]
        if len(group) > 1:
            found.append(tuple(sorted(group)))
    return found
