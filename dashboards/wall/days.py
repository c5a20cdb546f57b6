"""The last 24 hours of communes, read when somebody looks and kept for a minute for all who look."""

import asyncio
import logging
from typing import Final

from alerts.promapi import ApiError, PromApi

from .history import History, load

KEPT_SECONDS: Final = 60.0
_RETRY_SECONDS: Final = 5.0
_AT_ONCE: Final = 2
log = logging.getLogger(__name__)


class Days:
    """A cache of :class:`History` by commune. Callers pass codes of the inventory only."""

    def __init__(self, prometheus: PromApi) -> None:
        self._prometheus = prometheus
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._locks: dict[str, asyncio.Lock] = {}
        self._known: dict[str, tuple[float, History | None]] = {}

    async def get(self, code: str, now: float) -> History | None:
        """Return the last 24 hours before ``now`` (Unix seconds), or None when they cannot be read."""
        async with self._locks.setdefault(code, asyncio.Lock()):
            until, known = self._known.get(code, (0.0, None))
            if now < until:
                return known
            async with self._at_once:
                found = await self._load(code, now)
            kept = KEPT_SECONDS if found is not None else _RETRY_SECONDS
            self._known[code] = now + kept, found
            return found

    async def _load(self, code: str, now: float) -> History | None:
        try:
            return await load(self._prometheus, code, now)
        except* ApiError as errors:
            log.warning("history cannot be read", extra={"commune": code, "error": str(errors.exceptions[0])})
        return None
