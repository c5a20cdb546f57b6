"""Keeps the loops of a service going: a bug in one is logged with its trace, and the loop starts again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

PAUSE_SECONDS: Final = 1.0
log = logging.getLogger(__name__)


async def forever(name: str, job: Callable[[], Awaitable[None]]) -> None:
    """Run ``job`` until it returns or is cancelled."""
    while True:
        try:
            await job()
        except Exception:
            log.exception("%s: a bug; it starts again", name)
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            return
