"""From raw counters to what completed when, and how much of it was lost on the way. Pure.

A counter of results is pushed every few seconds and at once on a change. What it gained between two of its
samples completed in between, and is dated by the later one: late by at most the time between pushes. What
was measured earlier and arrives now (backlog) has earlier times, so it can never be read as the present.

A burst of pings is one result, ``ok`` when any of its packets was answered. How many were not is told by
two counters beside it, pushed in the same breath: samples of one moment belong together.
"""

import math
from collections.abc import Iterable
from typing import Final

import msgspec

from alerts.pinpoint.watching import Probe
from alerts.promapi import Series
from inventory import names
from inventory.names import Label, Reason

MOST_RESULTS: Final = 1000
"""More results in a window than any probe gives are nonsense, and would drown all others."""
MOST_GAP_SECONDS: Final = 11.0
"""What was gained over a longer silence completed nobody knows when; backlog may tell."""
MOST_PACKETS: Final = 100 * MOST_RESULTS
_PACKETS: Final = frozenset({names.ICMP_SENT.name, names.ICMP_LOST.name})
_REASONS: Final = {str(reason): reason for reason in Reason}


class Event(msgspec.Struct, frozen=True, gc=False):
    """``count`` results of one kind that had completed at ``at`` (Unix seconds), and not yet before.

    ``loss``: share of the packets of these results that were lost although they are ``ok``, 0 to 1.
    """

    at: float
    reason: Reason
    count: int
    loss: float = 0.0


Gains = dict[float, int]
"""What a counter gained, by the moment at which it had."""
Events = dict[Probe, list[Event]]
"""By probe, oldest first."""


def events(series: Iterable[Series], since: float) -> Events:
    """Return what completed after ``since``. What is not ours or makes no sense is left out.

    Series are those of :data:`~inventory.names.PROBE_RESULTS`, and of packets sent and lost, in any order.
    """
    results: dict[Probe, dict[Reason, Gains]] = {}
    packets: dict[Probe, dict[str, Gains]] = {}
    for one in series:
        reason = _REASONS.get(one.label(Label.RESULT))
        if reason is not None:
            _merge(results.setdefault(probe_of(one), {}).setdefault(reason, {}), one, since, MOST_RESULTS)
        elif (name := one.label("__name__")) in _PACKETS:
            _merge(packets.setdefault(probe_of(one), {}).setdefault(name, {}), one, since, MOST_PACKETS)
    found = {probe: _ordered(gains) for probe, gains in results.items()}
    return {probe: _lossy(all_, packets.get(probe)) for probe, all_ in found.items() if all_}


def _ordered(gains: dict[Reason, Gains]) -> list[Event]:
    found = [Event(at, reason, count) for reason, gained in gains.items() for at, count in gained.items()]
    if len(found) < 2:
        return found
    return sorted(found, key=lambda event: (event.at, event.reason))


def _lossy(found: list[Event], packets: dict[str, Gains] | None) -> list[Event]:
    """Return the events with what was lost of those that are ``ok``."""
    lost = packets.get(names.ICMP_LOST.name) if packets else None
    if not packets or not lost:
        return found
    sent = packets.get(names.ICMP_SENT.name, {})
    by_moment: dict[float, list[Event]] = {}
    for event in found:
        by_moment.setdefault(event.at, []).append(event)
    losses = {at: _loss(all_, sent.get(at, 0), lost.get(at, 0)) for at, all_ in by_moment.items()}
    return [
        msgspec.structs.replace(event, loss=losses[event.at])
        if event.reason is Reason.OK and losses[event.at] > 0
        else event
        for event in found
    ]


def _loss(together: list[Event], sent: int, lost: int) -> float:
    """Return the share lost of the ``ok`` results of one moment, when ``sent`` packets of them all were told.

    What failed had lost all of its packets. Where our own machine failed, nobody knows whose fault it was.
    """
    results = sum(event.count for event in together)
    well = sum(event.count for event in together if event.reason is Reason.OK)
    if not 0 < well < sent or not 0 < lost <= sent or any(e.reason is Reason.LOCAL for e in together):
        return 0.0
    theirs = sent * well / results
    share = (lost - (sent - theirs)) / theirs
    return max(0.0, min(share, 1 - well / theirs))  # each of them had an answer to one packet at least


def probe_of(series: Series) -> Probe:
    """Return whose results a series counts."""
    said = series.label
    return Probe(
        said(Label.SITE), said(Label.COMMUNE), said(Label.LINE), said(Label.TARGET), said(Label.PROBE)
    )


def _merge(gains: Gains, series: Series, since: float, most: int) -> None:
    """Add what a counter gained. One that steps back began anew, at 0; who says it twice says it once."""
    before: tuple[float, float] | None = None
    for at, value in series.points:
        if not (math.isfinite(at) and math.isfinite(value)):
            continue
        if before is not None and at > since and at - before[0] <= MOST_GAP_SECONDS:
            gained = value - before[1] if value >= before[1] else value
            if 1 <= gained <= most:
                gains[at] = max(round(gained), gains.get(at, 0))
        before = at, value


def latest_beats(series: Iterable[Series]) -> dict[str, float]:
    """Return when each site's agent was last heard (Unix seconds), by the times of its samples."""
    found: dict[str, float] = {}
    for one in series:
        site = one.label(Label.SITE)
        moments = [at for at, _ in one.points if math.isfinite(at)]
        if site and moments:
            found[site] = max(*moments, found.get(site, 0.0))
    return found
