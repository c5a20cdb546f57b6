"""Two clocks read together, and what the kernel knows of the error of one of them.

Durations come from the monotonic clock, which nobody sets; packets carry wall time, which somebody may
set at any moment. A kernel's receive time stamp is wall time too, so it is believed only while nothing
says that the wall clock was set since.
"""

import ctypes
import time
from collections.abc import Callable
from typing import Final

import msgspec

from exporters.stampio.clockword import encode_error

STEP_NS: Final = 500_000
LONGEST_QUEUE_NS: Final = 1_000_000_000
ASKED_EVERY_NS: Final = 10_000_000_000
_STA_UNSYNC: Final = 0x0040
_TIME_ERROR: Final = 5


class Reading(msgspec.Struct, frozen=True):
    """Both clocks at one moment, nanoseconds."""

    wall_ns: int
    monotonic_ns: int


def read() -> Reading:
    """Read both clocks."""
    return Reading(time.time_ns(), time.monotonic_ns())


class ClockError(msgspec.Struct, frozen=True):
    """The kernel's bound on the error of the wall clock; ``seconds`` None when it knows of none."""

    synchronised: bool
    seconds: float | None


class _Timex(ctypes.Structure):
    """``struct timex`` of adjtimex(2), as far as it is read; the kernel writes no more than the padding."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("frequency", ctypes.c_long),
        ("maximum_error", ctypes.c_long),
        ("estimated_error", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 32),
    )


def clock_error() -> ClockError:
    """Ask the kernel (adjtimex(2)) how far the wall clock may be off.

    The *maximum* error is taken: it is a bound, and grows while nobody corrects the clock, whereas some
    time daemons leave the *estimated* error at zero. Where asking is not allowed, nothing is known.
    """
    timex = _Timex()
    state = _adjtimex()(ctypes.byref(timex))
    if state < 0 or state == _TIME_ERROR or timex.status & _STA_UNSYNC:
        return ClockError(False, None)
    return ClockError(True, max(timex.maximum_error, timex.estimated_error, 1) / 1e6)


def _adjtimex() -> Callable[..., int]:
    function: Callable[..., int] = ctypes.CDLL(None).adjtimex
    return function


class Timeline:
    """The wall clock of one process, its error, and whether it was set."""

    def __init__(
        self,
        clock: Callable[[], Reading] = read,
        error: Callable[[], ClockError] = clock_error,
    ) -> None:
        self._clock, self._error = clock, error
        self._before: Reading | None = None
        self._distrusted_until_ns = 0
        self._bits = 0
        self._asked_ns: int | None = None

    def now(self) -> Reading:
        """Read the clocks; notes when the wall clock was set since the reading before."""
        reading = self._clock()
        before, self._before = self._before, reading
        if before is not None:
            elapsed = reading.monotonic_ns - before.monotonic_ns
            if abs(reading.wall_ns - before.wall_ns - elapsed) > STEP_NS + elapsed // 1000:
                # What waits in the socket's queue was stamped by the clock as it was.
                self._distrusted_until_ns = reading.monotonic_ns + LONGEST_QUEUE_NS
                self._asked_ns = None
        return reading

    def received_ns(self, stamp_ns: int | None, now: Reading) -> int:
        """Return when a packet came, of the kernel's stamp and the time at which it was taken."""
        if stamp_ns is None or now.monotonic_ns < self._distrusted_until_ns:
            return now.wall_ns
        return stamp_ns if 0 <= now.wall_ns - stamp_ns <= LONGEST_QUEUE_NS else now.wall_ns

    def since(self, then: Reading) -> int:
        """Return the present wall time by the clock as it went at ``then``: no step comes in between."""
        return then.wall_ns + self._clock().monotonic_ns - then.monotonic_ns

    def error_bits(self, now: Reading) -> int:
        """Return the error estimate as packets carry it; the kernel is asked every ten seconds."""
        now_ns = now.monotonic_ns
        if self._asked_ns is None or now_ns - self._asked_ns > ASKED_EVERY_NS:
            error = self._error()
            self._bits = encode_error(error.seconds, synchronised=error.synchronised)
            self._asked_ns = now_ns
        return self._bits
