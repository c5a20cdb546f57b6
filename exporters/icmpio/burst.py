"""A burst of echo requests on its way, and what came of it. No I/O.

A reply counts when its sender, sequence and random cookie are those of a packet that still waits. What
comes after the burst has ended is remembered in the target's :class:`Afterwards` and told with the next.
"""

import asyncio
from typing import Any, Final

import msgspec

from exporters.icmpio.errors import IcmpError
from exporters.net.resolve import SocketAddress

REFUSED_PATIENCE_SECONDS: Final = 0.5
"""How long after its last packet a burst waits for replies once a router has refused and nobody answered."""
BURSTS_REMEMBERED: Final = 4
"""Bursts of one target whose stragglers are still told apart from forgeries."""
SHARE_OF_TIMEOUT: Final = 0.5
"""The packets of a burst leave within this share of its deadline, closer together if need be."""

_NOTHING: Final[list[Any]] = []
"""Of bursts that have ended, thousands of which are remembered; never filled."""


class Shape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is sent: ``packets`` requests, ``gap_seconds`` apart, of ``payload_bytes`` besides 8 bytes of
    header. ``one_suffices``: the first reply or ICMP error ends the burst."""

    packets: int = 1
    gap_seconds: float = 0.02
    payload_bytes: int = 56
    one_suffices: bool = False


class Answers(msgspec.Struct, frozen=True, gc=False):
    """What came of a burst.

    ``rtts_ns`` has one entry for each packet that left, in order of sending, None where no reply came in
    time; ``arrivals`` the positions of those answered, in order of arrival. ``hop_limit`` is the last
    reply's, None where the kernel does not tell; ``error`` the first ICMP error; ``unsent`` why this
    machine sent no more.
    """

    rtts_ns: tuple[int | None, ...]
    arrivals: tuple[int, ...]
    hop_limit: int | None
    error: IcmpError | None
    unsent: OSError | None


class Afterwards:
    """Replies to one target that no packet waited for any more: ``duplicate`` ones, during a burst or
    after it, and ``late`` ones, to packets given up as lost."""

    __slots__ = ("_cookies", "duplicate", "late")

    def __init__(self) -> None:
        self.duplicate = self.late = 0
        self._cookies: list[bytes] = []

    def remember(self, cookie: bytes) -> bytes | None:
        """Note a burst that has ended; returns the one that is too long ago now, if any."""
        self._cookies.append(cookie)
        return self._cookies.pop(0) if len(self._cookies) > BURSTS_REMEMBERED else None

    def take(self) -> tuple[int, int]:
        """Return (duplicate, late) since the last call."""
        found = self.duplicate, self.late
        self.duplicate = self.late = 0
        return found


class Burst:
    """One burst. Times of packets in nanoseconds of (wall, monotonic) clock; ``begun``, ``last_sent`` and
    ``deadline`` on the loop's clock, in seconds. ``all_sent``: no packet leaves any more; ``is_waiting``
    for replies and nothing else; ``closed`` when its answers are final: then only numbers are kept.
    ``due`` is its moment in the :class:`~exporters.icmpio.agenda.Agenda`."""

    __slots__ = (
        "_answered", "_arrivals", "_count", "_errors", "_rtts", "afterwards", "all_sent", "begun",
        "closed", "cookie", "deadline", "due", "error", "first", "future", "gap", "hop_limit", "host",
        "is_waiting", "last_sent", "payload", "sent", "shape", "to", "unsent",
    )  # fmt: skip

    def __init__(
        self, host: str, to: SocketAddress, shape: Shape, cookie: bytes, afterwards: Afterwards
    ) -> None:
        self.host, self.to, self.shape, self.cookie, self.afterwards = host, to, shape, cookie, afterwards
        self.payload = cookie.ljust(shape.payload_bytes, b"\xa5")
        self.first = 0
        self.begun = self.deadline = self.gap = self.last_sent = 0.0
        self.sent: list[tuple[int, int]] = []
        self.future: asyncio.Future[Answers] | None = None
        self.due: float | None = None
        self.hop_limit: int | None = None
        self.error: IcmpError | None = None
        self.unsent: OSError | None = None
        self.closed = self.all_sent = self.is_waiting = False
        self._count = 0
        self._rtts: list[int | None] = []
        self._arrivals: list[int] = []
        self._answered = 0  # a bit for each packet that was answered, in time or late
        self._errors = 0

    def start(self, first: int, now: float, timeout_seconds: float, *, aligned: bool = False) -> None:
        """Begin at ``now`` of the loop's clock, with sequence number ``first``. ``aligned``: packets after
        the first leave at whole multiples of the gap, so that bursts under way share their wake-ups."""
        self.first, self.begun, self.deadline = first, now, now + timeout_seconds
        self.gap = min(self.shape.gap_seconds, timeout_seconds * SHARE_OF_TIMEOUT / self.shape.packets)
        if aligned and self.gap > 0:
            self.begun = round(now / self.gap) * self.gap

    def left(self, wall_ns: int, monotonic_ns: int) -> None:
        """Note that the next packet leaves."""
        self.sent.append((wall_ns, monotonic_ns))
        self._rtts.append(None)
        self._count += 1
        self.all_sent = self._count == self.shape.packets

    def stays(self, problem: OSError | None) -> None:
        """Note that the next packet, and so all that follow, cannot leave."""
        self.unsent, self.all_sent = problem, True

    def next_send(self, now: float) -> float:
        """When the next packet leaves: on the grid, but never right behind one that was delayed."""
        return max(self.begun + self._count * self.gap, now + self.gap / 2)

    @property
    def end(self) -> float:
        """When to give up, on the loop's clock."""
        refused = self.error is not None and not self._answered and self.all_sent
        return min(self.deadline, self.last_sent + REFUSED_PATIENCE_SECONDS) if refused else self.deadline

    def position(self, sequence: int) -> int | None:
        """Return which of the packets sent has this sequence number, or None."""
        position = (sequence - self.first) & 0xFFFF
        return position if position < self._count else None

    def take_reply(self, position: int, rtt_ns: int, hop_limit: int | None) -> None:
        """Take a reply whose cookie and sender are right."""
        bit = 1 << position
        if self._answered & bit:
            self.afterwards.duplicate += 1
            return
        self._answered |= bit
        if self.closed or self.sent[position][1] + rtt_ns > self.deadline * 1e9:
            self.afterwards.late += 1
            return
        self._rtts[position] = rtt_ns
        self._arrivals.append(position)
        self.hop_limit = hop_limit

    def take_error(self, position: int, error: IcmpError) -> None:
        """Take an ICMP error about one of our packets."""
        if not (self.closed or self._answered & (1 << position)):
            self.error = self.error or error
            self._errors += 1

    @property
    def settled(self) -> bool:
        """Whether nothing more is expected."""
        heard = len(self._arrivals) + self._errors
        return heard > 0 if self.shape.one_suffices else self.all_sent and heard >= self._count

    def close(self) -> Answers:
        """End the burst and return what came of it."""
        answers = Answers(tuple(self._rtts), tuple(self._arrivals), self.hop_limit, self.error, self.unsent)
        self.closed, self.payload = True, b""
        self.sent = self._arrivals = self._rtts = _NOTHING
        return answers
