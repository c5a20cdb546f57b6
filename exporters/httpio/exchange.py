"""One request and its answer over a connection of its own."""

import ssl

import msgspec

from exporters.httpio.answer import Answer
from exporters.httpio.certificate import earliest_expiry
from exporters.httpio.url import Url
from exporters.net.address import version_for
from exporters.net.phases import Phases
from exporters.net.resolve import IpVersion, resolve
from exporters.net.wire import Wire, connect
from inventory.names import PROBE_IP_PROTOCOL, PROBE_SSL_EXPIRY


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent to one URL, and by which way. ``fields`` are header fields besides our own."""

    url: Url
    method: str
    fields: tuple[tuple[str, str], ...]
    body: bytes
    server_name: str
    tls: ssl.SSLContext | None
    source: str | None
    ip_version: IpVersion | None
    max_body_bytes: int
    keep_bytes: int
    patience_seconds: float


def encode(request: Request) -> bytes:
    """Return a request as HTTP/1.1 sends it (RFC 9112)."""
    lines = [f"{request.method} {request.url.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in request.fields]
    if request.body or request.method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(request.body)}")
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("utf-8") + request.body


async def exchange(request: Request, phases: Phases) -> Answer:
    """Send a request and read the answer, a redirect only as far as its header. Raises Failure.

    Has no deadline of its own; whatever happens, the connection is closed.
    """
    phases.enter("resolve")
    version = version_for(request.source, request.ip_version)
    address = (await resolve(request.url.host, version, request.patience_seconds))[0]
    phases.note(PROBE_IP_PROTOCOL, address.version)
    phases.enter("connect")
    with Wire(await connect(address, request.url.port, request.source)) as wire:
        if request.tls is not None:
            phases.enter("tls")
            await wire.handshake(request.tls, request.server_name)
        phases.enter("processing")
        await wire.send(encode(request))
        answer = await _read(wire, request, phases)
        phases.leave()
        expiry = earliest_expiry(wire.tls) if wire.tls is not None else None
        if expiry is not None:
            phases.note(PROBE_SSL_EXPIRY, expiry)
    return answer


async def _read(wire: Wire, request: Request, phases: Phases) -> Answer:
    answer = Answer(request.method, request.max_body_bytes, request.keep_bytes)
    data = await wire.receive()
    phases.enter("transfer")
    while data:
        answer.feed(data)
        if answer.complete or (300 <= answer.status <= 399):
            return answer
        data = await wire.receive()
    answer.end()
    return answer
