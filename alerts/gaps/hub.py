"""When the hub was not listening, as it noted itself: rules that were not evaluated, a hub cut off."""

from collections.abc import Iterable
from typing import Final

from alerts.gaps import ask
from alerts.gaps.ask import Period
from alerts.gaps.causes import Deaf
from alerts.gaps.find import Region, regions
from alerts.gaps.model import after, before, between, exactly
from alerts.gaps.tracks import Interval, Track, silences
from alerts.promapi import PromApi, Series
from alerts.rules_model import Tuning
from inventory.names import ComponentKind, Recorded

_ANY: Final = "hub"
_BEFORE: Final = "15d"
"""A hub that evaluated nothing for longer counts as one that was not there."""
_MATCH: Final = f'kind="{ComponentKind.HUB}"'


async def deaf(api: PromApi, tuned: Tuning, period: Period) -> tuple[Deaf, ...]:
    """Return when the hub was not listening, oldest first; nothing where it never noted whether it did.
    Raises ApiError."""
    found = [*await _not_evaluating(api, tuned, period), *await _cut_off(api, tuned, period)]
    return tuple(sorted(found, key=lambda one: one.interval.start.at))


async def _not_evaluating(api: PromApi, tuned: Tuning, period: Period) -> list[Deaf]:
    least = {_ANY: ask.STEP_SECONDS / tuned.evaluation_seconds - 1}
    counted = f'label_replace(count_over_time({Recorded.EVALUATED}[60s]), "k", "{_ANY}", "", "")'
    low: list[float] = []
    known = False
    for instants in ask.chunks(period, 1):
        steps = round((instants.until - instants.since) / ask.STEP_SECONDS) + 1
        found = await ask.low_steps(api, counted, instants, "k", least, absent=True)
        known = known or len(found[_ANY]) < steps
        low += found[_ANY]
    if not known and not await api.query(f"last_over_time({Recorded.EVALUATED}[1h])", period.until):
        return []
    pause = 4 * tuned.evaluation_seconds + 2
    result = []
    for region in regions(low, ask.STEP_SECONDS, period.since, period.until):
        told = await _evaluations(api, region, pause)
        result += [Deaf(one, "hub_off") for one in pauses(region, told, pause, tuned.evaluation_seconds)]
    if result and result[0].interval.start.at <= period.since and not await _ever_before(api, period.since):
        del result[0]  # there was no hub yet
    return result


async def _ever_before(api: PromApi, since: float) -> bool:
    return bool(await api.query(f"last_over_time({Recorded.EVALUATED}[{_BEFORE}])", since))


async def _evaluations(api: PromApi, region: Region, pause: float) -> Track:
    found = await ask.tracks(
        api, str(Recorded.EVALUATED), Period(region.start, region.end), lambda _: pause, lambda _: (_ANY, 1.0)
    )
    return found.get(_ANY, Track())


def pauses(region: Region, told: Track, pause: float, every: float) -> Iterable[Interval]:
    """Yield when nothing was told for longer than ``pause``, within a region. Pure."""
    if not told.spans:
        yield Interval(exactly(region.start), exactly(region.end))
        return
    first, last = told.spans[0].first, told.spans[-1].last
    if first - region.start > pause:
        yield Interval(exactly(region.start), before(first, every))
    for start, end in silences(told):
        yield Interval(after(start, every), before(end, every))
    if region.end - last > pause:
        yield Interval(after(last, every), exactly(region.end))


async def _cut_off(api: PromApi, tuned: Tuning, period: Period) -> list[Deaf]:
    """When the hub itself was the largest cause: most lines of the province failed at once."""
    wanted = f'{{__name__=~"{Recorded.DOWN}|{Recorded.DOWN_SINCE}|{Recorded.DOWN_UNTIL}",{_MATCH}}}'
    reach = 3 * tuned.evaluation_seconds + 1
    found = await ask.tracks(api, wanted, period, lambda _: reach, _by_name)
    down, began, healed = (
        found.get(str(name), Track()) for name in (Recorded.DOWN, Recorded.DOWN_SINCE, Recorded.DOWN_UNTIL)
    )
    return [Deaf(one, "hub_cut_off") for one in cut_offs(down, began, healed, tuned)]


def _by_name(series: Series) -> tuple[str, None]:
    return series.label("__name__"), None


def cut_offs(down: Track, began: Track, healed: Track, tuned: Tuning) -> Iterable[Interval]:
    """Yield when the hub was cut off: since the last sign of life that it noted, until it suspected so no
    more. Pure."""
    for span in down.spans:
        since = began.value_at(span.last)
        start = min(float(since), span.first) if since is not None else span.first
        start = start if span.first - start < 120 else span.first
        until = healed.value_at(span.last)
        end = float(until) if until is not None and span.first < float(until) <= span.last else span.last
        yield Interval(after(start, tuned.heartbeat_seconds + 1), between(max(start, end - 5), end))
