"""What a chronic dead zone is: the one definition for command, rules, boards and wall. Pure.

A line is judged by its SLA probe over 28 days: availability is the time known up over the time known at
all, and it is dead where the 95 % upper confidence bound of that is below 95 %, on at least 20 days with
data. A commune is a dead zone while every one of its lines is dead, or where its signal is weak for as many
days and it has no fixed line, or where nothing of it was ever heard. No standard defines any of this: it is
our proposal, and these constants are all there is to it.

The bound. Seconds are no independent trials: downtime comes in outages of hours, and Wilson's interval
(1927) over seconds would accuse a place that is exactly as good as the limit in nearly half of all cases;
over days it still does so in a tenth and more, once outages last for days, and it misses places that fail
an hour and a half every single day. So the time is cut into blocks of two days, whose availabilities vary
among themselves as much as the place really does (Carlstein 1986, Ann. Statist. 14:1171; the length is
about the fourth root of 28, Hall, Horowitz & Jing 1995, Biometrika 82:561), and the bound is one-sided:

    upper = availability + t(0.95; 9) * stddev(blocks) / sqrt(blocks - 1)

9 degrees of freedom belong to 10 blocks, the fewest that are judged: a little wide for more. Simulated at
the limit itself (tests/alerts/test_deadzone.py), with outages of half an hour to three days, it accuses
falsely in at most 5 of 100. Days and blocks begin at midnight UTC, as Prometheus aligns subqueries: at 7 in
the morning in Vietnam, so that a night is not cut in two.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from alerts.slo import Gain, Seconds

DAYS: Final = 28
MIN_DAYS: Final = 20
BELOW: Final = 0.95
BLOCK_DAYS: Final = 2
T_QUANTILE: Final = 1.833
"""Of Student's t, one-sided 95 %, for the 9 degrees of freedom of ``MIN_DAYS / BLOCK_DAYS`` blocks."""
MIN_KNOWN_RATIO: Final = 0.5
"""A day, or a block, has data where at least so much of it is known to be up or down."""
STEP_SECONDS: Final = 3600.0
"""Between two readings of a counter."""
DAY_SECONDS: Final = 86400.0
WIRELESS: Final = ("4g", "5g", "satellite")
"""Technologies that no cable leads to: a commune with no other line has no fixed one."""


class Judged(msgspec.Struct, frozen=True):
    """A line over the 28 days: ratios from 0 to 1, and the days with data. ``upper`` is None where too few
    blocks have data."""

    availability: float
    upper: float | None
    days: int

    @property
    def dead(self) -> bool | None:
        """Whether it is dead by the definition; None where there are too few days to say."""
        if self.upper is None or self.days < MIN_DAYS:
            return None
        return self.upper < BELOW


def first_second(until: float) -> float:
    """Return from when on counters are read to judge ``until`` (Unix seconds): the earliest block that ends
    within the 28 days begins before them."""
    return until - (DAYS + BLOCK_DAYS) * DAY_SECONDS


def judge(gains: Sequence[Gain], until: float) -> Judged | None:
    """Judge a line by what its counters gained; None where nothing is known of the 28 days."""
    start = until - DAYS * DAY_SECONDS
    total = _sum(gain.counted for gain in gains if start < gain.ends <= until)
    known = total.up + total.down
    if known <= 0:
        return None
    days = sum(1 for day in _windows(gains, until, 1) if _has_data(day, 1))
    blocks = [
        block.up / (block.up + block.down)
        for block in _windows(gains, until, BLOCK_DAYS)
        if _has_data(block, BLOCK_DAYS)
    ]
    return Judged(total.up / known, upper_bound(total.up / known, blocks), days)


def upper_bound(availability: float, blocks: Sequence[float]) -> float | None:
    """Return the one-sided 95 % upper bound, given the blocks' own availabilities; None of fewer than two.

    >>> round(upper_bound(0.9, [0.9, 1.0, 0.8, 0.9]), 3)
    0.975
    """
    count = len(blocks)
    if count < 2:
        return None
    mean = math.fsum(blocks) / count
    deviation = math.sqrt(math.fsum((block - mean) ** 2 for block in blocks) / count)
    return min(1.0, availability + T_QUANTILE * deviation / math.sqrt(count - 1))


def commune_dead(lines: Iterable[Judged | None]) -> bool | None:
    """Whether a commune is a dead zone, by all of its lines: one that lives is enough, and while one cannot
    be judged nobody is accused."""
    found = [None if line is None else line.dead for line in lines]
    if False in found:
        return False
    return True if found and None not in found else None


def _windows(gains: Sequence[Gain], until: float, days: int) -> list[Seconds]:
    """What was counted wholly within each window of ``days`` that ended in the 28 days before ``until``.

    What was counted over a gap that reaches across a window's edge is in none: it is not known of which.
    """
    length = days * DAY_SECONDS
    first = math.ceil((until - DAYS * DAY_SECONDS) / length)
    last = math.floor(until / length)
    sums = dict.fromkeys(range(first, last + 1), Seconds())
    for gain in gains:
        window = math.ceil(gain.ends / length)
        if window in sums and gain.starts >= (window - 1) * length:
            sums[window] = sums[window].plus(gain.counted)
    return list(sums.values())


def _has_data(counted: Seconds, days: int) -> bool:
    return counted.up + counted.down >= days * DAY_SECONDS * MIN_KNOWN_RATIO


def _sum(found: Iterable[Seconds]) -> Seconds:
    total = Seconds()
    for one in found:
        total = total.plus(one)
    return total
