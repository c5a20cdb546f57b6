"""The receiver: Alertmanager's webhook in, people told.

    POST /webhook   stored before it is answered; 503 when it cannot be stored, so that it comes again
    GET  /api/outages   what is open, as JSON (``outages_page``)
    /-/healthy /-/ready /metrics, POST /-/reload

and, on an address of its own, the page behind the links in messages (``ackpage``).

``Receiver.run`` serves until it is told to stop. What decides is elsewhere and pure: ``payload``,
``outage``, ``standing``, ``queue``, ``text``.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry

from alerts import deadman, payload, persons, standing, witness
from alerts.book import Book
from alerts.complaint import Complaint
from alerts.continuity import Same, Sameness, Witness, nobody
from alerts.guard import forever
from alerts.learned import Learned
from alerts.links import Links
from alerts.look import Look
from alerts.outage import (
    LOCATOR,
    MONITORING_DOWN,
    RULES,
    SEVERITY_NONE,
    Outage,
    from_alert,
    is_watchdog,
    monitoring_down,
)
from alerts.outages_page import OutagesPage
from alerts.rotation import Holidays, no_holidays
from alerts.sender import Sender
from alerts.store import Store, StoreError
from alerts.telemetry import Telemetry
from alerts.teller import Teller, answering, links_of
from alerts.threads import StoreThread
from common import sdnotify
from common.web import MAX_BODY_BYTES, add_health, serve
from inventory.model import Inventory

READ_SECONDS: Final = 10.0
STOP_SECONDS: Final = 5.0
KEEP_SECONDS: Final = 400 * 86400.0  # closed outages: more than a year, for who disputes one
PRUNE_SECONDS: Final = 3600.0
SEEN: Final = "watchdog_seen"
log = logging.getLogger(__name__)
LoadInventory = Callable[[], Inventory]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How one receiver runs. Without ``prometheus_url`` Alertmanager's word alone decides."""

    listen: str = "127.0.0.1:9494"
    store_path: Path
    alertmanager_url: str = "http://127.0.0.1:9493"
    prometheus_url: str | None = None
    poll_seconds: float = 10.0
    settle_seconds: float = standing.SETTLE_SECONDS
    absent_polls: int = standing.ABSENT_POLLS
    watchdog_absent_seconds: float = deadman.ABSENT_SECONDS
    watchdog_forward_seconds: float = deadman.FORWARD_SECONDS
    answer_listen: str | None = None

    @property
    def key_path(self) -> Path:
        """Where the key of the links in messages is kept."""
        return self.store_path.with_name("answer.key")

    @property
    def ledger_path(self) -> Path:
        """Where the locator keeps its ledger."""
        return self.store_path.with_name("ledger.sqlite")


