"""For each kind of probe: a target that is well, and targets from which nothing comes back.

A new kind adds an entry here; everything else in this directory is the same for all kinds.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import msgspec

from inventory.names import Reason
from tests.exporters.servers import answering, full_backlog, page, serve, then_silent


class Address(msgspec.Struct, frozen=True):
    """Where to measure; ``reason`` is what comes of it."""

    address: str
    reason: Reason
    source: str | None = None


Place = Callable[[], AbstractAsyncContextManager[Address]]


@asynccontextmanager
async def _icmp_well() -> AsyncIterator[Address]:
    yield Address("127.0.0.1", Reason.OK)


@asynccontextmanager
async def _icmp_silent() -> AsyncIterator[Address]:
    # Linux answers no ping to a group (icmp_echo_ignore_broadcasts), and this one stays on loopback.
    yield Address("239.255.1.1", Reason.TIMEOUT, source="127.0.0.1")


@asynccontextmanager
async def _tcp_well() -> AsyncIterator[Address]:
    async with serve(then_silent()) as port:
        yield Address(f"127.0.0.1:{port}", Reason.OK)


@asynccontextmanager
async def _tcp_silent() -> AsyncIterator[Address]:
    with full_backlog() as port:
        yield Address(f"127.0.0.1:{port}", Reason.TIMEOUT)


@asynccontextmanager
async def _http_well() -> AsyncIterator[Address]:
    async with serve(answering(page(b"<title>hello</title>"))) as port:
        yield Address(f"http://127.0.0.1:{port}/", Reason.OK)


@asynccontextmanager
async def _http_silent() -> AsyncIterator[Address]:
    with full_backlog() as port:
        yield Address(f"http://127.0.0.1:{port}/", Reason.TIMEOUT)


@asynccontextmanager
async def _http_mute() -> AsyncIterator[Address]:
    async with serve(then_silent()) as port:
        yield Address(f"http://127.0.0.1:{port}/", Reason.STALLED)


@asynccontextmanager
async def _https_mute() -> AsyncIterator[Address]:
    async with serve(then_silent()) as port:
        yield Address(f"https://127.0.0.1:{port}/", Reason.STALLED)


@asynccontextmanager
async def _http_half() -> AsyncIterator[Address]:
    async with serve(then_silent(page(b"x" * 1000)[:-1])) as port:
        yield Address(f"http://127.0.0.1:{port}/", Reason.STALLED)


WELL: dict[str, Place] = {"icmp": _icmp_well, "tcp": _tcp_well, "http": _http_well}
SILENT: dict[str, list[Place]] = {
    "icmp": [_icmp_silent],
    "tcp": [_tcp_silent],
    "http": [_http_silent, _http_mute, _https_mute, _http_half],
}
OPTIONAL_SAMPLES: dict[str, set[str]] = {
    "http": {"probe_ssl_earliest_cert_expiry", 'probe_http_duration_seconds{phase="tls"}'},
}
"""Series of a kind's documented exposition that a plain healthy target does not have."""
