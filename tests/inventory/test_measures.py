"""What sites measure besides up and down, derived from the inventory."""

from msgspec.structs import replace

from inventory.graph import Plan, plans
from inventory.model import Cellular, Inventory, Power, Reflector, Snmp, Traffic
from tests.inventory.provinces import dual_homed, small


def measures(inventory: Inventory, site: str) -> dict[str, Plan]:
    return {plan.name: plan for plan in plans(inventory, site) if plan.role == "measure"}


def equipped() -> Inventory:
    """Return a province whose first commune has everything there is."""
    inventory = dual_homed(small())
    snmp = Snmp(address="10.51.40.1", community_file="/etc/thongsuot/community")
    first, *others = inventory.communes
    lines = tuple(
        replace(line, traffic=Traffic(interface="wan0", snmp=snmp), cellular=Cellular())
        for line in first.lines
    )
    commune = replace(first, lines=lines, power=Power(source="nut", ups="ups@localhost"))
    reflector = Reflector(stamp_port=9462, throughput_url="https://10.51.0.1:9463/")
    hub = replace(inventory.hub, reflector=reflector)
    return replace(inventory, hub=hub, communes=(commune, *others))


def test_without_anything_configured_a_trace_and_the_machine() -> None:
    found = measures(small(), "21040")
    assert {name: (plan.kind, plan.target, plan.line) for name, plan in found.items()} == {
        "trace/main": ("trace", "hub:main", "main"),
        "host": ("host", "agent:21040", ""),
    }
    assert found["trace/main"].on_failure_of == "hub/main"


def test_everything_for_each_line_by_its_own_source() -> None:
    found = measures(equipped(), "21040")
    kinds = ("trace", "stamp", "throughput", "traffic", "uplink", "cellular")
    assert set(found) == {f"{kind}/{line}" for kind in kinds for line in ("main", "backup")} | {
        "host",
        "power",
    }
    bound = [plan for name, plan in found.items() if name.endswith("/backup") and plan.kind != "traffic"]
    assert {plan.source for plan in bound} == {"10.51.40.11"}
    assert found["traffic/backup"].source is None  # the router stands in the LAN, whichever line it serves
    assert found["stamp/main"].address == "10.51.0.1:9462"
    assert found["traffic/main"].address == "10.51.40.1:161"
    assert found["power"].address == "ups@localhost"
    assert {plan.commune for plan in found.values()} == {"21040"}


def test_the_hubs_own_machine() -> None:
    found = measures(equipped(), "hub")
    assert {name: (plan.target, plan.commune) for name, plan in found.items()} == {"host": ("hub:main", "")}
