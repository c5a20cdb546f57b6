"""The scenes of outages: every kind of fault, and what looks like one. Pure."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

import msgspec

from alerts.topology import kind_of, topology
from deploy import (
    deadzone_scenes,
    hub_scenes,
    ingest_scenes,
    line_scenes,
    shared_scenes,
    system_scenes,
    upkeep_scenes,
)
from deploy.scene import CONFIRMED_SECONDS, STEP_SECONDS, Expected, Scene, Series, Span, escaped, runs
from inventory import graph
from inventory.model import Commune, Inventory
from inventory.names import HUB_SITE, Recorded

FAULT_SECONDS: Final = 40  # after the 30 s in which silence proves nothing yet
HEAL_SECONDS: Final = 96
ALIKE: Final = 2
"""Communes with the same carriers, segments and kind of evidence; and systems."""


def thinned(inventory: Inventory) -> Inventory:
    """Return the inventory with a few communes of each POP and a few systems: enough to prove the rules."""
    kept: list[Commune] = []
    seen: Counter[object] = Counter()
    for commune in inventory.communes:
        alike = tuple((line.carrier, line.segments, line.router is None) for line in commune.lines)
        seen[alike] += 1
        if seen[alike] <= ALIKE:
            kept.append(commune)
    paths = {system.path: system for system in reversed(inventory.systems)}
    chosen = {system.id for system in (*paths.values(), *inventory.systems[-ALIKE:])}
    systems = tuple(system for system in inventory.systems if system.id in chosen)
    return msgspec.structs.replace(inventory, communes=tuple(kept), systems=systems)


def scenes(inventory: Inventory) -> Iterator[Scene]:
    """Yield the scenes that this inventory can show."""
    yield Scene(name="everybody healthy: nothing fires", expected=((60, ()), (124, ())))
    for commune in _one_of_each(inventory):
        yield _cut(commune)
        yield _blip(commune)
        if commune.lines[0].router:
            yield _agent_alone(commune)
    for commune in [commune for commune in inventory.communes if len(commune.lines) > 1][:1]:
        yield from _several_lines(inventory, commune)
        yield _all_lines(commune)
    yield from _wide_scenes(inventory)
    yield from _system_scenes(inventory)
    yield from shared_scenes.scenes(inventory)
    yield _never(inventory.communes[-1])
    yield _left_by_a_kill(inventory)
    yield from ingest_scenes.scenes(inventory)
    yield from hub_scenes.scenes(inventory)
    yield from system_scenes.scenes(inventory)
    yield from upkeep_scenes.scenes(inventory)
    yield from line_scenes.scenes(inventory)
    yield from deadzone_scenes.scenes(inventory)


def _never(commune: Commune) -> Scene:
    ticket = Expected("NeverReported", f"agent:{commune.code}", "ticket")
    return Scene(
        name=f"commune {commune.code} has never reported: a ticket after half an hour, no page",
        seconds=2100,
        step_seconds=60,
        never=(commune.code,),
        expected=((600, ()), (1740, ()), (1920, (ticket,))),
    )


def _left_by_a_kill(inventory: Inventory) -> Scene:
    """All that a killed Prometheus found wrong has healed before it is back."""
    commune, system = inventory.communes[0], f"system:{inventory.systems[0].id}"
    code, line = commune.code, commune.lines[0].id
    component = f"isp:{commune.lines[0].carrier}"
    found: tuple[tuple[str, dict[str, str]], ...] = (
        (Recorded.OUTAGE, {"commune": code, "component": f"power|line:{code}", "kind": "power|line"}),
        (Recorded.UNEXPLAINED, {"commune": code, "line": line, "member": f"line:{code}/{line}"}),
        (Recorded.SYSTEM_LOST, {"commune": code, "target": system}),
        (Recorded.MAINTENANCE_PAGE, {"target": system}),
        (Recorded.NAMES_LOST, {"member": system, "target": system}),
        (Recorded.LASTING, {"component": component, "kind": "isp"}),
        (Recorded.DOWN, {"component": component, "kind": "isp"}),
    )
    return Scene(
        name="what a killed prometheus left behind raises nothing",
        seconds=240,
        left=tuple(_left(name, labels) for name, labels in found),
        expected=((60, ()), (120, ()), (240, ())),
    )


def _left(name: str, labels: dict[str, str]) -> Series:
    shown = ", ".join(f'{label}="{escaped(text)}"' for label, text in labels.items())
    return Series(f"{name}{{{shown}}}", " ".join(runs([1.0] * (FAULT_SECONDS // STEP_SECONDS - 1))))


def _one_of_each(inventory: Inventory) -> Iterator[Commune]:
    """A commune with a router that the hub can ping, and one without, both with a single line."""
    single = [commune for commune in inventory.communes if len(commune.lines) == 1]
    for wanted in (True, False):
        yield from [commune for commune in single if bool(commune.lines[0].router) is wanted][:1]


def _cut(commune: Commune) -> Scene:
    routed = commune.lines[0].router is not None
    component = f"power|line:{commune.code}" if routed else f"power|lan|line|agent:{commune.code}"
    page = (Expected("CommuneCutOff", component),)
    span = (FAULT_SECONDS, HEAL_SECONDS)
    return Scene(
        name=f"commune {commune.code} is cut off, {'with' if routed else 'without'} a router to ping",
        silent={commune.code: span},
        down={graph.line_id(commune, commune.lines[0]): span},
        expected=((FAULT_SECONDS + 10, ()), (FAULT_SECONDS + 22, page), (HEAL_SECONDS + 6, ())),
    )


def _blip(commune: Commune) -> Scene:
    """Three seconds without packets are up to eight without a heartbeat, since TCP backs off."""
    span = (FAULT_SECONDS, FAULT_SECONDS + 8)
    return Scene(
        name=f"a blip at commune {commune.code} pages nobody",
        silent={commune.code: span},
        expected=tuple((second, ()) for second in range(FAULT_SECONDS, FAULT_SECONDS + 40, 2)),
        seconds=FAULT_SECONDS + 60,
    )


def _agent_alone(commune: Commune) -> Scene:
    page = (Expected("AgentSilent", f"lan|agent:{commune.code}"),)
    return Scene(
        name=f"the agent of commune {commune.code} is silent, its router answers",
        silent={commune.code: (FAULT_SECONDS, HEAL_SECONDS)},
        expected=((FAULT_SECONDS + 16, ()), (FAULT_SECONDS + 28, page), (HEAL_SECONDS + 6, ())),
    )


def _several_lines(inventory: Inventory, commune: Commune) -> Iterator[Scene]:
    """One of two lines is cut: the commune lives through the other, which is a page all the same."""
    lost = commune.lines[-1]
    line = graph.line_id(commune, lost)
    legs = graph.heartbeat_path(inventory, commune.code).legs
    above = next((item for item in legs[-1] if kind_of(item) == "pop"), line)
    seen = (FAULT_SECONDS + CONFIRMED_SECONDS, HEAL_SECONDS)
    for severity, planned in (("page", None), ("none", above)):
        said = "" if planned is None else f" while {planned} is in maintenance"
        yield Scene(
            name=f"{line} is cut, its commune lives through the other{said}",
            down={line: (FAULT_SECONDS, HEAL_SECONDS)},
            unseen={(commune.code, f"hub/{lost.id}"): seen},
            maintained=() if planned is None else (planned,),
            expected=(
                (FAULT_SECONDS + 20, ()),
                (FAULT_SECONDS + 44, (Expected("LineDown", line, severity),)),
                (HEAL_SECONDS + 20, ()),
            ),
        )


def _all_lines(commune: Commune) -> Scene:
    """Both lines at once are a commune that is cut off. Its own probes are late to see that they are back."""
    span = (FAULT_SECONDS, HEAL_SECONDS)
    routed = any(line.router is not None for line in commune.lines)
    page = Expected("CommuneCutOff", f"{'power|line' if routed else 'power|lan|line|agent'}:{commune.code}")
    return Scene(
        name=f"commune {commune.code} is cut off with both of its lines, and comes back",
        seconds=HEAL_SECONDS + 60,
        silent={commune.code: span},
        down={graph.line_id(commune, line): span for line in commune.lines},
        unseen={(commune.code, f"hub/{line.id}"): span for line in commune.lines},
        expected=(
            (FAULT_SECONDS + 30, (page,)),
            *((second, ()) for second in range(HEAL_SECONDS + 6, HEAL_SECONDS + 60, 2)),
        ),
    )


def _wide_scenes(inventory: Inventory) -> Iterator[Scene]:
    members: dict[str, set[str]] = {}
    for member in topology(inventory).members:
        members.setdefault(member.component, set()).add(member.member)
    checkpoints = {plan.target for plan in graph.plans(inventory, HUB_SITE) if plan.role == "checkpoint"}
    wide = {"pop": "PopDown", "isp": "CarrierDown"}
    for kind, alertname in wide.items():
        fitting = [
            c for c in members if c.startswith(f"{kind}:") and c in checkpoints and len(members[c]) > 1
        ]
        for component in sorted(fitting)[:1]:
            yield _wide(inventory, component, alertname, members)
            yield _cleared(inventory, component, members[component])
    hub = f"hub:{inventory.hub.id}"
    if len(inventory.carriers) > 1:
        yield _wide(inventory, hub, "HubCutOff", members)
    yield _blind(inventory, hub)


def _wide(inventory: Inventory, component: str, alertname: str, members: dict[str, set[str]]) -> Scene:
    """Everything behind ``component`` falls silent within 4 s and comes back within 16 s."""
    gone = members[component]
    inside = [item for item in members if members[item] <= gone and not item.startswith(("hub:", "isp:"))]
    span = (FAULT_SECONDS, HEAL_SECONDS)
    down = dict.fromkeys((*gone, *inside), span)
    if component.startswith("hub:"):
        down |= {f"isp:{carrier.id}": span for carrier in inventory.carriers}
    down[component] = span
    silent: dict[str, Span] = {}
    unseen: dict[tuple[str, str], Span] = {}
    for place, commune in enumerate(inventory.communes):
        lost = [line for line in commune.lines if graph.line_id(commune, line) in gone]
        if len(lost) == len(commune.lines):
            silent[commune.code] = (FAULT_SECONDS + place % 3 * 2, HEAL_SECONDS + place % 9 * 2)
        unseen |= {(commune.code, f"hub/{line.id}"): span for line in lost}
    page = (Expected(alertname, component),)
    early = tuple((second, ()) for second in range(FAULT_SECONDS, FAULT_SECONDS + 10, 2))
    held = tuple((second, page) for second in range(FAULT_SECONDS + 26, HEAL_SECONDS + 18, 4))
    return Scene(
        name=f"{component} dies: one page and no other",
        silent=silent,
        down=down,
        unseen=unseen,
        expected=(*early, *held, (HEAL_SECONDS + 70, ())),
        seconds=HEAL_SECONDS + 70,
    )


def _cleared(inventory: Inventory, component: str, members: set[str]) -> Scene:
    """Two communes are cut at once, and the checkpoint of what they share answers: a page each."""
    span = (FAULT_SECONDS, HEAL_SECONDS)
    single = [commune for commune in inventory.communes if len(commune.lines) == 1]
    both = [commune for commune in single if graph.line_id(commune, commune.lines[0]) in members][:2]
    pages = [
        Expected("CommuneCutOff", f"{'power|line' if c.lines[0].router else 'power|lan|line|agent'}:{c.code}")
        for c in both
    ]
    return Scene(
        name=f"two communes behind {component} are cut off while it answers",
        silent={commune.code: span for commune in both},
        down={graph.line_id(commune, commune.lines[0]): span for commune in both},
        expected=((FAULT_SECONDS + 30, tuple(sorted(pages))), (HEAL_SECONDS + 6, ())),
    )


def _blind(inventory: Inventory, hub: str) -> Scene:
    """Nobody is heard, the hub's own agent neither: the hub did not listen, so no commune is blamed."""
    communes = {c.code: (FAULT_SECONDS, HEAL_SECONDS + n % 9 * 2) for n, c in enumerate(inventory.communes)}
    return Scene(
        name="nothing arrives at the hub: no commune is blamed, then or while agents come back",
        silent={**communes, HUB_SITE: (FAULT_SECONDS, HEAL_SECONDS)},
        expected=(
            (FAULT_SECONDS + 24, (Expected("HubBlind", hub),)),
            *((second, ()) for second in range(HEAL_SECONDS + 2, HEAL_SECONDS + 60, 6)),
        ),
        seconds=HEAL_SECONDS + 60,
    )


