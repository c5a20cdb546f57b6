"""``uplink``: which of a commune's lines this machine's packets to the hub leave by now.

``address`` is the hub's, ``source`` the line's own address or interface. The kernel is asked for its
route by connecting a UDP socket that is bound to nothing: that sends no packet, and tells the source
address that it would use (RFC 1122, 3.3.4.2). Sample exposition::

    thongsuot_line_carrying 1

0 as well where there is no route at all, with reason ``local``. What a router further on decides is not
seen here: where both lines hang on one router, its interface counters (``traffic``) tell.
"""

import socket
from collections.abc import Iterable
from time import perf_counter
from typing import Final

import psutil

from exporters.base import Outcome, ProbeConfig, Sample, Target
from exporters.net.address import check_host, version_for
from exporters.net.failure import Failure, local
from exporters.net.phases import one_line
from exporters.net.resolve import Address, literal, resolve
from inventory.names import LINE_CARRYING, Reason

KIND: Final = "uplink"
JUDGES: Final = False
METRICS: Final = (LINE_CARRYING,)
_DISCARD: Final = 9  # any port: nothing is sent


class Config(ProbeConfig, frozen=True, kw_only=True):
    """No options."""


def check_address(address: str) -> None:
    """Raise ValueError unless ``address`` is an IP address or a host name."""
    check_host(address)


async def probe(target: Target, config: Config) -> Outcome:
    """Compare the kernel's choice with the line's source. Never raises for what a network does."""
    started = perf_counter()
    reason, evidence = Reason.OK, ""
    samples: tuple[Sample, ...] = ()
    try:
        _check_source(target.source)
        version = version_for(target.source, None)
        address = (await resolve(target.address, version, target.timeout_seconds))[0]
        samples = (Sample(LINE_CARRYING, 0.0),)
        samples = (Sample(LINE_CARRYING, float(_carries(target.source, address))),)
    except Failure as failure:
        reason, evidence = failure.reason, one_line(failure.evidence)
    return Outcome(
        reason=reason, duration_seconds=perf_counter() - started, samples=samples, evidence=evidence
    )


def _check_source(source: str | None) -> None:
    """Raise Failure(local) unless ``source`` is an address or interface of this machine."""
    if not source:
        return
    address = literal(source)
    interfaces = psutil.net_if_addrs()
    known = source in interfaces if address is None else _is_own(address, interfaces)
    if not known:
        raise Failure(Reason.LOCAL, f"source {source}: no address or interface of this machine")


def _is_own(address: Address, interfaces: Iterable[str]) -> bool:
    return any(address.host in addresses_of(interface) for interface in interfaces)


def _carries(source: str | None, to: Address) -> bool:
    """Whether the kernel's packets to ``to`` leave by ``source``; without one every route is the line's."""
    chosen = chosen_source(to)
    if not source:
        return True
    address = literal(source)
    return chosen == address.host if address else chosen in addresses_of(source)


def chosen_source(to: Address) -> str:
    """Return the address from which the kernel would send to ``to`` now. Raises Failure(local)."""
    try:
        with socket.socket(to.family, socket.SOCK_DGRAM) as sock:
            sock.connect(to.at(_DISCARD))
            return _bare(str(sock.getsockname()[0]))
    except OSError as error:
        raise local(error, f"route to {to.host}") from None


def addresses_of(interface: str) -> frozenset[str]:
    """Return the addresses of an interface of this machine, none when there is no such interface."""
    return frozenset(
        _bare(found.address)
        for found in psutil.net_if_addrs().get(interface, ())
        if found.family in (socket.AF_INET, socket.AF_INET6)
    )


def _bare(address: str) -> str:
    return address.partition("%")[0]
