"""The hub as a test reaches it: address, TLS, token, way out. And short calls to it."""

import ssl
from collections.abc import Callable
from typing import Final

import msgspec

from common.files import read_plain
from exporters.httpio.tls import TlsFiles, context_for
from exporters.httpio.url import Url, parse_url
from exporters.net.address import version_for
from exporters.net.failure import Failure
from exporters.net.literal import literal
from exporters.net.resolve import Address, resolve
from exporters.net.wire import Wire, connect
from exporters.throughputio.config import Config
from inventory.names import Reason

MAX_ANSWER_BYTES: Final = 16384
MAX_TOKEN_BYTES: Final = 4096


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where the hub is. ``token`` is a secret: it goes into header fields and nowhere else."""

    url: Url
    address: Address
    tls: ssl.SSLContext | None
    token: str
    source: str | None
    ca_file: str | None

    def way(self, patience_seconds: float) -> dict[str, object]:
        """Return what the pump needs to get there."""
        source = literal(self.source) if self.source else None
        return {
            "family": int(self.address.family),
            "address": self.address.at(self.url.port),
            "source_address": source.host if source else None,
            "source_interface": self.source if self.source and source is None else None,
            "tls": self.tls is not None,
            "ca_file": self.ca_file,
            "server_name": self.url.host,
            "authority": self.url.authority,
            "token": self.token,
            "patience_seconds": patience_seconds,
        }


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What this machine has to bring along, which is nobody else's time: token, TLS files."""

    url: Url
    tls: ssl.SSLContext | None
    token: str
    ca_file: str | None


async def prepare(address: str, config: Config) -> Means:
    """Read the files that a test needs. Raises Failure(local)."""
    try:
        url = parse_url(address)
    except ValueError:
        raise Failure(Reason.LOCAL, f"{address[:200]!r} is not a URL") from None
    token = read_token(config.token_file) if config.token_file else ""
    tls = await context_for(TlsFiles(ca_file=config.ca_file)) if url.scheme == "https" else None
    return Means(url=url, tls=tls, token=token, ca_file=config.ca_file)


async def find(means: Means, source: str | None, patience_seconds: float) -> Place:
    """Return where the hub is. Raises Failure: local for sources, dns."""
    found = await resolve(means.url.host, version_for(source, None), patience_seconds)
    return Place(
        url=means.url,
        address=found[0],
        tls=means.tls,
        token=means.token,
        source=source,
        ca_file=means.ca_file,
    )


def read_token(path: str) -> str:
    """Return the token in a file. Raises Failure(local)."""
    try:
        text = read_plain(path, MAX_TOKEN_BYTES + 1).decode("ascii").strip()
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else "not a token"
        raise Failure(Reason.LOCAL, f"{path}: {words}") from None
    if not text or len(text) > MAX_TOKEN_BYTES or not text.isprintable() or " " in text:
        raise Failure(Reason.LOCAL, f"{path}: not a token")
    return text


class Answer(msgspec.Struct, frozen=True):
    """Status and body."""

    status: int
    body: bytes


async def call(
    place: Place, method: str, path: str, body: bytes = b"", connected: Callable[[], None] = lambda: None
) -> Answer:
    """Make one short request; ``connected`` is told of the connection. Has no deadline of its own.

    Raises Failure.
    """
    fields = [
        f"{method} {path} HTTP/1.0",
        f"Host: {place.url.authority}",
        f"Content-Length: {len(body)}",
        *([f"Authorization: Bearer {place.token}"] if place.token else []),
    ]
    with Wire(await connect(place.address, place.url.port, place.source)) as wire:
        connected()
        if place.tls is not None:
            await wire.handshake(place.tls, place.url.host)
        await wire.send("\r\n".join([*fields, "", ""]).encode("latin-1") + body)
        data = b""
        while more := await wire.receive():
            data += more
            if len(data) > MAX_ANSWER_BYTES:
                raise Failure(Reason.TOO_LARGE, f"answer over {MAX_ANSWER_BYTES} bytes")
    return parse_answer(data)


def parse_answer(data: bytes) -> Answer:
    """Return status and body of an answer of HTTP/1.0, which ends with its connection. Raises Failure.

    >>> parse_answer(b"HTTP/1.0 200 OK\\r\\nServer: x\\r\\n\\r\\nhello")
    Answer(status=200, body=b'hello')
    """
    if not data:
        raise Failure(Reason.RESET, "connection closed before an answer")
    head, blank, body = data.partition(b"\r\n\r\n")
    words = head.split(b"\r\n", 1)[0].split(b" ", 2)
    usable = len(words) >= 2 and words[0] in (b"HTTP/1.0", b"HTTP/1.1") and len(words[1]) == 3
    if not (blank and usable and words[1].isdigit()):
        raise Failure(Reason.PROTOCOL, f"not HTTP: {data[:40]!r}")
    return Answer(int(words[1]), body)
