"""An SNMP v2c agent over a dictionary, right or wrong on purpose. Real ones: ``test_snmp_real.py``."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, cast

from pyasn1.codec.ber import decoder, encoder  # type: ignore[import-untyped]  # it ships no types
from pysnmp.proto.api import v2c  # type: ignore[import-untyped]  # as above

Oid = tuple[int, ...]
Mib = dict[Oid, Any]
Mangle = Callable[[bytes], list[bytes]]
IF: Oid = (1, 3, 6, 1, 2, 1, 2, 2, 1)
IFX: Oid = (1, 3, 6, 1, 2, 1, 31, 1, 1, 1)
UPTIME: Oid = (1, 3, 6, 1, 2, 1, 1, 3, 0)
COMMUNITY = "to-doc"


def interface(index: int, name: str, octets: tuple[int, int] = (1000, 2000), *, wide: bool = True) -> Mib:
    """Rows of one interface as IF-MIB has them: octets received and sent."""
    found: Mib = {
        (*IF, 2, index): v2c.OctetString(f"descr of {name}"),
        (*IFX, 1, index): v2c.OctetString(name),
        (*IFX, 18, index): v2c.OctetString(f"alias of {name}"),
        (*IFX, 15, index): v2c.Gauge32(1000),
        (*IFX, 19, index): v2c.TimeTicks(0),
        (*IF, 8, index): v2c.Integer32(1),
    }
    for column, value in {13: 4, 14: 3, 19: 2, 20: 1}.items():
        found[*IF, column, index] = v2c.Counter32(value)
    for column, value in {10: octets[0], 11: 30, 12: 3, 16: octets[1], 17: 40, 18: 4}.items():
        found[*IF, column, index] = v2c.Counter32(value % 2**32)
    if wide:
        for column, value in {6: octets[0], 7: 30, 8: 2, 9: 1, 10: octets[1], 11: 40, 12: 3, 13: 1}.items():
            found[*IFX, column, index] = v2c.Counter64(value)
    return found


def router(*interfaces: Mib, uptime: int = 100_000) -> Mib:
    """A whole router."""
    mib: Mib = {UPTIME: v2c.TimeTicks(uptime)}
    for rows in interfaces:
        mib |= rows
    return mib


class Agent(asyncio.DatagramProtocol):
    """Answers from ``mib``. ``mangle`` turns an answer into what is really sent; ``asked`` keeps the
    questions."""

    def __init__(self, mib: Mib, mangle: Mangle | None = None) -> None:
        self.mib, self.mangle = mib, mangle
        self.asked: list[list[Oid]] = []
        self.error = 0
        self.stranger = asyncio.Event()  # somebody with another community asked
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        message, _ = decoder.decode(data, asn1Spec=v2c.Message())
        if bytes(message[1]) != COMMUNITY.encode():
            self.stranger.set()
            return
        answer = self.answer(v2c.apiMessage.get_pdu(message))
        v2c.apiMessage.set_pdu(message, answer)
        encoded = encoder.encode(message)
        assert self._transport is not None
        for datagram in self.mangle(encoded) if self.mangle else [encoded]:
            self._transport.sendto(datagram, addr)

    def answer(self, pdu: Any) -> Any:
        """Return the response PDU (RFC 3416, 4.2.1 and 4.2.3)."""
        oids = [tuple(oid) for oid, _ in v2c.apiPDU.get_varbinds(pdu)]
        self.asked.append(oids)
        response = v2c.GetResponsePDU()
        v2c.apiPDU.set_defaults(response)
        v2c.apiPDU.set_request_id(response, v2c.apiPDU.get_request_id(pdu))
        if pdu.tagSet == v2c.GetBulkRequestPDU.tagSet:
            found = list(self._bulk(oids[0], int(v2c.apiBulkPDU.get_max_repetitions(pdu))))
        else:
            found = [(oid, self.mib.get(oid, v2c.NoSuchInstance(""))) for oid in oids]
        if self.error:
            v2c.apiPDU.set_error_status(response, self.error)
            v2c.apiPDU.set_error_index(response, 1)
        v2c.apiPDU.set_varbinds(response, found)
        return response

    def _bulk(self, after: Oid, repetitions: int) -> Iterator[tuple[Oid, Any]]:
        following = [oid for oid in sorted(self.mib) if oid > after][:repetitions]
        yield from ((oid, self.mib[oid]) for oid in following)
        if len(following) < repetitions:
            yield after, v2c.EndOfMibView("")


@asynccontextmanager
async def running(mib: Mib, mangle: Mangle | None = None) -> AsyncIterator[tuple[Agent, str]]:
    """Run an agent on loopback; gives it and its ``host:port``."""
    loop = asyncio.get_running_loop()
    transport, agent = await loop.create_datagram_endpoint(
        lambda: Agent(mib, mangle), local_addr=("127.0.0.1", 0)
    )
    try:
        port = transport.get_extra_info("sockname")[1]
        yield agent, f"127.0.0.1:{port}"
    finally:
        transport.close()
