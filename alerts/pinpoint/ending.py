"""When an outage that is not found any more is over, and since when it was. Pure.

It is over when it was not found for some ticks in a row. What comes back within that time had not ended, and
is waited for longer from then on; what comes back soon after its end too: a line that flaps is one outage
that lasts, not a page a minute. The end itself is dated by the first success after the last failure, however
late anybody could be sure of it.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from alerts.locate.model import Cause
from alerts.pinpoint.grade import is_partial
from alerts.pinpoint.sight import Sight, Span

END_TICKS: Final = 4
BACK_TICKS: Final = 3
"""So long absent at least, and found again, is a return; shorter gaps are doubt, as healing brings it."""
LONGER: Final = 4
MOST_TICKS: Final = 64
SOON_SECONDS: Final = 30.0
"""What begins again so soon after its end has come back; later it is another outage."""
CALM_SECONDS: Final = 600.0
"""After so long without a return, the next end is waited for no longer than the first."""
PARTIAL_END_TICKS: Final = 8
"""Packets are lost by chance: for some seconds more may arrive than are lost on the average."""
_MOST_OF_THEM: Final = 0.75
"""By the last failures of so many paths is the end dated: something fails by chance after any outage."""
STRAY: Final = 0.1
"""Share of failing paths that may fail by chance and say nothing about when an outage began or lasts."""
MANY: Final = 4
"""Of so many paths that lose packets one may lose them by chance."""
IN_FLIGHT_SECONDS: Final = 2.5
"""A failure may be known so long after it was sent: it may have been sent before the end."""


class _Course(msgspec.Struct):
    """What is remembered of one outage. Times are Unix seconds; ``members`` of its class, at any time."""

    members: set[str]
    absent: int = 0
    left_at: float = 0.0
    returns: int = 0
    returned_at: float = 0.0
    failed_at: float | None = None
    well_at: float | None = None
    partial: bool = False

    def notice(self, affected: Iterable[int], sight: Sight) -> None:
        """Take in when what it affects failed last, and has worked since."""
        failed = sorted(s[route].last for route in affected for s in (sight.spans, sight.lossy) if route in s)
        if failed and not self.absent:
            last = failed[int(_MOST_OF_THEM * (len(failed) - 1))]
            self.failed_at = max(last, self.failed_at or 0.0)
        earliest = (self.failed_at or 0.0) - IN_FLIGHT_SECONDS
        wells = [sight.well[route] for route in affected if route in sight.well]
        if self.well_at is not None:
            wells.append(self.well_at)
        self.well_at = min((at for at in wells if at >= earliest), default=None)

    def back(self, at: float) -> None:
        """It is found again, after an end or an absence."""
        self.returns = self.returns + 1 if at - self.returned_at < CALM_SECONDS else 1
        self.returned_at = at

    def patience(self, at: float) -> int:
        """For how many ticks it must be absent."""
        returns = self.returns if at - self.returned_at < CALM_SECONDS else 0
        first = PARTIAL_END_TICKS if self.partial else END_TICKS
        return int(min(first * LONGER**returns, MOST_TICKS))


class Ending:
    """Told of every tick what of the open outages was found; says what is over."""

    def __init__(self) -> None:
        self._open: dict[str, _Course] = {}
        self._past: list[tuple[float, _Course]] = []

    def begun(self, name: str, cause: Cause, at: float) -> None:
        """An outage was told of: perhaps one that had ended a short while ago."""
        self._past = [one for one in self._past if at - one[0] < SOON_SECONDS]
        course = _Course(set(cause.members), partial=is_partial(cause))
        for _, before in self._past:
            if not before.members.isdisjoint(cause.members):
                course.returns, course.returned_at = before.returns, before.returned_at
                course.back(at)
                break
        self._open[name] = course

    def found(self, name: str, cause: Cause, sight: Sight) -> None:
        """The outage was found at this tick."""
        course = self._open.setdefault(name, _Course(set(cause.members), partial=is_partial(cause)))
        span = span_of(cause, sight, partial=True)
        if course.absent >= BACK_TICKS and span is not None and span.last > course.left_at:
            course.back(sight.at)  # not so what was seen before it was absent, and waits in the window yet
        course.absent = 0
        course.partial = course.partial and is_partial(cause)  # what was hard looks partial while it heals
        course.members |= set(cause.members)
        course.notice(cause.affected, sight)

    def missed(self, name: str, cause: Cause, sight: Sight) -> bool:
        """The outage was not found at this tick; say whether it is over."""
        course = self._open.setdefault(name, _Course(set(cause.members)))
        course.absent += 1
        course.left_at = sight.at if course.absent == 1 else course.left_at
        course.notice(cause.affected, sight)
        return course.absent >= course.patience(sight.at)

    def close(self, name: str, since: float, at: float) -> float:
        """Forget what is over at ``at``; returns when it really ended: never before ``since``."""
        course = self._open.pop(name)
        self._past.append((at, course))
        ended = course.well_at or course.failed_at or at
        return min(max(ended, since), at)


def span_of(cause: Cause, sight: Sight, *, partial: bool) -> Span | None:
    """Return when the failures that a cause explains were seen first and last; ``partial``: bursts that lost
    a part of their packets are among them."""
    seen = (sight.spans, sight.lossy) if partial else (sight.spans,)
    spans = [found[route] for route in cause.affected for found in seen if route in found]
    if not spans:
        return None
    stray = max(int(STRAY * len(spans)), partial and len(spans) >= MANY)
    first = sorted(span.first for span in spans)[stray]
    last = sorted(span.last for span in spans)[len(spans) - 1 - stray]
    return Span(first, max(first, last))
