"""Echoes by UDP, for round trips under load: what is lost is lost, and nothing behind it has to wait.

A datagram comes back as it came if it carries the echo key of a lease, and comes from where the lease was
asked for, over a connection: nobody can do that from an address that is not theirs. So nothing is amplified,
nobody without a lease is answered, and not even who has one, or overhears the key, can have a third party
answered. The key is not the lease itself, since it travels in clear. Behind a proxy, or where a line's two
protocols leave from different addresses, echoes go over a connection instead.
"""

import asyncio
from typing import Final

from exporters.throughputhub.leases import Leases
from exporters.throughputhub.meters import Meters

DATAGRAM_BYTES: Final = 32
"""16 bytes of key, and 16 that are the client's own affair."""
KEY_BYTES: Final = 16


class Echoes(asyncio.DatagramProtocol):
    """Sends back what belongs to a lease; everything else is dropped without a word."""

    def __init__(self, leases: Leases, meters: Meters) -> None:
        self._leases, self._meters = leases, meters
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # it is one
        """Remember where to send."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer at once."""
        now = asyncio.get_running_loop().time()
        if len(data) != DATAGRAM_BYTES or self._transport is None:
            return
        if self._leases.echo(data[:KEY_BYTES], addr[0], now):
            self._transport.sendto(data, addr)
            self._meters.moved["echo"].inc(len(data))

    def error_received(self, exc: Exception) -> None:
        """Somebody's port is closed: none of our business."""
