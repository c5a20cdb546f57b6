"""What the kernel knows of a TCP connection: ``struct tcp_info`` (linux/tcp.h). Pure but for :func:`read`.

The structure has only ever grown at its end, so one of another kernel is read as far as it is known; of
one that is too short nothing is.
"""

import socket
import struct
from typing import Final

import msgspec

_ASKED_BYTES: Final = 256
_FIELDS: Final = struct.Struct("=II24xI")
"""tcpi_rtt, tcpi_rttvar, tcpi_total_retrans: there since Linux 2.6."""
_FIRST: Final = 68
_LAST_END: Final = _FIRST + _FIELDS.size
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
    if len(raw) < _LAST_END:
        rtt, variance, retransmits = 0, 0, None
    else:
        rtt, variance, retransmits = _FIELDS.unpack_from(raw, _FIRST)
    return TcpInfo(
        rtt_seconds=rtt * _MICROSECONDS if rtt else None,  # 0: nothing was acknowledged yet
        rtt_variance_seconds=variance * _MICROSECONDS if rtt else None,
        retransmits=retransmits,
    )
