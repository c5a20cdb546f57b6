"""What the machine was doing while something was measured: without it, no figure of time means much."""

from pathlib import Path

import msgspec

_IDLE, _IOWAIT, _STEAL = 3, 4, 7


class Ticks(msgspec.Struct, frozen=True):
    """Ticks of all processors since the start (proc_stat(5))."""

    all: int
    idle: int
    stolen: int


def ticks() -> Ticks:
    """Return where the counters stand."""
    line = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
    return parse(line)


def parse(line: str) -> Ticks:
    """Return the counters of the line that begins with ``cpu``.

    >>> parse("cpu  10 0 5 80 5 0 0 20 0 0")
    Ticks(all=120, idle=85, stolen=20)
    """
    fields = [int(field) for field in line.split()[1:9]]
    return Ticks(sum(fields), fields[_IDLE] + fields[_IOWAIT], fields[_STEAL])


def shares(before: Ticks, after: Ticks) -> dict[str, float]:
    """Return the share of the processors' time that nobody wanted, and that the host gave to others: time
    that counts as used by whoever had it taken away."""
    whole = max(1, after.all - before.all)
    return {
        "machine_idle_percent": (after.idle - before.idle) / whole * 100,
        "machine_stolen_percent": (after.stolen - before.stolen) / whole * 100,
    }
