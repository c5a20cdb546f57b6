"""Keeps Python's garbage collector from holding up the loop.

A full collection visits every object: 0.3 s with 2,000 targets, during which nothing is sent and no
answer is dated. What the targets keep stays for as long as they do, so once each has been measured it is
set aside (:func:`gc.freeze`), and what is visited from then on is little. A reload brings it back first,
so that targets which are gone leave nothing behind.
"""

import asyncio
import gc
import math
from collections.abc import Callable
from functools import partial
from typing import Final

LOOK_SECONDS: Final = 1.0
THRESHOLDS: Final = (700, 2, 1000)
"""The young are looked at in small portions: as many objects again as these come and go between two looks.
A look at all that is not set aside is rare, and what reference counting does not free is little."""
PATIENCE_SECONDS: Final = 120.0
"""Longer than any target takes to be measured once, traces and tests of throughput apart."""


async def settle(measured: Callable[[], bool], configuration: Callable[[], str]) -> None:
    """Set aside what is there once everything was ``measured`` with a ``configuration``. Runs for ever."""
    while True:
        await _while(lambda: not measured(), PATIENCE_SECONDS)
        gc.freeze()
        usual = gc.get_threshold()
        gc.set_threshold(*THRESHOLDS)
        try:
            await _while(partial(_same, configuration(), configuration))
        finally:
            gc.set_threshold(*usual)
            gc.unfreeze()
        gc.collect()  # a reload may hold up the loop; what the targets that are gone leave is not set aside


def _same(before: str, now: Callable[[], str]) -> bool:
    return now() == before


async def _while(lasts: Callable[[], bool], seconds: float = math.inf) -> None:
    left = seconds
    while left > 0 and lasts():
        await asyncio.sleep(LOOK_SECONDS)
        left -= LOOK_SECONDS
