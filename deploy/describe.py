"""What ``check`` and ``show`` tell of an inventory, as plain data. Pure."""

from collections import Counter
from typing import Any

from inventory.graph import Component, Plan, components, plans
from inventory.model import Commune, Contact, Inventory, Line, System, Text
from inventory.names import HUB_SITE
from inventory.naming import bare

Data = dict[str, Any]


class Unknown(LookupError):  # noqa: N818 - reads as what it says
    """Nothing in the inventory answers to ``wanted``; ``kind`` is site, target or component, ``valid``
    what would have been understood."""

    def __init__(self, kind: str, wanted: str, valid: tuple[str, ...]) -> None:
        super().__init__(wanted)
        self.kind, self.wanted, self.valid = kind, wanted, valid


def counts(inventory: Inventory) -> dict[str, int]:
    """Return how much there is: communes, lines, systems, components, probes (the hub's included)."""
    sites = [HUB_SITE, *(commune.code for commune in inventory.communes)]
    return {
        "communes": len(inventory.communes),
        "lines": sum(len(commune.lines) for commune in inventory.communes),
        "systems": len(inventory.systems),
        "components": len(components(inventory)),
        "probes": sum(len(plans(inventory, site)) for site in sites),
    }


def overview(inventory: Inventory) -> Data:
    """Return province, counts, carriers and segments with the lines through them, and systems."""
    carried = Counter(line.carrier for commune in inventory.communes for line in commune.lines)
    through = Counter(
        item for commune in inventory.communes for line in commune.lines for item in line.segments
    )
    powered = Counter(commune.area for commune in inventory.communes)
    reached = Counter(item for system in inventory.systems for item in system.path)
    return {
        "province": {"code": inventory.province.code, "name": inventory.province.name},
        "hub": {"component": f"hub:{inventory.hub.id}", "address": inventory.hub.address},
        "counts": counts(inventory),
        "carriers": [
            {"component": f"isp:{c.id}", "name": _text(c.name), "lines": carried[c.id]}
            for c in inventory.carriers
        ],
        "segments": [
            {
                "component": f"{s.kind}:{s.id}", "name": _text(s.name), "lines": through[s.id],
                "communes": powered[s.id], "systems": reached[s.id],
            }
            for s in inventory.segments
        ],
        "systems": [_system(system) for system in inventory.systems],
    }  # fmt: skip


def path(inventory: Inventory, site: str, target: str) -> Data:
    """Return the probe of ``target`` at ``site`` and its legs, component by component.

    ``site`` is a commune's code or name, or ``hub``; ``target`` a system's id, ``hub``, or the name or
    target of a plan. Raises Unknown.
    """
    where = HUB_SITE if site == HUB_SITE else commune_of(inventory, site).code
    plan = _plan(plans(inventory, where), target)
    known = components(inventory)
    return {
        "site": where,
        "target": plan.target,
        "probe": plan.kind,
        "address": plan.address,
        "interval_seconds": plan.interval_seconds,
        "timeout_seconds": plan.timeout_seconds,
        "legs": [[_component(inventory, known[item]) for item in leg] for leg in plan.path.legs],
    }


def _plan(found: tuple[Plan, ...], target: str) -> Plan:
    for plan in found:
        if target in {plan.name, plan.target, f"{plan.target.removeprefix('system:')}", plan.role}:
            return plan
    raise Unknown("target", target, tuple(plan.name for plan in found))


def component(inventory: Inventory, wanted: str) -> Data:
    """Return a component, whom to call for it, and what runs through it. Raises Unknown."""
    known = components(inventory)
    if wanted not in known:
        raise Unknown("component", wanted, tuple(known))
    behind = [
        {"code": commune.code, "name": commune.name}
        for commune in inventory.communes
        if known[wanted].commune == commune.code or _carries(plans(inventory, commune.code), "hub", wanted)
    ]
    seen_from_hub = [plan for plan in plans(inventory, HUB_SITE) if plan.role == "system"]
    return {
        **_component(inventory, known[wanted]),
        "communes": behind,
        "systems": [plan.target for plan in seen_from_hub if _carries((plan,), "system", wanted)],
    }


def _carries(found: tuple[Plan, ...], role: str, wanted: str) -> bool:
    """Whether a probe of this role runs through ``wanted``."""
    return any(wanted in leg for plan in found if plan.role == role for leg in plan.path.legs)


def commune(inventory: Inventory, wanted: str) -> Data:
    """Return a commune, its lines and its probes. Raises Unknown."""
    found = commune_of(inventory, wanted)
    return {
        "code": found.code,
        "name": found.name,
        "contact": _contact(inventory, found.contact),
        "dossiers_per_day": found.dossiers_per_day,
        "lines": [
            {
                "component": f"line:{found.code}/{line.id}", "carrier": line.carrier,
                "technology": line.technology, "down_mbps": line.down_mbps, "up_mbps": line.up_mbps,
                "shared": line.shared, "segments": list(line.segments), "router": line.router,
                "counted": _counted(line), "modem": line.cellular.modem if line.cellular else None,
                "test_budget_gigabytes_per_month": line.test_budget_gigabytes_per_month,
            }
            for line in found.lines
        ],
        "probes": [
            {
                "name": plan.name, "probe": plan.kind, "address": plan.address, "line": plan.line,
                "interval_seconds": plan.interval_seconds, "judges": plan.role != "measure",
                "on_failure_of": plan.on_failure_of,
            }
            for plan in plans(inventory, found.code)
        ],
    }  # fmt: skip


def _counted(line: Line) -> Data | None:
    """Return where the traffic of a line is counted: an interface of the agent's machine, or of a router."""
    traffic = line.traffic
    if traffic is None:
        return None
    router = traffic.snmp.address if traffic.snmp else None
    return {"interface": traffic.interface, "facing": traffic.facing, "snmp": router}


def commune_of(inventory: Inventory, wanted: str) -> Commune:
    """Return the commune with this code or name, accents and type left out at will. Raises Unknown."""
    for candidate in inventory.communes:
        if wanted == candidate.code or bare(wanted) == bare(candidate.name):
            return candidate
    raise Unknown("site", wanted, (*(c.code for c in inventory.communes), HUB_SITE))


def _component(inventory: Inventory, found: Component) -> Data:
    return {
        "component": found.id,
        "kind": str(found.kind),
        "name": _text(found.name),
        "contact": _contact(inventory, found.contact),
    }


def _contact(inventory: Inventory, wanted: str | None) -> Data | None:
    found: Contact | None = next((c for c in inventory.contacts if c.id == wanted), None)
    return None if found is None else {"id": found.id, "name": _text(found.name), "phone": found.phone}


def _system(system: System) -> Data:
    return {
        "component": f"system:{system.id}",
        "name": _text(system.name),
        "owner": _text(system.owner),
        "probe": system.check.kind,
        "address": system.check.address,
    }


def _text(text: Text) -> dict[str, str]:
    return {"vi": text.vi, "en": text.en}
