"""The agent's idea of the hub's time, which every sample carries.

One sample dated far ahead makes Prometheus refuse the live samples of everyone, and a commune's box may
have no clock battery. So samples are dated by a clock that only moves forward (CLOCK_BOOTTIME, which
counts suspension) plus an ``epoch``, learnt from the ``Date`` header of the hub's answers:

- within 2 s of the hub, this machine's own clock is followed (NTP is finer than a header of whole
  seconds), except for steps;
- further off, the hub's time is used instead, at the moment a sample is made;
- before the hub has spoken, nothing is pushed.

An answer with ``Date`` D, asked at s and received at r, says that the epoch lies in [D - r, D + 1 - s]:
intersecting a few answers narrows that to about the round-trip time.
"""

import time
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

TRUST_OWN_SECONDS: Final = 2.0
TRUST_LIMIT_SECONDS: Final = 10.0
STEP_SECONDS: Final = 0.5
_DRIFT: Final = 1e-4  # a bad quartz: 100 ppm
_STABLE_SECONDS: Final = 0.05  # smaller differences do not move the epoch, so that derived times stay put
_SANE_UNIX: Final = (1_700_000_000.0, 7_000_000_000.0)


def boottime() -> float:
    """Return seconds since the machine booted, suspension included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def parse_date(header: str | None) -> float | None:
    """Return the Unix time of an HTTP ``Date`` header (RFC 9110, 6.6.1), None for nonsense."""
    if not header or len(header) > 64:
        return None
    try:
        moment = parsedate_to_datetime(header)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    unix = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return unix if _SANE_UNIX[0] <= unix <= _SANE_UNIX[1] else None


class HubClock:
    """Dates samples. ``now`` is the forward clock, ``wall`` this machine's Unix time."""

    def __init__(self, now: Callable[[], float] = boottime, wall: Callable[[], float] = time.time) -> None:
        self.now = now
        self._wall = wall
        self._wall_epoch = self._epoch = wall() - now()
        self._low = self._high = 0.0  # the hub's epoch lies between, as of _heard
        self._heard: float | None = None
        self._doubts = 0
        self._own = True

    @property
    def known(self) -> bool:
        """Whether the hub has spoken."""
        return self._heard is not None

    @property
    def trusted(self) -> bool:
        """Whether samples may be pushed."""
        if self._heard is None:
            return False
        low, high = self._bounds()
        return self._own or (high - low) / 2 <= TRUST_LIMIT_SECONDS

    @property
    def offset_seconds(self) -> float | None:
        """The hub's clock minus this machine's, None until known."""
        if self._heard is None:
            return None
        low, high = self._bounds()
        return (low + high) / 2 - (self._wall() - self.now())

    def unix(self, at_seconds: float | None = None) -> float:
        """Return the corrected Unix time of a moment of ``now`` (default: this one)."""
        return (self.now() if at_seconds is None else at_seconds) + self._epoch

    def observe(self, sent_seconds: float, received_seconds: float, date_unix: float) -> None:
        """Take in the ``Date`` of an answer. One that contradicts all before must be seen twice."""
        low, high = date_unix - received_seconds, date_unix + 1 - sent_seconds
        if self._heard is not None:
            old_low, old_high = self._bounds()
            if max(low, old_low) <= min(high, old_high):
                low, high = max(low, old_low), min(high, old_high)
                self._doubts = 0
            elif self._doubts == 0:
                self._doubts = 1
                return
        self._doubts = 0
        self._low, self._high, self._heard = low, high, received_seconds
        self._choose()

    def watch(self) -> None:
        """Follow this machine's clock while it is trusted, and notice steps. Called every second."""
        wall_epoch = self._wall() - self.now()
        stepped = abs(wall_epoch - self._wall_epoch) > STEP_SECONDS
        self._wall_epoch = wall_epoch
        if stepped and self.known:
            self._own = False  # hold the epoch until the hub speaks again
        elif self._own:
            self._move(wall_epoch)

    def _bounds(self) -> tuple[float, float]:
        drift = max(0.0, self.now() - (self._heard or 0.0)) * _DRIFT
        return self._low - drift, self._high + drift

    def _choose(self) -> None:
        self._wall_epoch = self._wall() - self.now()
        low, high = self._bounds()
        off = max(low - self._wall_epoch, self._wall_epoch - high, 0.0)
        self._own = off <= TRUST_OWN_SECONDS
        if self._own:
            self._move(self._wall_epoch)
        elif not low <= self._epoch <= high:
            self._epoch = (low + high) / 2

    def _move(self, epoch: float) -> None:
        if abs(epoch - self._epoch) > _STABLE_SECONDS:
            self._epoch = epoch
