"""When a state flips, and to which state each second is credited. Pure.

A single answer proves little, so a state flips only after sends spanning at least
:data:`SPAN_SECONDS` all said the same and the last of them still does: a blip of up to 3 s is never an
outage, and coming back takes as much proof as going away. Time is credited by *sends*: from one send
to the next, and an interval in doubt only once it is decided, back to the first send that disagreed.
So up + down + unknown always equals the time since the start, and none of them ever falls.

All times are seconds on one clock that only moves forward and counts suspension too.
"""

from typing import Final

import msgspec

from inventory.names import State

SPAN_SECONDS: Final = 3.5
LEAST_SENDS: Final = 3
DOUBT_LIMIT_SECONDS: Final = 30.0
"""How long opinions may disagree before the time in doubt is given up as unknown."""


class Evidence(msgspec.Struct, frozen=True, order=True, gc=False):
    """What one probe says. ``sent_seconds`` is when it was sent, not when it ended."""

    sent_seconds: float
    says: State


class Interval(msgspec.Struct, frozen=True, gc=False):
    """Time credited to one state."""

    state: State
    start_seconds: float
    end_seconds: float


class Transition(msgspec.Struct, frozen=True, gc=False):
    """A confirmed change; ``at_seconds`` is the first send that spoke for the new state."""

    state: State
    was: State
    at_seconds: float


class Tracker(msgspec.Struct, frozen=True, gc=False):
    """Where one target stands. ``credited_seconds``: everything before is credited, nothing after.

    ``pending`` holds, in order of sending, what disagrees with ``state`` since then.
    """

    state: State
    credited_seconds: float
    pending: tuple[Evidence, ...] = ()

    @property
    def doubt(self) -> float | None:
        """First send that disagrees with the state, None while nothing does."""
        return self.pending[0].sent_seconds if self.pending else None

    @property
    def heard_seconds(self) -> float:
        """The latest send that anything is known of."""
        return self.pending[-1].sent_seconds if self.pending else self.credited_seconds


class Step(msgspec.Struct, frozen=True, gc=False):
    """What one piece of evidence brought about."""

    tracker: Tracker
    credited: tuple[Interval, ...] = ()
    transition: Transition | None = None


def begin(now_seconds: float) -> Tracker:
    """Return the tracker of a target of which nothing is known yet."""
    return Tracker(State.UNKNOWN, now_seconds)


def step(tracker: Tracker, evidence: Evidence, longest_gap_seconds: float) -> Step:
    """Take in one result. Results may come in another order than they were sent.

    After silence longer than ``longest_gap_seconds`` (suspension, overload) nobody knows what was.
    """
    if evidence.sent_seconds - tracker.heard_seconds > longest_gap_seconds:
        lapsed = lapse(tracker)
        return _join(lapsed, step(lapsed.tracker, evidence, float("inf")))
    if evidence.sent_seconds <= tracker.credited_seconds:
        return Step(tracker)  # overtaken: a later send has decided this time already
    if evidence.says is tracker.state:
        return _agree(tracker, evidence)
    pending = tuple(sorted((*tracker.pending, evidence)))
    return _weigh(msgspec.structs.replace(tracker, pending=pending))


def lapse(tracker: Tracker) -> Step:
    """Give up what is undecided as unknown: the target stops, or nothing was heard for too long."""
    heard = tracker.heard_seconds
    credited = _filled((_agreed(tracker), Interval(State.UNKNOWN, tracker.doubt or heard, heard)))
    return Step(Tracker(State.UNKNOWN, heard), credited, _change(tracker, State.UNKNOWN, heard))


def _agree(tracker: Tracker, evidence: Evidence) -> Step:
    """The state is as it was: what disagreed before this send was a blip of that state."""
    end = evidence.sent_seconds
    before = [item for item in tracker.pending if item.sent_seconds < end]
    edges = [item.sent_seconds for item in before[1:]] + [end]
    blips = [
        Interval(State.UNKNOWN if item.says is State.UNKNOWN else tracker.state, item.sent_seconds, edge)
        for item, edge in zip(before, edges, strict=False)
    ]
    first = before[0].sent_seconds if before else end
    agreed = Interval(tracker.state, tracker.credited_seconds, first)
    return Step(Tracker(tracker.state, end, tracker.pending[len(before) :]), _filled((agreed, *blips)))


def _weigh(tracker: Tracker) -> Step:
    """Decide whether what is pending is enough to flip the state."""
    run = _last_run(tracker.pending)
    first, last = run[0].sent_seconds, run[-1].sent_seconds
    if len(run) >= LEAST_SENDS and last - first >= SPAN_SECONDS:
        doubt = Interval(State.UNKNOWN, tracker.doubt or first, first)
        confirmed = Interval(run[0].says, first, last)
        credited = _filled((_agreed(tracker), doubt, confirmed))
        return Step(Tracker(run[0].says, last), credited, _change(tracker, run[0].says, first))
    if last - (tracker.doubt or first) > DOUBT_LIMIT_SECONDS:
        return lapse(tracker)
    return Step(tracker)


def _last_run(pending: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    start = len(pending) - 1
    while start > 0 and pending[start - 1].says is pending[-1].says:
        start -= 1
    return pending[start:]


def _agreed(tracker: Tracker) -> Interval:
    until = tracker.credited_seconds if tracker.doubt is None else tracker.doubt
    return Interval(tracker.state, tracker.credited_seconds, until)


def _change(tracker: Tracker, state: State, at_seconds: float) -> Transition | None:
    return None if state is tracker.state else Transition(state, tracker.state, at_seconds)


def _filled(intervals: tuple[Interval, ...]) -> tuple[Interval, ...]:
    return tuple(item for item in intervals if item.end_seconds > item.start_seconds)


def _join(first: Step, second: Step) -> Step:
    return Step(second.tracker, first.credited + second.credited, second.transition or first.transition)
