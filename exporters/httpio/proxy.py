"""Through an HTTP proxy: CONNECT for https (RFC 9110, 9.3.6), absolute URLs for http (RFC 9112, 3.2.2)."""

import base64
from typing import Final

import msgspec

from common.i18n import t
from exporters.httpio.answer import Answer
from exporters.httpio.url import Url, parse_url
from exporters.net.failure import Failure
from exporters.net.wire import Wire
from inventory.names import Reason

MAX_HEADER_BYTES: Final = 16384
_OURS: Final = frozenset({Reason.REFUSED, Reason.RESET, Reason.PROTOCOL, Reason.TOO_LARGE})


class Proxy(msgspec.Struct, frozen=True):
    """Where the proxy is; ``authorization`` is a whole Proxy-Authorization, which is secret."""

    host: str
    port: int
    authorization: str | None = None

    def __str__(self) -> str:
        return f"proxy {self.host}:{self.port}"


def parse_proxy(key: str, text: str, credentials: str | None = None) -> Proxy:
    """Return the proxy that ``http://host:port`` names. Raises ValueError as ``key: problem``."""
    try:
        url = parse_url(text)
    except ValueError:
        url = None
    if url is None or url.scheme != "http" or url.target != "/":
        raise ValueError(f"{key}: {t('probes.http_proxy')}")
    basic = base64.b64encode(credentials.encode()).decode() if credentials else None
    return Proxy(url.host, url.port, f"Basic {basic}" if basic else None)


def blame(proxy: Proxy, failure: Failure) -> Failure:
    """Return a failure on the way to the proxy as what it is: the path is broken, the system unknown."""
    reason = Reason.UNREACHABLE if failure.reason in _OURS else failure.reason
    return Failure(reason, f"{proxy}: {failure.evidence}")


async def tunnel(wire: Wire, url: Url, proxy: Proxy) -> None:
    """Have the proxy connect us to where ``url`` leads.

    Raises Failure: local when the proxy does not let us, unreachable when it gets no connection.
    """
    place = f"[{url.host}]:{url.port}" if ":" in url.host else f"{url.host}:{url.port}"
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    if proxy.authorization is not None:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    await wire.send("\r\n".join([*lines, "", ""]).encode())
    status = read_status(await _header(wire))
    if 200 <= status <= 299:
        return
    reason = Reason.LOCAL if 400 <= status <= 499 else Reason.UNREACHABLE
    raise Failure(reason, f"answers CONNECT {place} with status {status}")


async def _header(wire: Wire) -> bytes:
    """Read up to the end of a header; a server says nothing under TLS before we do."""
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        more = await wire.receive()
        if not more:
            raise Failure(Reason.RESET, "connection closed before an answer to CONNECT")
        data += more
        if len(data) > MAX_HEADER_BYTES:
            raise Failure(Reason.TOO_LARGE, f"answer to CONNECT over {MAX_HEADER_BYTES} bytes")
    if len(data) > end + 4 and data.startswith((b"HTTP/1.1 2", b"HTTP/1.0 2")):
        raise Failure(Reason.PROTOCOL, "bytes after the answer to CONNECT that nobody asked for")
    return data


def read_status(header: bytes) -> int:
    """Return the status of the answer to CONNECT. Raises Failure(protocol)."""
    answer = Answer("HEAD", MAX_HEADER_BYTES, 0)
    try:
        answer.feed(header)
        answer.end()
    finally:
        answer.let_go()
    return answer.status
