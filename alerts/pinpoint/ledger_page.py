"""``GET /api/ledger?since=SECONDS&limit=N``: outages that lasted after ``since`` (Unix seconds) as the ledger
has them now, the latest begun first, each with what was said at first where it was revised.
"""

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from aiohttp import web

from alerts.complaint import Complaint
from alerts.ledger import Entry, Ledger, LedgerError
from alerts.revision import shown
from alerts.threads import abandonable

DAY_SECONDS: Final = 86400.0
LONGEST_SECONDS: Final = 400 * DAY_SECONDS
USUAL_ROWS: Final = 200
MOST_ROWS: Final = 1000
READ_SECONDS: Final = 5.0
T = TypeVar("T")
log = logging.getLogger(__name__)


class OneJob:
    """Blocking work beside the loop, a piece at a time, each in a thread of its own: a disk that hangs holds
    one thread, keeps neither other work nor the process, and is given nothing more until it answers."""

    def __init__(self) -> None:
        self._idle = threading.Event()
        self._idle.set()

    async def __call__(self, work: Callable[[], T], deadline_seconds: float) -> T:
        """Return what ``work`` returns, or raise what it raises. Raises TimeoutError at the deadline, and at
        once while what was left behind at a deadline goes on. To be called from one loop."""
        if not self._idle.is_set():
            raise TimeoutError("the disk has not answered since the last time")
        found: list[T] = []

        def run() -> None:
            try:
                found.append(work())
            finally:
                self._idle.set()

        self._idle.clear()
        try:
            await abandonable(run, deadline_seconds)
        except RuntimeError:  # perhaps there was no thread to be had, then nothing runs
            self._idle.set()
            raise
        return found[0]

    async def rest(self, seconds: float) -> bool:
        """Wait until nothing is under way, at most for so long; return whether that is so."""

        def wait() -> None:
            self._idle.wait(seconds)

        if not self._idle.is_set():
            await abandonable(wait, seconds + 1.0)
        return self._idle.is_set()


class LedgerPage:
    """Answers from the file at ``path``; a disk that hangs answers 503."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = asyncio.Lock()
        self._job = OneJob()
        self._complaint = Complaint(log, "the ledger cannot be read")

    def add(self, app: web.Application) -> None:
        """Add the route."""
        app.router.add_get("/api/ledger", self._answer)

    async def _answer(self, request: web.Request) -> web.Response:
        now = time.time()
        since = _number(request, "since", now - DAY_SECONDS, now - LONGEST_SECONDS, now)
        limit = int(_number(request, "limit", USUAL_ROWS, 1, MOST_ROWS))
        try:
            async with asyncio.timeout(READ_SECONDS), self._turn:
                entries = await self._job(lambda: self._read(since, limit), READ_SECONDS)
        except (LedgerError, TimeoutError) as error:
            self._complaint.broken(str(error) or "the disk did not answer in time")
            raise web.HTTPServiceUnavailable(text="the ledger cannot be read now") from None
        self._complaint.works()
        body = {"since": since, "limit": limit, "outages": [shown(entry) for entry in entries]}
        return web.Response(body=msgspec.json.encode(body), content_type="application/json")

    def _read(self, since: float, limit: int) -> tuple[Entry, ...]:
        ledger = Ledger(self._path, reading=True)
        try:
            return ledger.recent(since, limit=limit)
        finally:
            ledger.close()


def _number(request: web.Request, name: str, usual: float, least: float, most: float) -> float:
    """Return a parameter within its bounds. Raises HTTPBadRequest for what is no number."""
    try:
        found = float(request.query.get(name, usual))
    except ValueError:
        found = math.nan
    if math.isnan(found):
        raise web.HTTPBadRequest(text=f"{name}: a number is expected")
    return min(max(found, least), most)
