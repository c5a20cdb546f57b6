"""How long to leave a hub in peace that has trouble. Pure."""

import random
from collections.abc import Callable
from typing import Final

Random = Callable[[], float]
"""Returns a number in [0, 1)."""
MAX_ASKED_SECONDS: Final = 120.0
_rng: Final = random.SystemRandom()


def chance() -> float:
    """Return a random number in [0, 1)."""
    return _rng.random()


class Backoff:
    """Doubles from ``first`` to ``most`` seconds with every failure; jitter keeps agents apart."""

    def __init__(self, first_seconds: float, most_seconds: float, rng: Random = chance) -> None:
        self._first, self._most, self._rng = first_seconds, most_seconds, rng
        self._failures = 0

    def worked(self) -> None:
        """Begin anew."""
        self._failures = 0

    def failed(self, asked_seconds: float | None = None) -> float:
        """Return how long to wait; at least what the hub ``asked`` for, within reason."""
        wait = min(self._most, self._first * 2.0 ** min(self._failures, 30))
        self._failures += 1
        wait *= 0.5 + 0.5 * self._rng()
        if asked_seconds is not None:
            wait = max(wait, min(asked_seconds, MAX_ASKED_SECONDS) * (1 + 0.1 * self._rng()))
        return wait
