"""Finds what in a request the hub will never take, by halves, so that the rest gets through. Pure.

A series of which a few single samples were refused is ``bad``: what else there is of it is given up
without asking, here and, for a while, elsewhere. So a row full of what the hub does not want costs a few
requests a series and not a few a sample.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from agent.spool.fields import labels_of, sample_count, singles

REFUSALS: Final = 3
BAD_SECONDS: Final = 600.0
MAX_BAD: Final = 10_000


class Bad:
    """Series that the hub does not want, by their labels, each for a while."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._until: dict[int, float] = {}
        self._refusals: dict[int, int] = {}

    def __bool__(self) -> bool:
        return bool(self._until)

    def wanted(self, field: bytes) -> bool:
        """Whether a series may be sent."""
        if not self._until:
            return True
        key = hash(labels_of(field))
        until = self._until.get(key)
        if until is not None and until < self._now():
            del self._until[key]
            return True
        return until is None

    def learn(self, taken: Iterable[bytes], refused: Iterable[bytes]) -> None:
        """Count samples that were taken after all, and single ones that were refused."""
        for field in taken:
            self._refusals.pop(hash(labels_of(field)), None)
        for field in refused:
            key = hash(labels_of(field))
            self._refusals[key] = self._refusals.get(key, 0) + 1
            if self._refusals[key] >= REFUSALS and len(self._until) < MAX_BAD:
                self._until[key] = self._now() + BAD_SECONDS
                del self._refusals[key]
        if len(self._refusals) > MAX_BAD:
            self._refusals.clear()


class Sift:
    """What of some series to send next. Use: while ``next()``, send it, then say ``taken`` or ``refused``.

    A hub that refuses everything has not said what is wrong with any of it: see :attr:`telling`.
    """

    def __init__(self, fields: Sequence[bytes], bad: Bad) -> None:
        # Alike lie together, so that half of what is refused is likely to be of one series.
        self._todo: list[list[bytes]] = [sorted(fields, key=labels_of)]
        self._bad = bad
        self._refusals: Counter[int] = Counter()
        self._now: list[bytes] = []
        self._single: list[bytes] = []
        self.good: list[bytes] = []
        self.dropped: list[bytes] = []

    def next(self) -> list[bytes]:
        """Return what to send now, empty at the end."""
        while self._todo:
            group = self._todo.pop()
            self._now = [field for field in group if self._wanted(field)]
            if len(self._now) < len(group):
                self.dropped += [field for field in group if not self._wanted(field)]
            if self._now:
                return self._now
        return []

    def taken(self) -> None:
        """The hub took it."""
        self.good += self._now

    def refused(self) -> None:
        """The hub will not take it: halve it, down to single samples, or give up a single one."""
        some = self._now if len(self._now) > 1 else singles(self._now[0])
        if len(some) <= 1:
            self._refusals[hash(labels_of(self._now[0]))] += 1
            self._single += self._now
            self.dropped += self._now
            return
        half = len(some) // 2
        self._todo += [some[half:], some[:half]]

    @property
    def complete(self) -> bool:
        """Whether the fate of everything is known."""
        return not self._todo

    @property
    def telling(self) -> bool:
        """Whether the hub took anything."""
        return bool(self.good)

    def learn(self) -> None:
        """Let others know what the hub does not want."""
        self._bad.learn(self.good, self._single)

    @property
    def dropped_samples(self) -> int:
        """How many samples were given up."""
        return sum(sample_count(field) for field in self.dropped)

    def _wanted(self, field: bytes) -> bool:
        often = self._refusals and self._refusals[hash(labels_of(field))] >= REFUSALS
        return not often and self._bad.wanted(field)
