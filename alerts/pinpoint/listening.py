"""Since when the hub has been listening without a break. Pure.

While Prometheus was away, or nothing reached it, agents were not silent: they were not heard. They need a
while to be heard again, each at its own time, and until then a missing heartbeat proves nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Final

BREAK_SECONDS: Final = 8.0
"""Without a sign of life of anybody for so long, the hub was not listening."""
SILENCE_SECONDS: Final = 6.0
"""Without a sign of life of a site for so long, it was silent."""


class Listening:
    """Told of every tick: whether Prometheus answered, and when anybody was last heard.

    ``since``: what Prometheus says when it is first asked, at ``at`` (Unix seconds): a locator that was away
    has missed nothing that it could not read.
    """

    def __init__(self, since: float, at: float) -> None:
        self.since = since
        self._answered = at

    def tick(self, at: float, latest: float) -> None:
        """Prometheus answered at ``at`` (Unix seconds); ``latest`` is the last sign of life of anybody."""
        if at - self._answered > BREAK_SECONDS or at - latest > BREAK_SECONDS:
            self.since = at
        self._answered = at


class Resumed:
    """Told of every tick: since when each site is heard again that had been silent.

    What it measured meanwhile arrives later and fills the gap in its series, so it has to be remembered.
    """

    def __init__(self) -> None:
        self._last: dict[str, float] = {}
        self.at: dict[str, float] = {}

    def tick(self, beats: Mapping[str, float]) -> None:
        """``beats``: when each site was last heard (Unix seconds)."""
        for site, last in beats.items():
            before = self._last.get(site, last)
            if last - before > SILENCE_SECONDS:
                self.at[site] = last
            self._last[site] = max(last, before)


def unbroken_since(beats: Sequence[float], at: float, begin: float) -> float:
    """Return since when signs of life came without a break, given all of those after ``begin``."""
    since = begin
    before = begin
    for beat in (*sorted(beat for beat in beats if begin <= beat <= at), at):
        if beat - before > BREAK_SECONDS:
            since = beat
        before = beat
    return since
