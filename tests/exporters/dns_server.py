"""A name server on loopback that answers as told, over UDP and TCP."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import cast

from exporters.dnsio.message import Message, parse
from exporters.dnsio.names import Name, encode_name, name_of
from exporters.dnsio.rdata import TYPES
from tests.exporters.servers import serve

Answering = Callable[[bytes, bool], Iterable[bytes]]
"""From a query, and whether it came over TCP, to what is sent back."""


def record(name: Name | str, type_: str | int, data: bytes, ttl_seconds: int = 300, class_: int = 1) -> bytes:
    """Return a resource record."""
    labels = name_of(name) if isinstance(name, str) else name
    number = TYPES[type_] if isinstance(type_, str) else type_
    return encode_name(labels) + struct.pack(">2HIH", number, class_, ttl_seconds, len(data)) + data


def a(name: Name | str, address: str, ttl_seconds: int = 300) -> bytes:
    """Return an A record."""
    return record(name, "A", bytes(map(int, address.split("."))), ttl_seconds)


def soa(name: str, serial: int = 1, ttl_seconds: int = 60, minimum: int = 30) -> bytes:
    """Return an SOA record."""
    names = encode_name(name_of(f"ns.{name}")) + encode_name(name_of(f"root.{name}"))
    return record(name, "SOA", names + struct.pack(">5I", serial, 7200, 900, 86400, minimum), ttl_seconds)


def respond(
    query: bytes | Message,
    *answers: bytes,
    rcode: int = 0,
    flags: int = 0x8180,
    authorities: tuple[bytes, ...] = (),
    additionals: tuple[bytes, ...] = (),
) -> bytes:
    """Return a response to ``query``, the question repeated as it was asked."""
    asked = parse(query) if isinstance(query, bytes) else query
    [question] = asked.questions
    header = struct.pack(
        ">6H", asked.ident, flags | rcode, 1, len(answers), len(authorities), len(additionals)
    )
    repeated = encode_name(question.name) + struct.pack(">2H", question.type, question.class_)
    return header + repeated + b"".join((*answers, *authorities, *additionals))


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, answering: Answering) -> None:
        self._answering = answering

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for answer in self._answering(data, False):
            self._transport.sendto(answer, addr)


@asynccontextmanager
async def name_server(answering: Answering) -> AsyncIterator[int]:
    """Run the server; yields its port, the same for UDP and TCP."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        query = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        for answer in answering(query, True):
            writer.write(len(answer).to_bytes(2, "big") + answer)
        await writer.drain()
        await asyncio.Event().wait()

    loop = asyncio.get_running_loop()
    async with serve(handle) as port:
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(answering), local_addr=("127.0.0.1", port)
        )
        try:
            yield port
        finally:
            transport.close()
            await asyncio.sleep(0)  # the loop closes the socket in its next round


def silent(_query: bytes, _tcp: bool) -> tuple[()]:
    """Answer nothing."""
    return ()


def zone(query: bytes, _tcp: bool) -> tuple[bytes, ...]:
    """Answer any A question with one address, with an absence what else is asked."""
    question = parse(query).questions[0]
    if question.type == TYPES["A"]:
        return (respond(query, a(question.name, "192.0.2.7")),)
    return (respond(query, authorities=(soa("example"),)),)
