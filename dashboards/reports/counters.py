"""From raw state counters to seconds in each state. Pure.

PromQL's ``increase()`` extrapolates to the edges of its window, and over windows in a row it loses what
was counted while a site could not be heard; an account may do neither. So raw values are read at a
grid of instants and differenced here: a gain over a gap counts (the agent went on counting), a step
back is a restart from 0, and a gain larger than the time that passed is not believed.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from alerts.slo import Seconds
from inventory.names import State

TOLERANCE_SECONDS: Final = 360.0
"""How much a gain may exceed the time between two readings: a reading is the last sample before its
instant, up to 5 minutes old (Prometheus' lookback), and an unconfirmed interval is credited back to
its first failure once it is decided."""


class Key(msgspec.Struct, frozen=True, order=True):
    """Whose counters: identity labels of a target; empty where a label is absent."""

    site: str
    line: str
    target: str
    probe: str


class Reading(msgspec.Struct, frozen=True):
    """The three counters of a target at one instant, Unix seconds."""

    time: float
    counted: Seconds


class Seam(msgspec.Struct, frozen=True):
    """Between two readings something began: the first that was ever read of a target (``before`` is
    None), or counting from 0 again. Closer readings leave less of it unknown."""

    key: Key
    before: Reading | None
    after: Reading


def readings(points: Iterable[tuple[State, float, float]]) -> list[Reading]:
    """Join (state, time, value) of one target to readings, oldest first.

    A state without a value where another has one has not been entered yet: 0.
    """
    by_time: dict[float, dict[State, float]] = {}
    for state, time, value in points:
        by_time.setdefault(time, {})[state] = value
    return [Reading(time, _seconds(by_time[time])) for time in sorted(by_time)]


def _seconds(values: Mapping[State, float]) -> Seconds:
    return Seconds(*(values.get(state, 0.0) for state in (State.UP, State.DOWN, State.UNKNOWN)))


def is_reset(before: Seconds, after: Seconds) -> bool:
    """Whether any counter stepped back."""
    return after.up < before.up or after.down < before.down or after.unknown < before.unknown


def gain(before: Reading, after: Reading) -> Seconds:
    """Return what was counted between two readings; nothing where it cannot be believed.

    After a restart that is what was counted since: what came before it in the interval stays unknown.
    """
    old, new = before.counted, after.counted
    found = new if is_reset(old, new) else new.minus(old)
    possible = after.time - before.time + TOLERANCE_SECONDS
    return found if found.total <= possible else Seconds()


class Tally:
    """Adds up readings as they come, window by window, and remembers the seams."""

    def __init__(self) -> None:
        self.sums: dict[Key, Seconds] = {}
        self.seams: list[Seam] = []
        self._last: dict[Key, Reading] = {}

    def feed(self, key: Key, found: Iterable[Reading]) -> None:
        """Add readings of one target, oldest first; one not later than the last is passed over."""
        for reading in found:
            last = self._last.get(key)
            if last is not None and reading.time <= last.time:
                continue
            if last is None or is_reset(last.counted, reading.counted):
                self.seams.append(Seam(key, last, reading))
            gained = Seconds() if last is None else gain(last, reading)
            self.sums[key] = self.sums.get(key, Seconds()).plus(gained)
            self._last[key] = reading

    def correct(self, seam: Seam, finer: Iterable[Reading]) -> None:
        """Replace what a seam brought by what closer readings within it bring."""
        closer = Tally()
        closer.feed(seam.key, [*([seam.before] if seam.before else []), *finer, seam.after])
        coarse = Seconds() if seam.before is None else gain(seam.before, seam.after)
        self.sums[seam.key] = self.sums[seam.key].plus(closer.sums[seam.key]).minus(coarse)
