"""The locator as a service: a tick a second, outages told to Alertmanager and kept in the ledger.

    GET  /api/outages   what is open, as JSON
    GET  /api/ledger    what lasted of late and what was learned of it since (ledger_page.py)
    /-/healthy /-/ready /metrics, POST /-/reload

What decides is elsewhere and pure. A tick that fails says nothing about anybody: what is open stays open.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web

from alerts.book import Book
from alerts.complaint import Complaint
from alerts.guard import forever
from alerts.ledger import Entry, Ledger, LedgerError, Why
from alerts.locate.locator import Locator
from alerts.locate.model import Cause
from alerts.outage import LOCATOR, LOCATOR_ALIVE
from alerts.pinpoint.holding import Holding, Open, Step
from alerts.pinpoint.judging import causes
from alerts.pinpoint.ledger_page import LedgerPage
from alerts.pinpoint.listening import Listening
from alerts.pinpoint.meters import Meters
from alerts.pinpoint.post import Posted, PostError, lasting, post
from alerts.pinpoint.read import SETTLED_SECONDS, Reader
from alerts.pinpoint.revising import Reviser
from alerts.pinpoint.sight import Heard, Sight, sight
from alerts.pinpoint.telling import Telling
from alerts.pinpoint.watching import Watching, watching
from alerts.promapi import ApiError, PromApi
from alerts.threads import OneJob, abandonable
from alerts.topology import Upstream, topology
from common import sdnotify
from common.web import add_health, serve
from inventory.model import Inventory

TICK_SECONDS: Final = 1.0
READ_SECONDS: Final = 3.0
RESUME_SECONDS: Final = 30.0
REFRESH_SECONDS: Final = 5.0
ALIVE_SECONDS: Final = 20.0
"""So long after the last word of the locator the plain rules page by themselves."""
POST_SECONDS: Final = 10.0
FRESH_SECONDS: Final = 10.0
WRITE_SECONDS: Final = 4.0
"""For the ledger; longer than it waits for whoever else writes."""
MOST_UNWRITTEN: Final = 1000
log = logging.getLogger(__name__)
LoadInventory = Callable[[], Inventory]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How one locator runs."""

    listen: str = "127.0.0.1:9491"
    ledger_path: Path
    prometheus_url: str = "http://127.0.0.1:9490"
    alertmanager_url: str = "http://127.0.0.1:9493"


class Known(msgspec.Struct, frozen=True):
    """What follows from one inventory, made once."""

    inventory: Inventory
    watching: Watching
    locator: Locator
    upstream: dict[str, Upstream]
    book: Book

    @classmethod
    def of(cls, inventory: Inventory) -> "Known":
        """Prepare; slow for a whole country, so not on a loop."""
        seen = watching(inventory)
        above = {row.component: row for row in topology(inventory).upstream}
        return cls(inventory, seen, Locator(seen.components, seen.routes), above, Book.of(inventory))

    def planned(self, at: float) -> frozenset[str]:
        """Return the components that are inside a maintenance window."""
        moment = datetime.fromtimestamp(at, UTC)
        windows = (w for w in self.inventory.maintenance if w.starts <= moment < w.ends)
        return frozenset(component for window in windows for component in window.components)


