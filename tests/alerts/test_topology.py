"""What runs through what, and who explains whom."""

from pathlib import Path

import pytest

from alerts.topology import Upstream, Within, topology
from inventory.load import load
from inventory.model import Inventory

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def small() -> Inventory:
    return load(ROOT / "tests/inventory/small.yml").inventory


def within(inventory: Inventory) -> set[tuple[str, str, bool]]:
    return {(row.component, row.larger, row.twin) for row in topology(inventory).within}


def test_lines_and_systems_are_members_of_what_they_run_through(small: Inventory) -> None:
    members = {(row.component, row.member, row.origin) for row in topology(small).members}
    assert ("pop:ba-to", "line:21484/main", "21484") in members
    assert ("isp:vnpt", "line:21085/main", "21085") in members
    assert ("area:bac", "line:21040/main", "21040") in members
    assert ("hub:main", "line:21499/main", "21499") in members
    assert ("datacentre:tinh", "system:lgsp", "system:lgsp") in members
    assert not any(component.startswith(("line:", "power:", "lan:", "agent:")) for component, *_ in members)


def test_a_larger_set_of_lines_explains_a_smaller(small: Inventory) -> None:
    rows = within(small)
    assert ("pop:ba-to", "hub:main", False) in rows
    assert ("area:bac", "isp:vnpt", False) in rows
    assert ("hub:main", "pop:ba-to", False) not in rows
    assert ("wan:main", "dns:resolver", False) in rows


def test_of_twins_the_one_that_a_checkpoint_can_clear_explains(small: Inventory) -> None:
    """POP and carrier of the same communes: the carrier, whose checkpoint is nearer to the hub."""
    rows = within(small)
    assert ("pop:ba-to", "isp:viettel", True) in rows
    assert ("isp:viettel", "pop:ba-to", True) not in rows
    assert ("ring:east", "pop:binh-son", True) in rows  # the ring has no checkpoint


def test_of_twins_that_nothing_tells_apart_one_stays(small: Inventory) -> None:
    rows = topology(small).within
    for row in rows:
        if row.twin:
            assert Within(row.larger, row.component, twin=True) not in rows


def test_upstream_names_what_everything_behind_a_component_shares(small: Inventory) -> None:
    rows = topology(small).upstream
    assert Upstream("agent:21040", "21040", "pop:binh-son", "ring:east", "isp:vnpt") in rows
    assert Upstream("line:21484/main", "", "pop:ba-to", "", "isp:viettel") in rows
    assert Upstream("pop:ba-to", "", "pop:ba-to", "", "isp:viettel") in rows
    assert Upstream("hub:main", "", "", "", "") in rows


def test_a_commune_with_two_carriers_is_behind_neither_alone() -> None:
    whole = load(ROOT / "examples/quang-ngai.yml").inventory
    twice = next(c for c in whole.communes if len({line.carrier for line in c.lines}) > 1)
    row = next(row for row in topology(whole).upstream if row.commune == twice.code)
    assert row.isp == ""


def test_every_row_is_unique_by_what_rules_join_on() -> None:
    """A second row for one key would make Prometheus refuse the join, and with it the rule."""
    found = topology(load(ROOT / "examples/quang-ngai.yml").inventory)
    keys = [row.component for row in found.upstream]
    assert len(keys) == len(set(keys))
    communes = [row.commune for row in found.upstream if row.commune]
    assert len(communes) == len(set(communes))
    assert len(found.members) == len({(row.component, row.member) for row in found.members})
