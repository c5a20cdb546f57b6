"""Drives the search for the path MTU with real packets, some steps in each probe's spare time."""

import asyncio
import errno
from typing import Final

import msgspec

from exporters.icmpio import path_mtu
from exporters.icmpio.burst import Afterwards, Answers, Shape
from exporters.icmpio.path_mtu import HEADERS_BYTES, Search
from exporters.icmpio.pinger import Pinger, pinger_for
from exporters.icmpio.sockets import Manner
from exporters.net.resolve import Address

EVERY_SECONDS: Final = 3600.0
_COPIES: Final = 5  # a size is called too big on silence only where as many packets came to nothing
_GAP_SECONDS: Final = 0.01
_LEAST_PATIENCE_SECONDS: Final = 0.2


class MtuFinder:
    """The search of one target. ``known_bytes`` is the last result, None before there is one."""

    def __init__(self) -> None:
        self.known_bytes: int | None = None
        self._search: Search | None = None
        self._due = float("-inf")
        self._busy = False

    async def go_on(self, to: Address, manner: Manner, slowest_rtt_seconds: float, until: float) -> None:
        """Search, if a search is due, as far as it gets before ``until`` of the loop's clock.

        Raises Failure(local) when no socket can be opened.
        """
        loop = asyncio.get_running_loop()
        if self._busy or (self._search is None and loop.time() < self._due):
            return
        self._busy = True
        try:
            pinger = pinger_for(msgspec.structs.replace(manner, undivided=True))
            await self._advance(pinger, to, max(_LEAST_PATIENCE_SECONDS, 3 * slowest_rtt_seconds), until)
        finally:
            self._busy = False

    async def _advance(self, pinger: Pinger, to: Address, patience: float, until: float) -> None:
        loop = asyncio.get_running_loop()
        search = self._search or path_mtu.begin(to.family)
        while search.size is not None and loop.time() + 2 * patience < until:  # a step and its control
            after = await _step(search, search.size, pinger, to, patience)
            if after is None:
                break
            search = after
        self._search = search
        if search.size is None:
            self.known_bytes = search.fits or None
            self._search, self._due = None, loop.time() + EVERY_SECONDS


async def _step(search: Search, size: int, pinger: Pinger, to: Address, patience: float) -> Search | None:
    """Try a size; None when the answer says nothing about sizes."""
    pinger.local_mtu_bytes = 0
    answers = await _send(pinger, to, size, patience)
    if answers.arrivals:
        return path_mtu.passed(search)
    if answers.error is not None:
        return path_mtu.failed(search, answers.error.mtu_bytes) if answers.error.is_too_big else None
    if answers.unsent is not None:
        own = answers.unsent.errno == errno.EMSGSIZE
        return path_mtu.failed(search, pinger.local_mtu_bytes) if own else None
    control = await _send(pinger, to, HEADERS_BYTES[to.family] + 56, patience)
    return path_mtu.failed(search) if control.arrivals else None


async def _send(pinger: Pinger, to: Address, size: int, patience: float) -> Answers:
    shape = Shape(
        packets=_COPIES,
        gap_seconds=_GAP_SECONDS,
        payload_bytes=size - HEADERS_BYTES[to.family],
        one_suffices=True,
    )
    return await pinger.burst(to, shape, patience, Afterwards())
