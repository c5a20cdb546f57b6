"""Long work on the event loop, in slices between which everybody else has a turn.

Counted in units of work instead of milliseconds, so that a run is the same on every machine; with a few
microseconds a series, a slice takes 1 ms, and several works at once stay below the 5 ms that a probe may
be late.
"""

import asyncio
from typing import Final

UNITS: Final = 200
"""Series per slice."""


class Slices:
    """One long piece of work."""

    def __init__(self, units: int = UNITS) -> None:
        self._units = self._left = units

    async def used(self, units: int) -> None:
        """Count work that was done; lets others have the loop when a slice is used up."""
        self._left -= units
        if self._left <= 0:
            self._left = self._units
            await asyncio.sleep(0)
