"""Puts a label on every moment of a gap. Pure.

First: when did the agent run (``life``)? Where it did not, its machine's boot and its own farewell tell why;
where it did, whatever kept it from being heard (``causes``). Where that is not known, only what the hub saw
and what the site said last can speak.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from alerts.gaps import windows
from alerts.gaps.causes import Causes, Witnesses, is_down, is_up
from alerts.gaps.find import Stretch
from alerts.gaps.life import Stay, Told, stays
from alerts.gaps.model import Edge, Fact, Gap, GapLabel, Side, Window, after, before, exactly
from alerts.gaps.parts import Part, absorbed, continuous, joined, without_dust
from alerts.gaps.tracks import Interval, Track, all_of

PUSH_SECONDS: Final = 6.0
"""A push that the hub did not answer in time holds up the next one."""
STARTING_SECONDS: Final = 120.0
"""From power to an agent that runs; beyond, it is the agent that is missing."""
AT_ONCE_SECONDS: Final = 10.0
"""How far apart agent and routers are seen to fall silent where it was one power that failed."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one gap."""

    commune: str
    stretch: Stretch
    beat_seconds: float
    told: Told
    seen: Witnesses
    windows: tuple[Window, ...] = ()


def label(case: Case) -> Gap:
    """Return the gap with its pieces: they cover it exactly, in order, and do not overlap."""
    start, end = _bounds(case)
    causes = Causes(case.seen, case.told.guard, case.told.offset, start, end)
    found = stays(case.told, start, end, open_=case.stretch.open, hearable=_hearable(case, start, end))
    parts = [part for stay in found for part in _parts(case, stay, causes)]
    tidy = continuous(joined(without_dust(absorbed(joined(parts)))))
    pieces = tuple(piece for part in tidy for piece in windows.pieces(part, case.windows))
    length = end.at - start.at
    return Gap(
        commune=case.commune, start=pieces[0].start, end=pieces[-1].end, open=case.stretch.open,
        data_ratio=case.told.heard.covered_seconds(start.at, end.at) / length if length > 0 else 0.0,
        pieces=pieces,
    )  # fmt: skip


def _bounds(case: Case) -> tuple[Edge, Edge]:
    stretch = case.stretch
    beat = case.beat_seconds + 1
    start = exactly(stretch.start) if stretch.clipped else after(stretch.start, beat)
    end = exactly(stretch.end) if stretch.open else before(stretch.end, beat + PUSH_SECONDS)
    start = msgspec.structs.replace(start, latest=min(start.latest, end.at))
    return start, msgspec.structs.replace(end, earliest=max(end.earliest, start.at))


def _hearable(case: Case, start: Edge, end: Edge) -> float | None:
    """From when on the hub listened and a line worked: who was silent then did not run."""
    up = [interval for one in case.seen.outside.values() for interval in one.where(is_up)]
    deaf = [one.interval for one in case.seen.deaf]
    moments = sorted({start.at, *(one.start.at for one in up), *(one.end.at for one in deaf)})
    for at in moments:
        heard = any(one.holds(at) for one in up) and not any(one.holds(at) for one in deaf)
        if start.at <= at < end.at and heard:
            return at
    return None


# --- stays, one by one -----------------------------------------------------------------------------
def _parts(case: Case, stay: Stay, causes: Causes) -> list[Part]:
    if stay.alive is None:
        return _silent(case, stay)
    if not stay.alive:
        return _dead(case, stay)
    facts = () if stay.started_unix is None else (Fact("same_run", {"started_unix": stay.started_unix}),)
    return [_with(part, facts) for part in causes.parts(stay.start, stay.end)]


def _with(part: Part, facts: tuple[Fact, ...]) -> Part:
    return msgspec.structs.replace(part, facts=(*facts, *part.facts))


def _dead(case: Case, stay: Stay) -> list[Part]:
    """The agent did not run: stopped, without power, or down; after power it still has to start."""
    facts = tuple(_life_facts(stay))
    if stay.stopped_unix is not None and not (stay.rebooted and stay.on_mains is False):
        return [Part(GapLabel.AGENT_STOPPED, stay.start, stay.end, (Side.SITE,), facts)]
    answered = _answered_while_off(case, stay)
    if answered:
        facts = (*facts, Fact("outside_up"))
    if stay.rebooted is None and stay.on_mains is not False:
        return [Part(GapLabel.UNKNOWN, stay.start, stay.end, (), facts)]
    dark = bool(stay.rebooted) and (stay.on_mains is False or not answered)
    if not dark:
        return [Part(GapLabel.AGENT_DOWN, stay.start, stay.end, (Side.SITE,), facts)]
    sides = (Side.SITE, *(() if answered or not _pinged(case, stay) else (Side.HUB,)))
    return _dark(stay, sides, facts)


