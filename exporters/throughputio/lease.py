"""The right to test now, given by the hub, held while the context is open and given back afterwards."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from secrets import token_hex
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from exporters.net.failure import Failure
from exporters.throughputio.deferred import Deferred
from exporters.throughputio.place import Place, call
from inventory.names import Reason

RELEASE_SECONDS: Final = 2.0
MAX_TTL_SECONDS: Final = 3600.0
LEAST_PAUSE_SECONDS: Final = 1.0
"""Between two renewals, whatever the hub says."""


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """What the hub grants: ``bytes`` for the whole test; ``echo``: the key for echoes by UDP."""

    lease: str
    echo: Annotated[str, Meta(pattern=r"^([0-9a-f]{32})?\Z")] = ""
    bytes: int
    ttl_seconds: float


def parse(body: bytes) -> Lease:
    """Return the lease in an answer. Raises Failure(protocol)."""
    try:
        lease = msgspec.json.decode(body, type=Lease)
    except (ValueError, RecursionError):
        raise Failure(Reason.PROTOCOL, f"not a lease: {body[:40]!r}") from None
    usable = lease.lease.replace("-", "").replace("_", "").isalnum() and len(lease.lease) <= 100
    if not (
        usable and lease.lease.isascii() and 0 < lease.ttl_seconds <= MAX_TTL_SECONDS and lease.bytes > 0
    ):
        raise Failure(Reason.PROTOCOL, f"not a lease: {body[:40]!r}")
    return lease


@asynccontextmanager
async def held(
    place: Place, line: str, segments: Sequence[str], size: int, connected: Callable[[], None]
) -> AsyncIterator[Lease]:
    """Hold a lease; ``connected`` is told that the hub can be reached. Has no deadline of its own.

    Raises Failure; Deferred where the hub gives none now.
    """
    order = {"line": line or f"line:unnamed-{token_hex(8)}", "segments": list(segments), "bytes": size}
    answer = await call(place, "POST", "/lease", msgspec.json.encode(order), connected)
    if answer.status in (409, 503):
        taken = answer.body[:120].decode("utf-8", "replace").strip()
        raise Deferred("the hub tests enough lines now" if taken == "full" else f"{taken} is being tested")
    if answer.status != 200:
        reason = Reason.AUTH if answer.status == 401 else Reason.STATUS
        raise Failure(reason, f"asked for a lease, the hub answers {answer.status}")
    lease = parse(answer.body)
    renewing = asyncio.create_task(_renew(place, lease))
    try:
        yield lease
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)
        # Where this fails, the lease expires by itself.
        with contextlib.suppress(Failure, TimeoutError):
            async with asyncio.timeout(RELEASE_SECONDS):
                await call(place, "DELETE", f"/lease/{lease.lease}")


async def _renew(place: Place, lease: Lease) -> None:
    """Renew until cancelled. A lease that is lost ends the test by itself: the hub hangs up."""
    while True:
        await asyncio.sleep(max(LEAST_PAUSE_SECONDS, lease.ttl_seconds / 4))
        with contextlib.suppress(Failure, TimeoutError):
            async with asyncio.timeout(max(LEAST_PAUSE_SECONDS, lease.ttl_seconds / 2)):
                await call(place, "POST", f"/lease/{lease.lease}")
