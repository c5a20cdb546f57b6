"""What the kernel tells of its machine. Every function blocks, if only for microseconds as a rule."""

import os
import re
import time
from pathlib import Path
from typing import Final

import msgspec
import psutil

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_BOOT_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_PLAUSIBLE_CELSIUS: Final = range(-40, 151)


class Machine(msgspec.Struct, frozen=True):
    """One reading. Times of the processor since boot, in seconds; sizes in bytes; None for unknown."""

    busy_seconds: float
    total_seconds: float
    memory_available: int
    memory_total: int
    disk_free: int
    disk_total: int
    celsius: float | None
    uptime_seconds: float
    boot_id: str | None


def read(folder: Path) -> Machine:
    """Return how the machine is; the disk is the one that holds ``folder``. Raises OSError."""
    times, memory, disk = psutil.cpu_times(), psutil.virtual_memory(), os.statvfs(folder)
    # guest time is in user time already (proc(5)); waiting for I/O is idle time with another name
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return Machine(
        busy_seconds=total - times.idle - getattr(times, "iowait", 0.0),
        total_seconds=total,
        memory_available=memory.available,
        memory_total=memory.total,
        disk_free=disk.f_bavail * disk.f_frsize,
        disk_total=disk.f_blocks * disk.f_frsize,
        celsius=_hottest(),
        uptime_seconds=time.clock_gettime(time.CLOCK_BOOTTIME),
        boot_id=boot_id(),
    )


def busy_ratio(before: Machine | None, now: Machine) -> float | None:
    """Return the share of time between two readings in which the processors worked.

    None without a reading before, or when no time passed: the clock ticks 100 times a second.
    """
    if before is None or now.total_seconds <= before.total_seconds:
        return None
    ratio = (now.busy_seconds - before.busy_seconds) / (now.total_seconds - before.total_seconds)
    return min(1.0, max(0.0, ratio))


def boot_id(path: Path = BOOT_ID) -> str | None:
    """Return the random id that the kernel drew when it booted (random(4))."""
    try:
        text = path.read_text(encoding="ascii")[:64].strip()
    except (OSError, ValueError):
        return None
    return text if _BOOT_ID.match(text) else None


def _hottest() -> float | None:
    """Return the highest temperature of any sensor; a virtual machine has none."""
    try:
        chips = psutil.sensors_temperatures()
    except (OSError, ValueError):  # a driver that answers with an error, or with no number
        return None
    found = [sensor.current for chip in chips.values() for sensor in chip if sensor.current is not None]
    return max((value for value in found if int(value) in _PLAUSIBLE_CELSIUS), default=None)
