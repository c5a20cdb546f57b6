"""A whole test of a line: lease, idle, down, up. What the probe, the bench and the lab call."""

import asyncio
from typing import Final

import msgspec

from exporters.net.failure import Failure
from exporters.throughputio import iperf, load, transfer
from exporters.throughputio.config import Config
from exporters.throughputio.grade import grade
from exporters.throughputio.lease import held
from exporters.throughputio.place import Place, find, prepare
from exporters.throughputio.transfer import MBPS, Direction, Side, Spent, Test
from inventory.names import Reason

OVERHEAD: Final = 0.25
"""Share of a phase's time that is kept for its connections and its end."""
ANY_MBPS: Final = 1000.0
"""What a line is taken to carry where no contract says it."""
SPARE: Final = 1.25
"""A line may carry more than its contract, and slow start is not counted."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A complete test. ``idle_rtt_seconds``, and each side's, are medians."""

    idle_rtt_seconds: float
    down: Side
    up: Side

    @property
    def grade(self) -> int:
        """Latency under load: index into :data:`exporters.throughputio.grade.GRADES`."""
        return grade(self.idle_rtt_seconds, self.up.rtt_seconds, self.down.rtt_seconds)


class Sizes(msgspec.Struct, frozen=True):
    """Payload bytes that each direction may take."""

    down: int
    up: int


def sizes(config: Config) -> Sizes:
    """Return what a test of full length takes at most."""
    down, up = config.contracted_down_mbps or ANY_MBPS, config.contracted_up_mbps or ANY_MBPS
    seconds = config.max_seconds * MBPS * SPARE
    return Sizes(max(1, int(down * seconds)), max(1, int(up * seconds)))


def shrunk(size: Sizes, allowed: float) -> Sizes:
    """Return both, made smaller alike until they are within ``allowed`` bytes on the line.

    >>> shrunk(Sizes(1000, 1000), 1100.0)
    Sizes(down=500, up=500)
    """
    factor = min(1.0, allowed / load.HEADERS / (size.down + size.up))
    return Sizes(int(size.down * factor), int(size.up * factor))


async def measure(
    address: str,
    config: Config,
    *,
    source: str | None = None,
    timeout_seconds: float = 60.0,
    size: Sizes | None = None,
    spent: Spent | None = None,
) -> Result:
    """Test the line to the hub at URL ``address``, whatever the hour and the budget.

    Raises :class:`Failure`, or :class:`exporters.throughputio.deferred.Deferred` when the hub gives no lease
    or others need the line. ``spent`` is told of payload bytes as they move.
    """
    means = await prepare(address, config)
    timer, counted = _Timer(timeout_seconds), spent or Spent()
    limits = size or sizes(config)
    try:
        async with asyncio.timeout(timeout_seconds):
            place = await find(means, source, timeout_seconds)
            timer.phase = "lease"
            return await _under_lease(place, config, timer, limits, counted)
    except TimeoutError:
        raise Failure(timer.reason, f"{timer.phase}: no end within {timeout_seconds:g} s") from None


class _Timer:
    """How far a test is, and how long each phase may take."""

    def __init__(self, timeout_seconds: float) -> None:
        self._ends = asyncio.get_running_loop().time() + timeout_seconds
        self._whole = timeout_seconds
        self.phase = "resolve"
        self.connected = False

    def connect(self) -> None:
        """The hub can be reached."""
        self.connected = True

    @property
    def reason(self) -> Reason:
        """What it means that the time is up now."""
        return Reason.STALLED if self.connected else Reason.TIMEOUT

    def share(self, parts: float, most: float) -> float:
        """Return the seconds of one of so many phases still to come, connecting and finishing not counted."""
        left = self._ends - asyncio.get_running_loop().time()
        return max(0.1, min(most, left * (1 - OVERHEAD) / parts))


async def _under_lease(place: Place, config: Config, timer: _Timer, size: Sizes, spent: Spent) -> Result:
    wanted = int((size.down + size.up) * load.HEADERS)
    async with held(place, config.line, config.segments, wanted, timer.connect) as lease:
        test = Test(place=place, lease=lease, config=config, spent=spent)
        timer.phase = "idle"
        idle = await transfer.idle(test, timer.share(8, 1.5))
        timer.phase = "down"
        down = await _fill(test, "down", timer.share(2, config.max_seconds), min(size.down, lease.bytes))
        timer.phase = "up"
        up = await _fill(test, "up", timer.share(1, config.max_seconds), min(size.up, lease.bytes))
    return Result(idle_rtt_seconds=idle, down=down, up=up)


async def _fill(test: Test, direction: Direction, seconds: float, size: int) -> Side:
    engine = iperf.fill if test.config.engine == "iperf3" else transfer.fill
    return await engine(test, direction, seconds, size)
