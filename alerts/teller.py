"""What the receiver does after it has stored: decide, keep silences, let people answer.

One ``Teller`` for an inventory; a reload makes another. Its loop turns every fraction of a second while
pages wait to be gathered, else every second, and at once when woken.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from alerts.ackpage import AnswerPage
from alerts.amapi import AmApi
from alerts.book import Book
from alerts.dispatch import Dispatcher
from alerts.learned import Learned
from alerts.links import Links, load_key
from alerts.silences import Silences
from alerts.store import StoreError
from alerts.telemetry import Telemetry
from alerts.threads import StoreThread
from common.web import serve
from inventory.model import Inventory

GATHERING_SECONDS: Final = 0.2
IDLE_SECONDS: Final = 1.0
SILENCES_SECONDS: Final = 5.0
log = logging.getLogger(__name__)


def links_of(inventory: Inventory, key_path: Path) -> Links | None:
    """Return what makes links into messages, None where nobody could follow them or the key is unusable.

    A key that cannot be used must not keep anybody from being paged: it is logged, and there are no links.
    """
    base = inventory.notify.answer_url
    if base is None:
        return None
    try:
        key = load_key(key_path)
    except (OSError, ValueError) as error:
        log.error("messages carry no link to answer by: %s", error)
        return None
    return Links(key, base, inventory.notify.answer_link_hours * 3600)


class Teller:
    """Decides and acts for one ``book``. ``told`` is called when there may be something to send."""

    def __init__(
        self,
        store: StoreThread,
        book: Book,
        telemetry: Telemetry,
        links: Links | None,
        told: Callable[[], None],
        *,
        learned: Learned,
    ) -> None:
        self._dispatcher = Dispatcher(store, book, telemetry.decided)
        self._telemetry = telemetry
        self._told = told
        self._woken = asyncio.Event()
        self._answered = asyncio.Event()
        self._store = store
        self.page: AnswerPage | None = None
        if links is not None:
            woken = self._answered.set
            self.page = AnswerPage(store, links, book, telemetry, woken, learned=learned)

    def mutes(self, fingerprints: Collection[str]) -> None:
        """Say which alerts Alertmanager mutes now."""
        self._dispatcher.muted = fingerprints

    def wake(self) -> None:
        """Have the next turn come at once."""
        self._woken.set()

    async def turn(self) -> bool:
        """Decide what is due; whether pages wait to be gathered. A store that is away says so elsewhere."""
        waiting = False
        with contextlib.suppress(StoreError):
            waiting = await self._dispatcher.turn(time.time())
        self._told()
        return waiting

    async def decide(self) -> None:
        """Decide, for ever."""
        while True:
            self._woken.clear()
            waiting = await self.turn()
            await _until(self._woken, GATHERING_SECONDS if waiting else IDLE_SECONDS)

    async def keep_silences(self, alertmanager: str) -> None:
        """Keep Alertmanager's silences as they were answered, for ever."""
        async with AmApi(alertmanager, timeout_seconds=SILENCES_SECONDS) as api:
            silences = Silences(self._store, api, self._telemetry)
            while True:
                self._answered.clear()
                with contextlib.suppress(StoreError):
                    await silences.turn(time.time())
                await _until(self._answered, SILENCES_SECONDS)


async def _until(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


@asynccontextmanager
async def answering(page: AnswerPage | None, listen: str | None) -> AsyncIterator[tuple[str, int] | None]:
    """Serve the answering page while the context is open; yields the address bound, None for none."""
    if page is None or listen is None:
        yield None
        return
    async with serve(page.app(), listen) as bound:
        log.info("answers are taken on %s:%d", *bound)
        yield bound
