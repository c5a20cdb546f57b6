"""The counters of an interface of this machine, by psutil (/proc/net/dev).

Reading blocks for some tens of microseconds: it is the kernel's memory, not a disk. Received and sent
octets are those of frames without their check sum, so the Ethernet header of 14 bytes is counted.
"""

import socket
import time

import psutil

from exporters.net.failure import Failure
from exporters.nicio.counters import Reading, Tally
from inventory.names import Reason

_MBIT = 125_000.0


def read(interface: str) -> Reading:
    """Return the counters of ``interface`` now. Raises Failure(local) when there is no such interface."""
    try:
        # An interface that was made again has the same name, another index, and starts at 0.
        index = socket.if_nametoindex(interface)
        counters = psutil.net_io_counters(pernic=True, nowrap=False)[interface]
        stats = psutil.net_if_stats().get(interface)
    except KeyError:
        raise Failure(Reason.LOCAL, f"{interface}: no such interface on this machine") from None
    except OSError as error:
        words = error.strerror or error
        raise Failure(Reason.LOCAL, f"{interface}: {words}; interfaces here: {names()}") from None
    received = Tally(
        bytes=counters.bytes_recv, packets=counters.packets_recv, errors=counters.errin, drops=counters.dropin
    )
    sent = Tally(
        bytes=counters.bytes_sent,
        packets=counters.packets_sent,
        errors=counters.errout,
        drops=counters.dropout,
    )
    return Reading(
        at_seconds=time.monotonic(),
        epoch=(index,),
        received=received,
        sent=sent,
        speed=stats.speed * _MBIT if stats and stats.speed > 0 else None,
    )


def names() -> str:
    """Return the names of this machine's interfaces, for evidence."""
    try:
        return " ".join(name for _, name in socket.if_nameindex())[:200]
    except OSError:
        return "?"
