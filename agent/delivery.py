"""Everything between the agent's series and the hub: the spool, the connections and the pusher, as one."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Final

from agent.clock import HubClock
from agent.config import AgentConfig, Push
from agent.config import Spool as Bounds
from agent.expose import Group
from agent.itself import Itself
from agent.live import Sender
from agent.push import Pusher
from agent.spool.shelf import Limits, Shelf
from agent.spool.spool import Spool
from agent.transport import Transport
from common.delivery import BACKLOG_HEADER

WINDOW_EXTRA_DAYS: Final = 1.0
"""The hub takes samples that are so much older than the spool ever holds them."""
CLOSE_SECONDS: Final = 1.0
log = logging.getLogger(__name__)
Now = Callable[[], float]
Connect = Callable[[Push, Now, str, bool], Sender]
"""Makes a sender of (push, clock, version, whether it is for what waited)."""
Vital = Callable[[Coroutine[None, None, None]], asyncio.Task[None]]


def connect(push: Push, now: Now, version: str, waited: bool) -> Sender:
    """Return a connection to the hub."""
    return Transport(push, now, version, {BACKLOG_HEADER: "1"} if waited else None)


class Delivery:
    """Starts, replaces and stops what pushes. ``directory``: where the spool's file is."""

    def __init__(
        self,
        clock: HubClock,
        groups: Mapping[str, Group],
        itself: Itself,
        version: str,
        *,
        directory: Path | None,
        connect: Connect = connect,
    ) -> None:
        self._clock, self._groups, self._itself, self._version = clock, groups, itself, version
        self._directory, self._connect = directory, connect
        self._spool: Spool | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._writing: asyncio.Task[None] | None = None
        self.pusher: Pusher | None = None

    async def start(self, config: AgentConfig, vital: Vital) -> None:
        """Begin to push as configured, if at all; ``vital`` runs what the agent cannot live without."""
        push, before = config.push, self.pusher
        self._itself.pushing = push is not None
        self.pusher = None
        if push is None:
            return
        if self._spool is None or self._writing is None:
            self._spool = await self._opened(config.spool)
            self._writing = vital(self._spool.run())
        self._spool.bound(*_bounds(config.spool))
        live = self._connect(push, self._clock.now, self._version, False)
        waited = self._connect(push, self._clock.now, self._version, True)
        self.pusher = Pusher(
            push,
            self._clock,
            self._groups,
            self._itself,
            self._spool,
            senders=(live, waited),
            window_days=config.spool.days + WINDOW_EXTRA_DAYS,
        )
        if before is not None:
            self.pusher.follow(before)
        self.pusher.urge()
        self._tasks = [vital(self.pusher.run())]

    async def replace(self, config: AgentConfig, vital: Vital) -> None:
        """Push as newly configured; what waits and what the hub was told stays."""
        await self.pause()
        if self.pusher is not None:
            await self.pusher.close()
        await self.start(config, vital)

    async def pause(self) -> None:
        """Stop collecting and sending."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def finish(self) -> None:
        """Say the last word, write what waits, and close everything."""
        if self.pusher is not None:
            await self.pusher.last_word()
        await self._shut()

    async def close(self) -> None:
        """Close what :meth:`finish` had no time for; what waits gets a second more."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._shut()
        if self.pusher is not None:
            await self.pusher.close()

    async def _shut(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
            self._writing = None
        if self._spool is not None:
            spool, self._spool = self._spool, None
            await spool.close()

    async def _opened(self, bounds: Bounds) -> Spool:
        size, days = _bounds(bounds)
        shelf = Shelf(self._directory, self._itself.site, Limits(size, days), self._clock.now)
        spool = Spool(shelf, self._clock, self._itself.dropped)
        await spool.open()
        self._itself.spool = spool
        return spool


def _bounds(bounds: Bounds) -> tuple[int, float]:
    return int(bounds.megabytes * 1_000_000), bounds.days
