"""The scenes of what few see alone: a power area, a ring, what lies between the hub and the systems. Pure.

Each plays where the inventory has a component that can be told from all others; small provinces have none of
some kinds.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from alerts.rules_alerts import DNS_DOWN, SHARED_SEGMENT_DOWN, WIDE
from alerts.rules_model import Tuning
from alerts.topology import SYSTEM_KINDS, kind_of, topology
from deploy.scene import CONFIRMED_SECONDS, Expected, Scene, Span
from inventory import graph
from inventory.model import Inventory
from inventory.names import HUB_SITE

START, END = 40, 96
AREA_COMMUNES: Final = 3
Members = dict[str, set[str]]


def scenes(inventory: Inventory) -> Iterator[Scene]:
    """Yield the scenes that this inventory can show."""
    members = _members(inventory)
    checkpoints = {plan.target for plan in graph.plans(inventory, HUB_SITE) if plan.role == "checkpoint"}
    yield from _rings(inventory, members, checkpoints)
    yield from _areas(inventory, members, checkpoints)
    for wanted in ((DNS_DOWN, ("dns",)), (SHARED_SEGMENT_DOWN, tuple(k for k in SYSTEM_KINDS if k != "dns"))):
        yield from _segments(inventory, members, *wanted)


def _members(inventory: Inventory) -> Members:
    found: Members = defaultdict(set)
    for member in topology(inventory).members:
        found[member.component].add(member.member)
    return dict(found)


def _of_kind(members: Members, kind: str) -> list[str]:
    return sorted(component for component in members if kind_of(component) == kind)


# --- lines ---------------------------------------------------------------------------------------
def _rings(inventory: Inventory, members: Members, checkpoints: set[str]) -> Iterator[Scene]:
    """A ring dies: its POPs are lost with it; what is as large or larger answers."""
    for ring in _of_kind(members, "ring"):
        gone = members[ring]
        inside = {item for item in members if members[item] < gone}
        others = {
            i for i in members if members[i] >= gone and i != ring and kind_of(i) not in ("hub", "area")
        }
        if len(_origins(inventory, gone)) > 1 and others <= checkpoints:
            yield _lost(inventory, ring, WIDE["ring"], gone, {ring, *inside})
            return


def _areas(inventory: Inventory, members: Members, checkpoints: set[str]) -> Iterator[Scene]:
    """The power of an area fails: lines of several networks, whose checkpoints all answer."""
    networks = {item for item in members if kind_of(item) in ("pop", "ring", "isp")}
    for area in _of_kind(members, "area"):
        gone = members[area]
        touched = {item for item in networks if _mostly(members[item], gone)}
        if len(_origins(inventory, gone)) >= AREA_COMMUNES and touched <= checkpoints:
            yield _lost(inventory, area, WIDE["area"], gone, {area})
            return


def _origins(inventory: Inventory, lines: set[str]) -> set[str]:
    return {c.code for c in inventory.communes if {graph.line_id(c, line) for line in c.lines} & lines}


def _mostly(members: set[str], gone: set[str]) -> bool:
    return len(members & gone) / len(members) >= Tuning().share


def _lost(inventory: Inventory, component: str, alertname: str, gone: set[str], dark: set[str]) -> Scene:
    """The lines ``gone`` and the checkpoints ``dark`` fail; communes come back within some seconds."""
    span: Span = (START, END)
    silent: dict[str, Span] = {}
    unseen: dict[tuple[str, str], Span] = {}
    for place, commune in enumerate(inventory.communes):
        lost = [line for line in commune.lines if graph.line_id(commune, line) in gone]
        if len(lost) == len(commune.lines):
            silent[commune.code] = (START + place % 3 * 2, END + place % 9 * 2)
        unseen |= {(commune.code, f"hub/{line.id}"): span for line in lost}
    page = (Expected(alertname, component),)
    return Scene(
        name=f"{component} dies while what is as large answers",
        seconds=END + 70,
        silent=silent,
        down=dict.fromkeys((*gone, *dark), span),
        unseen=unseen,
        expected=((START + 8, ()), (START + 36, page), (END + 10, page), (END + 70, ())),
    )


# --- systems -------------------------------------------------------------------------------------
def _segments(
    inventory: Inventory, members: Members, alertname: str, kinds: tuple[str, ...]
) -> Iterator[Scene]:
    """What several systems lie behind fails: one page, none for each system."""
    between = {item for item in members if kind_of(item) in SYSTEM_KINDS}
    for component in sorted(item for item in between if kind_of(item) in kinds):
        gone = members[component]
        rivals = {
            i for i in between if i != component and len(members[i] & gone) > 1 and _mostly(members[i], gone)
        }
        if len(gone) > 1 and all(members[item] < gone for item in rivals):
            yield _behind(inventory, component, alertname, gone, rivals)
            return


def _behind(inventory: Inventory, component: str, alertname: str, gone: set[str], inside: set[str]) -> Scene:
    seen = (START + CONFIRMED_SECONDS, END + CONFIRMED_SECONDS)
    page = (Expected(alertname, component),)
    return Scene(
        name=f"{component} fails: one page for all systems behind it",
        seconds=END + 90,
        down=dict.fromkeys((*gone, component, *inside), (START, END)),
        unseen={(commune.code, target): seen for commune in inventory.communes for target in gone},
        expected=((START + 10, ()), (START + 36, page), (END, page), (END + 90, ())),
    )
