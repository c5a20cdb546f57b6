"""One worker a channel: takes what is pending from the store, in order, until it is delivered.

Exactly once as far as the other side allows: what was sent is recorded before anything else is sent.
Only a crash between the two repeats a message, and then under the same id, by which a webhook's or
mail's receiver and the sink know it again.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Final

import msgspec

from alerts import escalate, queue, routing, text
from alerts.book import Book
from alerts.channels.base import SEPARATOR, ChannelConfig, Message, TransportError
from alerts.channels.http import new_session
from alerts.channels.registry import Kind, convert_options, kinds
from alerts.complaint import Complaint
from alerts.digest import DIGEST
from alerts.links import Links
from alerts.rotation import roster
from alerts.store import Delivery, State, Store, StoreError
from alerts.telemetry import Telemetry
from alerts.threads import StoreThread, abandonable
from inventory.model import Channel

SEND_SECONDS: Final = 30.0
LONGEST_SLEEP_SECONDS: Final = 60.0
STORE_RETRY_SECONDS: Final = 5.0
log = logging.getLogger(__name__)


def compose(
    delivery: Delivery, channel: Channel, limit_chars: int, book: Book, now: float, *, late: bool,
    links: Links | None = None,
) -> Message:  # fmt: skip
    """Return what ``channel`` sends for ``delivery``, in the channel's languages within its limit."""
    told = _telling(delivery, channel, book, now, late=late, links=links)
    outage = told.outage
    share = (limit_chars - len(SEPARATOR) * (len(channel.languages) - 1)) // len(channel.languages)
    both = [text.render(told, book, language) for language in ("vi", "en")]
    return Message(
        id=f"{outage.id}/{delivery.status}/{delivery.step}/{channel.id}",
        outage_id=outage.id,
        status=delivery.status,
        step=delivery.step,
        alertname=outage.alertname,
        component=outage.component,
        kind=outage.kind,
        severity=outage.severity,
        communes=outage.communes,
        systems=outage.systems,
        starts_at=outage.starts_at,
        ends_at=outage.ends_at,
        texts=tuple(text.render(told, book, language, share) for language in channel.languages),
        text_vi=f"{both[0].subject}\n{both[0].body}",
        text_en=f"{both[1].subject}\n{both[1].body}",
    )


def _telling(
    delivery: Delivery, channel: Channel, book: Book, now: float, *, late: bool, links: Links | None
) -> text.Telling:
    outage, oncall = delivery.outage, book.inventory.oncall
    if outage.alertname == DIGEST:
        kept = tuple(one for one in outage.listed if routing.carries(channel, one, book))
        outage = msgspec.structs.replace(outage, listed=kept or outage.listed)
    step = escalate.at(oncall, delivery.step)
    moment = datetime.fromtimestamp(delivery.created_at, UTC)
    answerable = links is not None and delivery.status == "firing" and outage.severity != "ticket"
    return text.Telling(
        outage=outage,
        status=delivery.status,
        now=now,
        late=late,
        step=delivery.step,
        waited_minutes=0.0 if step is None else step.after_minutes,
        called=None if step is None else escalate.whom(step, roster(book.inventory, book.holidays), moment),
        answer_link=links.url(outage.id, channel.id, delivery.created_at) if links and answerable else "",
        acked_by=delivery.acked_by,
        acked_at=delivery.acked_at,
    )


