"""Keeps Python's garbage collector from holding up the loop.

A full collection visits every object: 0.2 s with 2,000 targets, during which nothing is sent and no
answer is dated. What the targets keep stays for as long as they do, so it is set aside
(:func:`gc.freeze`), again and again until each has been measured, read and pushed. A reload brings it
back first, so that targets which are gone leave nothing behind.

From then on what is new is looked through by the clock. The collector itself counts by how many objects
there are more than before; but each result takes the place of the one before it, so that many new ones
gather uncounted, and a look that comes at last takes 20 to 30 ms.
"""

import asyncio
import gc
import math
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Final

LOOK_SECONDS: Final = 0.5
"""How often the youngest are looked at: what the probes of that time left, 3 ms with 2,000 targets."""
ELDER_LOOKS: Final = 60
"""Every so many looks those are included that outlived one, and every so many of these all but what is
set aside."""
ALL_LOOKS: Final = 120
THRESHOLDS: Final = (50_000, 10, 1000)
"""Of the collector itself: only where something leaves so much that it cannot wait for a look."""
PATIENCE_SECONDS: Final = 120.0
"""Longer than any target takes to be measured once, traces and tests of throughput apart."""
SHOWN_SECONDS: Final = 60.0
"""When everything that was measured has been pushed, and read by whoever reads it."""


async def settle(measured: Callable[[], bool], configuration: Callable[[], str]) -> None:
    """Set aside what there is until everything was ``measured`` with a ``configuration``, and shown; then
    look through what is new. Runs for ever; at the end nothing is put back, which would hold it up."""
    gc.set_threshold(*THRESHOLDS)
    while True:
        await _settle_one(measured, partial(_same, configuration(), configuration))
        gc.unfreeze()
        gc.collect()  # a reload may hold up the loop; what the targets that are gone leave goes


async def _settle_one(measured: Callable[[], bool], same: Callable[[], bool]) -> None:
    """Settle one configuration, for as long as it is the ``same``."""
    await _again(_set_aside, lambda: same() and not measured(), PATIENCE_SECONDS)
    await _again(_set_aside, same, SHOWN_SECONDS)
    await _again(_look, same)


async def _again(work: Callable[[int], object], lasts: Callable[[], bool], seconds: float = math.inf) -> None:
    """Work while something ``lasts``, for so long at most."""
    for number in count(1):
        work(number)
        if number * LOOK_SECONDS > seconds or not lasts():
            return
        await asyncio.sleep(LOOK_SECONDS)


def _set_aside(_: int) -> None:
    """Costs nothing, unlike a look; the little that is not needed any more stays until a reload."""
    gc.freeze()


def _look(number: int) -> None:
    gc.collect(generation(number))


def generation(look: int) -> int:
    """Return up to which generation a look goes, the first being number 1.

    >>> generation(1), generation(ELDER_LOOKS), generation(ELDER_LOOKS * ALL_LOOKS)
    (0, 1, 2)
    """
    if look % ELDER_LOOKS:
        return 0
    return 1 if look % (ELDER_LOOKS * ALL_LOOKS) else 2


def _same(before: str, now: Callable[[], str]) -> bool:
    return now() == before
