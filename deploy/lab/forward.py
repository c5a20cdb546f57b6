"""Carries connections from this machine's loopback to the hub's.

The listening sockets were opened outside and belong to that network namespace; we stand in the hub's.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Final

_CHUNK_BYTES: Final = 1 << 16
_CONNECT_SECONDS: Final = 5.0
_IDLE_SECONDS: Final = 3600.0


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        async with asyncio.timeout(_IDLE_SECONDS):
            data = await reader.read(_CHUNK_BYTES)
        if not data:
            break
        writer.write(data)
        async with asyncio.timeout(_IDLE_SECONDS):
            await writer.drain()
    writer.write_eof()


async def _carry(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry one connection to 127.0.0.1:``port`` until both sides are done."""
    with contextlib.ExitStack() as stack:
        stack.callback(writer.close)
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_CONNECT_SECONDS):
                inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(inner_writer.close)
            await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))


@contextlib.asynccontextmanager
async def forwarding(listeners: dict[int, int]) -> AsyncIterator[None]:
    """Accept on inherited file descriptors while the context is open: descriptor by port of the hub."""
    servers = [await _serve(port, descriptor) for port, descriptor in listeners.items()]
    try:
        yield
    finally:
        for server in servers:
            server.close()


async def _serve(port: int, descriptor: int) -> asyncio.Server:
    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _carry(port, reader, writer)

    return await asyncio.start_server(accepted, sock=socket.socket(fileno=descriptor))
