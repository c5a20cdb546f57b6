"""What the locator sees at one moment: results and failures on each path. Pure.

Three things keep the past from looking like the present. A probe that now fails counts from the first of the
failures at its end: what passed before is about a time before the fault, and would look like partial loss;
likewise from its first success on once it is well again. Of a site whose heartbeats are missing nothing else
counts at all, and of one whose heartbeat is late nothing does that passed before. And while the hub itself
was not listening, silence proves nothing.
"""

from collections import Counter
from typing import Final

import msgspec
import numpy as np

from alerts.locate.incidence import Floats
from alerts.pinpoint.events import Event, Events
from alerts.pinpoint.watching import VERDICTS, Aspect, Beat, Watching
from alerts.system_words import shows_maintenance
from inventory.names import HUB_SITE, Reason

WINDOW_SECONDS: Final = 10.0
MISSING_BEATS: Final = 3
BEAT_SECONDS: Final = 2.0
"""Between heartbeats of the hub's own agent."""
LATE_SECONDS: Final = 0.5
"""A heartbeat is pushed as it is made; this long it may take to be seen."""
DEADLINE_SECONDS: Final = 2.0
"""Of the probes that the locator listens to."""
_SURE: Final = 2
"""Results in a row after which a probe that failed as often counts as well again."""
_NO_ANSWER: Final = frozenset({Reason.TIMEOUT, Reason.UNREACHABLE})
_OWN: Final = frozenset({Reason.LOCAL, Reason.DEFERRED})
MOST_RESULTS: Final = 20
"""Results of one path in a window beyond which its counts are scaled down: a probe in doubt is sent once a
second, three may be under way. Who counts more is wrong or lies, and must not outvote others."""
MOST_OF_BURST: Final = 4.0
"""Results that a burst of pings weighs at most. See README: packets close together share their fate."""
CHANCE: Final = 0.15
"""Less than two packets of ten are lost somewhere at any time, and say nothing about when an outage lasts."""
LOSSY: Final = 0.1
LOSSY_BURSTS: Final = 2
"""Bursts with losses, and their mean loss, from which a line is said to lose packets."""


_PINGS: Final = "icmp"
_SYSTEM: Final = "system:"
_SITES_LEAST: Final = 2


class Span(msgspec.Struct, frozen=True):
    """When the failures on a path were seen first and last (Unix seconds)."""

    first: float
    last: float


class Sight(msgspec.Struct, frozen=True):
    """``sent`` and ``failed`` for each route; ``spans`` by route for those that failed.

    ``lossy``: by route, when bursts lost a part of their packets. ``well``: by route that had failures, the
    first success after the last of them. ``bursts``: by route of pings, what they found, oldest first.
    ``maintained``: what mostly shows a maintenance page where it fails. ``silent``: communes whose agent is
    not heard. ``deaf``: nothing at all is heard, not even the hub's own agent, so that nothing can be said.
    """

    at: float
    sent: list[int]
    failed: list[int]
    spans: dict[int, Span]
    silent: frozenset[str]
    deaf: bool
    lossy: dict[int, Span] = {}
    well: dict[int, float] = {}
    bursts: dict[int, list[Event]] = {}
    maintained: frozenset[str] = frozenset()


class Heard(msgspec.Struct, frozen=True):
    """What was read for one moment ``at``: results of the last seconds, and when each site was last heard.

    ``listening_since``: since when the hub has heard somebody without a break, as far as is known.
    ``known``: sites that were heard at some time and are therefore missed; others never reported.
    ``resumed``: when sites were heard again that had been silent.
    """

    at: float
    events: Events
    beats: dict[str, float]
    known: frozenset[str]
    listening_since: float
    resumed: dict[str, float] = {}


