"""``uplink``: which of a commune's lines this machine's packets to the hub leave by now.

``address`` is the hub's, ``source`` the line's own address or interface. The kernel is asked for its
route by connecting a UDP socket that is bound to nothing: that sends no packet, and tells the source
address that it would use (RFC 1122, 3.3.4.2). Sample exposition::

    thongsuot_line_carrying 1

0 as well where there is no route at all, with reason ``local``. What a router further on decides is not
seen here: where both lines hang on one router, its interface counters (``traffic``) tell.
"""

import socket
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
        own = _addresses_of(target.source) if target.source else None
        version = version_for(target.source, None)
        address = (await resolve(target.address, version, target.timeout_seconds))[0]
        samples = (Sample(LINE_CARRYING, 0.0),)
        chosen = chosen_source(address)
        samples = (Sample(LINE_CARRYING, float(own is None or chosen in own)),)
    except Failure as failure:
        reason, evidence = failure.reason, one_line(failure.evidence)
    return Outcome(
        reason=reason, duration_seconds=perf_counter() - started, samples=samples, evidence=evidence
    )


def _addresses_of(source: str) -> frozenset[str]:
    """Return the addresses that packets of ``source`` have. Raises Failure(local) for what is not ours."""
    address, own = literal(source), addresses()
    if address is None and source in own:
        return own[source]
    if address is not None and any(address.host in given for given in own.values()):
        return frozenset({address.host})
    raise Failure(Reason.LOCAL, f"source {source}: no address or interface of this machine")


def chosen_source(to: Address) -> str:
    """Return the address from which the kernel would send to ``to`` now. Raises Failure(local)."""
    try:
        with socket.socket(to.family, socket.SOCK_DGRAM) as sock:
            sock.connect(to.at(_DISCARD))
            return _bare(str(sock.getsockname()[0]))
    except OSError as error:
        raise local(error, f"route to {to.host}") from None


def addresses() -> dict[str, frozenset[str]]:
    """Return the addresses of this machine by interface. Raises Failure(local)."""
    try:
        interfaces = psutil.net_if_addrs()
    except OSError as error:  # as where a service may not open netlink sockets
        raise local(error, "addresses of this machine") from None
    return {
        name: frozenset(
            _bare(found.address) for found in given if found.family in (socket.AF_INET, socket.AF_INET6)
        )
        for name, given in interfaces.items()
    }


def _bare(address: str) -> str:
    return address.partition("%")[0]
