"""Calls at even distances, straight from the loop's timers: a task would be woken once more for each."""

import asyncio
from collections.abc import Callable


class _Pace:
    def __init__(self, count: int, gap_seconds: float, act: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._start, self._gap, self._count, self._act = self._loop.time(), gap_seconds, count, act
        self._number = 0
        self.done: asyncio.Future[None] = self._loop.create_future()
        self.timer = self._loop.call_soon(self._fire)

    def _fire(self) -> None:
        try:
            self._act()
        except Exception as error:  # noqa: BLE001 - not swallowed: it comes out where the pace is awaited
            if not self.done.done():
                self.done.set_exception(error)
            return
        self._number += 1
        if self._number < self._count:
            self.timer = self._loop.call_at(self._start + self._number * self._gap, self._fire)
        elif not self.done.done():
            self.done.set_result(None)


async def pace(count: int, gap_seconds: float, act: Callable[[], None]) -> None:
    """Call ``act`` ``count`` times, ``gap_seconds`` apart, without drift. Raises what ``act`` raises."""
    running = _Pace(count, gap_seconds, act)
    try:
        await running.done
    finally:
        running.timer.cancel()
