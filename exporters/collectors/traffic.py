"""``traffic``: what passes a line's interface: bytes, packets, errors and drops in each direction.

``address`` is an interface of this machine, or ``host:port`` of the commune's router, which is asked by
SNMP v2c or v3 for the interface of option ``interface``: the machine of the agent is rarely in the path.
``up`` is from the commune to the hub. Counters start at 0 with the agent and grow by what was counted
between two readings. Sample exposition::

    thongsuot_traffic_bytes_total{direction="up"} 1520
    thongsuot_traffic_bytes_total{direction="down"} 96000
    thongsuot_traffic_packets_total{direction="up"} 10
    thongsuot_traffic_packets_total{direction="down"} 64
    thongsuot_traffic_errors_total{direction="up"} 0
    thongsuot_traffic_errors_total{direction="down"} 0
    thongsuot_traffic_drops_total{direction="up"} 0
    thongsuot_traffic_drops_total{direction="down"} 0
    thongsuot_traffic_interface_speed_bytes_per_second 125000000

Octets are those of frames (RFC 2863: framing included), as carriers shape and sell lines at layer 2: on
Ethernet 14 bytes a packet more than IP, 0.9 % with full packets.
"""

import re
from collections.abc import Iterator, Mapping
from time import perf_counter
from typing import Annotated, Final, Literal

from msgspec import Meta

from common.i18n import t
from exporters import latest
from exporters.base import Outcome, ProbeConfig, Sample, Target
from exporters.kept import Kept
from exporters.net.address import split_host_port
from exporters.net.failure import Failure
from exporters.net.phases import one_line
from exporters.nicio import local
from exporters.nicio.counters import Field, Increments, Reading, increments
from exporters.snmpio.options import Snmp
from exporters.snmpio.poller import Poller, Router
from inventory.names import (
    TRAFFIC_BYTES,
    TRAFFIC_DROPS,
    TRAFFIC_ERRORS,
    TRAFFIC_PACKETS,
    TRAFFIC_SPEED,
    Metric,
    Reason,
)

KIND: Final = "traffic"
JUDGES: Final = False
METRICS: Final = (TRAFFIC_BYTES, TRAFFIC_PACKETS, TRAFFIC_ERRORS, TRAFFIC_DROPS, TRAFFIC_SPEED)
_COUNTED: Final[dict[Field, Metric]] = {
    Field.BYTES: TRAFFIC_BYTES,
    Field.PACKETS: TRAFFIC_PACKETS,
    Field.ERRORS: TRAFFIC_ERRORS,
    Field.DROPS: TRAFFIC_DROPS,
}
_INTERFACE: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9_.@+-]{0,14}\Z")  # IFNAMSIZ is 16


class Config(ProbeConfig, frozen=True, kw_only=True):
    """``facing``: out, the interface leads to the carrier; in, to the LAN, so that what it receives goes
    up. ``snmp`` and ``interface`` (its ifName, ifDescr or ifAlias): only with a router."""

    facing: Literal["out", "in"] = "out"
    interface: Annotated[str, Meta(max_length=255)] = ""
    snmp: Snmp | None = None

    def __post_init__(self) -> None:
        if (self.snmp is None) != (not self.interface):
            raise ValueError(f"interface: {t('probes.snmp_interface')}")


class _State:
    """Of one target: the last reading, and the router's acquaintance."""

    def __init__(self) -> None:
        self.before: Reading | None = None
        self.poller = Poller()


_kept = Kept(_State)


def check_address(address: str) -> None:
    """Raise ValueError unless ``address`` is an interface's name or ``host:port``."""
    try:
        split_host_port(address) if ":" in address else check_interface(address)
    except ValueError:
        raise ValueError(t("probes.expected_interface")) from None


def check_interface(name: str) -> None:
    """Raise ValueError unless ``name`` could be an interface of this machine."""
    if not _INTERFACE.match(name):
        raise ValueError(t("probes.expected_own_interface"))


async def probe(target: Target, config: Config) -> Outcome:
    """Read the counters once. Never raises for what a network or a router does."""
    started = perf_counter()
    try:
        samples = await _measure(target, config)
    except Failure as failure:
        return Outcome(
            reason=failure.reason,
            duration_seconds=perf_counter() - started,
            evidence=one_line(failure.evidence),
        )
    return Outcome(reason=Reason.OK, duration_seconds=perf_counter() - started, samples=samples)


async def _measure(target: Target, config: Config) -> tuple[Sample, ...]:
    state = _kept.of(target)
    router = _router(target, config)
    if router is None:
        reading = local.read(target.address)
    else:
        reading = await state.poller.read(router, config.interface, target.timeout_seconds)
    before, state.before = state.before, reading
    up, down = _directions(before, reading, config.facing)
    if before is not None and reading.at_seconds > before.at_seconds:
        seconds = reading.at_seconds - before.at_seconds
        latest.note_rates(target.name, down[Field.BYTES] / seconds, up[Field.BYTES] / seconds)
    return tuple(_samples(up, down, reading))


def _router(target: Target, config: Config) -> Router | None:
    """Return whom to ask, None for this machine. Raises Failure(local) for a configuration that is none."""
    try:
        check_address(target.address)
    except ValueError:
        words = f"{target.address[:200]!r} is neither an interface nor host:port"
        raise Failure(Reason.LOCAL, words) from None
    if ":" not in target.address:
        if target.source or config.snmp:
            raise Failure(Reason.LOCAL, f"{target.address}: an own interface has neither source nor snmp")
        return None
    if config.snmp is None:
        raise Failure(Reason.LOCAL, f"{target.address}: without options for SNMP")
    host, port = split_host_port(target.address)
    return Router(host=host, port=port, snmp=config.snmp, source=target.source)


def _directions(before: Reading | None, now: Reading, facing: str) -> Increments:
    """Return what was counted up and down."""
    received, sent = increments(before, now)
    return (sent, received) if facing == "out" else (received, sent)


def _samples(up: Mapping[Field, int], down: Mapping[Field, int], now: Reading) -> Iterator[Sample]:
    for field, metric in _COUNTED.items():
        for direction, counted in (("up", up), ("down", down)):
            yield Sample(metric, float(counted[field]), (("direction", direction),))
    if now.speed is not None:
        yield Sample(TRAFFIC_SPEED, now.speed)