class Unwritten:
    """What the ledger has not taken yet: kept while the disk is full, busy or hangs, the latest at most."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._entries: tuple[Entry, ...] = ()
        self._lock = threading.Lock()
        self._job = OneJob()

    def keep(self, *entries: Entry) -> None:
        """Have these written, after what waits already."""
        with self._lock:
            self._entries = (*self._entries, *entries)[-MOST_UNWRITTEN:]

    async def write(self) -> None:
        """Write whatever waits, in one go. Raises LedgerError or TimeoutError: it waits on."""
        if self._entries:
            await self._job(self._write, WRITE_SECONDS)

    def _write(self) -> None:
        """In a thread. One that was left behind may succeed yet: then its rows wait no more."""
        entries = self._entries
        self._ledger.add(*entries)
        written = {id(entry) for entry in entries}
        with self._lock:
            self._entries = tuple(entry for entry in self._entries if id(entry) not in written)

    async def close(self) -> None:
        """Write what can be written, and close the file unless the disk hangs."""
        if not await self._job.rest(WRITE_SECONDS):
            return
        with contextlib.suppress(LedgerError, TimeoutError):
            await self.write()
        if await self._job.rest(0.0):
            self._ledger.close()


class Service:
    """One locator; ``load`` reads the inventory again on reload and raises ValueError to refuse."""

    def __init__(self, settings: Settings, inventory: Inventory, load: LoadInventory | None = None) -> None:
        self._settings, self._load = settings, load
        self._known = Known.of(inventory)
        ledger = Ledger(settings.ledger_path)
        before = recovered(ledger)
        self._unwritten = Unwritten(ledger)
        self._holding = Holding(before)
        self._holding.use_routes(self._known.watching.through)
        self._meters = Meters()
        self._prometheus = PromApi(settings.prometheus_url, timeout_seconds=READ_SECONDS)
        self._reader = Reader(self._prometheus)
        self._listening: Listening | None = None
        self._post_complaint = Complaint(log, "Alertmanager does not take outages")
        self._read_complaint = Complaint(log, "Prometheus does not answer")
        self._book_complaint = Complaint(log, "the ledger cannot be written")
        self._telling = Telling(before)
        self._news = asyncio.Event()
        self._looked_at = 0.0
        self._judged_at = 0.0
        """Only who judges keeps the plain rules quiet: not who is deaf, or waits for what comes in."""
        self._reviser = Reviser(
            settings.ledger_path,
            settings.prometheus_url,
            lambda: self._known.inventory,
            self._meters.registry,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set. Raises ListenError."""
        async with self.serving():
            await stop.wait()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[tuple[str, int]]:
        """Serve while the context is open; yields the address bound."""
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._unwritten.close)
            await stack.enter_async_context(self._prometheus)
            loops = [asyncio.create_task(forever(job.__name__, job)) for job in (self._ticks, self._posts)]
            stack.push_async_callback(_cancel, *loops)
            await stack.enter_async_context(self._reviser.revising())
            bound = await stack.enter_async_context(serve(self._app(), self._settings.listen))
            sdnotify.notify("READY=1")
            log.info("locating on %s:%d", *bound, extra={"open": len(self._holding.open)})
            yield bound
            sdnotify.notify("STOPPING=1")

    async def reload(self) -> str | None:
        """Read the inventory again; return None, or why the old one stays in force."""
        if self._load is None:
            return "this locator was started without a file"
        try:
            known = await asyncio.to_thread(lambda: Known.of(self._load()))  # type: ignore[misc]  # see above
        except ValueError as error:
            log.error("reload refused: %s", error)
            return str(error)
        self._known = known
        self._holding.use_routes(known.watching.through)
        log.info("reloaded")
        return None

    # --- ticks -----------------------------------------------------------------------------------
    async def _ticks(self) -> None:
        """A tick at every whole second; one that takes longer than a second skips the next."""
        while True:
            now = time.time()
            await asyncio.sleep(TICK_SECONDS - now % TICK_SECONDS)
            at = float(round(time.time())) - SETTLED_SECONDS
            began = time.monotonic()
            try:
                async with asyncio.timeout(2 * READ_SECONDS):
                    result = await self._tick(at)
            except (ApiError, TimeoutError) as error:
                self._read_complaint.broken(str(error) or "no answer in time")
                result = "failed"
            else:
                self._read_complaint.works()
            await self._write()
            self._meters.ticks.labels(result).inc()
            self._meters.tick_seconds.observe(time.monotonic() - began)
            sdnotify.notify("WATCHDOG=1")

    async def _tick(self, at: float) -> str:
        if self._listening is None:
            self._listening = Listening(await self._reader.recall(at), at)
        beats, results = await asyncio.gather(self._reader.heartbeats(at), self._reader.results(at))
        self._listening.tick(at, max(beats.values(), default=0.0))
        heard = Heard(at, results, beats, frozenset(beats), self._listening.since, self._reader.resumed)
        seen, found = await self._judge(heard)
        self._looked_at = at
        self._meters.last.set(at)
        if seen.deaf:
            return "deaf"
        if at - self._listening.since < RESUME_SECONDS:
            return "patient"
        step = self._holding.tick(found, seen)
        if self._telling.found(self._holding.open, found):
            self._news.set()
        self._take(step)
        self._meters.show(self._telling.sure(self._holding.open))
        self._judged_at = at
        return "judged"

    async def _judge(self, heard: Heard) -> tuple[Sight, tuple[Cause, ...]]:
        """Look, and look again if the inventory is another by then: routes have other numbers in it."""
        while True:
            known = self._known
            looked = await asyncio.to_thread(self._look, known, heard)
            if known is self._known:
                return looked

    def _look(self, known: Known, heard: Heard) -> tuple[Sight, tuple[Cause, ...]]:
        seen = sight(known.watching, heard, RESUME_SECONDS)
        began = time.perf_counter()
        planned, outages = known.planned(heard.at), self._holding.open
        found = causes(known.locator, known.watching, seen, planned, outages)
        self._meters.inference_seconds.observe(time.perf_counter() - began)
        return seen, found

    def _take(self, step: Step) -> None:
        if not (step.begun or step.changed or step.ended):
            return
        now = time.time()
        for outage in step.begun:
            self._meters.locate_seconds.observe(now - outage.since)
            log.warning(
                "outage", extra={"component": outage.identity, "communes": len(outage.cause.communes)}
            )
        for one in step.ended:
            self._telling.ended(one, self._known.upstream, self._known.book, now)
        self._news.set()
        self._unwritten.keep(
            *(entry(one, now, "found") for one in step.begun),
            *(entry(one, now, "changed") for one in step.changed),
            *(entry(one.outage, now, "merged" if one.into else "ended", one.at) for one in step.ended),
        )

    async def _write(self) -> None:
        """Write to the ledger what it has not taken yet; what fails waits for the next tick."""
        try:
            await self._unwritten.write()
        except (LedgerError, TimeoutError) as error:
            self._book_complaint.broken(str(error) or "the disk did not answer in time")
        else:
            self._book_complaint.works()

    # --- telling ---------------------------------------------------------------------------------
    async def _posts(self) -> None:
        """Post at once when something changed, and all of it again every few seconds."""
        while True:
            self._news.clear()
            alerts = self._alerts(time.time())
            work = lambda alerts=alerts: post(self._settings.alertmanager_url, alerts)  # noqa: E731 - for a thread
            try:
                await abandonable(work, POST_SECONDS)
            except (PostError, TimeoutError) as error:
                self._meters.posts.labels("failed").inc()
                self._post_complaint.broken(str(error) or "no answer in time")
                await asyncio.sleep(TICK_SECONDS)
                continue
            self._meters.posts.labels("ok").inc()
            self._post_complaint.works()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REFRESH_SECONDS):
                    await self._news.wait()

    def _alerts(self, now: float) -> tuple[Posted, ...]:
        """Return everything that Alertmanager should know."""
        known = self._known
        found = list(self._telling.alerts(self._holding.open, known.upstream, known.book, now))
        if now - self._judged_at < FRESH_SECONDS:
            hub = f"hub:{self._known.inventory.hub.id}"
            alive = {
                "alertname": LOCATOR_ALIVE, "severity": "none", "source": LOCATOR, "component": hub,
                "kind": "hub",
            }  # fmt: skip
            found.append(lasting(alive, {}, self._judged_at, now, ALIVE_SECONDS))
        return tuple(found)

    # --- pages -----------------------------------------------------------------------------------
    def _app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/api/outages", self._outages)
        LedgerPage(self._settings.ledger_path).add(app)
        add_health(app, self._meters.registry, self._is_fresh, self.reload)
        return app

    def _is_fresh(self) -> bool:
        return time.time() - self._looked_at < FRESH_SECONDS

    async def _outages(self, _: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(self._holding.open), content_type="application/json")


def entry(outage: Open, now: float, why: Why, until: float | None = None) -> Entry:
    """Return what the ledger keeps of an outage."""
    return Entry(
        id=f"{outage.identity}@{round(outage.since)}",
        said_at=now,
        status="open" if until is None else "ended",
        component=outage.identity,
        kind=outage.kind,
        since=outage.since,
        until=until,
        why=why,
        record=msgspec.json.encode(outage),
    )


def recovered(ledger: Ledger) -> tuple[Open, ...]:
    """Return what was open when the ledger was last written. Raises LedgerError.

    Numbers of paths are those of the inventory of then, so they are left out.
    """
    found = []
    for one in ledger.latest(status="open"):
        with contextlib.suppress(msgspec.DecodeError):
            outage = msgspec.json.decode(one.record, type=Open)
            cause = msgspec.structs.replace(outage.cause, affected=())
            found.append(msgspec.structs.replace(outage, cause=cause))
    return tuple(found)


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
