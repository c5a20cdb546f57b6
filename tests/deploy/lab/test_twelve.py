"""The province for locating: every shared component is told from every other by what it takes down."""

from collections import Counter

import pytest

from alerts.pinpoint.watching import Watching, watching
from deploy.commands.lab import PROVINCES
from deploy.lab import lab
from deploy.lab.topology import derive
from inventory.model import Inventory

WIDE = {"pop", "ring", "isp", "hub", "wan", "dns", "datacentre", "system"}


@pytest.fixture(scope="module")
def inventory() -> Inventory:
    return lab.province("twelve")


@pytest.fixture(scope="module")
def watched(inventory: Inventory) -> Watching:
    return watching(inventory)


def routes_through(watched: Watching, component: str) -> frozenset[int]:
    return frozenset(n for n, route in enumerate(watched.routes) if component in route.path)


def test_the_command_offers_what_is_shipped() -> None:
    assert set(PROVINCES) == set(lab.PROVINCES)


def test_it_is_as_large_as_locating_needs(inventory: Inventory) -> None:
    kinds = Counter(segment.kind for segment in inventory.segments)
    assert (len(inventory.communes), len(inventory.carriers)) == (12, 2)
    assert (kinds["pop"], kinds["ring"], kinds["dns"]) == (4, 2, 1)
    pops = Counter(segment.carrier for segment in inventory.segments if segment.kind == "pop")
    assert pops == {"vnpt": 2, "viettel": 2}


def test_every_shared_component_has_a_router_of_its_own(inventory: Inventory) -> None:
    topology = derive(inventory)
    parents = {
        node.component: topology.nodes[node.parent].component
        for node in topology.nodes.values()
        if node.role == "router"
    }
    assert parents["ring:bac"] == "pop:binh-son"
    assert parents["pop:binh-son"] == parents["pop:quang-ngai"] == "isp:vnpt"
    assert parents["pop:duc-pho"] == "isp:viettel"


def test_no_two_wide_components_stand_on_the_same_watched_routes(watched: Watching) -> None:
    wide = [component.id for component in watched.components if component.kind in WIDE]
    signatures = Counter(routes_through(watched, component) for component in wide)
    assert len(wide) == 16
    assert set(signatures.values()) == {1}
    assert frozenset() not in signatures


def test_no_two_shared_parts_of_lines_serve_the_same_communes(watched: Watching) -> None:
    """Without the pings of their own addresses they are still told apart."""
    shared = [component.id for component in watched.components if component.kind in {"pop", "ring", "isp"}]
    served = {
        name: frozenset(watched.routes[n].commune for n in routes_through(watched, name)) - {""}
        for name in shared
    }
    assert len(set(served.values())) == len(shared) == 8
