"""What the locator sees at one moment: results and failures on each path. Pure.

Three things keep the past from looking like the present. A probe that now fails every time counts from its
first failure on: what passed before is about a time before the fault, and would look like partial loss. Of
a site whose heartbeat is missing nothing else counts at all. And while the hub itself was not listening,
silence proves nothing.
"""

from typing import Final

import msgspec

from alerts.pinpoint.events import Event, Events
from alerts.pinpoint.watching import VERDICTS, Aspect, Beat, Watching
from inventory.names import HUB_SITE, Reason

WINDOW_SECONDS: Final = 10.0
MISSING_BEATS: Final = 3
BEAT_SECONDS: Final = 2.0
"""Between heartbeats of the hub's own agent."""
LATE_SECONDS: Final = 0.5
"""A heartbeat is pushed as it is made; this long it may take to be seen."""
_SURE: Final = 2
"""Failures in a row after which a probe counts as failing every time."""


class Span(msgspec.Struct, frozen=True):
    """When the failures on a path were seen first and last (Unix seconds)."""

    first: float
    last: float


class Sight(msgspec.Struct, frozen=True):
    """``sent`` and ``failed`` for each route; ``spans`` by route for those that failed.

    ``silent``: communes whose agent is not heard. ``deaf``: nothing at all is heard, not even the hub's own
    agent, so that nothing can be said.
    """

    at: float
    sent: list[int]
    failed: list[int]
    spans: dict[int, Span]
    silent: frozenset[str]
    deaf: bool


class Heard(msgspec.Struct, frozen=True):
    """What was read for one moment ``at``: results of the last seconds, and when each site was last heard.

    ``listening_since``: since when the hub has heard somebody without a break, as far as is known.
    ``known``: sites that were heard at some time and are therefore missed; others never reported.
    """

    at: float
    events: Events
    beats: dict[str, float]
    known: frozenset[str]
    listening_since: float


def sight(watching: Watching, heard: Heard, resume_seconds: float = 30.0) -> Sight:
    """Return what is seen at ``heard.at``."""
    tally = _Tally(len(watching.routes))
    latest = max(heard.beats.values(), default=0.0)
    if heard.at - latest > MISSING_BEATS * BEAT_SECONDS + LATE_SECONDS:
        return Sight(heard.at, tally.sent, tally.failed, {}, frozenset(), deaf=True)
    silent = frozenset(beat.commune for beat in watching.beats.values() if _is_silent(beat, heard))
    patient = heard.at - heard.listening_since < resume_seconds
    for beat in watching.beats.values():
        if beat.commune not in silent:
            _count_beats(tally, beat, heard)
        elif beat.commune in heard.known and not patient:
            _count_missing(tally, beat, heard)
    for probe, found in heard.events.items():
        watched = watching.probes.get(probe)
        if watched is not None and probe.site not in silent and _speaks(probe.site, heard):
            tally.count(watched.paths, recent(found))
    return Sight(heard.at, tally.sent, tally.failed, tally.spans, silent, deaf=False)


def recent(found: list[Event]) -> list[Event]:
    """Return the events that speak of the present: all of them, or the run of failures at their end."""
    run = len(found)
    while run and found[run - 1].reason is not Reason.OK:
        run -= 1
    failures = found[run:]
    return failures if sum(event.count for event in failures) >= _SURE else found


def _is_silent(beat: Beat, heard: Heard) -> bool:
    last = heard.beats.get(beat.commune)
    return last is None or heard.at - last > MISSING_BEATS * beat.every_seconds + LATE_SECONDS


def _speaks(site: str, heard: Heard) -> bool:
    last = heard.beats.get(site)
    return site != HUB_SITE or (last is not None and heard.at - last <= WINDOW_SECONDS)


def _count_beats(tally: "_Tally", beat: Beat, heard: Heard) -> None:
    last = heard.beats.get(beat.commune)
    if last is not None and heard.at - last <= WINDOW_SECONDS:
        tally.add(beat.path, sent=max(1, int(WINDOW_SECONDS / beat.every_seconds)))


def _count_missing(tally: "_Tally", beat: Beat, heard: Heard) -> None:
    last = heard.beats.get(beat.commune, heard.at - WINDOW_SECONDS)
    due = last + beat.every_seconds
    most = max(MISSING_BEATS, int(WINDOW_SECONDS / beat.every_seconds))
    missing = min(most, int((heard.at - last) / beat.every_seconds))
    tally.add(beat.path, sent=missing, failed=missing, span=Span(due, heard.at))


class _Tally:
    def __init__(self, routes: int) -> None:
        self.sent, self.failed = [0] * routes, [0] * routes
        self.spans: dict[int, Span] = {}

    def count(self, paths: dict[Aspect, int], found: list[Event]) -> None:
        """Count what events say about the routes of a probe."""
        for event in found:
            verdict = VERDICTS[event.reason]
            for aspect in verdict.works:
                if aspect in paths:
                    self.add(paths[aspect], sent=event.count)
            if verdict.fails is not None and verdict.fails in paths:
                span = Span(event.at, event.at)
                self.add(paths[verdict.fails], sent=event.count, failed=event.count, span=span)

    def add(self, route: int, *, sent: int, failed: int = 0, span: Span | None = None) -> None:
        """Add results of one route."""
        self.sent[route] += sent
        self.failed[route] += failed
        if span is not None:
            before = self.spans.get(route, span)
            self.spans[route] = Span(min(before.first, span.first), max(before.last, span.last))
