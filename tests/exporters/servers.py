"""Servers on loopback that misbehave as told."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serve(
    handler: Handler, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[int]:
    """Run ``handler`` for each connection; yields the port. Nothing of it outlives the context."""
    tasks: set[asyncio.Task[None]] = set()

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await handler(reader, writer)
        except asyncio.CancelledError:
            pass
        finally:
            writer.transport.abort()
            tasks.discard(task)

    server = await asyncio.start_server(run, host, 0, ssl=tls, ssl_shutdown_timeout=0.2 if tls else None)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for _ in range(5):  # connections accepted and not yet served
            await asyncio.sleep(0)
        while tasks:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for _ in range(3):  # an aborted connection is closed by the loop's next rounds
            await asyncio.sleep(0)
        await server.wait_closed()


def answering(*parts: bytes) -> Handler:
    """Return a handler that reads a request, sends ``parts`` and closes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    return handle


def then_silent(*parts: bytes) -> Handler:
    """Return a handler that sends ``parts`` and then leaves the connection open for ever."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
        await asyncio.Event().wait()

    return handle


def page(body: bytes, status: str = "200 OK", *fields: str) -> bytes:
    """Return a whole answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *fields]
    return "\r\n".join([*lines, "", ""]).encode() + body


@contextmanager
def closed_port() -> Iterator[int]:
    """Yield a port that is ours and that nothing listens on."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])


@contextmanager
def full_backlog() -> Iterator[int]:
    """Yield a port that answers no SYN: its queue of connections is full, so Linux drops them."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = int(listener.getsockname()[1])
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        yield port
