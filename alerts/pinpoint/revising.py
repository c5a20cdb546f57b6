"""Looks back at outages that are over, and writes to the ledger what has been learned of them since.

Every few seconds the outages that ended within ``storage.spool_days`` and are due are compared with the gaps
of their communes (``alerts.gaps``); what that says (``revise.py``) becomes another revision, where it is
news. Labels only become more certain while a backlog arrives, so an outage is looked at again, ever more
seldom: after a quarter of its age, between half a minute and six hours. When it was looked at is kept in
memory only: a restart costs one look more, and never a second row of the same content.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from prometheus_client import CollectorRegistry

from alerts.complaint import Complaint
from alerts.gaps import ask
from alerts.gaps.read import read
from alerts.guard import forever
from alerts.ledger import Entry, Ledger, LedgerError
from alerts.pinpoint import revise
from alerts.pinpoint.revised_meters import RevisedMeters
from alerts.promapi import ApiError, PromApi
from alerts.revision import Revision, Said, entry_of, revision_of, said_of
from alerts.threads import OneJob
from inventory.model import Inventory

EVERY_SECONDS: Final = 15.0
AGAIN_SECONDS: Final = 30.0
"""Between two looks at the same outage, at least."""
LOOK_SECONDS: Final = 60.0
"""To read the gaps of one outage."""
QUERY_SECONDS: Final = 20.0
DISK_SECONDS: Final = 10.0
FIRST_SECONDS: Final = 30.0
"""After an end, until agents have told of themselves."""
SELDOM_SECONDS: Final = 6 * 3600.0
AROUND_SECONDS: Final = 180.0
LATE_SECONDS: Final = 2 * 86400.0
"""So long after the last look that "undecided" may still be written: the locator may have been off."""
MOST_LOOKS: Final = 20
"""In one round; what is left has its turn in the next."""
MOST_OUTAGES: Final = 5000
"""The latest; of a whole country, older ones are not looked at again."""
DAY_SECONDS: Final = 86400.0
T = TypeVar("T")
log = logging.getLogger(__name__)


class _Due(msgspec.Struct, frozen=True):
    id: str
    said: Said
    known: Revision | None


class Reviser:
    """Revises the ledger at ``path``; ``inventory`` returns the present one. Opens the file for itself, since
    a connection belongs to one thread at a time."""

    def __init__(
        self, path: Path, prometheus_url: str, inventory: Callable[[], Inventory], registry: CollectorRegistry
    ) -> None:
        self._path, self._url, self._inventory = path, prometheus_url, inventory
        self._meters = RevisedMeters(registry)
        self._job = OneJob()
        self._looked: dict[str, float] = {}
        self._known: dict[str, tuple[int, _Due | None]] = {}
        self._book_complaint = Complaint(log, "the ledger cannot be revised")
        self._read_complaint = Complaint(log, "gaps cannot be read")

    @asynccontextmanager
    async def revising(self) -> AsyncIterator[None]:
        """Revise while the context is open."""
        task = asyncio.create_task(forever("revising", self._run))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        async with PromApi(self._url, timeout_seconds=QUERY_SECONDS) as prometheus:
            while True:
                await asyncio.sleep(EVERY_SECONDS)
                try:
                    await self.round(prometheus, time.time())
                except (LedgerError, TimeoutError) as error:
                    self._book_complaint.broken(str(error) or "the disk did not answer in time")
                else:
                    self._book_complaint.works()

    async def round(self, prometheus: PromApi, now: float) -> None:
        """Look once at whatever is due at ``now`` (Unix seconds). Raises LedgerError, TimeoutError."""
        window = self._inventory().storage.spool_days * DAY_SECONDS
        due = await self._with_ledger(lambda ledger: self._due(ledger, now, now - window))
        for one in due:
            if one.said.until <= now - window:
                await self._write(one.id, revise.undecided(one.said), now)
            else:
                self._looked[one.id] = now
                await self._look(prometheus, one, now)

    def _due(self, ledger: Ledger, now: float, opened: float) -> tuple[_Due, ...]:
        """What has its turn: never looked at first, then the longest ago. In a thread: there may be
        thousands of rows."""
        found = ledger.recent(opened - LATE_SECONDS, limit=MOST_OUTAGES)
        entries = [entry for entry in found if entry.status == "ended" and entry.why != "merged"]
        self._meters.show(entries, now)
        names = {entry.id for entry in entries}
        self._looked = {name: at for name, at in self._looked.items() if name in names}
        self._known = {entry.id: (entry.revision, self._understood(ledger, entry)) for entry in entries}
        due = [one for _, one in self._known.values() if one is not None]
        chosen = [one for one in due if self._has_its_turn(one, now, opened)]
        ranked = sorted(chosen, key=lambda one: (self._looked.get(one.id, 0.0), -one.said.until, one.id))
        return tuple(ranked[:MOST_LOOKS])

    def _understood(self, ledger: Ledger, entry: Entry) -> _Due | None:
        """What a row says; read once, since it never changes."""
        revision, known = self._known.get(entry.id, (-1, None))
        if revision == entry.revision:
            return known
        said = None if entry.why == "undecided" else _said(ledger, entry)
        return None if said is None else _Due(entry.id, said, revision_of(entry))

    def _has_its_turn(self, one: _Due, now: float, opened: float) -> bool:
        ended, looked = one.said.until, self._looked.get(one.id)
        if ended <= opened:
            return one.known is None and revise.is_ambiguous(one.said)
        if not revise.asks(one.said):
            return False
        if looked is None:
            return now >= ended + FIRST_SECONDS
        return now >= looked + min(max((looked - ended) / 4, AGAIN_SECONDS), SELDOM_SECONDS)

    async def _look(self, prometheus: PromApi, one: _Due, now: float) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                found = await self._learn(prometheus, one.said, now)
        except (ApiError, TimeoutError) as error:
            self._meters.looks.labels("failed").inc()
            self._read_complaint.broken(str(error) or "no answer in time")
            return
        self._read_complaint.works()
        if isinstance(found, revise.Waiting):
            self._meters.looks.labels(str(found)).inc()
        elif revise.is_news(found, one.known):
            self._meters.looks.labels("revised").inc()
            await self._write(one.id, found, now)
        else:
            self._meters.looks.labels("known").inc()

    async def _learn(self, prometheus: PromApi, said: Said, now: float) -> Revision | revise.Waiting:
        inventory = self._inventory()
        lines = {one.code: tuple(line.id for line in one.lines) for one in inventory.communes}
        period = ask.Period(said.since - AROUND_SECONDS, min(now, said.until + AROUND_SECONDS))
        gaps = await read(prometheus, inventory, period, revise.asks(said))
        return revise.decide(said, gaps, revise.Places(lines, f"hub:{inventory.hub.id}"))

    async def _write(self, outage_id: str, revision: Revision, now: float) -> None:
        await self._with_ledger(lambda ledger: ledger.add(entry_of(outage_id, revision, now)))
        self._meters.revisions.labels(revision.verdict).inc()
        log.info(
            "revised",
            extra={"outage": outage_id, "component": revision.component, "label": str(revision.label)},
        )

    async def _with_ledger(self, work: Callable[[Ledger], T]) -> T:
        """Do something with the file, in a thread of its own. Raises LedgerError, TimeoutError."""

        def run() -> T:
            ledger = Ledger(self._path)
            try:
                return work(ledger)
            finally:
                ledger.close()

        return await self._job(run, DISK_SECONDS)


def _said(ledger: Ledger, entry: Entry) -> Said | None:
    """What stands in a revision is all; else the whole history tells."""
    return said_of((entry,) if entry.why == "revised" else ledger.history(entry.id))
