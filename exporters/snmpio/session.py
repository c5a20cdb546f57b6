"""Asking one router: a socket, a deadline, retries; whatever comes back, nobody else waits for it."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Final

from exporters.net import failure
from exporters.net.address import bind_source
from exporters.net.failure import Failure
from exporters.net.resolve import Address
from exporters.snmpio.message import MAX_MESSAGE_BYTES, Answer, Codec, Question, judge
from inventory.names import Reason

RETRY_SECONDS: Final = 1.0
MAX_REFUSED: Final = 16
"""Datagrams of one question that answer nothing, before the router is given up: a flood costs no more."""
_IP_RECVERR: Final = 11  # linux/in.h: tells of every ICMP error, not only of "port unreachable"
_IPV6_RECVERR: Final = 25


@contextlib.asynccontextmanager
async def connected(address: Address, port: int, source: str | None) -> AsyncIterator[socket.socket]:
    """A UDP socket that hears only ``address`` and ``port``, at a port of its own. Raises Failure(local)."""
    doing = f"SNMP to {address.host} port {port}"
    try:
        sock = socket.socket(address.family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    except OSError as error:
        raise failure.local(error, doing) from None
    with sock:
        try:
            bind_source(sock, source)
            if address.family == socket.AF_INET:
                sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
            else:
                sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
            sock.connect(address.at(port))
        except OSError as error:
            raise failure.local(error, doing) from None
        yield sock


class Session:
    """One socket and one codec. ``heard``: whether anything at all came back, now or earlier; ``torn``:
    whether the deadline passed while the codec was at work, in another thread, so that it must not be
    used again."""

    def __init__(self, sock: socket.socket, codec: Codec, *, heard: bool = False) -> None:
        self._sock, self._codec = sock, codec
        self._loop = asyncio.get_running_loop()
        self._refused = 0
        self.heard = heard
        self.torn = False

    async def get(self, question: Question) -> Answer:
        """Return the answer, free of errors. Raises Failure; ends by the caller's deadline only.

        Asks again every :data:`RETRY_SECONDS`: UDP loses packets, and the sender is who repeats.
        """
        try:
            while True:
                await self._send(self._codec.ask(question))
                answer = await self._wait(self._loop.time() + RETRY_SECONDS)
                if answer is not None:
                    judge(answer, question)
                    return answer
        finally:
            if not self.torn:
                self._codec.forget()

    async def _send(self, datagram: bytes) -> None:
        try:
            await self._loop.sock_sendall(self._sock, datagram)
        except OSError as error:
            raise failure.remote(error, "SNMP") from None

    async def _wait(self, until: float) -> Answer | None:
        """Return the answer, None when it is time to ask again. Raises Failure."""
        while True:
            try:
                async with asyncio.timeout_at(until):
                    datagram = await self._loop.sock_recv(self._sock, MAX_MESSAGE_BYTES + 1)
            except TimeoutError:
                return None
            except OSError as error:
                raise failure.remote(error, "SNMP") from None
            self.heard = True
            answer = await self._take(datagram)
            if answer is not None:
                return answer
            for more in self._codec.more():
                await self._send(more)
            if self._codec.refused:
                self._refuse()

    async def _take(self, datagram: bytes) -> Answer | None:
        """Have the codec read a datagram: some milliseconds in Python, twenty for a hostile one."""
        try:
            return await asyncio.to_thread(self._codec.take, datagram)
        except asyncio.CancelledError:
            self.torn = True
            raise

    def _refuse(self) -> None:
        self._refused += 1
        if self._refused >= MAX_REFUSED:
            words = f"{self._refused} datagrams that answer nothing; the last: {self._codec.refused}"
            raise Failure(Reason.PROTOCOL, words)

    def silence(self, seconds: float) -> Failure:
        """Return what it is called that the deadline of ``seconds`` passed."""
        words = f"no answer within {seconds:g} s"
        if self._refused:
            words += f"; {self._refused} datagrams refused, the last: {self._codec.refused}"
            return Failure(Reason.PROTOCOL, words)
        if self.heard:
            return Failure(Reason.STALLED, f"{words}, though the router speaks: its key may be another one")
        return Failure(Reason.TIMEOUT, words)
