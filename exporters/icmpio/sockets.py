"""ICMP sockets: a datagram one where ``net.ipv4.ping_group_range`` admits us, else a raw one."""

import contextlib
import socket
import struct
from array import array
from typing import Final

import msgspec

from exporters.net import failure
from exporters.net.address import bind_source
from exporters.net.literal import literal

TIMESTAMP_OPTION: Final = 35  # SO_TIMESTAMPNS: receive time stamps, struct timespec
HOP_LIMIT_MESSAGES: Final = frozenset({socket.IP_TTL, socket.IPV6_HOPLIMIT})
_RECEIVE_BUFFER_BYTES: Final = 1 << 20
_SO_RCVBUFFORCE: Final = 33
_IP_RECVERR, _IPV6_RECVERR = 11, 25
_IP_RECVTTL: Final = 12
_IP_MTU_DISCOVER, _IPV6_MTU_DISCOVER = 10, 23
_PMTUDISC_PROBE: Final = 3  # never fragmented, whatever the kernel has learnt of the path
_IPV6_DONTFRAG: Final = 62
_SOL_RAW, _ICMP_FILTER, _ICMPV6_FILTER = 255, 1, 1
_SO_ATTACH_FILTER: Final = 26
_FILTER: Final = struct.Struct("=HBBI")
_PROGRAM: Final = struct.Struct("@HP")
_LOAD_IDENT: Final = {
    socket.AF_INET: [(0xB1, 0, 0, 0), (0x48, 0, 0, 4)],  # the IP header's length into X, two octets at X + 4
    socket.AF_INET6: [(0x28, 0, 0, 4)],  # without its header
}
_ADMITTED: Final = (socket.SOCK_DGRAM, socket.SOCK_RAW)


class Manner(msgspec.Struct, frozen=True, gc=False):
    """How packets leave: ``source`` an own address or interface, ``dscp`` the class of service
    (RFC 2474), ``undivided`` for never fragmented. ``port`` asks for an own port, or for the identifier
    of an ICMP datagram socket; 0 takes any."""

    family: socket.AddressFamily
    source: str | None = None
    dscp: int = 0
    undivided: bool = False
    port: int = 0


def error_option(family: socket.AddressFamily) -> int:
    """Return the type of the ancillary message that carries an ICMP error (ip(7), ipv6(7))."""
    return _IP_RECVERR if family == socket.AF_INET else _IPV6_RECVERR


def open_icmp(manner: Manner) -> tuple[socket.socket, bool]:
    """Open a socket that does not block; returns it and whether it is raw. Raises Failure(local)."""
    protocol = socket.IPPROTO_ICMP if manner.family == socket.AF_INET else socket.IPPROTO_ICMPV6
    problem = OSError()
    for type_ in _ADMITTED:
        try:
            opened = socket.socket(manner.family, type_ | socket.SOCK_NONBLOCK, protocol)
        except OSError as error:
            problem = error
            continue
        try:
            set_up(opened, manner)
            _set_up_icmp(opened)
        except OSError as error:
            opened.close()
            raise failure.local(error, f"ping from {manner.source}") from None
        return opened, type_ == socket.SOCK_RAW
    raise failure.local(problem, "ICMP socket (needs net.ipv4.ping_group_range or CAP_NET_RAW)")


def set_up(opened: socket.socket, manner: Manner) -> None:
    """Bind a datagram or raw socket, and have it report ICMP errors. Raises OSError."""
    _bind(opened, manner)
    if opened.family == socket.AF_INET:
        opened.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, manner.dscp << 2)
        if manner.undivided:
            opened.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_PROBE)
        return
    opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
    opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, manner.dscp << 2)
    if manner.undivided:
        opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PMTUDISC_PROBE)
        opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_DONTFRAG, 1)


def _bind(opened: socket.socket, manner: Manner) -> None:
    own = literal(manner.source) if manner.source else None
    if not manner.port:
        bind_source(opened, manner.source)
    elif own is not None:
        opened.bind(own.at(manner.port))
    else:
        bind_source(opened, manner.source)
        opened.bind(("", manner.port))


def set_hop_limit(opened: socket.socket, hops: int) -> None:
    """Let what is sent from now on live for ``hops`` routers. Raises OSError."""
    if opened.family == socket.AF_INET:
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hops)
    else:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, hops)


def _set_up_icmp(opened: socket.socket) -> None:
    opened.setsockopt(socket.SOL_SOCKET, TIMESTAMP_OPTION, 1)
    _enlarge(opened)
    raw = opened.type == socket.SOCK_RAW
    if opened.family == socket.AF_INET:
        opened.setsockopt(socket.IPPROTO_IP, _IP_RECVTTL, 1)
        if raw:  # let nothing through but echo replies: a bit set blocks that type (raw(7))
            opened.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", 0xFFFFFFFF & ~(1 << 0)))
        return
    opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
    if raw:  # the same, 256 types in eight words (RFC 3542, 3.2)
        words = [0xFFFFFFFF] * 8
        words[129 // 32] &= ~(1 << (129 % 32))
        opened.setsockopt(socket.IPPROTO_ICMPV6, _ICMPV6_FILTER, struct.pack("=8I", *words))


def hear_only(opened: socket.socket, ident: int) -> None:
    """Let only replies with our identifier through to a raw socket, which hears those of all programs.

    A filter of classic BPF (linux/filter.h). Who reads must look at the identifier all the same: something
    may have come before, and a kernel may do without filters.
    """
    code = [*_LOAD_IDENT[opened.family], (0x15, 0, 1, ident), (0x06, 0, 0, 0xFFFFFFFF), (0x06, 0, 0, 0)]
    program = array("B", b"".join(_FILTER.pack(*step) for step in code))
    with contextlib.suppress(OSError):
        opened.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, _PROGRAM.pack(len(code), program.buffer_info()[0])
        )


def _enlarge(opened: socket.socket) -> None:
    """Room for what arrives while the loop is busy: an overflow would look like loss on the line."""
    try:
        opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER_BYTES)
    except PermissionError:  # without CAP_NET_ADMIN net.core.rmem_max is the limit
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