def sight(watching: Watching, heard: Heard, resume_seconds: float = 30.0) -> Sight:
    """Return what is seen at ``heard.at``."""
    tally = _Tally(len(watching.routes))
    latest = max(heard.beats.values(), default=0.0)
    if heard.at - latest > MISSING_BEATS * BEAT_SECONDS + LATE_SECONDS:
        return tally.sight(heard.at, frozenset(), deaf=True)
    silent = frozenset(beat.commune for beat in watching.beats.values() if _is_silent(beat, heard))
    losing = _losing(watching, heard, silent)
    late = frozenset(beat.commune for beat in watching.beats.values() if _is_late(beat, heard))
    patient = heard.at - heard.listening_since < resume_seconds
    for beat in watching.beats.values():
        lossy = beat.commune in losing
        if beat.commune not in silent:
            _count_beats(tally, beat, heard, lossy=lossy)
        elif beat.commune in heard.known and not patient:
            _count_missing(tally, beat, heard, lossy=lossy)
    for probe, found in heard.events.items():
        watched = watching.probes.get(probe)
        if watched is None or probe.site in silent or not _speaks(probe.site, heard):
            continue
        if probe.site in late and _fine(found):
            continue
        blurred = probe.site in losing and probe.kind != _PINGS
        tally.count(_far_end(watched.paths) if blurred else watched.paths, found)
        if probe.kind == _PINGS:
            tally.bursts[watched.paths[Aspect.WHOLE]] = found if _fine(found) else recent(found)
    seen = tally.sight(heard.at, silent)
    return msgspec.structs.replace(seen, maintained=maintained(watching, heard, silent))


def maintained(watching: Watching, heard: Heard, silent: frozenset[str]) -> frozenset[str]:
    """Return the systems of which most who fail to reach them say that they show a maintenance page.

    Each site has one vote, by its latest failure; the hub, or two sites at least, must say so.
    """
    votes: dict[str, dict[str, Reason]] = {}
    for probe, found in heard.events.items():
        if probe in watching.probes and probe.site not in silent and probe.target.startswith(_SYSTEM):
            failures = [event.reason for event in found if event.reason is not Reason.OK]
            if failures:
                votes.setdefault(probe.target, {})[probe.site] = failures[-1]
    return frozenset(
        target
        for target, by_site in votes.items()
        if shows_maintenance(Counter(by_site.values()))
        and (
            by_site.get(HUB_SITE) is Reason.MAINTENANCE
            or sum(reason is Reason.MAINTENANCE for reason in by_site.values()) >= _SITES_LEAST
        )
    )


def _losing(watching: Watching, heard: Heard, silent: frozenset[str]) -> frozenset[str]:
    """Return the communes whose lines lose a part of the packets.

    What else is measured over them is then no measure of the loss: TCP repeats what is lost until a request
    succeeds or its deadline has passed, and a push that is late looks like silence.
    """
    heard_from = heard.events
    return frozenset(
        commune
        for commune, pings in watching.pings.items()
        if any(_loses(heard_from.get(ping, [])) for ping in pings if ping.site not in silent)
    )


def _loses(found: list[Event]) -> bool:
    losses = [] if _fine(found) else [event.loss for event in recent(found)]
    if sum(loss > 0 for loss in losses) < LOSSY_BURSTS:
        return False
    return sum(losses) / len(losses) >= LOSSY


def _far_end(paths: dict[Aspect, int]) -> dict[Aspect, int]:
    over_it = (Aspect.WHOLE, Aspect.NETWORK)
    return {aspect: route for aspect, route in paths.items() if aspect not in over_it}


def recent(found: list[Event]) -> list[Event]:
    """Return the events that speak of the present, as they were sent: all of them, or the run at their end.

    Failures in a row say that all before is over; so does a single one at the end that got no answer at all,
    unless it is stray: then a success follows within a second or two, since a probe in doubt is sent again at
    once, and nobody is told of so soon. What answers wrongly may do so now and then. Successes in a row after
    failures in a row say that those are over. What says nothing about anybody else is left out.
    """
    found = [event for event in as_sent(found) if event.reason not in _OWN]
    run = _run(found, len(found))
    if sum(event.count for event in found[run:]) < _SURE and not (found and found[-1].reason in _NO_ANSWER):
        return found
    if not _works(found[-1]):
        return found[run:]
    before = _run(found, run)
    was_down = run > 0 and sum(event.count for event in found[before:run]) >= _SURE
    return found[run:] if was_down else found


def as_sent(found: list[Event]) -> list[Event]:
    """Return events in the order in which their probes were sent: who waited in vain was sent earlier."""
    if not any(event.reason is Reason.TIMEOUT for event in found):
        return found
    return sorted(found, key=lambda e: e.at - DEADLINE_SECONDS if e.reason is Reason.TIMEOUT else e.at)


def _run(found: list[Event], end: int) -> int:
    """Return where the events begin that are alike up to ``end``."""
    run = end
    while run and _works(found[run - 1]) == _works(found[end - 1]):
        run -= 1
    return run


def _works(event: Event) -> bool:
    return event.reason is Reason.OK


def _is_silent(beat: Beat, heard: Heard) -> bool:
    last = heard.beats.get(beat.commune)
    return last is None or heard.at - last > MISSING_BEATS * beat.every_seconds + LATE_SECONDS


