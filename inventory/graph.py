"""Components and paths, derived from the inventory. Pure.

A component is whatever fails alone and has somebody to call; a path is the set of components that a
probe runs through. See "The inventory" in the design for which probe runs through what.

Legs are written in the order in which packets meet them: from the commune outwards for what a
commune measures, from the hub inwards for what the hub measures and for heartbeats.
"""

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from common.i18n import t
from inventory import measures
from inventory.model import Carrier, Check, Commune, Inventory, Line, Segment, System, Text
from inventory.names import HUB_SITE, ComponentKind
from inventory.naming import english
from inventory.plan import Leg, Path, Plan, Role

__all__ = ["Leg", "Path", "Plan", "Role"]

CLASS_KINDS: Final = (ComponentKind.POWER, ComponentKind.LAN, ComponentKind.LINE, ComponentKind.AGENT)
"""Kinds of one commune that may be inseparable, in the order in which a class names them."""

_CARRIED: Final = frozenset({"pop", "ring"})
"""Kinds of segment that lie inside a carrier's network; the rest lies between carrier and hub."""


class Component(msgspec.Struct, frozen=True):
    """``id`` such as ``line:21040/main``; ``contact`` an id of ``Inventory.contacts``."""

    id: str
    kind: ComponentKind
    name: Text
    contact: str | None = None
    commune: str | None = None


class _Index:
    """The inventory by id, for one derivation."""

    def __init__(self, inventory: Inventory) -> None:
        self.inventory = inventory
        self.segments = {segment.id: segment for segment in inventory.segments}
        self.carriers = {carrier.id: carrier for carrier in inventory.carriers}
        self.hub = f"hub:{inventory.hub.id}"
        addresses = [(f"isp:{carrier.id}", carrier.checkpoint) for carrier in inventory.carriers]
        addresses += ((segment_id(segment), segment.checkpoint) for segment in inventory.segments)
        self.checkpoints = {target: address for target, address in addresses if address}
        self.questions = dict(self._questions())

    def _questions(self) -> Iterator[tuple[str, str]]:
        """Yield (component, ``name@address``) of each resolver that can be asked itself: for the name of a
        system that is found through it."""
        for system in self.inventory.systems:
            host = _named_host(system.check)
            for target in self.segment_ids(system.path) if host else ():
                if target.startswith(f"{ComponentKind.DNS}:") and target in self.checkpoints:
                    yield target, f"{host}@{self.checkpoints[target]}"

    def segment_ids(self, ids: Iterable[str]) -> Leg:
        return tuple(segment_id(self.segments[item]) for item in ids)

    def line_leg(self, commune: Commune, line: Line) -> Leg:
        """Line, POP, ring, carrier, then what lies between the carrier and the hub."""
        inside = [i for i in line.segments if self.segments[i].kind in _CARRIED]
        beyond = [i for i in line.segments if self.segments[i].kind not in _CARRIED]
        return (
            line_id(commune, line),
            *self.segment_ids(inside),
            f"isp:{line.carrier}",
            *self.segment_ids(beyond),
        )


def _named_host(check: Check) -> str:
    """Return the host of a check's URL where that is a name, else the empty string."""
    try:
        host = urlsplit(check.address).hostname or "" if "://" in check.address else ""
    except ValueError:
        return ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host
    return ""


def segment_id(segment: Segment) -> str:
    """Return the component id of a shared segment, such as ``pop:ba-to``."""
    return f"{segment.kind}:{segment.id}"


def line_id(commune: Commune, line: Line) -> str:
    """Return the component id of a line, such as ``line:21040/main``."""
    return f"line:{commune.code}/{line.id}"


def class_id(commune: str, kinds: Iterable[ComponentKind]) -> str:
    """Return the id of a class of inseparable components of one commune.

    >>> class_id("21040", (ComponentKind.LINE, ComponentKind.POWER))
    'power|line:21040'
    """
    chosen = frozenset(kinds)
    return "|".join(kind for kind in CLASS_KINDS if kind in chosen) + f":{commune}"


# --- components ----------------------------------------------------------------------------------
def components(inventory: Inventory) -> dict[str, Component]:
    """Return every component by id."""
    index = _Index(inventory)
    hub = inventory.hub
    found = [Component(index.hub, ComponentKind.HUB, hub.name, hub.contact)]
    found += (Component(f"isp:{c.id}", ComponentKind.ISP, c.name, c.contact) for c in inventory.carriers)
    found += (_segment_component(index, segment) for segment in inventory.segments)
    for commune in inventory.communes:
        found += _commune_components(index, commune)
    found += (Component(f"system:{s.id}", ComponentKind.SYSTEM, s.name, s.contact) for s in inventory.systems)
    return {component.id: component for component in found}


