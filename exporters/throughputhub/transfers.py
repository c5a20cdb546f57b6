"""The bytes themselves: down, up and echo, each bounded in bytes and time and by its lease.

Nothing is kept: what arrives is counted and dropped, what is sent is one block made at the start. While
bytes come up, the answer already runs and says every 100 ms how many have arrived by the server's own
clock, because only the receiver knows what arrived when.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from typing import Final

import msgspec
from aiohttp import web

from exporters.throughputhub.leases import Lease
from exporters.throughputhub.pace import Pace

BLOCK_BYTES: Final = 131072
REPORT_SECONDS: Final = 0.1
ECHO_BYTES: Final = 65536
"""What one echo connection may carry; with records of 16 bytes every 20 ms enough for 80 s."""
_HEADERS: Final = {"Content-Type": "application/octet-stream", "Cache-Control": "no-store"}
Count = Callable[[int], None]


class Exceeded(Exception):  # noqa: N818 - reads as what it says
    """A transfer that went on beyond its bytes."""


class Terms(msgspec.Struct, frozen=True):
    """Under what a transfer runs: its lease, how fast its token may be, where its bytes are counted."""

    lease: Lease
    pace: Pace | None
    count: Count

    @property
    def piece(self) -> int:
        """Bytes to move at once: what is paced must flow evenly."""
        return BLOCK_BYTES if self.pace is None else min(BLOCK_BYTES, self.pace.piece)

    async def take(self, size: int) -> None:
        """Count bytes that were moved, and wait where that was too fast. Raises Exceeded."""
        self.count(size)
        self.lease.bytes_left -= size
        if self.lease.bytes_left < 0:
            raise Exceeded
        if self.pace is not None:
            delay = self.pace.delay(size, asyncio.get_running_loop().time())
            if delay > 0:
                await asyncio.sleep(delay)


class Transfers:
    """Moves bytes for requests that are already admitted."""

    def __init__(self, request_seconds: float) -> None:
        self._seconds = request_seconds
        # Random, so that no box on the way can make the line look faster by compressing.
        self._block = memoryview(os.urandom(BLOCK_BYTES))

    async def down(self, response: web.StreamResponse, size: int, terms: Terms) -> None:
        """Send ``size`` bytes. Raises Exceeded where the lease has fewer left, TimeoutError."""
        async with self._bounded(terms.lease):
            while size > 0:
                piece = min(terms.piece, size, max(1, terms.lease.bytes_left))
                await terms.take(piece)
                await response.write(self._block[:piece])
                size -= piece

    async def up(self, request: web.Request, response: web.StreamResponse, terms: Terms) -> None:
        """Take in the body and report: lines of seconds, by the server's own clock, and of bytes that
        all streams of the test have brought by then. Raises Exceeded, TimeoutError.
        """
        loop, lease = asyncio.get_running_loop(), terms.lease
        async with self._bounded(lease):
            due = loop.time()
            async for data in request.content.iter_chunked(terms.piece):
                lease.arrived += len(data)
                await terms.take(len(data))
                if loop.time() >= due:
                    due = loop.time() + REPORT_SECONDS
                    await response.write(b"%.6f %d\n" % (loop.time(), lease.arrived))
            await response.write(b"%.6f %d\n" % (loop.time(), lease.arrived))

    async def echo(self, request: web.Request, response: web.StreamResponse, terms: Terms) -> None:
        """Send back what comes, at once. Raises Exceeded, TimeoutError."""
        left = ECHO_BYTES
        async with self._bounded(terms.lease):
            async for data in request.content.iter_any():
                left -= len(data)
                if left < 0:
                    raise Exceeded
                terms.count(len(data))
                await response.write(data)

    @contextlib.asynccontextmanager
    async def _bounded(self, lease: Lease) -> AsyncIterator[None]:
        """End after the time for one request, and at once when the lease ends."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._seconds) as limit:

            def cut() -> None:
                if not limit.expired():
                    limit.reschedule(loop.time())

            lease.cuts.add(cut)
            try:
                yield
            finally:
                lease.cuts.discard(cut)


async def begin(request: web.Request, size: int | None = None) -> web.StreamResponse:
    """Send the head of the answer, whose connection ends with it."""
    response = web.StreamResponse(headers=_HEADERS)
    response.content_length = size
    response.force_close()
    await response.prepare(request)
    return response
