"""The one task that reads Prometheus, Alertmanager and the locator for all viewers together."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec

from alerts.amapi import AmApi
from alerts.ledgerapi import LedgerApi
from alerts.locatorapi import LocatorApi
from alerts.promapi import ApiError, PromApi
from inventory.names import Label

from .answers import CHANGED, HEARTBEATS, LAST_HEARD, UP, Answers, by_key, by_label
from .measured import EVERY_SECONDS as MEASURED_SECONDS
from .measured import QUERIES, Measured
from .measured import measured as put_together
from .meters import Meters

EVERY_SECONDS: Final = 2.0
LEDGER_SECONDS: Final = 10.0
DAY_SECONDS: Final = 86400.0
AHEAD_SECONDS: Final = 60.0
"""A heartbeat further ahead of our clock is not believed: it would look fresh until its time comes."""
log = logging.getLogger(__name__)
Fields = dict[str, Any]
"""Fields of :class:`Answers` to replace."""


class Poller:
    """Reads the sources; what cannot be read keeps its last answer, with the error beside it. A hub may run
    without a ``locator``."""

    def __init__(
        self,
        prometheus: PromApi,
        alertmanager: AmApi,
        meters: Meters,
        wall_clock: Callable[[], float] = time.time,
        locator: LocatorApi | None = None,
        *,
        ledger: LedgerApi | None = None,
    ) -> None:
        self._prometheus = prometheus
        self._alertmanager = alertmanager
        self._meters = meters
        self._now = wall_clock
        self._locator = locator
        self._ledger = ledger

    async def run(self, publish: Callable[[Answers], None], every_seconds: float = EVERY_SECONDS) -> None:
        """Poll for ever; a poll that takes longer than its turn delays the next, never overlaps it."""
        loop = asyncio.get_running_loop()
        answers = Answers(at=self._now())
        due = loop.time()
        while True:
            answers = await self.poll(answers)
            publish(answers)
            due = max(due + every_seconds, loop.time())
            await asyncio.sleep(due - loop.time())

    async def poll(self, previous: Answers) -> Answers:
        """Return the answers of now. Raises nothing but cancellation."""
        asked = self._now()  # a slow answer must not make agents look silent
        states, alerts, blamed, past, measured = await asyncio.gather(
            self._read("prometheus", lambda: self._states(asked), previous.prometheus_error),
            self._read("alertmanager", self._alerts, previous.alertmanager_error),
            self._blamed(asked, previous),
            self._past(asked, previous),
            self._measured(asked, previous.measured),
        )
        answers = msgspec.structs.replace(
            previous, at=asked, measured=measured, **states, **alerts, **blamed, **past
        )
        remembered = _latest(previous.last_heard, answers.last_heard, answers.heartbeats)
        answers = msgspec.structs.replace(answers, last_heard=remembered)
        self._meters.newest(max(answers.heartbeats.values(), default=None))
        return answers

    async def _read(self, source: str, read: Callable[[], Awaitable[Fields]], before: str | None) -> Fields:
        """Called only once it runs: a poll that is ended before leaves nothing behind that nobody awaits."""
        try:
            fields = await read()
        except ApiError as error:
            self._meters.polled(source, ok=False)
            if before is None:
                log.warning("%s cannot be read", source, extra={"error": str(error)})
            return {f"{source}_error": str(error)}
        self._meters.polled(source, ok=True)
        if before is not None:
            log.info("%s answers again", source)
        return {**fields, f"{source}_error": None}

    async def _states(self, now: float) -> Fields:
        heartbeats, last_heard, up, changed = await asyncio.gather(
            *(self._prometheus.query(promql) for promql in (HEARTBEATS, LAST_HEARD, UP, CHANGED))
        )
        return {
            "heartbeats": _believed(by_label(heartbeats, Label.SITE), now),
            "last_heard": _believed(by_label(last_heard, Label.COMMUNE), now),
            "up": {key: value > 0 for key, value in by_key(up).items()},
            "changed": by_key(changed),
        }

    async def _measured(self, now: float, previous: Measured) -> Measured:
        """What cannot be read keeps its last answer, which is not shown for long."""
        if 0 <= now - previous.at < MEASURED_SECONDS:
            return previous
        try:
            return put_together(now, await asyncio.gather(*(self._prometheus.query(one) for one in QUERIES)))
        except ApiError as error:
            log.debug("measurements of lines cannot be read", extra={"error": str(error)})
            return previous

    async def _blamed(self, now: float, previous: Answers) -> Fields:
        """A locator that answers but has not judged for a while has nothing to say of now."""
        if self._locator is None:
            return {}
        locator = self._locator

        async def reading() -> Fields:
            found = await locator.blamed()
            return {"blamed": found.outages, "locator_at": now} if found.fresh else {}

        fields = await self._read("locator", reading, previous.locator_error)
        return {"locator_at": previous.locator_at or 0.0, **fields}

    async def _past(self, now: float, previous: Answers) -> Fields:
        """What cannot be read keeps its last answer: what is over stays over."""
        if self._ledger is None or 0 <= now - previous.past_at < LEDGER_SECONDS:
            return {}
        try:
            return {"past": await self._ledger.recent(now - DAY_SECONDS), "past_at": now}
        except ApiError as error:
            log.debug("the ledger cannot be read", extra={"error": str(error)})
            return {"past_at": now}

    async def _alerts(self) -> Fields:
        return {"alerts": await self._alertmanager.answered_alerts()}


def _believed(times: Mapping[str, float], now: float) -> dict[str, float]:
    return {name: time for name, time in times.items() if time <= now + AHEAD_SECONDS}


def _latest(*sources: Mapping[str, float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for source in sources:
        for name, value in source.items():
            found[name] = max(value, found.get(name, value))
    return found
