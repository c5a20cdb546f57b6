"""ICMP errors as the kernel queues them (``IP_RECVERR``, ip(7)), and what they mean. Pure."""

import errno
import ipaddress
import struct
import sys
from typing import Final

import msgspec

_EXTENDED: Final = struct.Struct("=IBBBxII")
_ORIGIN_LOCAL: Final = 1
_ORIGIN_ICMP: Final = 2
_ORIGIN_ICMP6: Final = 3
_AF_INET: Final = 2
_AF_INET6: Final = 10

# RFC 792 and RFC 1812, 5.2.7.1.
_UNREACHABLE4: Final = (
    "network unreachable", "host unreachable", "protocol unreachable", "port unreachable",
    "fragmentation needed", "source route failed", "network unknown", "host unknown", "host isolated",
    "network prohibited", "host prohibited", "network unreachable for this service",
    "host unreachable for this service", "communication prohibited by a filter",
    "host precedence violation", "precedence cutoff",
)  # fmt: skip
# RFC 4443, 3.1.
_UNREACHABLE6: Final = (
    "no route", "communication prohibited by a filter", "beyond the scope of the source address",
    "address unreachable", "port unreachable", "source address failed policy", "route rejected",
)  # fmt: skip


class IcmpError(msgspec.Struct, frozen=True):
    """An ICMP error for one of our packets; ``router`` is who sent it, None when unknown.

    ``mtu_bytes`` is the next hop's, of an error that says that the packet was too big; 0 when untold.
    """

    version: int
    type: int
    code: int
    router: str | None
    mtu_bytes: int = 0

    @property
    def is_too_big(self) -> bool:
        """Whether the packet did not fit through a link (RFC 1191, 3; RFC 4443, 3.2)."""
        return (self.type, self.code) == (3, 4) if self.version == 4 else self.type == 2

    @property
    def is_time_exceeded(self) -> bool:
        """Whether the packet's time to live ran out on the way (RFC 792; RFC 4443, 3.3)."""
        return self.code == 0 and self.type == (11 if self.version == 4 else 3)

    @property
    def is_port_unreachable(self) -> bool:
        """Whether a machine got the packet and nothing there wanted it: it is the packet's target."""
        return (self.type, self.code) == ((3, 3) if self.version == 4 else (1, 4))

    def __str__(self) -> str:
        return f"{describe(self.version, self.type, self.code)}, says {self.router or 'an unknown router'}"


def parse_extended_error(data: bytes) -> IcmpError | None:
    """Return the error in a ``struct sock_extended_err`` with its offender, or None.

    None for errors of local origin (a packet too large for the interface), which no router sent.
    """
    if len(data) < _EXTENDED.size:
        return None
    _, origin, type_, code, info, _ = _EXTENDED.unpack_from(data)
    if origin not in (_ORIGIN_ICMP, _ORIGIN_ICMP6):
        return None
    version = 4 if origin == _ORIGIN_ICMP else 6
    error = IcmpError(version, type_, code, _offender(data[_EXTENDED.size :]))
    return msgspec.structs.replace(error, mtu_bytes=info) if error.is_too_big else error


def parse_local_mtu(data: bytes) -> int:
    """Return what our own machine says of a packet too large for its interface; 0 for anything else."""
    if len(data) < _EXTENDED.size:
        return 0
    error, origin, _, _, info, _ = _EXTENDED.unpack_from(data)
    return int(info) if (error, origin) == (errno.EMSGSIZE, _ORIGIN_LOCAL) else 0


def _offender(sockaddr: bytes) -> str | None:
    """Return the address in a ``sockaddr_in`` or ``sockaddr_in6``."""
    family = int.from_bytes(sockaddr[:2], sys.byteorder) if len(sockaddr) >= 8 else 0
    if family == _AF_INET:
        return str(ipaddress.IPv4Address(sockaddr[4:8]))
    if family == _AF_INET6 and len(sockaddr) >= 24:
        return str(ipaddress.IPv6Address(sockaddr[8:24]))
    return None


def describe(version: int, type_: int, code: int) -> str:
    """Return an ICMP error in words.

    >>> describe(4, 3, 1), describe(6, 3, 0), describe(4, 77, 5)
    ('host unreachable', 'time exceeded, a routing loop', 'ICMP type 77 code 5')
    """
    unreachable_type, names = (3, _UNREACHABLE4) if version == 4 else (1, _UNREACHABLE6)
    if type_ == unreachable_type and code < len(names):
        return names[code]
    if type_ == (11 if version == 4 else 3):
        return "time exceeded, a routing loop" if code == 0 else "fragment reassembly time exceeded"
    if version == 6 and type_ == 2:
        return "packet too big"
    return f"ICMP type {type_} code {code}"
