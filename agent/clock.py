"""The agent's idea of the hub's time, which every sample carries.

One sample dated far ahead makes Prometheus refuse the live samples of everyone, and a commune's box may
have no clock battery. So samples are dated by a clock that only moves forward (CLOCK_BOOTTIME, which
counts suspension) plus an ``epoch``, learnt from the ``Date`` header of the hub's answers:

- within 2 s of the hub, this machine's own clock is followed (NTP is finer than a header of whole
  seconds), except for steps;
- further off, the hub's time is used instead, at the moment a sample is made;
- before the hub has spoken, nothing is pushed; what is collected meanwhile is dated by this machine's
  clock, marked so, and dated anew once the hub has spoken (see ``spool/``).

An answer with ``Date`` D, asked at s and received at r, says that the epoch lies in [D - r, D + 1 - s]:
intersecting a few answers narrows that to about the round-trip time. Where test packets (``stamp``) are
answered by the hub and its clock is synchronised, they narrow it further, and never say otherwise.
"""

import logging
import time
import uuid
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

import msgspec

TRUST_OWN_SECONDS: Final = 2.0
TRUST_LIMIT_SECONDS: Final = 10.0
STEP_SECONDS: Final = 0.5
_DRIFT: Final = 1e-4  # a bad quartz: 100 ppm
_STABLE_SECONDS: Final = 0.05  # smaller differences do not move the epoch, so that derived times stay put
SANE_UNIX: Final = (1_700_000_000.0, 7_000_000_000.0)
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
log = logging.getLogger(__name__)


class Remembered(msgspec.Struct, frozen=True):
    """What is known of the hub's clock, for another run in the same boot: bounds of the epoch at
    ``heard``, a moment of the forward clock."""

    boot: str
    low: float
    high: float
    heard: float


def boottime() -> float:
    """Return seconds since the machine booted, suspension included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """Return what tells this boot of the machine from all others; random where the kernel does not say."""
    try:
        return str(uuid.UUID(_BOOT_ID.read_text(encoding="ascii").strip()))
    except (OSError, ValueError):
        return str(uuid.uuid4())


def parse_date(header: str | None) -> float | None:
    """Return the Unix time of an HTTP ``Date`` header (RFC 9110, 6.6.1), None for nonsense."""
    if not header or len(header) > 64:
        return None
    try:
        moment = parsedate_to_datetime(header)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    unix = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return unix if SANE_UNIX[0] <= unix <= SANE_UNIX[1] else None


class HubClock:
    """Dates samples. ``now`` is the forward clock, ``wall`` this machine's Unix time; ``boot`` tells
    the boot in which ``now`` counts."""

    def __init__(
        self,
        now: Callable[[], float] = boottime,
        wall: Callable[[], float] = time.time,
        boot: str | None = None,
    ) -> None:
        self.now = now
        self.boot = boot or boot_id()
        self._wall = wall
        self._wall_epoch = self._epoch = self._first_epoch = wall() - now()
        self._low = self._high = 0.0  # the hub's epoch lies between, as of _heard
        self._heard: float | None = None
        self._doubts = 0
        self._own = True
        self.own_right = False
        """Whether this machine's clock, as it was at the start, agreed with the hub's when that spoke."""

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

    @property
    def epoch_seconds(self) -> float:
        """What is added to ``now`` to get the Unix time."""
        return self._epoch

    @property
    def correction_seconds(self) -> float:
        """What is added to this machine's clock to date samples; 0 where that is followed."""
        return 0.0 if self._own else self._epoch - (self._wall() - self.now())

    def remember(self) -> Remembered | None:
        """Return what is known of the hub's clock, None before it spoke."""
        if self._heard is None:
            return None
        return Remembered(self.boot, self._low, self._high, self._heard)

    def recall(self, known: Remembered) -> None:
        """Go on with what an earlier run in the same boot knew, unless the hub has spoken since."""
        sane = known.low <= known.high and 0 <= known.heard <= self.now()
        if self._heard is None and known.boot == self.boot and sane:
            self._low, self._high, self._heard = known.low, known.high, known.heard
            self._judge_start()
            self._choose()

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
        first = self._heard is None
        self._low, self._high, self._heard = low, high, received_seconds
        if first:
            self._judge_start()
        self._choose()

    def refine(self, low: float, high: float) -> None:
        """Narrow down what the hub's answers said to bounds of the epoch that somebody else gives. What
        contradicts the hub is passed over, so that nobody else can say more than within which part of a
        second the hub is."""
        if self._heard is None:
            return
        old_low, old_high = self._bounds()
        if max(low, old_low) <= min(high, old_high):
            self._low, self._high, self._heard = max(low, old_low), min(high, old_high), self.now()
            self._choose()

    def watch(self) -> None:
        """Follow this machine's clock while it is trusted, and notice steps. Called every second."""
        wall_epoch = self._wall() - self.now()
        stepped = abs(wall_epoch - self._wall_epoch) > STEP_SECONDS
        self._wall_epoch = wall_epoch
        if stepped and self.known:
            if self._own:
                log.warning("this machine's clock was stepped: its time is not used until the hub speaks")
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
        self._say(off <= TRUST_OWN_SECONDS, (low + high) / 2 - self._wall_epoch)
        self._own = off <= TRUST_OWN_SECONDS
        if self._own:
            self._move(self._wall_epoch)
        elif not low - _STABLE_SECONDS <= self._epoch <= high + _STABLE_SECONDS:
            self._epoch = (low + high) / 2

    def _judge_start(self) -> None:
        low, high = self._bounds()
        off = max(low - self._first_epoch, self._first_epoch - high, 0.0)
        self.own_right = off <= TRUST_OWN_SECONDS

    def _say(self, own: bool, offset_seconds: float) -> None:
        """Log when the way of dating samples changes."""
        if own is self._own:
            return
        if own:
            log.info("this machine's clock agrees with the hub's again")
        else:
            log.warning(
                "this machine's clock is off: samples are dated by the hub's clock",
                extra={"offset_seconds": round(offset_seconds, 1)},
            )

    def _move(self, epoch: float) -> None:
        if abs(epoch - self._epoch) > _STABLE_SECONDS:
            self._epoch = epoch
