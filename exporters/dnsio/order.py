"""Which of several addresses to use first (RFC 6724, 6: rules 1, 2, 5, 6 and 8; the rest leaves the
order of the answer, which spreads load)."""

import ipaddress
import socket
from collections.abc import Iterable
from typing import Final

from exporters.net.literal import Address

_POLICY: Final = tuple(
    (ipaddress.IPv6Network(prefix), precedence, label)
    for prefix, precedence, label in (
        ("::1/128", 50, 0), ("::ffff:0:0/96", 35, 4), ("::/96", 1, 3), ("2001::/32", 5, 5),
        ("2002::/16", 30, 2), ("3ffe::/16", 1, 12), ("fec0::/10", 1, 11), ("fc00::/7", 3, 13),
        ("::/0", 40, 1),
    )
)  # fmt: skip
_LINK, _SITE, _GLOBAL = 2, 5, 14


def best_first(addresses: Iterable[Address]) -> tuple[Address, ...]:
    """Return ``addresses`` in order of preference, as this machine's routes are now."""
    return tuple(sorted(addresses, key=_rank))


def _rank(address: Address) -> tuple[bool, bool, bool, int, int]:
    to = _as_v6(address.host)
    source = _source(address)
    precedence, label = _policy(to)
    scope = _scope(to)
    if source is None:
        return True, True, True, -precedence, scope
    own = _as_v6(source)
    return False, _scope(own) != scope, _policy(own)[1] != label, -precedence, scope


def _source(address: Address) -> str | None:
    """Return the own address by which packets to ``address`` would leave. Sends nothing."""
    try:
        with socket.socket(address.family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as probe:
            probe.connect(address.at(9))
            return str(probe.getsockname()[0])
    except OSError:
        return None


def _as_v6(host: str) -> ipaddress.IPv6Address:
    address = ipaddress.ip_address(host.partition("%")[0])
    return address if address.version == 6 else ipaddress.IPv6Address(f"::ffff:{address}")


def _policy(address: ipaddress.IPv6Address) -> tuple[int, int]:
    return next((precedence, label) for prefix, precedence, label in _POLICY if address in prefix)


def _scope(address: ipaddress.IPv6Address) -> int:
    v4 = address.ipv4_mapped
    if v4 is not None:
        return _LINK if v4.is_loopback or v4.is_link_local else _GLOBAL
    if address.is_multicast:
        return int(address.packed[1] & 0x0F)
    if address.is_link_local or address.is_loopback:
        return _LINK
    return _SITE if address.is_site_local else _GLOBAL
