"""Names to addresses, without ever blocking the loop or waiting for a dead name server.

An answer is good for its time to live and then asked for again. While name servers fail, the last
good answer serves for up to :data:`STALE_SECONDS` and says that it is stale (RFC 8767): whether names
resolve is measured by itself, and must not hide whether the system answers. That a name does not exist
is an answer, not a failure. Lookups of one name are shared.
"""

import asyncio
import time
import weakref
from collections.abc import Iterable
from typing import Final

from exporters.base import Sample
from exporters.dnsio.failures import NoSuchName
from exporters.dnsio.order import best_first
from exporters.dnsio.stub import Resolved, Stub
from exporters.net.failure import Failure
from exporters.net.literal import Address, IpVersion, SocketAddress, literal
from inventory.names import DNS_ANSWER_STALE, Reason

__all__ = ["Address", "Found", "IpVersion", "Names", "SocketAddress", "literal", "resolve"]

STALE_SECONDS: Final = 86400.0
RETRY_SECONDS: Final = 5.0
"""How long after a failure an old answer serves at once; the name servers are asked in between."""
ABSENT_SECONDS: Final = 30.0
"""The longest for which the absence of a name is remembered."""
REORDER_SECONDS: Final = 10.0
"""How long the order of IPv4 and IPv6 holds: routes come and go sooner than answers."""
MAX_TTL_SECONDS: Final = 86400.0
MAX_NAMES: Final = 4096
MAX_LOOKUPS: Final = 256


class Found(list[Address]):
    """The addresses of a host, best first. ``stale`` says why an old answer had to serve, and is empty
    for a good one; ``named`` is False where the host is an address itself."""

    def __init__(self, addresses: Iterable[Address], named: bool = False, stale: str = "") -> None:
        super().__init__(addresses)
        self.named, self.stale = named, stale

    def samples(self) -> tuple[Sample, ...]:
        """Return ``thongsuot_dns_answer_stale``, for a name."""
        return (Sample(DNS_ANSWER_STALE, float(bool(self.stale))),) if self.named else ()


async def resolve(host: str, version: IpVersion | None = None, patience_seconds: float = 2.0) -> Found:
    """Return the addresses of ``host``, best first, only those of ``version`` when given; never empty.

    Raises Failure: ``dns`` when the name does not resolve within ``patience_seconds``, ``local`` when
    an address of the other version is configured.
    """
    if (address := literal(host)) is not None:
        if version is not None and address.version != version:
            raise Failure(Reason.LOCAL, f"{host} is not an IPv{version} address, which ip_version asks for")
        return Found((address,))
    return await names().addresses(host, version, patience_seconds)


class _Kept:
    """What is known of one name. Times of the monotonic clock."""

    __slots__ = ("absent", "addresses", "at", "fresh_until", "ordered_at", "retry_at", "why")

    def __init__(self) -> None:
        self.addresses: tuple[Address, ...] = ()
        self.absent: NoSuchName | None = None
        self.at = self.fresh_until = self.ordered_at = self.retry_at = 0.0
        self.why = ""

    def take(self, resolved: Resolved, now: float) -> None:
        self.addresses, self.absent, self.why = resolved.addresses, None, ""
        self.at, self.ordered_at, self.retry_at = now, now, 0.0
        self.fresh_until = now + min(resolved.ttl_seconds, MAX_TTL_SECONDS)

    def forget(self, absent: NoSuchName, now: float) -> None:
        self.addresses, self.absent, self.why = (), absent, ""
        self.fresh_until = now + min(absent.ttl_seconds, ABSENT_SECONDS)

    def fail(self, failure: Failure, now: float) -> None:
        self.why, self.retry_at = failure.evidence, now + RETRY_SECONDS

    def usable(self, now: float) -> bool:
        return bool(self.addresses) and now - self.at < STALE_SECONDS

    def found(self, now: float, stale: str = "") -> Found:
        if now - self.ordered_at > REORDER_SECONDS and len({one.family for one in self.addresses}) > 1:
            self.addresses, self.ordered_at = best_first(self.addresses), now
        return Found(self.addresses, True, stale and f"{stale}; used the answer of {now - self.at:.0f} s ago")


_Key = tuple[str, IpVersion | None]


class Names:
    """Answers, and the lookups under way. Belongs to one event loop."""

    def __init__(self, stub: Stub | None = None) -> None:
        self._stub = stub or Stub()
        self._kept: dict[_Key, _Kept] = {}
        self._asking: dict[_Key, asyncio.Task[_Kept]] = {}

    async def addresses(self, host: str, version: IpVersion | None, patience: float) -> Found:
        """See :func:`resolve`."""
        now, key = time.monotonic(), (host, version)
        kept = self._kept.get(key)
        if kept is not None and now < kept.fresh_until:
            return self._answered(kept, now)
        old = kept if kept is not None and kept.usable(now) else None
        if old is not None and now < old.retry_at:
            return old.found(now, old.why)
        if old is not None:
            patience /= 4  # keep most of the time for the measurement itself
        try:
            async with asyncio.timeout(patience):
                known = await asyncio.shield(self._ask(key))
        except TimeoutError:
            failure = Failure(Reason.DNS, f"{host}: the name servers did not answer within {patience:g} s")
        except Failure as error:
            failure = error
        else:
            return self._answered(known, time.monotonic())
        if old is None or not old.addresses:
            raise failure
        old.fail(failure, time.monotonic())
        return old.found(now, failure.evidence)

    def under_way(self) -> list[asyncio.Task[_Kept]]:
        """Return the lookups that have not ended."""
        return list(self._asking.values())

    @staticmethod
    def _answered(kept: _Kept, now: float) -> Found:
        if kept.absent is not None:
            raise Failure(kept.absent.reason, kept.absent.evidence)
        return kept.found(now)

    def _ask(self, key: _Key) -> asyncio.Task[_Kept]:
        """Return the lookup of a name that is under way, or begin one."""
        running = self._asking.get(key)
        if running is None:
            if len(self._asking) >= MAX_LOOKUPS:
                raise Failure(
                    Reason.DNS, f"{key[0]}: {MAX_LOOKUPS} lookups wait for the name servers already"
                )
            running = self._asking[key] = asyncio.ensure_future(self._look_up(key))
            running.add_done_callback(lambda task: self._done(key, task))
        return running

    async def _look_up(self, key: _Key) -> _Kept:
        try:
            resolved = await self._stub.look_up(*key)
        except NoSuchName as absent:
            kept = self._entry(key)
            kept.forget(absent, time.monotonic())
        else:
            kept = self._entry(key)
            kept.take(resolved, time.monotonic())
        return kept

    def _entry(self, key: _Key) -> _Kept:
        kept = self._kept.get(key)
        if kept is None:
            if len(self._kept) >= MAX_NAMES:
                self._kept.pop(next(iter(self._kept)))
            kept = self._kept[key] = _Kept()
        return kept

    def _done(self, key: _Key, task: asyncio.Task[_Kept]) -> None:
        self._asking.pop(key, None)
        if not task.cancelled():
            task.exception()  # seen: that nobody waits any more is no error


_names: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Names] = weakref.WeakKeyDictionary()


def names() -> Names:
    """Return the running loop's names."""
    loop = asyncio.get_running_loop()
    known = _names.get(loop)
    if known is None:
        known = _names[loop] = Names()
    return known
