"""Nodes and links of the lab, derived from an inventory. Pure.

Every component that forwards packets becomes a router, every commune a gateway and an agent, every
system and resolver a server. All hang in one tree below ``edge``, the hub's router::

    agent -- gateway -- pop -- (ring) -- isp -- edge -- hub
                                                 |----- dns
                                                 '----- wan / datacentre / host -- system
"""

import ipaddress
from collections.abc import Iterator
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from inventory.graph import plans
from inventory.model import Commune, Inventory, System

Role = Literal["edge", "hub", "dns", "router", "gateway", "agent", "system"]

HUB: Final = "hub"
EDGE: Final = "edge"
UPLINK: Final = "up"
"""Name of the interface that leads towards ``edge``, on every node but ``edge`` itself."""

_FORWARDING: Final = frozenset({"pop", "ring", "isp", "wan", "datacentre", "host"})
_LINKS: Final = ipaddress.IPv4Network("100.64.0.0/16")
_SYSTEMS: Final = ipaddress.IPv4Network("10.51.3.0/24")
_AGENT_HOST: Final = 10


class Unbuildable(Exception):  # noqa: N818 - reads as what it says: the province is unbuildable
    """An inventory that the lab cannot wire up; the message says why, in English."""


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One network namespace. ``address`` is its own, ``component`` what it stands for, if anything.

    ``lan`` is a gateway's address and network behind it, such as ``10.51.40.1/24``.
    """

    name: str
    role: Role
    parent: str
    address: str
    component: str = ""
    commune: str = ""
    lan: str = ""


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A veth pair. ``parent_interface`` stands on the parent, ``UPLINK`` on the child."""

    parent: str
    child: str
    parent_interface: str
    parent_address: str
    child_address: str
    prefix_length: int


class Route(msgspec.Struct, frozen=True):
    """``destination`` is a network in CIDR form, ``0.0.0.0/0`` for the default route."""

    destination: str
    via: str


class Topology(msgspec.Struct, frozen=True):
    """The whole tree. ``names`` are what the resolver answers: address by host name."""

    nodes: dict[str, Node]
    links: tuple[Link, ...]
    names: dict[str, str]

    def link_above(self, name: str) -> Link | None:
        """Return the link from a node towards the edge; None for the edge."""
        return next((link for link in self.links if link.child == name), None)

    def routes(self, name: str) -> tuple[Route, ...]:
        """Return the static routes of a node: one per network below it, and one to the rest."""
        found = [
            Route(network, link.child_address)
            for link in self.links
            if link.parent == name
            for network in self._networks_below(link.child)
        ]
        above = self.link_above(name)
        if above is not None:
            found.append(Route("0.0.0.0/0", above.parent_address))
        return tuple(found)

    def _networks_below(self, name: str) -> Iterator[str]:
        node = self.nodes[name]
        if node.role == "agent":
            return  # on its gateway's LAN
        yield f"{node.address}/32"
        if node.lan:
            yield str(ipaddress.IPv4Interface(node.lan).network)
        for link in self.links:
            if link.parent == name:
                yield from self._networks_below(link.child)

    @property
    def resolver(self) -> str:
        """Address of the first resolver. Raises StopIteration without one."""
        return next(node.address for node in self.nodes.values() if node.role == "dns")


def derive(inventory: Inventory) -> Topology:
    """Return nodes, links and names for ``inventory``. Raises Unbuildable."""
    nodes = {EDGE: Node(name=EDGE, role="edge", parent="", address="10.51.0.254")}
    addresses = _checkpoints(inventory)
    for node in _all_nodes(inventory, addresses):
        known = nodes.setdefault(node.name, node)
        if known.parent != node.parent:
            raise Unbuildable(f"{node.name} hangs below both {known.parent} and {node.parent}: not a tree")
    _check_addresses(nodes)
    return Topology(nodes, tuple(_links(nodes)), _host_names(inventory))


def _all_nodes(inventory: Inventory, addresses: dict[str, str]) -> Iterator[Node]:
    yield Node(
        name=HUB, role="hub", parent=EDGE, address=inventory.hub.address, component=f"hub:{inventory.hub.id}",
    )  # fmt: skip
    for segment in inventory.segments:
        if segment.kind == "dns":
            component = f"dns:{segment.id}"
            yield Node(
                name=_name(component), role="dns", parent=EDGE, component=component,
                address=_address(component, addresses),
            )  # fmt: skip
    for commune in inventory.communes:
        yield from _commune_nodes(inventory, commune, addresses)
    for number, system in enumerate(inventory.systems):
        yield from _system_nodes(inventory, system, number, addresses)


