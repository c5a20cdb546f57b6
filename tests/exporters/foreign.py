"""A reflector by somebody else: written from the RFCs with struct alone, and as odd as a test wants it."""

import asyncio
import hashlib
import hmac
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

EPOCH = 2_208_988_800

Lose = Callable[[int], str]
"""By the number of a packet's arrival: ``u`` lost before it is counted, ``d`` after, else answered."""


class Foreign(asyncio.DatagramProtocol):
    """``octets``: length of an answer; ``stateful``: counts; ``ptp``: PTPv2 time stamps; ``error``: bits of
    the error estimate; ``skew_seconds``: how far its clock is off."""

    def __init__(
        self, *, octets: int = 44, stateful: bool = True, ptp: bool = False, error: int = 0x8001,
        skew_seconds: float = 0.0, key: bytes | None = None, echo_session: bool = True,
        lose: Lose = lambda _: ".",
    ) -> None:  # fmt: skip
        self.octets, self.stateful, self.ptp, self.error = octets, stateful, ptp, error
        self.skew_seconds, self.key, self.echo_session, self.lose = skew_seconds, key, echo_session, lose
        self.arrived = self.answered = 0
        self.got: list[bytes] = []
        self.sender: tuple[str, int] = ("", 0)
        self.transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def clock(self) -> bytes:
        now = time.time() + self.skew_seconds
        if self.ptp:
            return struct.pack("!II", (int(now) + 37) & 0xFFFFFFFF, int(now % 1 * 1e9))
        return struct.pack("!II", (int(now) + EPOCH) & 0xFFFFFFFF, int(now % 1 * 2**32))

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        received = self.clock()
        self.got.append(data)
        self.sender = addr
        order = self.lose(self.arrived)
        self.arrived += 1
        if order == "u":
            return
        answer = self.answer(data, received)
        self.answered += 1
        if order != "d":
            self.send(answer)

    def send(self, answer: bytes) -> None:
        self.transport.sendto(answer, self.sender)

    def answer(self, data: bytes, received: bytes) -> bytes:
        number = struct.pack("!I", self.answered) if self.stateful else data[:4]
        error = struct.pack("!H", self.error | (0x4000 if self.ptp else 0))
        if self.key is not None:
            return self.closed(data, received, number, error)
        session = data[14:16] if self.echo_session else b"\0\0"
        answer = number + self.clock() + error + session + received + data[:14] + b"\0\0" + b"\x40\0\0\0"
        return (answer + data[44:])[: self.octets]

    def closed(self, data: bytes, received: bytes, number: bytes, error: bytes) -> bytes:
        assert self.key is not None
        text = number + bytes(12) + self.clock() + error + data[26:28] + bytes(4) + received + bytes(8)
        text += data[:4] + bytes(12) + data[16:26] + bytes(6) + b"\x40" + bytes(15)
        assert len(text) == 96
        return text + hmac.new(self.key, text, hashlib.sha256).digest()[:16]


@asynccontextmanager
async def listening(foreign: Foreign) -> AsyncIterator[str]:
    """Yield the address of a reflector while it runs."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: foreign, local_addr=("127.0.0.1", 0), family=socket.AF_INET
    )
    try:
        yield f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    finally:
        transport.close()
