"""Server-sent events: each viewer gets the fragments that differ from what it got last.

Nothing queues. A viewer that is slow skips what it missed and gets the latest; one that takes nothing
for ten seconds is dropped. (https://html.spec.whatwg.org/multipage/server-sent-events.html)
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final

import msgspec
from aiohttp import web

from .meters import Meters
from .state import Parts, Wall

WRITE_SECONDS: Final = 10.0
BEAT_SECONDS: Final = 5.0
"""A viewer hears something at least this often, so that silence means that the server is gone."""


def event(name: str, data: object) -> bytes:
    """Return one event; JSON keeps its data on one line."""
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n"


def update(wall: Wall, parts: Parts, sent: Parts) -> bytes:
    """Return what a viewer must hear who has ``sent``, and note it there."""
    told = []
    for name, html in parts.items():
        if sent.get(name) != html:
            sent[name] = html
            told.append(event("fragment", {"id": name, "html": str(html)}))
    health = wall.shown.health
    tick = {"at": time.time(), "newest": health.newest, "stale": health.stale, "build": wall.build}
    return b"".join((*told, event("tick", tick)))


class Viewers:
    """The open streams; never more than ``most``."""

    def __init__(self, wall: Wall, meters: Meters, most: int) -> None:
        self._wall = wall
        self._meters = meters
        self._most = most
        self._open = 0

    @property
    def full(self) -> bool:
        """Whether one more would be too many."""
        return self._open >= self._most

    async def feed(
        self, request: web.Request, page: str, language: str, allowed: Callable[[], bool] = lambda: True
    ) -> web.StreamResponse:
        """Feed one viewer until it leaves, stalls, may look no longer, or the server stops."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        self._open += 1
        self._meters.viewers.set(self._open)
        try:
            await response.prepare(request)
            with contextlib.suppress(ConnectionError, TimeoutError):
                await self._talk(response, page, language, allowed)
        finally:
            self._open -= 1
            self._meters.viewers.set(self._open)
        return response

    async def _talk(
        self, response: web.StreamResponse, page: str, language: str, allowed: Callable[[], bool]
    ) -> None:
        sent: Parts = {}
        while not self._wall.closing and self._wall.knows(page) and allowed():
            written = update(self._wall, self._wall.parts(page, language), sent)
            async with asyncio.timeout(WRITE_SECONDS):
                await response.write(written)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BEAT_SECONDS):
                    await self._wall.changed()
