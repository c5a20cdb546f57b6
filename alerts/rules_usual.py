"""What a measurement usually is, and when it is far above that. Pure.

The past is what was recorded in the last days, looked at once an hour: what agents send late is not in it,
and an hour is one sample however often rules are evaluated. What has no past yet is held against its limit
alone. What stays bad for days becomes the usual, and is then bad by its limit or not at all.
"""

from typing import Final

import msgspec

from alerts.rules_model import selector
from inventory.names import Recorded

USUAL_DAYS: Final = 7
HOURS_LEAST: Final = 24
"""Of which something must be known, before anything is unusual."""
HOURLY_KEPT: Final = "3h"
"""What is recorded hourly holds so long: one evaluation may be missed, by a restart of Prometheus."""


class Far(msgspec.Struct, frozen=True):
    """Far above the usual is so many ``times`` as much, and at least ``more`` in the measurement's unit."""

    times: float
    more: float


def kept(recorded: Recorded, matchers: str = "") -> str:
    """Return the last value of what is recorded once an hour."""
    return f"last_over_time({selector(recorded, matchers)}[{HOURLY_KEPT}])"


def usual(recorded: Recorded, quantile: float, by: str) -> str:
    """Return a quantile of what was recorded in the last days, where enough of it is known."""
    hours = f"{recorded}[{USUAL_DAYS}d:1h]"
    enough = f"(count_over_time({hours}) >= {HOURS_LEAST})"
    return f"max by ({by}) (quantile_over_time({quantile:g}, {hours}) and {enough})"


def above(measured: str, limit: str, past: Recorded, far: Far, by: str) -> str:
    """Return 1 where it is above ``limit`` (matching included) or far above its own past, else 0."""
    over = f"({measured} > bool {limit})"
    usually = f"on ({by}) {kept(past)}"
    times = f"({measured} / {usually} > bool {far.times:g})"
    more = f"({measured} - {usually} > bool {far.more:g})"
    return f"((({over} + on ({by}) ({times} * on ({by}) {more})) or on ({by}) {over}) > bool 0)"
