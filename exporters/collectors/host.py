"""``host``: the machine that the agent runs on. Processor, memory, disk, temperature, uptime, boot id.

A new boot id is a reboot, whatever the clock says; with the uptime it tells "the power was off" from "the
line was cut" when an agent comes back. The clock's offset against the hub is the agent's own series
(``thongsuot_agent_clock_offset_seconds``), as it needs the hub. Sample exposition::

    thongsuot_host_cpu_ratio 0.07
    thongsuot_host_memory_available_bytes 3100000000
    thongsuot_host_memory_total_bytes 4100000000
    thongsuot_host_disk_free_bytes 22000000000
    thongsuot_host_disk_total_bytes 31000000000
    thongsuot_host_temperature_celsius 51
    thongsuot_host_uptime_seconds 86400
    thongsuot_host_boot_info{boot_id="6f2ab2a9-3d6d-4c8e-9a53-6a2f6a1f5c11"} 1
"""

from pathlib import Path
from time import perf_counter
from typing import Annotated, Final

from msgspec import Meta

from common.i18n import t
from exporters.base import Outcome, ProbeConfig, Sample, Target
from exporters.kept import Kept
from exporters.net.failure import Failure
from exporters.net.phases import one_line
from exporters.siteio import machine
from exporters.siteio.blocking import Aside
from exporters.siteio.machine import Machine
from inventory.names import (
    HOST_BOOT_INFO,
    HOST_CPU,
    HOST_DISK_FREE,
    HOST_DISK_TOTAL,
    HOST_MEMORY_AVAILABLE,
    HOST_MEMORY_TOTAL,
    HOST_TEMPERATURE,
    HOST_UPTIME,
    Reason,
)

KIND: Final = "host"
METRICS: Final = (
    HOST_CPU,
    HOST_MEMORY_AVAILABLE,
    HOST_MEMORY_TOTAL,
    HOST_DISK_FREE,
    HOST_DISK_TOTAL,
    HOST_TEMPERATURE,
    HOST_UPTIME,
    HOST_BOOT_INFO,
)
JUDGES: Final = False


class Config(ProbeConfig, frozen=True, kw_only=True):
    """``disk``: a folder on the disk to watch."""

    disk: Annotated[str, Meta(min_length=1, max_length=1000)] = "/"


class _Known:
    """The last reading, against which the processors' time is counted."""

    def __init__(self) -> None:
        self.reading: Machine | None = None
        self.aside = Aside()


_kept = Kept(_Known)


def check_address(address: str) -> None:
    """Raise ValueError for another machine: this kind reads the one it runs on."""
    if address != "localhost":
        raise ValueError(t("probes.expected_localhost"))


async def probe(target: Target, config: Config) -> Outcome:
    """Read once. Never raises for what a kernel tells."""
    started, known = perf_counter(), _kept.of(target)
    try:
        now = await known.aside.read(
            lambda: machine.read(Path(config.disk)), target.timeout_seconds, config.disk
        )
    except Failure as failure:
        seconds = perf_counter() - started
        evidence = one_line(failure.evidence)
        return Outcome(reason=failure.reason, duration_seconds=seconds, evidence=evidence)
    samples = _samples(known.reading, now)
    known.reading = now
    return Outcome(reason=Reason.OK, duration_seconds=perf_counter() - started, samples=samples)


def _samples(before: Machine | None, now: Machine) -> tuple[Sample, ...]:
    values = (
        (HOST_CPU, machine.busy_ratio(before, now)),
        (HOST_MEMORY_AVAILABLE, now.memory_available),
        (HOST_MEMORY_TOTAL, now.memory_total),
        (HOST_DISK_FREE, now.disk_free),
        (HOST_DISK_TOTAL, now.disk_total),
        (HOST_TEMPERATURE, now.celsius),
        (HOST_UPTIME, now.uptime_seconds),
    )
    known = tuple(Sample(metric, float(value)) for metric, value in values if value is not None)
    if now.boot_id is None:
        return known
    return (*known, Sample(HOST_BOOT_INFO, 1.0, (("boot_id", now.boot_id),)))
