"""What runs through what, as rows for info metrics: the rules find wide faults by these. Pure.

A **member** is what can be seen to fail: a line of a commune or a system. A **shared component** is a
segment, a carrier or the hub, with the set of members that run through it. Where one set holds another,
the larger component explains the failure of the smaller; where two sets are equal (**twins**), only a
checkpoint can tell them apart.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

import msgspec

from inventory import graph
from inventory.model import Inventory
from inventory.names import HUB_SITE, ComponentKind

LINE_KINDS: Final = (
    ComponentKind.POP,
    ComponentKind.AREA,
    ComponentKind.RING,
    ComponentKind.ISP,
    ComponentKind.HUB,
)
"""Shared kinds that lines run through, from the one that twins blame first to the last."""

SYSTEM_KINDS: Final = (
    ComponentKind.HOST,
    ComponentKind.DNS,
    ComponentKind.DATACENTRE,
    ComponentKind.WAN,
)
"""Shared kinds between the hub and the systems, likewise."""

_RANK: Final = {str(kind): rank for rank, kind in enumerate((*LINE_KINDS, *SYSTEM_KINDS))}


class Member(msgspec.Struct, frozen=True, order=True):
    """``member`` runs through ``component``; ``origin`` is the member's commune code or system id."""

    component: str
    member: str
    origin: str


class Within(msgspec.Struct, frozen=True, order=True):
    """All members of ``component`` run through ``larger`` too; ``twin`` when neither has others."""

    component: str
    larger: str
    twin: bool


class Upstream(msgspec.Struct, frozen=True, order=True):
    """What everything behind ``component`` runs through; empty where there is no such thing or several.

    ``commune`` is set for agents only, whose row stands for the whole commune.
    """

    component: str
    commune: str
    pop: str
    ring: str
    isp: str


class Topology(msgspec.Struct, frozen=True):
    members: tuple[Member, ...]
    within: tuple[Within, ...]
    upstream: tuple[Upstream, ...]


def topology(inventory: Inventory) -> Topology:
    """Derive the rows from an inventory, sorted."""
    legs = dict(_line_legs(inventory))
    found = sorted({*_line_members(legs), *_system_members(inventory)})
    sets: dict[str, set[str]] = defaultdict(set)
    for item in found:
        sets[item.component].add(item.member)
    checkpoints = {plan.target for plan in graph.plans(inventory, HUB_SITE) if plan.role == "checkpoint"}
    return Topology(
        members=tuple(found),
        within=tuple(sorted(_within(sets, checkpoints))),
        upstream=tuple(sorted(_upstream(inventory, legs, sets))),
    )


def kind_of(component: str) -> str:
    """Return the kind in an id such as ``pop:ba-to``."""
    return component.partition(":")[0]


def _line_legs(inventory: Inventory) -> Iterator[tuple[tuple[str, str], frozenset[str]]]:
    """Yield ((commune code, line's component id), all components on the line's way to the hub)."""
    for commune in inventory.communes:
        path = graph.heartbeat_path(inventory, commune.code)
        for line, leg in zip(commune.lines, path.legs, strict=True):
            yield (commune.code, graph.line_id(commune, line)), frozenset(leg)


def _line_members(legs: dict[tuple[str, str], frozenset[str]]) -> Iterator[Member]:
    for (commune, line), leg in legs.items():
        for component in leg:
            if kind_of(component) in LINE_KINDS:
                yield Member(component, line, commune)


def _system_members(inventory: Inventory) -> Iterator[Member]:
    for plan in graph.plans(inventory, HUB_SITE):
        if plan.role == "system":
            for component in plan.path.legs[0]:
                if kind_of(component) in SYSTEM_KINDS:
                    yield Member(component, plan.target, plan.target)


def _within(sets: dict[str, set[str]], checkpoints: set[str]) -> Iterator[Within]:
    for component, members in sets.items():
        for larger, others in sets.items():
            if members < others:
                yield Within(component, larger, twin=False)
            elif members == others and _twin_explains(component, larger, checkpoints):
                yield Within(component, larger, twin=True)


def _twin_explains(component: str, larger: str, checkpoints: set[str]) -> bool:
    """Whether ``larger`` takes the blame from its twin: a checkpoint must be able to clear it.

    Of two that nothing can tell apart, the one nearer to the members stays.
    """

    def weight(item: str) -> tuple[bool, int, str]:
        return item in checkpoints, _RANK[kind_of(item)], item

    if larger in checkpoints and component in checkpoints:
        return weight(larger) > weight(component)
    if larger not in checkpoints and component not in checkpoints:
        return weight(larger) < weight(component)
    return larger in checkpoints


def _upstream(
    inventory: Inventory, legs: dict[tuple[str, str], frozenset[str]], sets: dict[str, set[str]]
) -> Iterator[Upstream]:
    for commune in inventory.communes:
        own = [leg for (code, _), leg in legs.items() if code == commune.code]
        yield _row(f"agent:{commune.code}", commune.code, frozenset.intersection(*own))
    for (_, line), leg in legs.items():
        yield _row(line, "", leg)
    by_line = {line: leg for (_, line), leg in legs.items()}
    for component, members in sets.items():
        found = [by_line[member] for member in members if member in by_line]
        yield _row(component, "", frozenset.intersection(*found) if found else frozenset())


def _row(component: str, commune: str, common: frozenset[str]) -> Upstream:
    def only(kind: ComponentKind) -> str:
        found = [item for item in common if kind_of(item) == kind]
        return found[0] if len(found) == 1 else ""

    return Upstream(
        component,
        commune,
        pop=only(ComponentKind.POP),
        ring=only(ComponentKind.RING),
        isp=only(ComponentKind.ISP),
    )
