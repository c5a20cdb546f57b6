"""Reading Prometheus for one tick of the locator."""

import asyncio
import re
from typing import Final

from alerts.pinpoint.events import Events, events, latest_beats
from alerts.pinpoint.listening import Resumed, unbroken_since
from alerts.pinpoint.sight import WINDOW_SECONDS
from alerts.promapi import PromApi, Series, quote
from inventory import names
from inventory.names import JOB_AGENT, Label, Recorded

SETTLED_SECONDS: Final = 1.0
"""What is looked at is so old at least: two locators that ask a moment apart see the same."""
_BASE_SECONDS: Final = 8
"""Before the window: the last sample before it, from which what the window gained is counted."""
_RECALL_SECONDS: Final = 60
_LONGEST_SECONDS: Final = 366 * 86400.0
"""Who was not heard for longer is not missed: as if it had never reported."""
_HEARTBEAT: Final = f'{names.HEARTBEAT.name}{{job="{JOB_AGENT}"}}'
_WINDOW: Final = f"[{WINDOW_SECONDS + _BASE_SECONDS:.0f}s]"
_FEW_SITES: Final = 100
"""Up to so many are asked for by name."""
_JUDGING: Final = f'job="{JOB_AGENT}",probe!~"trace|stamp|throughput|traffic|uplink|host|power|cellular"'


class Reader:
    """Asks for the last seconds of everybody; remembers when each site was last heard."""

    def __init__(self, prometheus: PromApi) -> None:
        self._prometheus = prometheus
        self.beats: dict[str, float] = {}
        self._resumed = Resumed()

    @property
    def resumed(self) -> dict[str, float]:
        """Since when sites are heard again that had been silent."""
        return dict(self._resumed.at)

    async def recall(self, at: float) -> float:
        """Learn when each site was last heard; return since when the hub has been listening.

        What the rules keep (:data:`Recorded.LAST_HEARD`) reaches further back than a day. Raises ApiError.
        """
        for sample in await self._prometheus.query(str(Recorded.LAST_HEARD), at):
            self._learn(sample.label(Label.COMMUNE), sample.value, at)
        for sample in await self._prometheus.query(f"last_over_time({_HEARTBEAT}[1d])", at):
            self._learn(sample.label(Label.SITE), sample.value, at)
        raw = await self._prometheus.query_raw(f"{_HEARTBEAT}[{_RECALL_SECONDS}s]", at)
        moments = [moment for series in raw for moment, _ in series.points]
        return unbroken_since(moments, at, at - _RECALL_SECONDS)

    def _learn(self, site: str, last: float, at: float) -> None:
        """Take in a time that a site tells of itself: one that cannot be is passed over."""
        if site and at - _LONGEST_SECONDS <= last <= at:
            self.beats[site] = max(last, self.beats.get(site, last))

    async def results(self, at: float) -> Events:
        """Return what completed in the window that ends at ``at``, and what was lost. Raises ApiError."""
        results, packets = await asyncio.gather(
            self._prometheus.query_raw(f"{names.PROBE_RESULTS.name}{{{_JUDGING}}}{_WINDOW}", at),
            self._packets(at),
        )
        return await asyncio.to_thread(events, (*results, *packets), at - WINDOW_SECONDS)

    async def _packets(self, at: float) -> tuple[Series, ...]:
        """Return packets sent and lost of the sites that lost any: mostly that is hardly anybody."""
        lost = f'{names.ICMP_LOST.name}{{job="{JOB_AGENT}"}}{_WINDOW}'
        losing = await self._prometheus.query(f"count by ({Label.SITE}) (changes({lost}) > 0)", at)
        sites = sorted({sample.label(Label.SITE) for sample in losing} - {""})
        if not sites:
            return ()
        chosen = f",site=~{quote('|'.join(map(re.escape, sites)))}" if len(sites) <= _FEW_SITES else ""
        both = f"{names.ICMP_SENT.name}|{names.ICMP_LOST.name}"
        query = f'{{__name__=~"{both}",job="{JOB_AGENT}"{chosen}}}{_WINDOW}'
        return await self._prometheus.query_raw(query, at)

    async def heartbeats(self, at: float) -> dict[str, float]:
        """Return when each site was last heard, as far as is known. Raises ApiError."""
        found = await self._prometheus.query_raw(f"{_HEARTBEAT}{_WINDOW}", at)
        for site, last in latest_beats(found).items():
            self.beats[site] = max(last, self.beats.get(site, 0.0))
        self._resumed.tick(self.beats)
        return dict(self.beats)
