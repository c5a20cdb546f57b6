"""What a site measures besides what is up and down: lines, power, the machine, the signal. Pure.

One function a kind turns the inventory into the kind's options; their meaning is the kind's own.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from inventory.model import Commune, Inventory, Line, Power, Reflector, Traffic
from inventory.names import HUB_SITE
from inventory.plan import Leg, Path, Plan

STAMP_INTERVAL_SECONDS: Final = 5
TRACE_INTERVAL_SECONDS: Final = 3600
THROUGHPUT_INTERVAL_SECONDS: Final = 600
"""How often it is asked whether a test is due, allowed and affordable: see the kind."""
_TESTED_ALONE: Final = frozenset({"pop", "ring", "wan"})
"""Kinds of shared segments over which no two throughput tests run at once."""
TRAFFIC_INTERVAL_SECONDS: Final = 10
UPLINK_INTERVAL_SECONDS: Final = 5
HOST_INTERVAL_SECONDS: Final = 15
POWER_INTERVAL_SECONDS: Final = 2
CELLULAR_INTERVAL_SECONDS: Final = 30


def of_commune(inventory: Inventory, commune: Commune, hub: str, home: tuple[Leg, ...]) -> Iterator[Plan]:
    """Return what the agent of ``commune`` measures; ``home`` has the leg to the hub of each line."""
    for line, leg in zip(commune.lines, home, strict=True):
        yield from _against_hub(inventory, commune, line, hub, Path((leg,)))
        yield from _line_itself(inventory, commune, line)
    yield _host(commune.code, f"agent:{commune.code}", commune.code)
    if commune.power is not None:
        yield _power(commune, commune.power)


def of_hub(hub: str) -> Iterator[Plan]:
    """Return what the hub's own agent measures of its own machine."""
    yield _host(HUB_SITE, hub, "")


# --- lines, against the hub -------------------------------------------------------------------------
def _against_hub(inventory: Inventory, commune: Commune, line: Line, hub: str, path: Path) -> Iterator[Plan]:
    yield _of_line(
        commune, line, kind="trace", target=hub, path=path, address=inventory.hub.address,
        interval_seconds=TRACE_INTERVAL_SECONDS, timeout_seconds=10, on_failure_of=f"hub/{line.id}",
    )  # fmt: skip
    reflector = inventory.hub.reflector
    if reflector is None:
        return
    yield _of_line(
        commune, line, kind="stamp", target=hub, path=path,
        address=_host_port(inventory.hub.address, reflector.stamp_port),
        interval_seconds=STAMP_INTERVAL_SECONDS, timeout_seconds=STAMP_INTERVAL_SECONDS + 3,
        options=_stamp_options(reflector),
    )  # fmt: skip
    if reflector.throughput_url is not None:
        yield _of_line(
            commune, line, kind="throughput", target=hub, path=path, address=reflector.throughput_url,
            interval_seconds=THROUGHPUT_INTERVAL_SECONDS, timeout_seconds=60,
            options=_throughput_options(inventory, reflector, commune, line),
        )  # fmt: skip


def _stamp_options(reflector: Reflector) -> dict[str, Any]:
    options: dict[str, Any] = {
        "packets_per_second": reflector.stamp_packets_per_second,
        "train_seconds": STAMP_INTERVAL_SECONDS,
    }
    return options | ({"key_file": reflector.stamp_key_file} if reflector.stamp_key_file else {})


def _throughput_options(
    inventory: Inventory, reflector: Reflector, commune: Commune, line: Line
) -> dict[str, Any]:
    """The carrier is not among the segments: one test at a time in all of its network would be too few."""
    kinds = {segment.id: segment.kind for segment in inventory.segments}
    shared = [f"{kinds[item]}:{item}" for item in line.segments if kinds[item] in _TESTED_ALONE]
    files = {"token_file": reflector.throughput_token_file, "ca_file": reflector.ca_file}
    return {
        "line": f"line:{commune.code}/{line.id}",
        **({"segments": shared} if shared else {}),
        "contracted_down_mbps": line.down_mbps,
        "contracted_up_mbps": line.up_mbps,
        "hours": reflector.throughput_hours,
        "timezone": inventory.province.timezone,
        "budget_gigabytes_per_month": line.test_budget_gigabytes_per_month,
        **({"traffic": f"traffic/{line.id}"} if line.traffic else {}),
        **{key: path for key, path in files.items() if path},
    }


# --- lines, by themselves ---------------------------------------------------------------------------
def _line_itself(inventory: Inventory, commune: Commune, line: Line) -> Iterator[Plan]:
    target = f"line:{commune.code}/{line.id}"
    path = Path(((f"agent:{commune.code}",),))
    if line.traffic is not None:
        snmp = line.traffic.snmp
        yield _of_line(
            commune, line, kind="traffic", target=target, path=path,
            address=_host_port(snmp.address, snmp.port) if snmp else line.traffic.interface,
            interval_seconds=TRAFFIC_INTERVAL_SECONDS, timeout_seconds=TRAFFIC_INTERVAL_SECONDS / 2,
            options=_traffic_options(line.traffic), source=None,
        )  # fmt: skip
    if len(commune.lines) > 1:
        yield _of_line(
            commune, line, kind="uplink", target=target, path=path, address=inventory.hub.address,
            interval_seconds=UPLINK_INTERVAL_SECONDS, timeout_seconds=2,
        )  # fmt: skip
    if line.cellular is not None:
        yield _of_line(
            commune, line, kind="cellular", target=target, path=path, address=line.cellular.modem,
            interval_seconds=CELLULAR_INTERVAL_SECONDS, timeout_seconds=10,
        )  # fmt: skip


def _traffic_options(traffic: Traffic) -> dict[str, Any]:
    """A router stands in the LAN, whichever line it serves: it is asked without the line's source."""
    options: dict[str, Any] = {"facing": traffic.facing} if traffic.facing != "out" else {}
    if traffic.snmp is None:
        return options
    asked: dict[str, Any] = msgspec.to_builtins(traffic.snmp)
    del asked["address"]
    asked.pop("port", None)
    return options | {"interface": traffic.interface, "snmp": asked}


def _of_line(commune: Commune, line: Line, *, kind: str, **values: Any) -> Plan:
    own = {"source": line.source, **values}
    return Plan(
        name=f"{kind}/{line.id}", site=commune.code, commune=commune.code, line=line.id, role="measure",
        kind=kind, **own,
    )  # fmt: skip


# --- the site ---------------------------------------------------------------------------------------
def _host(site: str, target: str, commune: str) -> Plan:
    return Plan(
        name="host", site=site, commune=commune, line="", target=target, role="measure", kind="host",
        address="localhost", interval_seconds=HOST_INTERVAL_SECONDS, timeout_seconds=5,
        path=Path(((target,),)),
    )  # fmt: skip


def _power(commune: Commune, power: Power) -> Plan:
    target = f"power:{commune.code}"
    return Plan(
        name="power", site=commune.code, commune=commune.code, line="", target=target, role="measure",
        kind="power", address=power.ups or "localhost", interval_seconds=POWER_INTERVAL_SECONDS,
        timeout_seconds=1.5, options={"source": power.source}, path=Path(((target,),)),
    )  # fmt: skip


def _host_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
