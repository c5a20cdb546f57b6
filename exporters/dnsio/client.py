"""One question to one name server, and its answer.

Each question has a socket, a port and an identifier of its own, all by chance, and letters in a case
chosen by chance; what does not match all of that is not an answer (RFC 5452). A server that answers in
another case than it was asked in is asked once more over TCP, which nobody forges blindly, as is one
whose answer was truncated (RFC 7766).
"""

import asyncio
import random
from time import perf_counter
from typing import Final

import msgspec

from exporters.dnsio.message import (
    FORMERR,
    NOERROR,
    NOTIMP,
    Message,
    Question,
    TooMany,
    encode_query,
    parse,
)
from exporters.dnsio.names import Malformed, same, with_random_case
from exporters.net.datagram import Datagrams
from exporters.net.failure import Failure
from exporters.net.literal import Address
from exporters.net.wire import Wire, connect
from inventory.names import Reason

PORT: Final = 53
MAX_STRANGE: Final = 100
"""Datagrams that are not the answer, after which a conversation is given up."""
_chance: Final = random.SystemRandom()


class Server(msgspec.Struct, frozen=True):
    """Where a name server listens."""

    address: Address
    port: int = PORT

    def __str__(self) -> str:
        if self.port == PORT:
            return self.address.host
        return (
            f"[{self.address.host}]:{self.port}"
            if self.address.version == 6
            else f"{self.address.host}:{self.port}"
        )


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How to ask. ``source``: an own address or interface."""

    source: str | None = None
    tcp: bool = False
    recursion: bool = True
    random_case: bool = True


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, and how long connecting (TCP only) and everything from the first question took."""

    message: Message
    connect_seconds: float = 0.0
    request_seconds: float = 0.0
    over_tcp: bool = False


class _Clock:
    """What of an exchange has been reached."""

    def __init__(self) -> None:
        self.connect_seconds = 0.0
        self.connecting = self.connected = False


async def ask(server: Server, question: Question, manner: Manner, timeout_seconds: float) -> Reply:
    """Return the server's answer, whatever it says. Raises Failure: timeout, stalled, refused,
    unreachable, reset, protocol, too_large or local."""
    clock, started = _Clock(), perf_counter()
    try:
        async with asyncio.timeout(timeout_seconds):
            message = await _ask(server, question, manner, clock)
    except TimeoutError:
        reason = Reason.STALLED if clock.connected else Reason.TIMEOUT
        raise Failure(
            reason, f"{server}: no answer within {timeout_seconds:.3g} s" + " over TCP" * clock.connecting
        ) from None
    except TooMany as error:
        raise Failure(Reason.TOO_LARGE, f"{server}: {error}") from None
    except Malformed as error:
        raise Failure(Reason.PROTOCOL, f"{server}: {error}") from None
    return Reply(
        message=message,
        connect_seconds=clock.connect_seconds,
        request_seconds=perf_counter() - started - clock.connect_seconds,
        over_tcp=clock.connected,
    )


async def _ask(server: Server, question: Question, manner: Manner, clock: _Clock) -> Message:
    if manner.tcp:
        return await _over_tcp(server, question, manner, clock)
    message = await _over_udp(server, question, manner, edns=True)
    if message is not None and message.rcode in (FORMERR, NOTIMP) and not message.edns:
        message = await _over_udp(server, question, manner, edns=False)  # older than RFC 6891
    if message is None or message.truncated:
        return await _over_tcp(server, question, manner, clock)
    return message


async def _over_udp(server: Server, question: Question, manner: Manner, edns: bool) -> Message | None:
    """Return the answer; None when it came in another case than the question."""
    if manner.random_case:
        question = msgspec.structs.replace(question, name=with_random_case(question.name, _chance))
    ident = _chance.getrandbits(16)
    with Datagrams(server.address, server.port, manner.source) as socket:
        socket.send(encode_query(ident, question, manner.recursion, edns))
        for _ in range(MAX_STRANGE):
            data, _ = await socket.receive()
            if len(data) < 3 or int.from_bytes(data[:2], "big") != ident or not data[2] & 0x80:
                continue  # late, forged, or our own question sent back
            message = parse(data)
            if message.questions == (question,) or _explains_itself(message):
                return message
            if answers(message, question):
                return None
    raise Failure(Reason.PROTOCOL, f"{server}: {MAX_STRANGE} datagrams, none of which is the answer")


async def _over_tcp(server: Server, question: Question, manner: Manner, clock: _Clock) -> Message:
    started = perf_counter()
    ident = _chance.getrandbits(16)
    clock.connecting = True
    sock = await connect(server.address, server.port, manner.source)
    with Wire(sock) as wire:
        clock.connect_seconds, clock.connected = perf_counter() - started, True
        query = encode_query(ident, question, manner.recursion)
        await wire.send(len(query).to_bytes(2, "big") + query)
        message = parse(await _framed(wire, server))
    if message.ident == ident and (answers(message, question) or _explains_itself(message)):
        return message
    raise Failure(Reason.PROTOCOL, f"{server}: the answer over TCP belongs to another question")


async def _framed(wire: Wire, server: Server) -> bytes:
    """Return one message, whose length goes before it (RFC 1035, 4.2.2): at most 65,535 octets."""
    data = bytearray()
    while len(data) < 2 or len(data) < 2 + int.from_bytes(data[:2], "big"):
        more = await wire.receive()
        if not more:
            raise Failure(Reason.RESET, f"{server}: closed the connection before its answer was complete")
        data += more
    return bytes(data[2 : 2 + int.from_bytes(data[:2], "big")])


def answers(message: Message, question: Question) -> bool:
    """Whether a message is a response to ``question``, in whatever case."""
    if not message.response or message.opcode or len(message.questions) != 1:
        return False
    [asked] = message.questions
    return (asked.type, asked.class_) == (question.type, question.class_) and same(asked.name, question.name)


def _explains_itself(message: Message) -> bool:
    """Whether it says that it failed, without repeating the question: some servers do."""
    return message.response and not message.questions and message.rcode != NOERROR
