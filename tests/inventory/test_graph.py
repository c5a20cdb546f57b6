"""Which probe runs through what: the derivation against paths written by hand."""

import pytest
from hypothesis import given, settings

from inventory.graph import Plan, class_id, components, heartbeat_path, plans
from inventory.model import Inventory
from inventory.names import ComponentKind
from tests.inventory.provinces import dual_homed, inventories, small

SITE = ("power:21040", "area:bac", "lan:21040")
LINE = ("line:21040/main", "pop:binh-son", "ring:east", "isp:vnpt")
BACKUP = ("line:21040/backup", "pop:ba-to", "isp:viettel")


def by_name(inventory: Inventory, site: str) -> dict[str, Plan]:
    found = plans(inventory, site)
    assert len({plan.name for plan in found}) == len(found)
    return {plan.name: plan for plan in found}


def test_what_a_commune_measures() -> None:
    found = by_name(small(), "21040")
    assert {name: plan.path.legs for name, plan in found.items() if plan.role != "measure"} == {
        "lan": (SITE,),
        "pop:binh-son/main": ((*SITE, *LINE[:2]),),
        "isp:vnpt/main": ((*SITE, *LINE),),
        "hub/main": ((*SITE, *LINE, "hub:main"),),
        "system:ho-tich": ((*SITE, *LINE, "hub:main", "dns:resolver", "wan:main", "system:ho-tich"),),
        "system:dvc": ((*SITE, *LINE, "hub:main", "dns:resolver", "wan:main", "system:dvc"),),
        "system:mot-cua": ((*SITE, *LINE, "hub:main", "dns:resolver", "datacentre:tinh", "system:mot-cua"),),
        "system:lgsp": ((*SITE, *LINE, "hub:main", "datacentre:tinh", "system:lgsp"),),
    }


def test_the_probe_that_accounts_for_a_line() -> None:
    plan = by_name(small(), "21040")["hub/main"]
    assert (plan.target, plan.line, plan.role, plan.kind) == ("hub:main", "main", "hub", "icmp")
    assert (plan.sla, plan.gate, plan.address) == (True, "lan", "10.51.0.1")
    assert [p.name for p in plans(small(), "21040") if p.sla] == ["hub/main"]


def test_two_lines_are_two_legs_for_what_is_not_bound() -> None:
    found = by_name(dual_homed(small()), "21040")
    assert found["hub/backup"].path.legs == ((*SITE, *BACKUP, "hub:main"),)
    assert found["hub/backup"].source == "10.51.40.11"
    assert found["pop:ba-to/backup"].path.legs == ((*SITE, *BACKUP[:2]),)
    tail = ("hub:main", "datacentre:tinh", "system:lgsp")
    assert found["system:lgsp"].path.legs == ((*SITE, *LINE, *tail), (*SITE, *BACKUP, *tail))
    assert (found["system:lgsp"].line, found["system:lgsp"].source) == ("", None)


def test_heartbeat_runs_from_hub_to_agent_by_every_line() -> None:
    path = heartbeat_path(dual_homed(small()), "21040")
    home = (*reversed(SITE), "agent:21040")
    assert path.legs == (("hub:main", *reversed(LINE), *home), ("hub:main", *reversed(BACKUP), *home))


def test_what_the_hub_measures() -> None:
    found = by_name(small(), "hub")
    outside = found["line:21040/main"]
    way = ("hub:main", *reversed(LINE), "area:bac", "power:21040")
    assert outside.path.legs == (way,)  # neither LAN nor agent; the hub's own uplink like everybody
    assert (outside.commune, outside.line, outside.target) == ("21040", "main", "line:21040/main")
    assert "line:21499/main" not in found  # no router address
    assert found["pop:binh-son"].path.legs == (("hub:main", "isp:vnpt", "ring:east", "pop:binh-son"),)
    assert found["isp:vnpt"].path.legs == (("hub:main", "isp:vnpt"),)
    assert found["system:ho-tich"].path.legs == (("hub:main", "dns:resolver", "wan:main", "system:ho-tich"),)
    assert all(plan.commune == "" for name, plan in found.items() if not name.startswith("line:"))


def test_components_know_whom_to_call() -> None:
    found = components(small())
    assert found["power:21040"].contact == "can-bo-xa"
    assert found["line:21040/main"].contact == "vnpt-noc"
    assert found["pop:ba-to"].contact == "viettel-noc"  # its carrier's
    assert found["system:dvc"].contact is None
    assert found["line:21040/main"].name.vi == "Đường truyền Xã Bình Sơn (VNPT)"
    assert found["lan:21040"].name.en == "LAN, Bình Sơn commune"
    assert found["lan:21040"].commune == "21040"
    assert found["pop:ba-to"].commune is None


def test_lines_of_a_commune_with_several_are_told_apart() -> None:
    found = components(dual_homed(small()))
    assert found["line:21040/backup"].name.vi == "Đường truyền backup Xã Bình Sơn (Viettel)"


def test_a_class_names_its_kinds_in_one_order() -> None:
    kinds = (ComponentKind.AGENT, ComponentKind.LINE, ComponentKind.POWER, ComponentKind.LAN)
    assert class_id("21040", kinds) == "power|lan|line|agent:21040"


@pytest.mark.parametrize("site", ["21041", "", "HUB"])
def test_an_unknown_site(site: str) -> None:
    with pytest.raises(KeyError):
        plans(small(), site)


@settings(deadline=None)  # the first example reads the national list
@given(inventories())
def test_paths_hold_components_only_and_none_twice(inventory: Inventory) -> None:
    known = components(inventory)
    for site in ("hub", *(commune.code for commune in inventory.communes)):
        for plan in plans(inventory, site):
            assert plan.target in known
            for leg in plan.path.legs:
                assert set(leg) <= set(known)
                assert len(set(leg)) == len(leg)
