"""Numeric addresses."""

import ipaddress
import socket
from functools import lru_cache
from typing import Literal

import msgspec

IpVersion = Literal[4, 6]
SocketAddress = tuple[str, int] | tuple[str, int, int, int]


class Address(msgspec.Struct, frozen=True, gc=False):
    """One numeric address; ``scope`` is the interface index of a link-local IPv6 address."""

    family: socket.AddressFamily
    host: str
    scope: int = 0

    @property
    def version(self) -> IpVersion:
        """4 or 6."""
        return 6 if self.family == socket.AF_INET6 else 4

    @property
    def reverse_name(self) -> str:
        """The name below which DNS keeps what belongs to the address (RFC 1035, 3.5; RFC 3596, 2.5)."""
        return ipaddress.ip_address(self.host).reverse_pointer

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
