"""When the agent ran and when it did not, as far as both ends of a gap tell. Pure.

An agent that started before the gap and speaks after it ran all the time, whatever arrived of it. One that
started within it was dead before: the boot id tells whether its machine was, too.
"""

from typing import Final

import msgspec

from alerts.gaps.model import Edge, after, before, between, exactly
from alerts.gaps.tracks import Track

SAME_START_SECONDS: Final = 2.5
"""A start time is told from a clock that follows the hub's: it moves by as much."""
AT_RISK_SECONDS: Final = 60.0
"""What a spool may lose of the last words of an agent that is killed."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a site told about itself around a gap. Tracks of values:

    ``heard`` anything at all; ``starts`` and ``booted`` Unix times at which agent and machine started;
    ``boots`` boot ids; ``stopped`` Unix time of the last stop on purpose or 0; ``mains`` 1 or 0; ``guard`` 1
    while the clock is not trusted; ``offset`` the hub's clock minus its own; ``spool`` anything of its spool.
    """

    heard: Track
    starts: Track = Track()
    booted: Track = Track()
    boots: Track = Track()
    stopped: Track = Track()
    mains: Track = Track()
    guard: Track = Track()
    offset: Track = Track()
    spool: Track = Track()


class Stay(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a gap in which the agent ran (``alive``), did not, or nobody knows (None).

    Of one in which it did not: ``rebooted`` whether its machine was started anew meanwhile, at
    ``booted_unix``; ``stopped_unix`` when it was stopped on purpose; ``on_mains`` as last told before.
    ``first``: nothing was told before.
    """

    start: Edge
    end: Edge
    alive: bool | None
    rebooted: bool | None = None
    booted_unix: float | None = None
    stopped_unix: float | None = None
    on_mains: bool | None = None
    started_unix: float | None = None
    first: bool = False


class Run(msgspec.Struct, frozen=True):
    """A run of the agent: its start as it tells, and when it told so first and last."""

    started: float
    first: float
    last: float


def runs(told: Told) -> list[Run]:
    """Return the runs that told of themselves, oldest first."""
    found: list[Run] = []
    for span in told.starts.spans:
        started = float(span.value)
        if found and started <= found[-1].last - SAME_START_SECONDS:
            known = found[-1]
            found[-1] = Run(known.started, known.first, span.last)
        elif found and abs(started - found[-1].started) <= SAME_START_SECONDS:
            found[-1] = Run(found[-1].started, found[-1].first, span.last)
        else:
            found.append(Run(started, span.first, span.last))
    return found


def stays(told: Told, start: Edge, end: Edge, *, open_: bool, hearable: float | None) -> list[Stay]:
    """Cut a gap into stays that follow one another. ``hearable``: from when on an agent that ran would have
    been heard, None where that is not known."""
    known = [run for run in runs(told) if run.started <= end.at + SAME_START_SECONDS]
    found: list[Stay] = []
    here = start
    for run in known:
        if run.first <= start.at or run.started <= here.at - SAME_START_SECONDS:
            continue
        birth = _within(between(run.started - 1, run.started + 1), here, end)
        if here is start and _is_first(told, start):
            found.append(Stay(start=here, end=birth, alive=None, first=True))
            here = birth
            continue
        death = _death(told, here, birth, hearable)
        if death.at > here.at:
            found.append(Stay(start=here, end=death, alive=True))
        found.append(_dead(told, run, death, birth))
        here = birth
    if here.at < end.at or not found:
        found += _rest(told, known, here, end, open_=open_)
    return found


def _is_first(told: Told, start: Edge) -> bool:
    """Whether nothing was told before a gap: then nobody knows of a run that could have ended."""
    last = told.heard.last_before(start.at + SAME_START_SECONDS)
    return last is None


def _rest(told: Told, known: list[Run], here: Edge, end: Edge, *, open_: bool) -> list[Stay]:
    """The stays after the last known start: its run lives for as long as it tells of itself."""
    started = known[-1].started if known else None
    if known and not open_ and known[-1].last > end.at - SAME_START_SECONDS:
        return [Stay(start=here, end=end, alive=True, started_unix=started)]
    last = told.heard.last_before(end.at)
    mains = told.mains.value_at(end.at)
    rest = Stay(
        start=here, end=end, alive=None, on_mains=None if mains is None else mains == 1,
        stopped_unix=_stop(told, max(here.at, last or here.at), end.at), started_unix=started,
    )  # fmt: skip
    if last is None or not open_ or last <= here.at:
        return [rest]
    death = _within(after(last, end.at - last), here, end)
    return [
        Stay(start=here, end=death, alive=True, started_unix=started),
        msgspec.structs.replace(rest, start=death),
    ]


def _within(edge: Edge, low: Edge, high: Edge) -> Edge:
    """Return an edge moved between two others, where it lies outside."""
    at = min(max(edge.at, low.at), high.at)
    return Edge(at, max(min(edge.earliest, at), min(low.at, at)), min(max(edge.latest, at), max(high.at, at)))


def _death(told: Told, here: Edge, birth: Edge, hearable: float | None) -> Edge:
    """When the run before a birth ended: after its last sample, and not long after where that tells.

    The first samples of the next run may be older than its start: both are told from a clock that moves.
    """
    last = told.heard.last_before(birth.at - SAME_START_SECONDS)
    last = here.at if last is None else min(max(last, here.at), birth.at)
    stopped = _stop(told, last, birth.at)
    if stopped is not None:
        return _within(before(stopped, 0.0), exactly(last), birth)
    bounds = [birth.at]
    if told.spool.told(here.at - 600, last):
        bounds.append(last + AT_RISK_SECONDS)
    if hearable is not None:
        bounds.append(max(last, hearable) + here.uncertainty_seconds)
    return after(last, min(bounds) - last)


def _stop(told: Told, last: float, birth: float) -> float | None:
    """When the run before a birth was stopped on purpose: its own last word, or what the next run tells."""
    for span in told.stopped.spans:
        value = float(span.value)
        if value > 0 and last - 10 <= value <= birth + 5:
            return value
    return None


def _dead(told: Told, run: Run, death: Edge, birth: Edge) -> Stay:
    mains = told.mains.value_at(death.latest)
    return Stay(
        start=death, end=birth, alive=False, started_unix=run.started,
        stopped_unix=_stop(told, death.at, birth.at),
        on_mains=None if mains is None else mains == 1,
        rebooted=_rebooted(told, death.at, birth.at),
        booted_unix=_booted(told, death.at, birth.at),
    )  # fmt: skip


def _rebooted(told: Told, death: float, birth: float) -> bool | None:
    """Whether the machine was started anew. The id decides; without it, the time of the boot."""
    was, now = told.boots.value_at(death), told.boots.first_value(birth)
    if was is not None and now is not None:
        return was != now
    booted = told.booted.first_value(birth)
    return None if booted is None else float(booted) > death - SAME_START_SECONDS


def _booted(told: Told, death: float, birth: float) -> float | None:
    booted = told.booted.first_value(birth)
    if booted is None or not death < float(booted) <= birth:
        return None
    return float(booted)