def _commune_nodes(inventory: Inventory, commune: Commune, addresses: dict[str, str]) -> Iterator[Node]:
    if len(commune.lines) != 1 or not commune.gateway or not commune.lines[0].router:
        raise Unbuildable(f"commune {commune.code}: the lab needs one line, with router, and a gateway")
    hub_plan = next(plan for plan in plans(inventory, commune.code) if plan.role == "hub")
    chain = [item for item in reversed(hub_plan.path.legs[0]) if _kind(item) in _FORWARDING]
    parent = EDGE
    for component in chain:
        yield _router(component, parent, addresses)
        parent = _name(component)
    lan = ipaddress.IPv4Interface(f"{commune.gateway}/24")
    gateway = f"gw-{commune.code}"
    yield Node(
        name=gateway, role="gateway", parent=parent, address=commune.lines[0].router,
        component=f"line:{commune.code}/{commune.lines[0].id}", commune=commune.code, lan=str(lan),
    )  # fmt: skip
    yield Node(
        name=f"agent-{commune.code}", role="agent", parent=gateway, address=str(lan.network[_AGENT_HOST]),
        component=f"agent:{commune.code}", commune=commune.code,
    )  # fmt: skip


def _system_nodes(
    inventory: Inventory, system: System, number: int, addresses: dict[str, str]
) -> Iterator[Node]:
    kinds = {segment.id: segment.kind for segment in inventory.segments}
    parent = EDGE
    for segment in system.path:
        if kinds[segment] in _FORWARDING:
            component = f"{kinds[segment]}:{segment}"
            yield _router(component, parent, addresses)
            parent = _name(component)
    component = f"system:{system.id}"
    yield Node(
        name=_name(component), role="system", parent=parent, component=component,
        address=_system_address(system, number),
    )  # fmt: skip


def _router(component: str, parent: str, addresses: dict[str, str]) -> Node:
    return Node(
        name=_name(component), role="router", parent=parent, component=component,
        address=_address(component, addresses),
    )  # fmt: skip


def _name(component: str) -> str:
    return component.replace(":", "-")


def _kind(component: str) -> str:
    return component.partition(":")[0]


def _checkpoints(inventory: Inventory) -> dict[str, str]:
    found = {f"isp:{carrier.id}": carrier.checkpoint for carrier in inventory.carriers}
    found |= {f"{segment.kind}:{segment.id}": segment.checkpoint for segment in inventory.segments}
    return {component: address for component, address in found.items() if address}


def _address(component: str, addresses: dict[str, str]) -> str:
    if component not in addresses:
        raise Unbuildable(f"{component}: the lab needs its checkpoint")
    return addresses[component]


def _host(system: System) -> str:
    address = system.check.address
    host = urlsplit(address if "://" in address else f"//{address}").hostname
    if not host:
        raise Unbuildable(f"system {system.id}: no host in {address}")
    return host


def _system_address(system: System, number: int) -> str:
    """An address in the file is taken; a name gets the next address of the systems' network."""
    host = _host(system)
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        return str(_SYSTEMS[_AGENT_HOST + number])


def _host_names(inventory: Inventory) -> dict[str, str]:
    found = {_host(system): _system_address(system, n) for n, system in enumerate(inventory.systems)}
    return {host: address for host, address in found.items() if host != address}


def _check_addresses(nodes: dict[str, Node]) -> None:
    owners: dict[str, str] = {}
    for node in nodes.values():
        try:
            ipaddress.IPv4Address(node.address)
        except ValueError:
            raise Unbuildable(f"{node.name}: {node.address} is not an IPv4 address") from None
        other = owners.setdefault(node.address, node.name)
        if other != node.name:
            raise Unbuildable(f"{node.name} and {other} have the same address {node.address}")


def _links(nodes: dict[str, Node]) -> Iterator[Link]:
    children: dict[str, int] = {}
    for number, node in enumerate(node for node in nodes.values() if node.parent):
        count = children[node.parent] = children.get(node.parent, 0) + 1
        parent = nodes[node.parent]
        interface = f"down{count}"
        if node.role == "agent":
            lan = ipaddress.IPv4Interface(parent.lan)
            ours, theirs, length = str(lan.ip), node.address, lan.network.prefixlen
        else:
            ours, theirs, length = str(_LINKS[2 * number]), str(_LINKS[2 * number + 1]), 31
        yield Link(
            parent=parent.name, child=node.name, parent_interface=interface,
            parent_address=ours, child_address=theirs, prefix_length=length,
        )  # fmt: skip
