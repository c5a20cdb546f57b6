"""Whether somebody else needs the line: before a test, and while it runs.

Looked at are the counters of an own interface through which all of the line's traffic runs, or what the
``traffic`` collector last read from the commune's router (:mod:`exporters.latest`). A line without either is
tested blindly, at night; the round trip during the test is watched in any case.
"""

from pathlib import Path
from time import monotonic
from typing import Final

import msgspec

from exporters import latest
from exporters.throughputio.config import Config
from exporters.throughputio.deferred import Deferred

FRESH_SECONDS: Final = 30.0
SPAN_SECONDS: Final = 1.0
HEADERS: Final = 1.1
"""What a payload byte costs on the line at most: 1514/1448, TLS records, acknowledgements of the others."""
LATEST_ECHOES: Final = 25
_STATISTICS: Final = Path("/sys/class/net")


class Octets(msgspec.Struct, frozen=True):
    """What an interface has received and sent, and when (monotonic seconds)."""

    down: int
    up: int
    at: float


def octets(interface: str) -> Octets | None:
    """Return the counters of an own interface, None where there is none of that name."""
    folder = _STATISTICS / interface / "statistics"
    try:
        counts = [int((folder / name).read_text()) for name in ("rx_bytes", "tx_bytes")]
    except (OSError, ValueError):
        return None
    return Octets(counts[0], counts[1], monotonic())


def others(before: Octets, after: Octets, own_down: float, own_up: float) -> tuple[float, float]:
    """Return bytes per second down and up that are not our own."""
    seconds = max(after.at - before.at, 1e-3)
    down, up = after.down - before.down - own_down * HEADERS, after.up - before.up - own_up * HEADERS
    return max(0.0, down / seconds), max(0.0, up / seconds)


def refuse_busy(config: Config, down: float, up: float) -> None:
    """Raise Deferred when others use more of the line than they may while it is tested (bytes/s)."""
    sides = (("down", down, config.contracted_down_mbps), ("up", up, config.contracted_up_mbps))
    for direction, rate, mbps in sides:
        if mbps and rate > config.busy_ratio * mbps * 125000:
            raise Deferred(f"the line carries {rate * 8e-6:.1f} of {mbps:g} Mbit/s {direction} already")


def refuse_busy_router(config: Config) -> None:
    """Raise Deferred when the traffic collector has just seen the line busy."""
    seen = latest.rates(config.traffic, FRESH_SECONDS) if config.traffic else None
    if seen is not None:
        refuse_busy(config, seen.down, seen.up)


class Watch:
    """Looks at one transfer as it goes on; ``direction`` is the one that it fills itself, "" for none."""

    def __init__(self, config: Config, direction: str) -> None:
        self._config, self._direction = config, direction
        self._before = octets(config.interface) if config.interface else None
        self._moved = 0
        self._rtts: list[float] = []

    def look(self, moved: int, rtts: list[tuple[float, float]]) -> None:
        """Raise Deferred when others are in need. ``moved`` is all that the test moved so far, in bytes."""
        self._rtts = [*self._rtts, *(seconds for _, seconds in rtts)][-LATEST_ECHOES:]
        self._look_at_round_trips()
        after = octets(self._config.interface) if self._config.interface and self._before else None
        if self._before is None or after is None or after.at - self._before.at < SPAN_SECONDS:
            return
        down, up = others(self._before, after, *self._own(moved))
        # Beside a full direction, the rest of it is the test's own headers and retransmissions.
        refuse_busy(self._config, down, up)
        self._before, self._moved = after, moved

    def _own(self, moved: int) -> tuple[float, float]:
        """What the test itself moved, with up to an eighth of acknowledgements the other way."""
        step = moved - self._moved
        along = {"down": (step, step / 8), "up": (step / 8, step)}
        return along.get(self._direction, (0.0, 0.0))

    def _look_at_round_trips(self) -> None:
        if len(self._rtts) == LATEST_ECHOES:
            middle = sorted(self._rtts)[LATEST_ECHOES // 2]
            if middle > self._config.max_loaded_rtt_seconds:
                raise Deferred(f"round trips take {middle:.2f} s, which is in everybody's way")