def _system_scenes(inventory: Inventory) -> Iterator[Scene]:
    span = (FAULT_SECONDS, HEAL_SECONDS)
    seen = (FAULT_SECONDS + CONFIRMED_SECONDS, HEAL_SECONDS + CONFIRMED_SECONDS)
    codes = [commune.code for commune in inventory.communes]
    for system in inventory.systems[-1:]:
        target = f"system:{system.id}"
        everywhere = {(code, target): seen for code in codes}
        page, ticket = Expected("SystemDown", target), Expected("SystemUnreachable", target, "ticket")
        planned = Expected("SystemDown", target, "none")
        yield Scene(
            name=f"{target} fails everywhere", down={target: span}, unseen=everywhere,
            expected=((FAULT_SECONDS + 10, ()), (FAULT_SECONDS + 32, (page,)), (HEAL_SECONDS + 28, ())),
        )  # fmt: skip
        yield Scene(
            name=f"{target} fails in maintenance: nobody is paged", down={target: span}, unseen=everywhere,
            maintained=(target,), expected=((FAULT_SECONDS + 32, (planned,)),),
        )  # fmt: skip
        if len(codes) > 1:
            yield Scene(
                name=f"{target} is not reached from one commune", unseen={(codes[0], target): span},
                expected=((FAULT_SECONDS + 30, ()), (FAULT_SECONDS + 50, (ticket,))),
            )  # fmt: skip