def _segment_component(index: _Index, segment: Segment) -> Component:
    carrier = index.carriers[segment.carrier] if segment.carrier else None
    contact = segment.contact or (carrier.contact if carrier else None)
    return Component(segment_id(segment), ComponentKind(segment.kind), segment.name, contact)


def _commune_components(index: _Index, commune: Commune) -> Iterator[Component]:
    for kind in (ComponentKind.POWER, ComponentKind.LAN, ComponentKind.AGENT):
        name = _of_site(kind, commune)
        yield Component(f"{kind}:{commune.code}", kind, name, commune.contact, commune.code)
    for line in commune.lines:
        carrier = index.carriers[line.carrier]
        yield Component(
            line_id(commune, line), ComponentKind.LINE, _line_name(commune, line, carrier),
            carrier.contact, commune.code,
        )  # fmt: skip


def _of_site(kind: ComponentKind, commune: Commune) -> Text:
    return Text(
        vi=t(f"inventory.component_{kind}", "vi", commune=commune.name),
        en=t(f"inventory.component_{kind}", "en", commune=english(commune.name)),
    )


def _line_name(commune: Commune, line: Line, carrier: Carrier) -> Text:
    key = "inventory.component_line" if len(commune.lines) == 1 else "inventory.component_line_of_several"
    return Text(
        vi=t(key, "vi", commune=commune.name, line=line.id, carrier=carrier.name.vi),
        en=t(key, "en", commune=english(commune.name), line=line.id, carrier=carrier.name.en),
    )


# --- paths ---------------------------------------------------------------------------------------
def _site_leg(commune: Commune) -> Leg:
    area = (f"area:{commune.area}",) if commune.area else ()
    return (f"power:{commune.code}", *area, f"lan:{commune.code}")


def _hub_leg(index: _Index, commune: Commune, line: Line) -> Leg:
    return (*_site_leg(commune), *index.line_leg(commune, line), index.hub)


def heartbeat_path(inventory: Inventory, commune: str) -> Path:
    """Return the path from hub to agent, the agent included. Raises KeyError."""
    index = _Index(inventory)
    found = _commune(inventory, commune)
    agent = f"agent:{found.code}"
    return Path(tuple((*reversed(_hub_leg(index, found, line)), agent) for line in found.lines))


def _commune(inventory: Inventory, code: str) -> Commune:
    for commune in inventory.communes:
        if commune.code == code:
            return commune
    raise KeyError(code)


# --- plans ---------------------------------------------------------------------------------------
def plans(inventory: Inventory, site: str) -> tuple[Plan, ...]:
    """Return the probes of ``site``: a commune's code, or ``hub``. Raises KeyError."""
    index = _Index(inventory)
    if site == HUB_SITE:
        return tuple(_hub_plans(index))
    return tuple(_commune_plans(index, _commune(inventory, site)))


def _commune_plans(index: _Index, commune: Commune) -> Iterator[Plan]:
    gate = "lan" if commune.gateway else None
    if commune.gateway:
        path = Path((_site_leg(commune),))
        target = f"lan:{commune.code}"
        yield _icmp(
            index, commune, name="lan", target=target, role="gateway", address=commune.gateway, path=path
        )
    for line in commune.lines:
        yield from _checkpoints(index, commune, line)
        yield _icmp(
            index, commune, line, name=f"hub/{line.id}", target=index.hub, role="hub", gate=gate, sla=True,
            address=index.inventory.hub.address, path=Path((_hub_leg(index, commune, line),)),
            options={"path_mtu": True},
        )  # fmt: skip
    home = tuple(_hub_leg(index, commune, line) for line in commune.lines)
    for target in index.questions:
        yield _resolver(index, target, commune.code, commune.code, home)
    for system in index.inventory.systems:
        yield _system(index, system, commune.code, commune.code, home)
    yield from measures.of_commune(index.inventory, commune, index.hub, home)


def _icmp(index: _Index, commune: Commune, line: Line | None = None, **values: Any) -> Plan:
    """An ICMP probe that a commune's agent runs, bound to ``line`` where one is given."""
    probing = index.inventory.probing
    return Plan(
        kind="icmp", site=commune.code, commune=commune.code, line=line.id if line else "",
        source=line.source if line else None, interval_seconds=probing.interval_seconds,
        timeout_seconds=probing.timeout_seconds, **values,
    )  # fmt: skip


