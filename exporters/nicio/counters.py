"""From readings of an interface's counters to increments. Pure.

A counter begins anew when its router restarts, when its interface is made again, or when a 32-bit one
has run full; a reading after a long silence would squeeze hours of traffic into one instant. Rule: what
cannot be attributed is not counted, and the next reading goes on from there.
"""

from enum import StrEnum
from typing import Final

import msgspec

MAX_GAP_SECONDS: Final = 60.0
"""Readings further apart are not compared: their bytes would appear as one burst over the line's rate."""
ABSURD_PER_SECOND: Final = 12.5e9
"""100 Gbit/s in bytes: no interface of a commune counts faster, only a broken one."""
_FULL: Final = 1 << 32


class Field(StrEnum):
    """What is counted of each direction."""

    BYTES = "bytes"
    PACKETS = "packets"
    ERRORS = "errors"
    DROPS = "drops"


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """The four counters of one direction, as the interface has them."""

    bytes: int
    packets: int
    errors: int
    drops: int

    def get(self, field: Field) -> int:
        """Return the counter of ``field``."""
        value: int = getattr(self, field)
        return value


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One look at an interface.

    ``epoch`` is equal in two readings only if the counters were not started anew in between, as far as
    the machine tells; ``uptime_ticks`` (hundredths) fell where it restarted. ``at_seconds`` is monotonic.
    ``speed`` is in bytes per second, None where unknown.
    """

    at_seconds: float
    epoch: tuple[object, ...]
    received: Tally
    sent: Tally
    uptime_ticks: int | None = None
    speed: float | None = None


Increments = tuple[dict[Field, int], dict[Field, int]]
"""Received and sent since the reading before."""


def nothing() -> Increments:
    """Return increments of 0, as for a first reading."""
    return dict.fromkeys(Field, 0), dict.fromkeys(Field, 0)


def increments(before: Reading | None, now: Reading) -> Increments:
    """Return what was counted between two readings; 0 for all where they cannot be compared."""
    if before is None or before.epoch != now.epoch or _restarted(before, now):
        return nothing()
    seconds = now.at_seconds - before.at_seconds
    if not 0 < seconds <= MAX_GAP_SECONDS:
        return nothing()
    received = _differences(before.received, now.received, seconds)
    sent = _differences(before.sent, now.sent, seconds)
    if received is None or sent is None:  # one that began anew gives the others away
        return nothing()
    return received, sent


def _restarted(before: Reading, now: Reading) -> bool:
    """Whether the uptime fell; so it does every 497 days too, which costs one interval."""
    if before.uptime_ticks is None or now.uptime_ticks is None:
        return False
    return now.uptime_ticks < before.uptime_ticks


def _differences(before: Tally, now: Tally, seconds: float) -> dict[Field, int] | None:
    found = {field: difference(before.get(field), now.get(field)) for field in Field}
    usable = {
        field: value for field, value in found.items() if value is not None and _possible(value, seconds)
    }
    return usable if len(usable) == len(found) else None


def _possible(value: int, seconds: float) -> bool:
    return value <= ABSURD_PER_SECOND * seconds


def difference(before: int, now: int) -> int | None:
    """Return ``now`` - ``before``, through a 32-bit counter's end; None where it was started anew.

    A counter that fell ran full if it never needed more than 32 bits and the way through the end is the
    shorter one: at 10 s apart that holds up to 1.7 Gbit/s. 64 bits last for decades.

    >>> difference(100, 250), difference(2**32 - 1, 9), difference(2**31, 5)
    (150, 10, None)
    """
    if now >= before:
        return now - before
    through = now + _FULL - before
    return through if before < _FULL and through < _FULL // 2 else None
