"""What the kernel tells beside a UDP packet, and what it is told for an answer (ip(7), ipv6(7)).

A reflector listens on all addresses of a machine and must answer from the one that was asked; it also
sends back the TTL that was left of a packet, and keeps its class of service (DSCP, RFC 2474).
"""

import socket
import struct
from typing import Final

import msgspec

SPACE: Final = 256
_SO_TIMESTAMPNS: Final = 35
_IP_TOS, _IP_TTL, _IP_PKTINFO, _IP_RECVTTL, _IP_RECVTOS = 1, 2, 8, 12, 13
_TIMESPEC: Final = struct.Struct("@qq")
_INT: Final = struct.Struct("@i")
_PKTINFO4: Final = struct.Struct("@i4s4s")
_PKTINFO6: Final = struct.Struct("@16sI")
_FULL_TTL: Final = 255
_DSCP: Final = 0xFC
_LINK_LOCAL: Final = b"\xfe\x80"

Ancillary = list[tuple[int, int, bytes]]


class Told(msgspec.Struct):
    """Of one packet. ``stamp_ns``: Unix time at which the kernel got it. ``own``: the control message
    that has an answer leave from the address that was asked; ``group``: it was sent to more than us."""

    stamp_ns: int | None = None
    hop_limit: int = 0
    traffic_class: int = 0
    own: bytes = b""
    group: bool = False


def set_up(sock: socket.socket, *, answering: bool) -> None:
    """Ask for what :func:`tell` reads, and send with a full TTL. Raises OSError.

    ``answering``: also ask where packets were sent to, which only a reflector wants to know.
    """
    sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    if sock.family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, _IP_TTL, _FULL_TTL)
        options = (_IP_RECVTTL, _IP_RECVTOS, _IP_PKTINFO) if answering else ()
        for option in options:
            sock.setsockopt(socket.IPPROTO_IP, option, 1)
        return
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, _FULL_TTL)
    options = (socket.IPV6_RECVHOPLIMIT, socket.IPV6_RECVTCLASS, socket.IPV6_RECVPKTINFO) if answering else ()
    for option in options:
        sock.setsockopt(socket.IPPROTO_IPV6, option, 1)


def set_dscp(sock: socket.socket, dscp: int) -> None:
    """Send with this class of service. Raises OSError."""
    if sock.family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, _IP_TOS, dscp << 2)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, dscp << 2)


def tell(ancillary: Ancillary) -> Told:
    """Return what the control messages of one packet say; what is not understood is left out."""
    told = Told()
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET:
            if kind == _SO_TIMESTAMPNS and len(value) == _TIMESPEC.size:
                seconds, nanoseconds = _TIMESPEC.unpack(value)
                told.stamp_ns = seconds * 1_000_000_000 + nanoseconds
        elif level == socket.IPPROTO_IP:
            _tell4(told, kind, value)
        elif level == socket.IPPROTO_IPV6:
            _tell6(told, kind, value)
    return told


def _tell4(told: Told, kind: int, value: bytes) -> None:
    if kind == _IP_TTL and len(value) == _INT.size:
        told.hop_limit = _INT.unpack(value)[0] & 0xFF
    elif kind == _IP_TOS and value:
        told.traffic_class = value[0]
    elif kind == _IP_PKTINFO and len(value) == _PKTINFO4.size:
        _, own, asked = _PKTINFO4.unpack(value)
        told.group = own != asked
        told.own = _PKTINFO4.pack(0, own, bytes(4))


def _tell6(told: Told, kind: int, value: bytes) -> None:
    if kind == socket.IPV6_HOPLIMIT and len(value) == _INT.size:
        told.hop_limit = _INT.unpack(value)[0] & 0xFF
    elif kind == socket.IPV6_TCLASS and len(value) == _INT.size:
        told.traffic_class = _INT.unpack(value)[0] & 0xFF
    elif kind == socket.IPV6_PKTINFO and len(value) == _PKTINFO6.size:
        asked, interface = _PKTINFO6.unpack(value)
        told.group = asked[0] == 0xFF
        told.own = _PKTINFO6.pack(asked, interface if asked[:2] == _LINK_LOCAL else 0)


def for_answer(family: int, told: Told) -> Ancillary:
    """Return the control messages for the answer: the address that was asked, the same DSCP."""
    is4 = family == socket.AF_INET
    level = socket.IPPROTO_IP if is4 else socket.IPPROTO_IPV6
    found: Ancillary = []
    if told.own:
        found.append((level, _IP_PKTINFO if is4 else socket.IPV6_PKTINFO, told.own))
    if told.traffic_class & _DSCP:
        kind = _IP_TOS if is4 else socket.IPV6_TCLASS
        found.append((level, kind, _INT.pack(told.traffic_class & _DSCP)))
    return found
