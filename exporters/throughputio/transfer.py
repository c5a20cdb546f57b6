"""One phase of a test: the line idle, filled down, or filled up; its rate and its round trips."""

from statistics import median
from typing import Final, Literal

import msgspec

from exporters.net.failure import Failure
from exporters.throughputio import child
from exporters.throughputio.config import Config
from exporters.throughputio.estimate import BIN_SECONDS, Estimate, Point, estimate, rates, tight
from exporters.throughputio.lease import Lease
from exporters.throughputio.load import Watch
from exporters.throughputio.place import Place
from inventory.names import Reason

Direction = Literal["idle", "down", "up"]
CONNECT_SECONDS: Final = 3.0
TAIL_SECONDS: Final = 0.2
"""Twice the time between two words of the pump."""
MBPS: Final = 125000
MOST_POINTS: Final = 32
"""Counts that are kept of one word of the pump: more than a hub has reason to say in a tenth of a second."""


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """What one direction gave: its goodput, and the median round trip while it was full."""

    estimate: Estimate
    rtt_seconds: float


class Spent:
    """Payload bytes that a test has moved so far, whatever becomes of it; rather too many than too few."""

    def __init__(self) -> None:
        self.bytes = 0.0


class Transfer:
    """Collects what the pump says of one transfer, and knows when it is enough.

    ``tail_bytes`` is what may have moved since the pump's last word: it counts from the beginning, for the
    pump may be killed before its first.
    """

    def __init__(self, precision: float, watch: Watch, spent: Spent, tail_bytes: float = 0.0) -> None:
        self._precision, self._watch = precision, watch
        self._spent, self._before = spent, spent.bytes
        self._tail = tail_bytes
        spent.bytes += tail_bytes
        self._points: list[Point] = []
        self._looks: list[Estimate | None] = []
        self.rtts: list[tuple[float, float]] = []

    def see(self, report: child.Report) -> bool:
        """Take in a report; True once the estimate is tight. Raises Deferred when others need the line."""
        self._points += _thinned(report.points)
        self.rtts += report.rtts
        self._spent.bytes = self._before + report.moved + self._tail
        self._watch.look(report.moved, report.rtts)
        if not report.points:
            return False
        self._looks = [*self._looks[-1:], estimate(rates(self._points))]
        return tight(self._looks, self._precision)

    def estimate(self) -> Estimate:
        """Return the goodput. Raises Failure(stalled) when too little came for one."""
        series = rates(self._points)
        found = estimate(series)
        if found is None or found.rate <= 0:
            raise Failure(Reason.STALLED, f"only {len(series)} tenths of a second of transfer to judge by")
        return found

    def rtt_seconds(self, skipped_bins: int = 0) -> float:
        """Return the median round trip, of echoes sent when slow start was over. Raises Failure."""
        found = [seconds for sent, seconds in self.rtts if sent >= skipped_bins * BIN_SECONDS]
        if not found:
            raise Failure(Reason.STALLED, "no echo came back")
        return median(found)


def _thinned(points: list[Point]) -> list[Point]:
    """Return evenly picked points, the last one among them, so that a flood costs little to look at."""
    step = len(points) // MOST_POINTS + 1
    return points[::-step][::-1]


class Test(msgspec.Struct, frozen=True, kw_only=True):
    """What all phases of a test have in common."""

    place: Place
    lease: Lease
    config: Config
    spent: Spent

    def job(self, direction: Direction, seconds: float, size: int) -> dict[str, object]:
        """Return what the pump is told (pump.py)."""
        return {
            **self.place.way(CONNECT_SECONDS),
            "lease": self.lease.lease,
            "echo": self.lease.echo,
            "direction": direction,
            "streams": self.config.streams,
            "seconds": seconds,
            "bytes": size,
        }

    def transfer(self, direction: Direction) -> Transfer:
        """Return a collector for one phase."""
        watch = Watch(self.config, "" if direction == "idle" else direction)
        mbps = {"idle": 0.0, "down": self.config.contracted_down_mbps, "up": self.config.contracted_up_mbps}
        tail = (mbps[direction] or 0.0) * MBPS * TAIL_SECONDS
        return Transfer(self.config.precision, watch, self.spent, tail)


async def idle(test: Test, seconds: float) -> float:
    """Return the median round trip over the line as it is. Raises Failure, Deferred."""
    transfer = test.transfer("idle")
    await child.pump(test.job("idle", seconds, 0), transfer.see)
    return transfer.rtt_seconds()


async def fill(test: Test, direction: Direction, seconds: float, size: int) -> Side:
    """Fill the line one way for so long or with so many bytes. Raises Failure, Deferred."""
    transfer = test.transfer(direction)
    await child.pump(test.job(direction, seconds, size), transfer.see)
    found = transfer.estimate()
    return Side(estimate=found, rtt_seconds=transfer.rtt_seconds(found.skipped))
