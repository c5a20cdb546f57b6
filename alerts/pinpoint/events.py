"""From raw counters to what completed when. Pure.

A counter of results is pushed every few seconds and at once on a change. What it gained between two of its
samples completed in between, and is dated by the later one: late by at most the time between pushes. What
was measured earlier and arrives now (backlog) has earlier times, so it can never be read as the present.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from alerts.pinpoint.watching import Probe
from alerts.promapi import Series
from inventory.names import Label, Reason

MOST_RESULTS: Final = 1000
"""More results in a window than any probe gives are nonsense, and would drown all others."""
_REASONS: Final = {str(reason): reason for reason in Reason}


class Event(msgspec.Struct, frozen=True):
    """``count`` results of one kind that had completed at ``at`` (Unix seconds), and not yet before."""

    at: float
    reason: Reason
    count: int


Events = dict[Probe, list[Event]]
"""By probe, oldest first."""


def events(series: Iterable[Series], since: float) -> Events:
    """Return what completed after ``since``. What is not ours or makes no sense is left out."""
    found: Events = {}
    for one in series:
        reason = _REASONS.get(one.label(Label.RESULT))
        if reason is not None:
            found.setdefault(probe_of(one), []).extend(_gained(one, reason, since))
    return {probe: sorted(all_, key=lambda event: event.at) for probe, all_ in found.items() if all_}


def probe_of(series: Series) -> Probe:
    """Return whose results a series counts."""
    said = series.label
    return Probe(
        said(Label.SITE), said(Label.COMMUNE), said(Label.LINE), said(Label.TARGET), said(Label.PROBE)
    )


def _gained(series: Series, reason: Reason, since: float) -> Iterator[Event]:
    """A counter that steps back began anew, at 0."""
    before: float | None = None
    for at, value in series.points:
        if before is not None and at > since:
            gained = value - before if value >= before else value
            if 1 <= gained <= MOST_RESULTS:
                yield Event(at, reason, round(gained))
        before = value


def latest_beats(series: Iterable[Series]) -> dict[str, float]:
    """Return when each site's agent was last heard (Unix seconds), by the times of its samples."""
    found: dict[str, float] = {}
    for one in series:
        site = one.label(Label.SITE)
        if site and one.points:
            found[site] = max(one.points[-1][0], found.get(site, 0.0))
    return found
