"""What the kernel knows of a TCP connection: ``struct tcp_info`` (linux/tcp.h). Pure but for :func:`read`.

The structure has only ever grown at its end; a field that the running kernel does not give is None.
"""

import socket
import struct
from typing import Final

import msgspec

_ASKED_BYTES: Final = 256
_RTT: Final = 68
_RTT_VARIANCE: Final = 72
_TOTAL_RETRANSMITS: Final = 100
_MICROSECONDS: Final = 1e-6


class TcpInfo(msgspec.Struct, frozen=True):
    """``rtt_seconds`` is the smoothed round trip (RFC 6298), ``rtt_variance_seconds`` its mean deviation;
    ``retransmits`` counts segments sent again since the connection began, SYNs included."""

    rtt_seconds: float | None
    rtt_variance_seconds: float | None
    retransmits: int | None


def read(sock: socket.socket) -> TcpInfo | None:
    """Return what the kernel knows of ``sock``; None when it does not say."""
    try:
        return parse(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ASKED_BYTES))
    except OSError:
        return None


def parse(raw: bytes) -> TcpInfo:
    """Return what is known from as much of the structure as there is.

    >>> parse(b"").retransmits is None
    True
    """
    rtt, variance = _field(raw, _RTT), _field(raw, _RTT_VARIANCE)
    return TcpInfo(
        rtt_seconds=rtt * _MICROSECONDS if rtt else None,  # 0: nothing was acknowledged yet
        rtt_variance_seconds=variance * _MICROSECONDS if rtt and variance is not None else None,
        retransmits=_field(raw, _TOTAL_RETRANSMITS),
    )


def _field(raw: bytes, at: int) -> int | None:
    if len(raw) < at + 4:
        return None
    return int(struct.unpack_from("=I", raw, at)[0])
