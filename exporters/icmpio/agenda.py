"""When each of many bursts is to be looked after next. Pure; times of the loop's clock, in seconds.

One timer of the loop serves them all: a timer for every packet costs as much as the packet, since asyncio
compares its timers in Python.
"""

from heapq import heappop, heappush
from itertools import count

from exporters.icmpio.burst import Burst


class Agenda:
    """Every burst has one moment at most, kept in ``Burst.due``; what it was put off from stays behind in
    the heap and is passed over."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Burst]] = []
        self._numbers = count()  # bursts of one moment are not compared
        self._live = 0

    def put(self, burst: Burst, when: float) -> None:
        """Have ``burst`` looked after at ``when`` and not before."""
        if burst.due is None:
            self._live += 1
        burst.due = when
        heappush(self._heap, (when, next(self._numbers), burst))

    def drop(self, burst: Burst) -> None:
        """Forget a burst; one that is not there is no error."""
        if burst.due is not None:
            burst.due = None
            self._live -= 1
            if not self._live:
                self._heap.clear()

    def take(self, until: float, most: int) -> list[Burst]:
        """Take out the bursts whose moments have come by ``until``, in their order; so many at most."""
        found: list[Burst] = []
        while self._heap and self._heap[0][0] <= until and len(found) < most:
            when, _, burst = heappop(self._heap)
            if burst.due == when:
                burst.due = None
                found.append(burst)
        self._live -= len(found)
        return found

    @property
    def first(self) -> float | None:
        """The next moment, None while there is none."""
        while self._heap and self._heap[0][2].due != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None
