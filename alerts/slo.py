"""Availability as an interval. Pure.

Unknown time is never silently up or down: of a period of P seconds with U known up and D known down,
availability is at least U/P and at most (P - D)/P, and (U + D)/P of the period is covered.
"""

from typing import Literal

import msgspec

Verdict = Literal["met", "missed", "open", "none"]
"""Against a target: certainly met, certainly missed, open within what is unknown; none without one."""


class Seconds(msgspec.Struct, frozen=True):
    """Known time in each state."""

    up: float = 0.0
    down: float = 0.0
    unknown: float = 0.0

    @property
    def total(self) -> float:
        """All of it."""
        return self.up + self.down + self.unknown

    def plus(self, other: "Seconds") -> "Seconds":
        """Return the sums."""
        return Seconds(self.up + other.up, self.down + other.down, self.unknown + other.unknown)

    def minus(self, other: "Seconds") -> "Seconds":
        """Return the differences."""
        return Seconds(self.up - other.up, self.down - other.down, self.unknown - other.unknown)


class Gain(msgspec.Struct, frozen=True):
    """What a target's counters gained between two readings, at Unix seconds ``starts`` and ``ends``."""

    starts: float
    ends: float
    counted: Seconds


class Availability(msgspec.Struct, frozen=True):
    """Ratios from 0 to 1, ``lowest`` <= ``highest``; ``coverage`` is the share of known time."""

    lowest: float
    highest: float
    coverage: float


def availability(known: Seconds, period_seconds: float) -> Availability:
    """Return the interval for a period. Raises ValueError for a period without length.

    Counters are read a few seconds off the edges of the period, so known time may pass it by as
    much; then it counts as the period.

    >>> availability(Seconds(up=90, down=4), 100)
    Availability(lowest=0.9, highest=0.96, coverage=0.94)
    """
    if period_seconds <= 0:
        raise ValueError(f"a period of {period_seconds} s")
    whole = max(period_seconds, known.up + known.down)
    lowest, highest = known.up / whole, (whole - known.down) / whole
    return Availability(lowest, max(lowest, highest), (known.up + known.down) / whole)


def verdict(found: Availability, target: float | None) -> Verdict:
    """Judge an interval against a target ratio.

    >>> verdict(Availability(0.99, 0.999, 0.991), 0.995)
    'open'
    """
    if target is None:
        return "none"
    if found.lowest >= target:
        return "met"
    return "missed" if found.highest < target else "open"