class Receiver:
    """One receiver; ``load`` reads the inventory again on reload and raises ValueError to refuse.
    ``holidays`` gives the public holidays of a year."""

    def __init__(
        self, settings: Settings, inventory: Inventory, load: LoadInventory | None = None,
        holidays: Holidays = no_holidays,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._holidays = holidays
        self._inventory = inventory
        self._load = load
        self._store = StoreThread(settings.store_path)
        self._learned = Learned(settings.ledger_path)
        self._telemetry = Telemetry(CollectorRegistry())
        self._disk = Complaint(log, "notifications are refused, Alertmanager will retry")
        self._look = Look(settings.alertmanager_url, settings.prometheus_url)
        self._judge = standing.Judge(
            ask_prometheus=settings.prometheus_url is not None,
            settle_seconds=settings.settle_seconds,
            polls=settings.absent_polls,
        )
        self._look_now = asyncio.Event()
        self._same: Same = nobody
        self._pulse: deadman.Pulse | None = None
        self._forwarder: deadman.Forwarder | None = None
        self._senders: dict[str, tuple[Sender, asyncio.Task[None]]] = {}
        self._teller: Teller | None = None
        self._telling: tuple[asyncio.Task[None], ...] = ()
        self.answers_at: tuple[str, int] | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._reloading = asyncio.Lock()
        self._ready = False

    # --- life ------------------------------------------------------------------------------------
    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set. Raises ListenError, Refused."""
        async with self.serving():
            await stop.wait()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[tuple[str, int]]:
        """Serve while the context is open; yields the address bound."""
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._store.close)
            await stack.enter_async_context(self._look)
            self._equip(self._inventory)
            stack.push_async_callback(self._stop_senders)
            await self._recall()
            loops = [
                asyncio.create_task(forever(job.__name__, job))
                for job in (self._reconcile, self._watch, self._prune)
            ]
            stack.push_async_callback(self._cancel, *loops)
            page = None if self._teller is None else self._teller.page
            self.answers_at = await stack.enter_async_context(answering(page, self._settings.answer_listen))
            bound = await stack.enter_async_context(serve(self._app(), self._settings.listen))
            sdnotify.notify("READY=1")
            log.info("receiving on %s:%d", *bound, extra={"channels": sorted(self._senders)})
            yield bound
            sdnotify.notify("STOPPING=1")

    def _equip(self, inventory: Inventory) -> None:
        """Start a worker for each channel of ``inventory``. Raises Refused before any starts."""
        book = Book.of(inventory, self._holidays)
        links = links_of(inventory, self._settings.key_path)
        channels = persons.channels(inventory)
        made = [Sender(channel, book, self._store, self._telemetry, links) for channel in channels]
        self._telemetry.channels(channel.id for channel in channels)
        self._tell(book, links)
        self._same = Sameness(book)
        self._inventory = inventory
        self._senders = {
            s.channel.id: (s, asyncio.create_task(forever(f"channel {s.channel.id}", s.run))) for s in made
        }
        url_file = inventory.dead_mans_switch_url_file
        every = self._settings.watchdog_forward_seconds
        self._forwarder = (
            deadman.Forwarder(url_file, every, self._telemetry.deadman_failing.set) if url_file else None
        )
        if not made:
            log.warning("the inventory names no channel: nobody will be told of anything")

    def _tell(self, book: Book, links: Links | None) -> None:
        """Decide by ``book`` from now on; who has the answering page open keeps it."""
        before = None if self._teller is None else self._teller.page
        teller = Teller(self._store, book, self._telemetry, links, self._wake, learned=self._learned)
        if before is not None and teller.page is not None:
            before.links, before.book = teller.page.links, book
            teller.page = before
        self._teller = teller
        self._telling = (
            asyncio.create_task(forever("decide", teller.decide)),
            asyncio.create_task(
                forever("silences", partial(teller.keep_silences, self._settings.alertmanager_url))
            ),
        )

    async def _recall(self) -> None:
        """Remember from the store whether the watchdog was ever seen, and whether it was away."""
        absent, away, seen = self._settings.watchdog_absent_seconds, False, False
        with contextlib.suppress(StoreError):
            seen = await self._store(Store.fact, SEEN) is not None
            away = bool(await self._own_outages())
            self._ready = True
        last = time.monotonic() - (absent + 1 if away else 0)
        self._pulse = deadman.Pulse(last, seen_before=seen, absent_seconds=absent)

    async def _stop_senders(self) -> None:
        """Let the message in hand finish, but not for long; the rest waits in the store."""
        await self._cancel(*self._telling)
        tasks = [task for _, task in self._senders.values()]
        for sender, _ in self._senders.values():
            sender.stop()
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_SECONDS)
        await self._cancel(*tasks, *self._background)

    async def _cancel(self, *tasks: asyncio.Task[None]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def reload(self) -> str | None:
        """Read the inventory again; return None, or why the old one stays in force."""
        if self._load is None:
            return "this receiver was started without a file"
        async with self._reloading:
            try:
                inventory = await asyncio.to_thread(self._load)
                book = Book.of(inventory)
                for channel in persons.channels(inventory):
                    Sender(channel, book, self._store, self._telemetry)
            except ValueError as error:
                log.error("reload refused: %s", error)
                return str(error)
            await self._stop_senders()
            self._equip(inventory)
            log.info("reloaded", extra={"channels": sorted(self._senders)})
        return None

    # --- what comes in ---------------------------------------------------------------------------
    def _app(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_post("/webhook", self._webhook)
        OutagesPage(self._store, self._learned).add(app)
        add_health(app, self._telemetry.registry, lambda: self._ready, self.reload)
        return app

    async def _webhook(self, request: web.Request) -> web.Response:
        if "Origin" in request.headers:  # only browsers send it, and no page of ours posts here
            return self._answer(403, "origin", "not for browsers")
        try:
            async with asyncio.timeout(READ_SECONDS):
                body = await request.read()
            hook = payload.parse(body)
        except web.HTTPRequestEntityTooLarge:
            return self._answer(413, payload.Refusal.TOO_LARGE, f"over {MAX_BODY_BYTES} bytes")
        except TimeoutError:
            return self._answer(408, "slow", f"the body did not come within {READ_SECONDS:g} s")
        except payload.PayloadError as error:
            return self._answer(400, error.reason, str(error))
        try:
            await self._take(hook)
        except StoreError as error:
            self._ready = False
            self._disk.broken(str(error))
            return self._answer(503, "unavailable", f"cannot store: {error}")
        self._ready = True
        self._disk.works()
        return self._answer(200, "accepted", "OK")

    def _answer(self, status: int, result: str, message: str) -> web.Response:
        self._telemetry.webhooks.labels(str(result)).inc()
        if status in {400, 403, 408, 413}:
            log.warning("webhook refused: %s", message[:300], extra={"result": str(result)})
        return web.Response(status=status, text=message + "\n")

    async def _take(self, hook: payload.Webhook) -> None:
        if any(is_watchdog(alert) and alert.status == "firing" for alert in hook.alerts):
            await self._beat()
        told = [(alert.status, from_alert(alert)) for alert in hook.alerts if not is_watchdog(alert)]
        firing = [o for status, o in told if status == "firing" and o.severity != SEVERITY_NONE]
        resolved = [outage for status, outage in told if status == "resolved"]
        if not firing and not resolved:
            return
        # Alertmanager resolves what it was merely not told of any more; Prometheus is asked at once.
        held = [o for o in resolved if self._look.asks_prometheus and o.source == RULES]
        passed = [outage for outage in resolved if outage not in held]
        await self._store(
            Store.take, (), time.time(), undecided=firing, resolved=passed, held=held, same=self._same
        )
        if self._teller is not None:
            self._teller.wake()  # not decided here: of a thousand notifications each would look at all others
        self._wake()
        if held or any(one.source == LOCATOR and not one.end_said for one in passed):
            self._look_now.set()

    def _wake(self) -> None:
        for sender, _ in self._senders.values():
            sender.wake()

    # --- what is over ----------------------------------------------------------------------------
    async def _reconcile(self) -> None:
        """Every few seconds, and at once when a resolution waits for it."""
        while True:
            self._look_now.clear()
            # Outages first: one that is about to end must be judged by a look that came after that.
            found = await self._standing()
            view = await self._look.around()
            if self._teller is not None and view.alertmanager is not None:
                self._teller.mutes(view.alertmanager.muted)
            with contextlib.suppress(StoreError):  # the webhook says it; the next turn does it
                await self._settle(found, view)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.poll_seconds):
                    await self._look_now.wait()

    async def _standing(self) -> tuple[Witness, ...]:
        try:
            found: tuple[Witness, ...] = await self._store(witness.standing)
            open_ = await self._store(Store.standing)
        except StoreError:
            return ()
        self._telemetry.open_pages.set(len(open_))
        return found

    async def _settle(self, found: tuple[Witness, ...], view: standing.View) -> None:
        now = time.time()
        if view.alertmanager is not None:
            await self._store(witness.overhear, view.alertmanager.overheard, self._same, now)
            await self._take_unheard(view.alertmanager.heard(now, self._settings.settle_seconds), now)
        verdicts = self._judge.verdicts([standing.of_witness(one) for one in found], view)
        for outage_id in await self._store(witness.apply, verdicts, found, now):
            log.info("over, found by reconciliation", extra={"outage": outage_id})
        if verdicts:
            self._wake()

    async def _take_unheard(self, located: Sequence[Outage], now: float) -> None:
        fresh = await self._store(witness.unheard, located, now) if located else ()
        if fresh:
            await self._store(Store.take, (), now, undecided=fresh, same=self._same)
            log.warning("told of by the locator after its end", extra={"outages": [one.id for one in fresh]})
            if self._teller is not None:
                self._teller.wake()

    # --- the monitoring itself -------------------------------------------------------------------
    async def _beat(self) -> None:
        """A sign of life arrived: pass it on without making Alertmanager wait for it."""
        if self._pulse is not None:
            first = self._pulse.state(time.monotonic()) == "waiting"
            self._pulse.beat(time.monotonic())
            if first:
                await self._store(Store.remember, SEEN, "1")
        if self._forwarder is not None:
            task = asyncio.create_task(self._forwarder.beat())
            self._background.add(task)
            task.add_done_callback(self._background.discard)

    async def _watch(self) -> None:
        """Raise and end our own outage: the watchdog stays away."""
        pause = min(5.0, max(0.05, self._settings.watchdog_absent_seconds / 4))
        while True:
            await asyncio.sleep(pause)
            sdnotify.notify("WATCHDOG=1")
            with contextlib.suppress(StoreError):
                await self._check_pulse()

    async def _check_pulse(self) -> None:
        if self._pulse is None:
            return
        now, state = time.time(), self._pulse.state(time.monotonic())
        open_ids = await self._own_outages()
        if state == "dead" and not open_ids:
            since = now - self._pulse.silent_seconds(time.monotonic())
            outage = monitoring_down(since, f"monitoring@{round(since * 1000)}", self._inventory.hub.id)
            book = Book.of(self._inventory, self._holidays)
            channels = persons.everybody(outage, book, datetime.now(UTC))
            await self._store(Store.take, channels, now, firing=[outage])
            log.error("no watchdog: the monitoring itself is down")
            self._wake()
        elif state == "alive" and open_ids:
            for outage_id in open_ids:
                await self._store(Store.finish, outage_id, now, now)
            self._wake()

    async def _own_outages(self) -> list[str]:
        found = await self._store(Store.standing)
        return [item.outage.id for item in found if item.outage.alertname == MONITORING_DOWN]

    async def _prune(self) -> None:
        while True:
            with contextlib.suppress(StoreError):
                while await self._store(Store.prune, time.time() - KEEP_SECONDS):
                    pass  # in pieces, so that no page waits for long
                self._telemetry.store_bytes.set(await self._store(Store.size_bytes))
            await asyncio.sleep(PRUNE_SECONDS)