def _is_late(beat: Beat, heard: Heard) -> bool:
    last = heard.beats.get(beat.commune)
    return last is None or heard.at - last > beat.every_seconds + LATE_SECONDS


def _speaks(site: str, heard: Heard) -> bool:
    last = heard.beats.get(site)
    return site != HUB_SITE or (last is not None and heard.at - last <= WINDOW_SECONDS)


def _count_beats(tally: "_Tally", beat: Beat, heard: Heard, *, lossy: bool) -> None:
    resumed = heard.resumed.get(beat.commune)
    if resumed is not None:
        tally.well[beat.path] = resumed
    if not lossy and not _is_late(beat, heard):
        tally.add(beat.path, sent=max(1, int(WINDOW_SECONDS / beat.every_seconds)))


def _count_missing(tally: "_Tally", beat: Beat, heard: Heard, *, lossy: bool) -> None:
    last = heard.beats.get(beat.commune, heard.at - WINDOW_SECONDS)
    due = last + beat.every_seconds
    most = max(MISSING_BEATS, int(WINDOW_SECONDS / beat.every_seconds))
    missing = 1 if lossy else min(most, int((heard.at - last) / beat.every_seconds))
    tally.add(beat.path, sent=missing, failed=missing)
    _widen(tally.spans, beat.path, Span(due, heard.at))


class _Tally:
    def __init__(self, routes: int) -> None:
        self.sent, self.failed = [0.0] * routes, [0.0] * routes
        self.spans: dict[int, Span] = {}
        self.lossy: dict[int, Span] = {}
        self.well: dict[int, float] = {}
        self.bursts: dict[int, list[Event]] = {}

    def count(self, paths: dict[Aspect, int], found: list[Event]) -> None:
        """Count what events say about the routes of a probe, and note since when it is well."""
        if _fine(found):  # nearly all of them, nearly always
            for aspect in VERDICTS[Reason.OK].works:
                if aspect in paths:
                    self.sent[paths[aspect]] += sum([event.count for event in found])
            return
        for event in recent(found):
            verdict = VERDICTS[event.reason]
            for aspect in verdict.works:
                if aspect in paths:
                    self._works(paths[aspect], event)
            if verdict.fails is not None and verdict.fails in paths:
                self.add(paths[verdict.fails], sent=event.count, failed=event.count)
                _widen(self.spans, paths[verdict.fails], Span(event.at, event.at))
        after = _well_since(as_sent(found))
        if after is not None:
            self.well |= dict.fromkeys(paths.values(), after)

    def _works(self, route: int, event: Event) -> None:
        if not event.loss:
            self.add(route, sent=event.count)
            return
        weight = min(MOST_OF_BURST, 1 / event.loss)
        self.add(route, sent=event.count * weight, failed=event.count * weight * event.loss)
        if event.loss >= CHANCE:
            _widen(self.lossy, route, Span(event.at, event.at))

    def add(self, route: int, *, sent: float, failed: float = 0) -> None:
        """Add results of one route."""
        self.sent[route] += sent
        self.failed[route] += failed

    def sight(self, at: float, silent: frozenset[str], *, deaf: bool = False) -> Sight:
        """Return what was counted, in whole results."""
        sent, failed = _whole(np.array(self.sent), np.array(self.failed))
        return Sight(at, sent, failed, self.spans, silent, deaf, self.lossy, self.well, self.bursts)


def _whole(sent: Floats, failed: Floats) -> tuple[list[int], list[int]]:
    """Return counts as whole numbers, of each path at most :data:`MOST_RESULTS`; what failed is not lost."""
    scale = np.minimum(1.0, MOST_RESULTS / np.maximum(sent, 1.0))
    whole = np.rint(sent * scale)
    least = (failed >= 1).astype(float)
    bad = np.minimum(np.maximum(np.rint(failed * scale), least), whole)
    return whole.astype(int).tolist(), bad.astype(int).tolist()


def _fine(found: list[Event]) -> bool:
    return all(event.reason is Reason.OK and not event.loss for event in found)


def _well_since(found: list[Event]) -> float | None:
    """Return when the first success after the last failure completed, if there was either."""
    well = None
    for event in reversed(found):
        if not _works(event) or event.loss:
            return well
        well = event.at
    return None


def _widen(spans: dict[int, Span], route: int, span: Span) -> None:
    before = spans.get(route, span)
    spans[route] = Span(min(before.first, span.first), max(before.last, span.last))
