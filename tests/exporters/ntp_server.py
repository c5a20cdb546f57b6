"""A time server on loopback that answers as told."""

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import cast

from exporters.ntpio.packet import timestamp_of

Answering = Callable[[bytes], Iterable[bytes]]


def reply(
    request: bytes,
    *,
    ahead_seconds: float = 0.0,
    leap: int = 0,
    mode: int = 4,
    stratum: int = 2,
    reference_id: bytes = b"\x0a\x00\x00\x01",
    origin: bytes | None = None,
) -> bytes:
    """Return an answer of a clock that is ``ahead_seconds`` of this machine's."""
    now = timestamp_of(time.time_ns() + int(ahead_seconds * 1e9))
    first = leap << 6 | 4 << 3 | mode
    head = struct.pack(">BBbbII4s", first, stratum, 6, -20, 0x0001_0000, 0x0000_8000, reference_id)
    return head + struct.pack(">Q", now) + (origin or request[40:48]) + struct.pack(">2Q", now, now)


@asynccontextmanager
async def time_server(answering: Answering) -> AsyncIterator[int]:
    """Run the server; yields its port."""

    class Protocol(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.DatagramTransport, transport)

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            for answer in answering(data):
                self.transport.sendto(answer, addr)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Protocol, local_addr=("127.0.0.1", 0))
    try:
        yield int(transport.get_extra_info("sockname")[1])
    finally:
        transport.close()
        await asyncio.sleep(0)  # the loop closes the socket in its next round
