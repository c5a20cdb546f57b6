"""Reads the gaps of communes from Prometheus: coarsely where they are, then closely what they were."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from alerts.gaps import ask, hub
from alerts.gaps.ask import Period
from alerts.gaps.beyond import concerns, crosses, widened
from alerts.gaps.causes import Deaf
from alerts.gaps.find import Region, Stretch, regions, stretches
from alerts.gaps.label import label
from alerts.gaps.model import Gap
from alerts.gaps.sites import Site
from alerts.gaps.sites import sites as every_site
from alerts.gaps.tracks import Track, joined
from alerts.gaps.witnesses import gather, selector
from alerts.promapi import ApiError, PromApi, Series
from alerts.rules import tuning
from inventory import names
from inventory.model import Inventory
from inventory.names import HUB_SITE, Label, Metric

TIMEOUT_SECONDS: Final = 60.0
_AT_ONCE: Final = 4
_AROUND: Final = 5 * ask.STEP_SECONDS
Progress = Callable[[int, int], None]
"""Told how many steps of how many are done."""


def nobody_asks(done: int, total: int) -> None:
    """Progress that nobody wants to hear of."""


async def read(
    api: PromApi,
    inventory: Inventory,
    period: Period,
    codes: Collection[str] | None = None,
    progress: Progress = nobody_asks,
) -> tuple[Gap, ...]:
    """Return the gaps of communes (default: all), by commune and time; one across an edge of the period is
    whole. Raises ApiError."""
    tuned = tuning(inventory)
    sites = [site for site in every_site(inventory, tuned) if codes is None or site.code in codes]
    if not sites:
        return ()
    deaf = await hub.deaf(api, tuned, period)
    low = await _low(api, sites, period, progress)
    limit = asyncio.Semaphore(_AT_ONCE)
    done = 0

    async def deaf_around(stretch: Stretch) -> tuple[Deaf, ...]:
        if not crosses(stretch, period):
            return deaf
        return await hub.deaf(api, tuned, Period(stretch.start - _AROUND, stretch.end + _AROUND))

    async def of(site: Site) -> list[Gap]:
        nonlocal done
        async with limit:
            found = [
                label(await gather(api, site, stretch, await deaf_around(stretch)))
                for stretch in await _stretches_of(api, site, low[site.code], period)
            ]
        done += 1
        progress(len(sites) + done, 2 * len(sites))
        return found

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(of(site)) for site in sites]
    except ExceptionGroup as several:
        refused = several.subgroup(ApiError)
        raise (refused.exceptions[0] if refused else several) from None
    return tuple(gap for task in tasks for gap in task.result())


# --- coarsely: minutes in which something was amiss ---------------------------------------------------
async def _low(
    api: PromApi, sites: Sequence[Site], period: Period, progress: Progress
) -> dict[str, set[float]]:
    found: dict[str, set[float]] = {site.code: set() for site in sites}
    beats = {site.code: ask.STEP_SECONDS / site.beat_seconds for site in sites}
    fields = _selector(sites)
    chunks = list(ask.chunks(period, len(sites)))
    for number, instants in enumerate(chunks):
        for promql, spare, absent in (
            (f"count_over_time({names.HEARTBEAT.name}{fields}[60s])", 1.0, True),
            (f"changes({names.AGENT_DELIVERED.name}{fields}[60s])", 2.0, False),
        ):
            least = {code: count - spare for code, count in beats.items()}
            low = await ask.low_steps(
                api, f"max by (site) ({promql})", instants, Label.SITE, least, absent=absent
            )
            for code, ends in low.items():
                found[code].update(ends)
        progress(len(sites) * (number + 1) // len(chunks), 2 * len(sites))
    return found


def _selector(sites: Iterable[Site]) -> str:
    """Selects some communes, or the whole field where that is shorter."""
    codes = [site.code for site in sites]
    if len(codes) > 20:
        return f'{{site!="{HUB_SITE}"}}'
    return f'{{site=~"{"|".join(codes)}"}}'


# --- closely ------------------------------------------------------------------------------------------
async def _stretches_of(api: PromApi, site: Site, low: Iterable[float], period: Period) -> list[Stretch]:
    found: list[Stretch] = []
    for region in regions(low, ask.STEP_SECONDS, period.since, period.until):
        found += await _stretches(api, site, await widened(api, site, region, period))
    return [stretch for stretch in found if concerns(stretch, period)]


async def _stretches(api: PromApi, site: Site, region: Region) -> list[Stretch]:
    beats = await _track(api, names.HEARTBEAT, site, region)
    delivered = await _track(api, names.AGENT_DELIVERED, site, region)
    return stretches(region, joined([beats, delivered], site.silent_seconds), delivered, site.silent_seconds)


async def _track(api: PromApi, metric: Metric, site: Site, region: Region) -> Track:
    told = 1.0 if metric is names.HEARTBEAT else None  # a heartbeat's value is its own time

    def sort(_: Series) -> tuple[str, float | None]:
        return "", told

    found = await ask.tracks(
        api,
        selector(metric, site=site.code),
        ask.Period(region.start, region.end),
        lambda _: site.silent_seconds,
        sort,
    )
    return found.get("", Track())
