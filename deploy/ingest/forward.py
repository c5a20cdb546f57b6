"""Hands pushes over to the engine: a few at once, the rest waits, bounded; live ones go first.

An agent has its answer only when the engine has answered, since what is acknowledged must be stored. While
the engine is slow, pushes wait for at most a few seconds; what does not fit is put off at once (429), what
waited for the hub before (backlog) long before what is live.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Protocol

from deploy.ingest.engine import Answer
from deploy.ingest.limits import Patience, ServerLimits


class Writer(Protocol):
    """What :class:`deploy.ingest.engine.Client` does."""

    async def write(self, body: bytes) -> Answer: ...


class Busy(Exception):  # noqa: N818 - reads as what it says
    """There is no room for another push now."""


class Slow(Exception):  # noqa: N818 - reads as what it says
    """The engine did not answer in time: it may have stored the push or not."""


class Forwarder:
    """Hands over to ``writer``."""

    def __init__(self, writer: Writer, limits: ServerLimits, patience: Patience) -> None:
        self._writer, self._limits, self._patience = writer, limits, patience
        self._any = asyncio.Semaphore(limits.forwards)
        self._backlog = asyncio.Semaphore(limits.backlog_forwards)
        self._waiting = {False: 0, True: 0}

    @property
    def waiting_bytes(self) -> int:
        """Bytes of pushes that have no answer yet."""
        return sum(self._waiting.values())

    async def send(self, body: bytes, *, backlog: bool) -> Answer:
        """Return the engine's answer to a compressed push. Raises Busy or Slow."""
        with self._counted(len(body), backlog):
            try:
                async with asyncio.timeout(self._patience.forward_seconds), self._turn(backlog):
                    return await self._writer.write(body)
            except TimeoutError:
                raise Slow from None

    @contextlib.contextmanager
    def _counted(self, size_bytes: int, backlog: bool) -> Iterator[None]:
        most = self._limits.waiting_backlog_bytes if backlog else self._limits.waiting_bytes
        if self._waiting[backlog] + size_bytes > most and self._waiting[backlog]:
            raise Busy
        self._waiting[backlog] += size_bytes
        try:
            yield
        finally:
            self._waiting[backlog] -= size_bytes

    @contextlib.asynccontextmanager
    async def _turn(self, backlog: bool) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            if backlog:
                await stack.enter_async_context(self._backlog)
            await stack.enter_async_context(self._any)
            yield
