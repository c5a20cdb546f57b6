"""``GET /api/ledger?since=SECONDS&limit=N``: outages that lasted after ``since`` (Unix seconds) as the ledger
has them now, the latest begun first, each with what was said at first where it was revised.
"""

import asyncio
import logging
import math
import time
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web

from alerts.complaint import Complaint
from alerts.ledger import Entry, Ledger, LedgerError
from alerts.revision import shown
from alerts.threads import OneJob

DAY_SECONDS: Final = 86400.0
LONGEST_SECONDS: Final = 400 * DAY_SECONDS
USUAL_ROWS: Final = 200
MOST_ROWS: Final = 1000
READ_SECONDS: Final = 5.0
log = logging.getLogger(__name__)


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
