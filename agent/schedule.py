"""When each probe is due. Pure; all times are seconds on the agent's clock.

Slots lie on a grid that never drifts: ``start + phase + n * interval``. The phase comes from the names
of site and target, so that the targets of a site, and the visitors of a target, spread over the
interval, and do so alike after every restart.
"""

import hashlib
import math
from typing import Final

import msgspec

REPROBE_SECONDS: Final = 1.0
_LATE_SECONDS: Final = 0.25
"""A re-probe that missed its second by this little is sent at once instead of a second later."""


def phase(name: str, interval_seconds: float) -> float:
    """Return the offset of a target within its interval, in [0, interval)."""
    # Not a CRC: commune codes differ in a few digits only, and would crowd in a part of the interval.
    digest = hashlib.blake2s(name.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") / 2**32 * interval_seconds


class Slots(msgspec.Struct):
    """The grid of one target. ``skipped`` counts slots that passed unused; they are never made up."""

    start_seconds: float
    interval_seconds: float
    used: int = -1
    skipped: int = 0

    def next_seconds(self) -> float:
        """Return when the next slot is due; may lie in the past."""
        return self.start_seconds + (self.used + 1) * self.interval_seconds

    def use(self, now_seconds: float) -> None:
        """Take the latest slot that is due, and count those that were missed before it."""
        latest = math.floor((now_seconds - self.start_seconds) / self.interval_seconds + 1e-9)
        self.skipped += max(0, latest - self.used - 1)
        self.used = max(self.used + 1, latest)


def grid(name: str, start_seconds: float, interval_seconds: float) -> Slots:
    """Return the slots of a target that is measured from ``start_seconds`` on."""
    return Slots(start_seconds + phase(name, interval_seconds), interval_seconds)


def reprobe(doubt_seconds: float, last_sent_seconds: float, now_seconds: float) -> float:
    """Return when a target in doubt is probed again: each second, counted from the first send in doubt.

    The grid makes one send fall exactly 4 s after the first one, whatever the deadline.
    """
    seconds = math.ceil((now_seconds - _LATE_SECONDS - doubt_seconds) / REPROBE_SECONDS - 1e-9)
    due = doubt_seconds + max(1, seconds) * REPROBE_SECONDS
    while due < last_sent_seconds + REPROBE_SECONDS / 2:
        due += REPROBE_SECONDS
    return due
