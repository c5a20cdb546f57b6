"""Where the gaps are. Pure.

Two things make a gap: samples that are not there, and samples that arrived late. With a spool, what was
measured while the line was cut is there afterwards, so the cut shows only in the series that says when a
live push was last acknowledged: it stands still while the heartbeat goes on.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise

import msgspec

from alerts.gaps.tracks import Track, silences


class Stretch(msgspec.Struct, frozen=True, order=True):
    """The hub heard nothing live between two moments, Unix seconds. ``clipped``: it began before what was
    looked at; ``open``: it goes on."""

    start: float
    end: float
    clipped: bool = False
    open: bool = False


class Region(msgspec.Struct, frozen=True):
    """What was looked at closely. ``first`` and ``last``: it begins or ends with the period asked for;
    elsewhere what lies beyond is whole."""

    start: float
    end: float
    first: bool = False
    last: bool = False


def stretches(region: Region, heard: Track, delivered: Track, silent_seconds: float) -> list[Stretch]:
    """Return the gaps of a region, oldest first; neither overlap nor touch."""
    found = [*_missing(region, heard, silent_seconds), *_late(region, delivered, silent_seconds)]
    clipped = (_clip(region, one) for one in found)
    return list(_merged(sorted(one for one in clipped if one.start < one.end)))


def regions(suspicious: Iterable[float], step_seconds: float, since: float, until: float) -> Iterator[Region]:
    """Yield what to look at closely, given the ends of steps in which something was amiss: these steps and
    one more on each side."""
    bounds: list[tuple[float, float]] = []
    for end in sorted(suspicious):
        start, stop = max(since, end - 2 * step_seconds), min(until, end + step_seconds)
        if bounds and start <= bounds[-1][1]:
            bounds[-1] = bounds[-1][0], max(stop, bounds[-1][1])
        else:
            bounds.append((start, stop))
    for start, stop in bounds:
        yield Region(start, stop, first=start <= since, last=stop >= until)


def _missing(region: Region, heard: Track, silent_seconds: float) -> Iterator[Stretch]:
    if not heard.spans:
        yield Stretch(region.start, region.end, clipped=region.first, open=region.last)
        return
    first, last = heard.spans[0].first, heard.spans[-1].last
    if first - region.start > silent_seconds:
        yield Stretch(region.start, first, clipped=region.first)
    for start, end in silences(heard):
        if end - start > silent_seconds:
            yield Stretch(start, end)
    if region.end - last > silent_seconds:
        yield Stretch(last, region.end, open=region.last)


def _late(region: Region, delivered: Track, silent_seconds: float) -> Iterator[Stretch]:
    for one, following in pairwise(delivered.spans):
        start, end = float(one.value), float(following.value)
        if start > 0 and end - start > silent_seconds and following.first - start > silent_seconds:
            yield Stretch(start, min(end, following.first))
    if delivered.spans:
        last = delivered.spans[-1]
        if float(last.value) > 0 and last.last - float(last.value) > silent_seconds:
            yield Stretch(float(last.value), last.last, open=region.last and region.end - last.last < 60)


def _clip(region: Region, one: Stretch) -> Stretch:
    start, end = max(one.start, region.start), min(one.end, region.end)
    return Stretch(start, end, one.clipped or (region.first and one.start < region.start), one.open)


def _merged(found: Iterable[Stretch]) -> Iterator[Stretch]:
    last: Stretch | None = None
    for one in found:
        if last is None:
            last = one
        elif one.start <= last.end:
            latest = one if one.end > last.end else last
            last = Stretch(last.start, latest.end, last.clipped or one.clipped, last.open or one.open)
        else:
            yield last
            last = one
    if last is not None:
        yield last