def _checkpoints(index: _Index, commune: Commune, line: Line) -> Iterator[Plan]:
    """One probe per address along the line, each over the path as far as that address."""
    leg = index.line_leg(commune, line)
    for position, target in enumerate(leg):
        address = index.checkpoints.get(target)
        if address:
            path = Path(((*_site_leg(commune), *leg[: position + 1]),))
            yield _icmp(
                index, commune, line, name=f"{target}/{line.id}", target=target, role="checkpoint",
                address=address, path=path,
            )  # fmt: skip


def _system(index: _Index, system: System, site: str, commune: str, home: tuple[Leg, ...]) -> Plan:
    """The check of a system. Unbound: any of the ``home`` legs may carry it."""
    probing = index.inventory.probing
    check = system.check
    rest = (*index.segment_ids(system.path), f"system:{system.id}")
    return Plan(
        name=f"system:{system.id}", site=site, commune=commune, line="", target=f"system:{system.id}",
        role="system", kind=check.kind, address=check.address, options=check.options,
        interval_seconds=check.interval_seconds or probing.interval_seconds,
        timeout_seconds=check.timeout_seconds or probing.timeout_seconds,
        path=Path(tuple((*leg, *rest) for leg in home)),
    )  # fmt: skip


def _resolver(index: _Index, target: str, site: str, commune: str, home: tuple[Leg, ...]) -> Plan:
    """A resolver is asked, not pinged: it may answer pings and no questions. What checks of systems say of
    names comes late, since agents remember answers."""
    probing = index.inventory.probing
    return Plan(
        name=target, site=site, commune=commune, line="", target=target, role="checkpoint", kind="dns",
        address=index.questions[target], interval_seconds=probing.interval_seconds,
        timeout_seconds=probing.timeout_seconds, path=Path(tuple((*leg, target) for leg in home)),
    )  # fmt: skip


def _hub_plans(index: _Index) -> Iterator[Plan]:
    for commune in index.inventory.communes:
        for line in commune.lines:
            if line.router:
                yield _outside_in(index, commune, line, line.router)
    approaches = _approaches(index)
    for target, address in index.checkpoints.items():
        if target in index.questions:
            yield _resolver(index, target, HUB_SITE, "", ((index.hub, *approaches.get(target, ())[:-1]),))
            continue
        yield _from_hub(
            index, name=target, target=target, role="checkpoint", commune="", line="", address=address,
            path=Path(((index.hub, *approaches.get(target, (target,))),)),
        )  # fmt: skip
    for system in index.inventory.systems:
        yield _system(index, system, HUB_SITE, "", ((index.hub,),))
    yield from measures.of_hub(index.hub)


def _outside_in(index: _Index, commune: Commune, line: Line, router: str) -> Plan:
    """The hub pings the line's router: the LAN behind it and the agent are not on this path.

    The hub itself is, as on all that it measures: behind its own dead uplink everything seems dead at once.
    """
    site = [item for item in _site_leg(commune) if not item.startswith("lan:")]
    leg = (index.hub, *reversed(index.line_leg(commune, line)), *reversed(site))
    name = line_id(commune, line)
    return _from_hub(
        index, name=name, target=name, role="outside-in", commune=commune.code, line=line.id,
        address=router, path=Path((leg,)),
    )  # fmt: skip


def _from_hub(index: _Index, **values: Any) -> Plan:
    """An ICMP probe of the hub's own agent: one for each line of a province, so of the fewest series."""
    probing = index.inventory.probing
    return Plan(
        kind="icmp", site=HUB_SITE, interval_seconds=probing.outside_in_seconds,
        timeout_seconds=probing.timeout_seconds, options={"details": False}, **values,
    )  # fmt: skip


def _approaches(index: _Index) -> dict[str, Leg]:
    """For each segment and carrier, what every path to it runs through behind the hub, itself last."""
    common: dict[str, Leg] = {}
    for leg in _legs_from_hub(index):
        for position, item in enumerate(leg):
            before = common.get(item)
            here = leg[:position]
            common[item] = here if before is None else tuple(i for i in before if i in here)
    return {item: (*leg, item) for item, leg in common.items()}


def _legs_from_hub(index: _Index) -> Iterator[Leg]:
    for commune in index.inventory.communes:
        for line in commune.lines:
            yield tuple(reversed(index.line_leg(commune, line)[1:]))
    for system in index.inventory.systems:
        yield index.segment_ids(system.path)