class Sender:
    """The worker of one channel. Raises Refused when made with options that its kind refuses."""

    def __init__(
        self, channel: Channel, book: Book, store: StoreThread, telemetry: Telemetry,
        links: Links | None = None,
    ) -> None:  # fmt: skip
        self.channel = channel
        self._config: ChannelConfig = convert_options(channel.kind, channel.options)
        self._kind: Kind = kinds()[channel.kind]
        self._book = book
        self._store = store
        self._telemetry = telemetry
        self._links = links
        self._session = new_session()
        self._due: dict[int, float] = {}
        self._unrecorded: dict[int, tuple[State, str]] = {}
        self._paused_until = 0.0
        self._woken = asyncio.Event()
        self._stopping = False
        self._disk = Complaint(log, f"channel {channel.id}: store")
        self._line = Complaint(log, f"channel {channel.id}")

    def wake(self) -> None:
        """Say that there may be something to send."""
        self._woken.set()

    def stop(self) -> None:
        """Ask :meth:`run` to return once the message in hand is done."""
        self._stopping = True
        self._woken.set()

    async def run(self) -> None:
        """Send what is pending until told to stop."""
        try:
            while not self._stopping:
                self._woken.clear()
                await self._sleep(await self._turn())
        finally:
            self._session.close()

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()

    async def _turn(self) -> float:
        """Send everything that is due; return how long to sleep."""
        try:
            await self._record_leftovers()
            while not self._stopping:
                found = await self._store(Store.pending, self.channel.id)
                pending = [d for d in found if d.seq not in self._unrecorded]
                self._disk.works()
                self._telemetry.pending.labels(self.channel.id).set(len(pending))
                now = time.monotonic()
                if now < self._paused_until:
                    return self._paused_until - now
                chosen = queue.choose(pending, self._due, now)
                if chosen is None:
                    longest = STORE_RETRY_SECONDS if self._unrecorded else LONGEST_SLEEP_SECONDS
                    return queue.sleep_seconds(pending, self._due, now, longest)
                await self._deliver(chosen)
        except StoreError as error:
            self._disk.broken(str(error))
            return STORE_RETRY_SECONDS
        return 0.0

    async def _deliver(self, delivery: Delivery) -> None:
        late = delivery.status == "resolved" and delivery.firing_state != "sent"
        if delivery.firing_state == "pending" and delivery.status == "resolved":
            await self._store(Store.supersede, delivery.seq)
        with contextlib.suppress(StoreError):  # a full disk must not keep a page back
            await self._store(Store.attempt, delivery.seq)
        try:
            message = compose(
                delivery, self.channel, self._kind.limit_chars, self._book, time.time(), late=late,
                links=self._links,
            )  # fmt: skip
            with self._telemetry.send_duration.labels(self.channel.id).time():
                await self._send(message)
        except TransportError as error:
            await self._failed(delivery, error)
        else:
            await self._sent(delivery)

    async def _send(self, message: Message) -> None:
        """Send, with every failure as a TransportError."""
        work: Callable[[], None] = partial(self._kind.send, message, self._config, self._session)
        try:
            await abandonable(work, SEND_SECONDS)
        except TransportError:
            raise
        except TimeoutError:
            self._session = new_session()  # the thread left behind still holds the other
            raise TransportError(f"no end within {SEND_SECONDS:g} s", permanent=False) from None
        except Exception as error:  # noqa: BLE001 - a bug of a channel must not end its worker
            # Not the exception's text: it may hold what the channel was configured with.
            raise TransportError(f"bug: {type(error).__name__}", permanent=False) from None

    async def _sent(self, delivery: Delivery) -> None:
        self._line.works()
        self._telemetry.works(self.channel.id, time.time())
        self._telemetry.notified(self.channel.id, "sent")
        self._telemetry.delay.labels(self.channel.id).observe(max(0.0, time.time() - delivery.created_at))
        if delivery.status == "firing" and not delivery.step and routing.severity(delivery.outage) == "page":
            lasted = time.time() - delivery.outage.starts_at
            self._telemetry.to_page.labels(self.channel.id).observe(max(0.0, lasted))
        await self._settle(delivery, "sent")

    async def _failed(self, delivery: Delivery, error: TransportError) -> None:
        attempts = delivery.attempts + 1
        self._telemetry.fails(self.channel.id, time.time())
        if error.permanent or attempts >= queue.MAX_ATTEMPTS:
            log.error(
                "channel %s: given up: %s", self.channel.id, error,
                extra={"outage": delivery.outage.id, "status": delivery.status, "attempts": attempts},
            )  # fmt: skip
            self._telemetry.notified(self.channel.id, "failed")
            await self._settle(delivery, "failed", str(error))
            return
        self._line.broken(str(error))
        self._telemetry.notified(self.channel.id, "retried")
        now = time.monotonic()
        chance = random.random()  # noqa: S311 - jitter
        self._due[delivery.seq] = now + queue.backoff(attempts, chance, error.retry_after)
        if error.retry_after is not None:
            self._paused_until = now + error.retry_after

    async def _settle(self, delivery: Delivery, state: State, error: str = "") -> None:
        """Record the end of a delivery; what cannot be recorded now is not sent again meanwhile."""
        self._due.pop(delivery.seq, None)
        self._unrecorded[delivery.seq] = (state, error)
        await self._record_leftovers()

    async def _record_leftovers(self) -> None:
        for seq, (state, error) in list(self._unrecorded.items()):
            await self._store(Store.settle, seq, state, time.time(), error)
            del self._unrecorded[seq]