def _dark(stay: Stay, sides: tuple[Side, ...], facts: tuple[Fact, ...]) -> list[Part]:
    booted = stay.booted_unix
    if booted is None or stay.end.at - booted <= STARTING_SECONDS:
        return [Part(GapLabel.POWER_DOWN, stay.start, stay.end, sides, facts)]
    on = Edge(booted, max(stay.start.at, booted - 2), min(stay.end.at, booted + 2))
    late = (*facts, Fact("started_late"))
    return [
        Part(GapLabel.POWER_DOWN, stay.start, on, sides, facts),
        Part(GapLabel.AGENT_DOWN, on, stay.end, (Side.SITE,), late),
    ]


def _life_facts(stay: Stay) -> Iterable[Fact]:
    if stay.stopped_unix is not None:
        yield Fact("stopped", {"stopped_unix": stay.stopped_unix})
    if stay.rebooted:
        yield Fact("rebooted", {} if stay.booted_unix is None else {"booted_unix": stay.booted_unix})
    elif stay.rebooted is False:
        yield Fact("same_boot")
    if stay.on_mains is not None:
        yield Fact("on_mains" if stay.on_mains else "on_battery")
    if stay.started_unix is not None and stay.alive is False:
        yield Fact("restarted", {"started_unix": stay.started_unix})


def _answered_while_off(case: Case, stay: Stay) -> bool:
    """Whether a router answered while the machine was off. One that comes back before the agent does says
    nothing: what counts is the time until the boot, and whether it fell silent together with the agent."""
    if not stay.rebooted:
        return _answered(case, stay.start, stay.end)
    off = stay.end if stay.booted_unix is None else exactly(stay.booted_unix)
    low, high = stay.start.earliest - AT_ONCE_SECONDS, stay.start.latest + AT_ONCE_SECONDS
    down = all_of([one.where(is_down) for one in _pinged(case, stay)])
    at_once = any(
        low <= one.start.at <= high and one.end.at - one.start.at >= AT_ONCE_SECONDS for one in down
    )
    return _answered(case, stay.start, off) and not at_once


def _answered(case: Case, start: Edge, end: Edge) -> bool:
    """Whether a router of the site answered the hub for most of the time: somebody there had power."""
    return any(_share(one.where(is_up), start.at, end.at) > 0.5 for one in case.seen.outside.values())


def _unanswered(case: Case, stay: Stay) -> bool:
    return bool(_pinged(case, stay)) and not _answered(case, stay.start, stay.end)


def _pinged(case: Case, stay: Stay) -> list[Track]:
    """The hub's pings of each router that it pinged meanwhile."""
    return [one for one in case.seen.outside.values() if one.told(stay.start.at, stay.end.at)]


def _share(intervals: Iterable[Interval], start: float, end: float) -> float:
    covered = sum(max(0.0, min(one.end.at, end) - max(one.start.at, start)) for one in intervals)
    return covered / (end - start) if end > start else 0.0


def _silent(case: Case, stay: Stay) -> list[Part]:
    """Nobody knows whether the agent runs: what the site said last, and what the hub sees."""
    facts = tuple(_life_facts(stay))
    if not case.told.heard.spans:
        facts = (*facts, Fact("never"))
    elif stay.first:
        facts = (*facts, Fact("first"))
    rest = GapLabel.UNKNOWN
    sides: tuple[Side, ...] = ()
    if stay.stopped_unix is not None:
        rest, sides = GapLabel.AGENT_STOPPED, (Side.SITE,)
    elif stay.on_mains is False:
        rest, sides = GapLabel.POWER_DOWN, (Side.SITE,)
    elif not stay.first and _answered(case, stay.start, stay.end):
        rest, sides = GapLabel.AGENT_DOWN, (Side.HUB,)
        facts = (*facts, Fact("outside_up"))
    elif _unanswered(case, stay):
        facts = (*facts, Fact("outside_down"))
    return list(_unless_deaf(case, stay, Part(rest, stay.start, stay.end, sides, facts)))


def _unless_deaf(case: Case, stay: Stay, rest: Part) -> Iterable[Part]:
    """Cut out of ``rest`` when the hub was not listening."""
    here = rest.start
    for deaf in case.seen.deaf:
        start, end = deaf.interval.start, deaf.interval.end
        if end.at <= here.at or start.at >= rest.end.at:
            continue
        if start.at > here.at:
            yield msgspec.structs.replace(rest, start=here, end=start)
        first = start if start.at > here.at else here
        until = end if end.at < rest.end.at else rest.end
        yield Part(GapLabel.HUB_DOWN, first, until, (Side.HUB,), (Fact(deaf.why),))
        here = until
    if here.at < stay.end.at or here.at == stay.start.at:
        yield msgspec.structs.replace(rest, start=here)
