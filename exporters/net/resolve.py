"""Names to addresses, without ever blocking the loop or waiting for a dead name server.

The system's own resolver answers (``getaddrinfo``: hosts file, search domains, RFC 6724 order), in a
daemon thread, since it cannot be cancelled. Lookups of one name are shared, an answer is good for
:data:`FRESH_SECONDS`, and an old one still serves while name servers fail: whether names resolve is
measured by itself, and must not hide whether the system answers.
"""

import asyncio
import ipaddress
import socket
import threading
import time
from functools import lru_cache
from typing import Final, Literal

import msgspec

from exporters.net.failure import Failure
from inventory.names import Reason

IpVersion = Literal[4, 6]
SocketAddress = tuple[str, int] | tuple[str, int, int, int]

FRESH_SECONDS: Final = 30.0
STALE_SECONDS: Final = 3600.0
MAX_NAMES: Final = 1000
MAX_LOOKUPS: Final = 32
_FAMILIES: Final = {None: socket.AF_UNSPEC, 4: socket.AF_INET, 6: socket.AF_INET6}


class Address(msgspec.Struct, frozen=True):
    """One numeric address; ``scope`` is the interface index of a link-local IPv6 address."""

    family: socket.AddressFamily
    host: str
    scope: int = 0

    @property
    def version(self) -> IpVersion:
        """4 or 6."""
        return 6 if self.family == socket.AF_INET6 else 4

    def at(self, port: int) -> SocketAddress:
        """Return what ``connect`` and ``sendto`` take."""
        return (self.host, port, 0, self.scope) if self.family == socket.AF_INET6 else (self.host, port)


def literal(host: str) -> Address | None:
    """Return the address that ``host`` spells out, or None when it is a name.

    >>> literal("192.0.2.1").host, literal("hub.example")
    ('192.0.2.1', None)
    """
    if "%" in host:  # the index of an interface changes when it comes back: never cached
        return _parse_literal(host)
    return _cached_literal(host)


def _parse_literal(host: str) -> Address | None:
    bare, _, interface = host.partition("%")
    try:
        parsed = ipaddress.ip_address(bare)
        scope = socket.if_nametoindex(interface) if interface else 0
    except (ValueError, OSError):
        return None
    family = socket.AF_INET if parsed.version == 4 else socket.AF_INET6
    return Address(family, str(parsed), scope)


_cached_literal = lru_cache(maxsize=4096)(_parse_literal)


async def resolve(
    host: str, version: IpVersion | None = None, patience_seconds: float = 2.0
) -> list[Address]:
    """Return the addresses of ``host``, best first, only those of ``version`` when given; never empty.

    Raises Failure: ``dns`` when the name does not resolve within ``patience_seconds``, ``local`` when
    an address of the other version is configured.
    """
    if (address := literal(host)) is not None:
        if version is not None and address.version != version:
            raise Failure(Reason.LOCAL, f"{host} is not an IPv{version} address, which ip_version asks for")
        return [address]
    return await _names.addresses(host, version, patience_seconds)


class _Answer(msgspec.Struct, frozen=True):
    addresses: list[Address]
    at: float


class Names:
    """Answers of the system's resolver, and the lookups under way."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, IpVersion | None], _Answer] = {}
        self._asking: dict[tuple[asyncio.AbstractEventLoop, str, IpVersion | None], _Lookup] = {}

    async def addresses(self, host: str, version: IpVersion | None, patience: float) -> list[Address]:
        """See :func:`resolve`."""
        now = time.monotonic()
        old = self._answers.get((host, version))
        if old is not None and now - old.at < FRESH_SECONDS:
            return old.addresses
        usable = old if old is not None and now - old.at < STALE_SECONDS else None
        try:
            # With an old answer at hand, keep most of the time for the measurement itself.
            async with asyncio.timeout(patience / 4 if usable else patience):
                addresses = await asyncio.shield(self._ask(host, version))
        except TimeoutError:
            failure = Failure(Reason.DNS, f"{host}: the name servers did not answer within {patience:g} s")
        except Failure as error:
            failure = error
        else:
            self._keep(host, version, addresses)
            return addresses
        if usable is None:
            raise failure
        return usable.addresses

    def _keep(self, host: str, version: IpVersion | None, addresses: list[Address]) -> None:
        if len(self._answers) >= MAX_NAMES:
            self._answers.pop(next(iter(self._answers)))
        self._answers[host, version] = _Answer(addresses, time.monotonic())

    def _ask(self, host: str, version: IpVersion | None) -> asyncio.Future[list[Address]]:
        loop = asyncio.get_running_loop()
        key = (loop, host, version)
        running = self._asking.get(key)
        if running is None:
            for other in [other for other in self._asking if other[0].is_closed()]:
                del self._asking[other]
            if len(self._asking) >= MAX_LOOKUPS:
                raise Failure(Reason.DNS, f"{host}: {MAX_LOOKUPS} lookups wait for the name servers already")
            try:
                running = self._asking[key] = _Lookup(loop, host, version)
            except RuntimeError as error:  # no more threads: this machine's limit, not the name servers
                raise Failure(Reason.LOCAL, f"{host}: {error}") from None
            running.future.add_done_callback(lambda _: self._asking.pop(key, None))
        return running.future


class _Lookup:
    """One ``getaddrinfo`` in a daemon thread of its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop, host: str, version: IpVersion | None) -> None:
        self.future: asyncio.Future[list[Address]] = loop.create_future()
        self._loop, self._host, self._version = loop, host, version
        threading.Thread(target=self._run, name=f"resolve {host}", daemon=True).start()

    def _run(self) -> None:
        result: list[Address] | Failure
        try:
            result = look_up(self._host, self._version)
        except Failure as failure:
            result = failure
        try:
            self._loop.call_soon_threadsafe(self._finish, result)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return

    def _finish(self, result: list[Address] | Failure) -> None:
        if self.future.done():
            return
        if isinstance(result, Failure):
            self.future.set_exception(result)
            self.future.exception()  # seen: that nobody waits any more is no error
        else:
            self.future.set_result(result)


def look_up(host: str, version: IpVersion | None) -> list[Address]:
    """Ask the system's resolver, blocking. Raises Failure(dns)."""
    try:
        found = socket.getaddrinfo(host, None, family=_FAMILIES[version], type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # gaierror is an OSError; a label over 63 letters is the other
        words = error.strerror if isinstance(error, OSError) else str(error)
        raise Failure(Reason.DNS, f"{host}: {words}") from None
    addresses = [
        Address(family, str(to[0]), int(to[3]) if len(to) == 4 else 0)
        for family, _, _, _, to in found
        if family in (socket.AF_INET, socket.AF_INET6)
    ]
    if not addresses:
        raise Failure(Reason.DNS, f"{host}: no address")
    return addresses


_names = Names()
