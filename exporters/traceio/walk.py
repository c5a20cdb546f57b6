"""Which distance is asked next, and when a trace is over. Pure; times of any one clock, in seconds."""

from typing import Final, NamedTuple

from exporters.icmpio.errors import IcmpError
from exporters.traceio.path import Hop, Trace

WINDOW: Final = 8
"""Distances asked at the same time."""
SILENT_IN_A_ROW: Final = 8
"""So many distances without an answer, and the rest is silent too: an outage, or a firewall."""
TRIES: Final = 2


class Question(NamedTuple):
    """One packet: its time to live, and how often that was asked before."""

    ttl: int
    attempt: int


class Walk:
    """One trace. Distances are asked in order, :data:`WINDOW` of them at a time, and each that stays
    silent for ``patience`` once more; late answers still count while the trace lasts."""

    def __init__(self, max_hops: int, patience: float) -> None:
        self._patience = patience
        self._end = max_hops  # the target's distance once it is known
        self._sent: dict[Question, float] = {}
        self._out: dict[int, float] = {}
        self._tries: dict[int, int] = {}
        self._hops: dict[int, Hop] = {}
        self._reached = False
        self._refused: IcmpError | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more is to be asked or waited for."""
        return self._next() is None and not any(ttl <= self._limit for ttl in self._out)

    @property
    def wakes(self) -> float | None:
        """When patience with some distance ends, None while nothing is out."""
        return min(self._out.values(), default=None)

    def due(self) -> Question | None:
        """Return what to ask now, or None."""
        ttl = self._next() if len(self._out) < WINDOW else None
        return None if ttl is None else Question(ttl, self._tries.get(ttl, 0))

    def sent(self, question: Question, now: float) -> None:
        """Note that a packet leaves."""
        self._sent[question], self._out[question.ttl] = now, now + self._patience
        self._tries[question.ttl] = question.attempt + 1

    def expire(self, now: float) -> None:
        """Give up waiting for what was asked long ago."""
        self._out = {ttl: until for ttl, until in self._out.items() if until > now}

    def only_out(self) -> Question | None:
        """Return the one question that is out, None when there are several."""
        if len(self._out) != 1:
            return None
        [ttl] = self._out
        return Question(ttl, self._tries[ttl] - 1)

    def passed_on(self, question: Question, router: str | None, now: float) -> None:
        """A router at that distance says that the packet's time to live ended there."""
        self._note(question, router, now)

    def arrived(self, question: Question, target: str, now: float) -> None:
        """The target answered: it is no farther away."""
        if self._note(question, target, now):
            self._end = min(question.ttl, self._end) if self._reached else question.ttl
            self._reached, self._refused = True, None

    def refused(self, question: Question, error: IcmpError, now: float) -> None:
        """A router at that distance does not pass packets on: nobody beyond it will answer."""
        if self._note(question, error.router, now) and not self._reached and question.ttl <= self._end:
            self._end, self._refused = question.ttl, error

    def trace(self) -> Trace:
        """Return what is known by now."""
        answered = [ttl for ttl in self._hops if ttl <= self._end]
        end = self._end if self._reached else max(answered, default=0)
        return Trace(
            tuple(self._hops.get(ttl, Hop(ttl)) for ttl in range(1, end + 1)), self._reached, self._refused
        )

    def _note(self, question: Question, address: str | None, now: float) -> bool:
        """Take the first answer from a distance that was asked; returns whether it is one."""
        sent, ttl = self._sent.get(question), question.ttl
        if sent is None or ttl in self._hops:
            return False
        self._hops[ttl] = Hop(ttl, address, max(0.0, now - sent))
        self._out.pop(ttl, None)
        return True

    @property
    def _limit(self) -> int:
        return min(self._end, max(self._hops, default=0) + SILENT_IN_A_ROW)

    def _next(self) -> int | None:
        for ttl in range(1, self._limit + 1):
            if ttl not in self._hops and ttl not in self._out and self._tries.get(ttl, 0) < TRIES:
                return ttl
        return None
