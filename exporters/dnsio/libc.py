"""The system's own resolver, for names that only it may know. It tells no time to live."""

import socket
import threading
from functools import partial
from typing import Final

from exporters.dnsio.failures import NoSuchName
from exporters.net import threads
from exporters.net.failure import Failure
from exporters.net.literal import Address, IpVersion
from inventory.names import Reason

MAX_THREADS: Final = 32
_FAMILIES: Final = {None: socket.AF_UNSPEC, 4: socket.AF_INET, 6: socket.AF_INET6}
_NO_SUCH: Final = frozenset({socket.EAI_NONAME, socket.EAI_NODATA, socket.EAI_ADDRFAMILY})
_running = threading.BoundedSemaphore(MAX_THREADS)


async def look_up(host: str, version: IpVersion | None) -> tuple[Address, ...]:
    """Return the addresses of ``host``, best first. Raises Failure(dns), or local without a thread.

    ``getaddrinfo`` blocks and cannot be cancelled, so it has a daemon thread of its own; at most
    :data:`MAX_THREADS` hang at a time.
    """
    if not _running.acquire(blocking=False):
        raise Failure(Reason.DNS, f"{host}: {MAX_THREADS} lookups wait for the name servers already")
    try:
        looking = threads.start(partial(_look_up, host, version), f"resolve {host}")
    except RuntimeError as error:  # no more threads: this machine's limit, not the name servers
        _running.release()
        raise Failure(Reason.LOCAL, f"{host}: {error}") from None
    return await looking


def _look_up(host: str, version: IpVersion | None) -> tuple[Address, ...]:
    try:
        return blocking(host, version)
    finally:
        _running.release()


def blocking(host: str, version: IpVersion | None) -> tuple[Address, ...]:
    """Ask the system's resolver, blocking. Raises Failure(dns), NoSuchName where it is sure."""
    try:
        found = socket.getaddrinfo(host, None, family=_FAMILIES[version], type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        kind = NoSuchName if error.errno in _NO_SUCH else Failure
        raise kind(Reason.DNS, f"{host}: {error.strerror}") from None
    except (OSError, UnicodeError) as error:  # a label over 63 letters is the latter
        raise Failure(Reason.DNS, f"{host}: {error}") from None
    addresses = tuple(
        Address(family, str(to[0]), int(to[3]) if len(to) == 4 else 0)
        for family, _, _, _, to in found
        if family in (socket.AF_INET, socket.AF_INET6)
    )
    if not addresses:
        raise NoSuchName(Reason.DNS, f"{host}: no address")
    return addresses
