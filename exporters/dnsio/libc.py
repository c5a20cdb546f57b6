"""The system's own resolver, for names that only it may know. It tells no time to live."""

import asyncio
import socket
import threading
from typing import Final

from exporters.dnsio.failures import NoSuchName
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
    loop = asyncio.get_running_loop()
    future: asyncio.Future[tuple[Address, ...]] = loop.create_future()
    thread = threading.Thread(
        target=_run, args=(loop, future, host, version), name=f"resolve {host}", daemon=True
    )
    try:
        thread.start()
    except RuntimeError as error:  # no more threads: this machine's limit, not the name servers
        _running.release()
        raise Failure(Reason.LOCAL, f"{host}: {error}") from None
    return await future


def _run(
    loop: asyncio.AbstractEventLoop,
    future: asyncio.Future[tuple[Address, ...]],
    host: str,
    version: IpVersion | None,
) -> None:
    result: tuple[Address, ...] | Failure
    try:
        result = blocking(host, version)
    except Failure as failure:
        result = failure
    finally:
        _running.release()
    try:
        loop.call_soon_threadsafe(_finish, future, result)
    except RuntimeError:  # the loop is closed: nobody waits any more
        return


def _finish(future: asyncio.Future[tuple[Address, ...]], result: tuple[Address, ...] | Failure) -> None:
    if future.done():
        return
    if isinstance(result, Failure):
        future.set_exception(result)
    else:
        future.set_result(result)


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
