"""Doubts the inventory: once a day the hub looks for lines that it puts in the wrong place.

The search looks back over four weeks of outages and asks a question of statistics, which is no rule's work;
but it takes seconds a day, so the supervisor does it beside everything else, and what it finds is a gauge
that a plain rule reads (``InventorySuspect``). No file, no timer and no further process stand between.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from alerts.outage_history import line_outages
from alerts.promapi import ApiError, PromApi
from alerts.suspects import DAYS, Suspect, suspects
from inventory import names
from inventory.model import Inventory

EVERY_SECONDS: Final = 86400.0
FIRST_SECONDS: Final = 300.0
"""After a start: Prometheus is busy then. The last result stands an hour in the rule."""
RETRY_SECONDS: Final = 900.0
TIMEOUT_SECONDS: Final = 60.0
DAY_SECONDS: Final = 86400.0
log = logging.getLogger(__name__)


async def search(prometheus: PromApi, inventory: Inventory, now: float) -> tuple[Suspect, ...]:
    """Return the suspects by the outages of the 28 days before ``now`` (Unix seconds). Raises ApiError."""
    until = math.floor(now)
    outages = await line_outages(prometheus, until - DAYS * DAY_SECONDS, until)
    return await asyncio.to_thread(suspects, inventory, outages)


class Searcher(Collector):
    """Searches once a day, and exports what it found last."""

    def __init__(self, url: str, wall_clock: Callable[[], float] = time.time) -> None:
        self._url = url
        self._now = wall_clock
        self._found: tuple[Suspect, ...] = ()
        self._at: float | None = None

    async def run(self, inventory: Callable[[], Inventory]) -> None:
        """Search for ever, in the inventory as it is then."""
        wait_seconds = FIRST_SECONDS
        while True:
            await asyncio.sleep(wait_seconds)
            wait_seconds = EVERY_SECONDS if await self.once(inventory()) else RETRY_SECONDS

    async def once(self, inventory: Inventory) -> bool:
        """Search now; whether that was possible. What cannot be read leaves the last result."""
        try:
            async with PromApi(self._url, timeout_seconds=TIMEOUT_SECONDS) as prometheus:
                found = await search(prometheus, inventory, self._now())
        except ApiError as error:
            log.warning("the inventory cannot be doubted: no history", extra={"error": str(error)})
            return False
        self._found, self._at = found, self._now()
        for one in found:
            log.info(
                "a line may be declared in the wrong place",
                extra={"line": one.line, "suspected": one.suspected},
            )
        return True

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield what was found last, and when; nothing before the first search."""
        if self._at is None:
            return
        suspect = names.INVENTORY_SUSPECT
        family = GaugeMetricFamily(suspect.name, suspect.help, labels=suspect.labels)
        for one in self._found:
            commune, _, line = one.line.removeprefix("line:").partition("/")
            family.add_metric((commune, line, one.declared, one.suspected), 1)
        yield family
        searched = names.SUSPECTS_FOUND
        yield GaugeMetricFamily(searched.name, searched.help, value=self._at)
