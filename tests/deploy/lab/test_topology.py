"""Wires derived from the inventory: a tree in which everything reaches everything."""

import ipaddress

import msgspec
import pytest

from deploy.lab.lab import province
from deploy.lab.topology import EDGE, HUB, UPLINK, Topology, Unbuildable, derive
from inventory.graph import plans
from inventory.model import Inventory
from inventory.names import HUB_SITE


@pytest.fixture(scope="module")
def inventory() -> Inventory:
    return province()


@pytest.fixture(scope="module")
def topology(inventory: Inventory) -> Topology:
    return derive(inventory)


def holders(topology: Topology) -> dict[str, str]:
    """Node by every address that a node answers to."""
    found = {node.address: node.name for node in topology.nodes.values()}
    for node in topology.nodes.values():
        if node.lan:
            found[str(ipaddress.IPv4Interface(node.lan).ip)] = node.name
    return found


def next_hop(topology: Topology, name: str, address: str) -> str:
    """The node to which ``name`` hands a packet: longest prefix of its routes, or its own LAN."""
    node = topology.nodes[name]
    wanted = ipaddress.IPv4Address(address)
    if node.lan and wanted in ipaddress.IPv4Interface(node.lan).network:
        return next(link.child for link in topology.links if link.child_address == address)
    networks = [(ipaddress.IPv4Network(route.destination), route.via) for route in topology.routes(name)]
    via = max((n.prefixlen, via) for n, via in networks if wanted in n)[1]
    for link in topology.links:
        if name == link.child and via == link.parent_address:
            return link.parent
        if name == link.parent and via == link.child_address:
            return link.child
    raise AssertionError(f"{name}: {via} is on none of its links")


def walk(topology: Topology, start: str, address: str) -> list[str]:
    """The nodes that a packet visits."""
    goal = holders(topology)[address]
    visited = [start]
    while visited[-1] != goal:
        visited.append(next_hop(topology, visited[-1], address))
        assert len(visited) < 12, visited
    return visited


def addresses_probed(inventory: Inventory, topology: Topology, site: str) -> list[str]:
    found = [plan.address for plan in plans(inventory, site) if plan.kind == "icmp"]
    return [*found, *topology.names.values()]


def test_the_province_is_what_the_demo_promises(topology: Topology) -> None:
    roles = [node.role for node in topology.nodes.values()]
    assert {role: roles.count(role) for role in ("agent", "gateway", "system", "hub", "dns")} == {
        "agent": 6, "gateway": 6, "system": 4, "hub": 1, "dns": 1,
    }  # fmt: skip
    names = set(topology.nodes)
    assert {"pop-binh-son", "pop-ba-to", "isp-vnpt", "isp-viettel", "wan-cap-i", "agent-21040"} <= names


def test_every_address_that_is_probed_is_reached_and_answers_find_back(
    inventory: Inventory, topology: Topology
) -> None:
    sites = {commune.code: f"agent-{commune.code}" for commune in inventory.communes}
    for site, node in {**sites, HUB_SITE: HUB}.items():
        for address in addresses_probed(inventory, topology, site):
            there = walk(topology, node, address)
            back = walk(topology, there[-1], topology.nodes[node].address)
            assert back == there[::-1]


def test_packets_run_through_the_components_that_the_inventory_names(
    inventory: Inventory, topology: Topology
) -> None:
    forwarding = {node.component: node.name for node in topology.nodes.values() if node.role == "router"}
    for commune in inventory.communes:
        for plan in plans(inventory, commune.code):
            if plan.role == "hub":
                wanted = [forwarding[item] for item in plan.path.legs[0] if item in forwarding]
                visited = walk(topology, f"agent-{commune.code}", plan.address)
                assert [name for name in visited if name in wanted] == wanted


def test_addresses_of_links_are_in_no_other_use(topology: Topology) -> None:
    links = [a for link in topology.links for a in (link.parent_address, link.child_address)]
    assert len(links) == len(set(links))
    assert UPLINK not in {link.parent_interface for link in topology.links}
    assert topology.link_above(EDGE) is None


def test_names_lead_to_systems(topology: Topology) -> None:
    assert topology.names["ho-tich.lab.test"] == topology.nodes["system-ho-tich"].address
    assert topology.resolver == topology.nodes["dns-phan-giai"].address


def changed_commune(inventory: Inventory, **values: object) -> Inventory:
    first, *rest = inventory.communes
    return msgspec.structs.replace(inventory, communes=(msgspec.structs.replace(first, **values), *rest))


def test_a_commune_without_gateway_is_refused(inventory: Inventory) -> None:
    with pytest.raises(Unbuildable, match="commune 21040: the lab needs one line, with router"):
        derive(changed_commune(inventory, gateway=None))


def test_two_lines_are_refused(inventory: Inventory) -> None:
    line = inventory.communes[0].lines[0]
    second = msgspec.structs.replace(line, id="second")
    with pytest.raises(Unbuildable, match="commune 21040: the lab needs one line"):
        derive(changed_commune(inventory, lines=(line, second)))


def test_a_router_without_address_is_refused(inventory: Inventory) -> None:
    carriers = tuple(msgspec.structs.replace(carrier, checkpoint=None) for carrier in inventory.carriers)
    with pytest.raises(Unbuildable, match="isp:vnpt: the lab needs its checkpoint"):
        derive(msgspec.structs.replace(inventory, carriers=carriers))


def test_the_same_address_twice_is_refused(inventory: Inventory) -> None:
    carriers = tuple(
        msgspec.structs.replace(carrier, checkpoint="10.51.1.1") for carrier in inventory.carriers
    )
    with pytest.raises(Unbuildable, match="isp-viettel and isp-vnpt have the same address"):
        derive(msgspec.structs.replace(inventory, carriers=carriers))


def test_what_is_not_a_tree_is_refused(inventory: Inventory) -> None:
    line = msgspec.structs.replace(inventory.communes[0].lines[0], carrier="viettel")
    with pytest.raises(Unbuildable, match="pop-binh-son hangs below both isp-viettel and isp-vnpt"):
        derive(changed_commune(inventory, lines=(line,)))
