"""Looks beyond a period: a gap that lies across its edge has a beginning or an end there, and evidence.

The month of a report ends at midnight, and a storm does not. Without what came before and after, nobody knows
whether an agent that was silent at midnight lived through it.
"""

from typing import Final

from alerts.gaps.ask import STEP_SECONDS, Period
from alerts.gaps.find import Region, Stretch
from alerts.gaps.sites import Site
from alerts.promapi import PromApi, quote
from inventory import names

_REACHES: Final = (6 * 3600, 15 * 86400)
"""How far to look, in seconds: nearly everything is near, and what is further away is another story."""


async def widened(api: PromApi, site: Site, region: Region, period: Period) -> Region:
    """Return a region that begins or ends with the period as far beyond as nothing was heard there; as it
    was where nothing was ever heard. Raises ApiError."""
    before = await _heard_before(api, site, period.since) if region.first else None
    after = await _heard_after(api, site, period.until) if region.last else None
    return Region(
        region.start if before is None else before - STEP_SECONDS,
        region.end if after is None else after + site.beat_seconds,
        first=region.first and before is None,
        last=region.last and after is None,
    )


def concerns(stretch: Stretch, period: Period) -> bool:
    """Whether a gap lies in a period, at least in part."""
    return stretch.end > period.since and stretch.start < period.until


def crosses(stretch: Stretch, period: Period) -> bool:
    """Whether a gap lies across an edge of a period."""
    return stretch.start < period.since or stretch.end > period.until


async def _heard_before(api: PromApi, site: Site, at: float) -> float | None:
    """When something was heard live for the last time before a moment."""
    for seconds in _REACHES:
        found = await api.query(f"max(max_over_time(({_heard(site)})[{seconds}s:60s]))", at)
        known = [sample.value for sample in found if at - seconds <= sample.value <= at]
        if known:
            return max(known)
    return None


async def _heard_after(api: PromApi, site: Site, at: float) -> float | None:
    """When something was heard live after a moment: at most a minute after the first time."""
    for seconds in _REACHES:
        promql = f"min(min_over_time(({_heard(site)} > {at:.3f})[{seconds}s:60s]))"
        found = await api.query(promql, at + seconds)
        known = [sample.value for sample in found if at <= sample.value <= at + seconds]
        if known:
            return min(known)
    return None


def _heard(site: Site) -> str:
    """When a site was heard live: what it pushed says so itself, since it may have come late."""
    if site.pushed:
        return f"{names.AGENT_DELIVERED.name}{{site={quote(site.code)}}}"
    return f"timestamp({names.HEARTBEAT.name}{{site={quote(site.code)}}})"
