"""A target's month as it really was, and the counters that an agent would have kept of it."""

from bisect import bisect_right

import msgspec

from inventory.names import State


class Phase(msgspec.Struct, frozen=True):
    """Seconds in one state; ``heard`` whether samples of it reached the hub in time or at all."""

    seconds: float
    state: State
    heard: bool = True
    restarts: bool = False  # counters start again from 0 at its beginning


class History:
    """Phases one after the other from ``start`` (Unix seconds)."""

    def __init__(self, start: float, phases: tuple[Phase, ...]) -> None:
        self.start = start
        self._phases = phases
        self._begins = [start]
        self._counted: list[dict[State, float]] = []
        counted = dict.fromkeys(State, 0.0)
        for phase in phases:
            counted = dict.fromkeys(State, 0.0) if phase.restarts else dict(counted)
            self._counted.append(dict(counted))
            counted[phase.state] += phase.seconds
            self._begins.append(self._begins[-1] + phase.seconds)
        self.end = self._begins[-1]

    def _at(self, time: float) -> int:
        return min(bisect_right(self._begins, time) - 1, len(self._phases) - 1)

    def value(self, state: State, time: float) -> float:
        """Return the counter at ``time``, which lies within the history."""
        number = self._at(time)
        since = time - self._begins[number] if self._phases[number].state is state else 0.0
        return self._counted[number][state] + since

    def is_heard(self, time: float) -> bool:
        """Whether a sample taken at ``time`` reached the hub."""
        return self._phases[self._at(time)].heard

    def spent(self, state: State) -> float:
        """Return the true seconds in a state."""
        return sum(phase.seconds for phase in self._phases if phase.state is state)

    def samples(self, state: State, step_seconds: float) -> list[tuple[float, float]]:
        """Return what reached the hub: (Unix time, value), oldest first."""
        count = int((self.end - self.start) / step_seconds)
        times = (self.start + number * step_seconds for number in range(count + 1))
        return [(time, self.value(state, time)) for time in times if self.is_heard(time)]
