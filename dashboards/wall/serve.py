"""Runs the wall page: its application, its poller, its signals, and what systemd is told."""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
from prometheus_client import CollectorRegistry

from alerts.amapi import AmApi
from alerts.ledgerapi import LedgerApi
from alerts.locatorapi import LocatorApi
from alerts.promapi import PromApi
from alerts.rotation import Holidays, no_holidays
from common import sdnotify
from common.web import serve
from inventory.model import Inventory

from .app import MAX_VIEWERS, application
from .days import Days
from .gate import Gate
from .meters import Meters
from .poller import EVERY_SECONDS, Poller
from .state import Wall
from .view import STALE_SECONDS

QUERY_SECONDS = 5.0
HISTORY_SECONDS = 15.0
LOCATOR_SECONDS = 2.0
MOST_ANSWER_BYTES = 32 << 20
MOST_LOCATOR_BYTES = 8 << 20
log = logging.getLogger(__name__)


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen and what to read; an empty ``locator``: there is none."""

    listen: str
    prometheus: str
    alertmanager: str
    locator: str = ""
    max_viewers: int = MAX_VIEWERS
    stale_seconds: float = STALE_SECONDS
    poll_seconds: float = EVERY_SECONDS


@asynccontextmanager
async def running(
    options: Options, inventory: Inventory, gate: Gate, holidays: Holidays = no_holidays
) -> AsyncIterator[tuple[str, Wall]]:
    """Serve the page while the context is open; yields its address and its state.

    Raises ListenError. A poller that dies takes the page with it: a wall that stands still lies.
    """
    registry = CollectorRegistry()
    meters = Meters(registry)
    wall = Wall(inventory, options.stale_seconds, holidays=holidays)
    limits = {"max_answer_bytes": MOST_ANSWER_BYTES}
    async with (
        PromApi(options.prometheus, timeout_seconds=QUERY_SECONDS, **limits) as prometheus,
        PromApi(options.prometheus, timeout_seconds=HISTORY_SECONDS, **limits) as history,
        AmApi(options.alertmanager, timeout_seconds=QUERY_SECONDS, **limits) as alertmanager,
        _locator(options.locator) as locator,
        _ledger(options.locator) as ledger,
    ):
        app = application(
            wall, Days(history), gate, registry=registry, meters=meters, max_viewers=options.max_viewers
        )
        poller = Poller(prometheus, alertmanager, meters, locator=locator, ledger=ledger)
        async with serve(app, options.listen) as (host, port), asyncio.TaskGroup() as group:
            polling = group.create_task(poller.run(wall.publish, options.poll_seconds))
            try:
                yield f"http://{f'[{host}]' if ':' in host else host}:{port}/", wall
            finally:
                polling.cancel()


def _locator(url: str) -> contextlib.AbstractAsyncContextManager[LocatorApi | None]:
    if not url:
        return contextlib.nullcontext()
    return LocatorApi(url, timeout_seconds=LOCATOR_SECONDS, max_answer_bytes=MOST_LOCATOR_BYTES)


def _ledger(url: str) -> contextlib.AbstractAsyncContextManager[LedgerApi | None]:
    """The locator tells of its ledger too; a disk may take longer than a memory."""
    if not url:
        return contextlib.nullcontext()
    return LedgerApi(url, timeout_seconds=QUERY_SECONDS, max_answer_bytes=MOST_LOCATOR_BYTES)


async def run(
    options: Options,
    inventory: Inventory,
    gate: Gate,
    *,
    reload: Callable[[], Inventory | None],
    announce: Callable[[str], None],
    holidays: Holidays = no_holidays,
) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP takes what ``reload`` returns, unless that is None."""
    stop, again = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, again.set)
    async with running(options, inventory, gate, holidays) as (url, wall), asyncio.TaskGroup() as group:
        helpers = [group.create_task(_reloading(again, wall, reload)), group.create_task(_watchdog())]
        announce(url)
        sdnotify.notify("READY=1")
        await stop.wait()
        sdnotify.notify("STOPPING=1")
        for helper in helpers:
            helper.cancel()


async def _reloading(again: asyncio.Event, wall: Wall, reload: Callable[[], Inventory | None]) -> None:
    while True:
        await again.wait()
        again.clear()
        sdnotify.notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        inventory = await asyncio.to_thread(reload)
        if inventory is not None:
            wall.use(inventory)
            log.info("inventory read again")
        sdnotify.notify("READY=1")


async def _watchdog() -> None:
    seconds = sdnotify.watchdog_seconds()
    with contextlib.suppress(asyncio.CancelledError):
        while seconds:
            sdnotify.notify("WATCHDOG=1")
            await asyncio.sleep(seconds)
