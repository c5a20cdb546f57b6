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


class Transfers:
    """Moves bytes for requests that are already admitted."""

    def __init__(self, request_seconds: float) -> None:
        self._seconds = request_seconds
        # Random, so that no box on the way can make the line look faster by compressing.
        self._block = memoryview(os.urandom(BLOCK_BYTES))

    async def down(
        self, request: web.Request, lease: Lease, size: int, pace: Pace | None, count: Count
    ) -> web.StreamResponse:
        """Send ``size`` bytes, or as many as the lease has left."""
        response = await _begin(request, {"Content-Length": str(size)})
        async with self._bounded(lease):
            while size > 0:
                piece = min(BLOCK_BYTES, size, lease.bytes_left)
                if piece <= 0:
                    raise Exceeded
                lease.bytes_left -= piece
                await _wait(pace, piece)
                await response.write(self._block[:piece])
                count(piece)
                size -= piece
            await response.write_eof()
        return response

    async def up(
        self, request: web.Request, lease: Lease, pace: Pace | None, count: Count
    ) -> web.StreamResponse:
        """Take in the body and report on it: lines of seconds and bytes, both since the server's zero."""
        response = await _begin(request)
        loop, arrived = asyncio.get_running_loop(), 0
        async with self._bounded(lease):
            due = loop.time()
            async for data in request.content.iter_any():
                arrived += len(data)
                lease.bytes_left -= len(data)
                count(len(data))
                if lease.bytes_left < 0:
                    raise Exceeded
                await _wait(pace, len(data))
                if loop.time() >= due:
                    due = loop.time() + REPORT_SECONDS
                    await response.write(b"%.6f %d\n" % (loop.time(), arrived))
            await response.write(b"%.6f %d\n" % (loop.time(), arrived))
            await response.write_eof()
        return response

    async def echo(self, request: web.Request, lease: Lease, count: Count) -> web.StreamResponse:
        """Send back what comes, at once."""
        response = await _begin(request)
        left = ECHO_BYTES
        async with self._bounded(lease):
            async for data in request.content.iter_any():
                left -= len(data)
                if left < 0:
                    raise Exceeded
                count(len(data))
                await response.write(data)
            await response.write_eof()
        return response

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


async def _begin(request: web.Request, headers: dict[str, str] | None = None) -> web.StreamResponse:
    response = web.StreamResponse(headers={**_HEADERS, **(headers or {})})
    response.force_close()
    await response.prepare(request)
    return response


async def _wait(pace: Pace | None, count: int) -> None:
    if pace is not None:
        delay = pace.delay(count, asyncio.get_running_loop().time())
        if delay > 0:
            await asyncio.sleep(delay)
