"""Who tests now: at most one test over any shared segment, and at most so many at the hub. No I/O.

A lease lives as long as it is renewed and never beyond its end; transfers under it end with it.
Whatever a client says about itself is believed only within its own token's leases.
"""

import secrets
from collections.abc import Callable
from typing import Annotated, Final

import msgspec
from msgspec import Meta

TTL_SECONDS: Final = 15.0
MAX_SEGMENTS: Final = 16
MAX_ECHOES: Final = 8192
"""Datagrams that one lease has echoed: 50 a second for the longest of tests."""
_Component = Annotated[str, Meta(pattern=r"^[a-z]{1,20}:[A-Za-z0-9/_.-]{1,80}\Z")]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the hub gives. ``test_bytes`` is for both directions of one test together, as is
    ``test_seconds``; ``bytes_per_second`` holds for each token, None: no limit."""

    tests: int = 4
    streams: int = 8
    test_bytes: int = 8 << 30
    request_bytes: int = 4 << 30
    request_seconds: float = 60.0
    test_seconds: float = 120.0
    bytes_per_second: float | None = None


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a client asks for: ``line`` is its own component, ``segments`` those it shares with others."""

    line: _Component
    segments: Annotated[tuple[_Component, ...], Meta(max_length=MAX_SEGMENTS)] = ()
    bytes: Annotated[int, Meta(ge=1, le=1 << 50)]


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What it gets: ``bytes`` may be less than asked for; ``echo`` is the key for datagrams, in hex."""

    lease: str
    echo: str
    bytes: int
    ttl_seconds: float


class Lease:
    """One test under way. ``cuts`` end its transfers; ``bytes_left`` is what they may still carry,
    ``arrived`` what they have brought up; ``host`` is where it was asked for from, and datagrams go."""

    def __init__(
        self, owner: tuple[str, str], places: frozenset[str], bytes_left: int, now: float, ends: float
    ) -> None:
        self.id, self.echo = secrets.token_urlsafe(18), secrets.token_bytes(16)
        self.echoes_left = MAX_ECHOES
        self.holder, self.host = owner
        self.places, self.bytes_left = places, bytes_left
        self.arrived = 0
        self.expires, self.ends = min(now + TTL_SECONDS, ends), ends
        self.cuts: set[Callable[[], None]] = set()

    def cut(self) -> None:
        """End every transfer."""
        for cut in list(self.cuts):
            cut()


class Leases:
    """All leases. Times are of one monotonic clock, in seconds."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._by_id: dict[str, Lease] = {}
        self._by_echo: dict[bytes, Lease] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def grant(self, order: Order, holder: str, now: float, host: str = "") -> Lease | str:
        """Return a lease, or why there is none: the busy component, or ``full``."""
        self.sweep(now)
        wanted = frozenset((order.line, *order.segments))
        taken = wanted & {place for lease in self._by_id.values() for place in lease.places}
        if taken:
            return min(taken)
        if len(self._by_id) >= self._limits.tests:
            return "full"
        allowed = min(order.bytes, self._limits.test_bytes)
        lease = Lease((holder, host), wanted, allowed, now, now + self._limits.test_seconds)
        self._by_id[lease.id] = self._by_echo[lease.echo] = lease
        return lease

    def find(self, id_: str, holder: str, now: float) -> Lease | None:
        """Return a lease that is alive and the holder's own."""
        lease = self._by_id.get(id_)
        return lease if lease and lease.holder == holder and now < lease.expires else None

    def echo(self, key: bytes, host: str, now: float) -> bool:
        """Whether a datagram with this key, from this address, is to be answered; counts it."""
        lease = self._by_echo.get(key)
        if lease is None or lease.host != host or now >= lease.expires or lease.echoes_left <= 0:
            return False
        lease.echoes_left -= 1
        return True

    def renew(self, id_: str, holder: str, now: float) -> bool:
        """Prolong a lease by its time to live; False when it is gone, or may not live longer."""
        lease = self.find(id_, holder, now)
        if lease is None:
            return False
        lease.expires = min(now + TTL_SECONDS, lease.ends)
        return True

    def release(self, id_: str, holder: str, now: float) -> bool:
        """Free a lease at once."""
        lease = self.find(id_, holder, now)
        if lease is None:
            return False
        self._end(lease)
        return True

    def sweep(self, now: float) -> None:
        """Free what has expired."""
        for lease in [lease for lease in self._by_id.values() if now >= lease.expires]:
            self._end(lease)

    def _end(self, lease: Lease) -> None:
        del self._by_id[lease.id], self._by_echo[lease.echo]
        lease.cut()
