"""What a release log says about echoes: the truth, by the definitions of the RFCs. Pure.

Sizes tell the tools apart: each sends echo requests of another size.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

from deploy.lab.impair import Fate, Record

_REQUESTS = {8, 128}
_ON = (Fate.RELEASED, Fate.COPY)


class Echoes(msgspec.Struct, frozen=True):
    """``sent`` requests that reached the relay; ``rtts`` by request, in order of sending, from when the
    relay had the request to when it let go of the first reply; None where no reply came through."""

    sent: int
    rtts: tuple[float | None, ...]
    arrivals: tuple[int, ...]
    """Positions of the requests whose first replies were let go, in that order."""
    copies: int
    """Replies let go beyond the first of each request."""

    @property
    def answered(self) -> list[float]:
        """Round-trip times in order of sending."""
        return [rtt for rtt in self.rtts if rtt is not None]

    @property
    def lost(self) -> int:
        """Requests without a reply."""
        return self.sent - len(self.arrivals)

    @property
    def overtaken(self) -> int:
        """Replies that came after one to a later request (RFC 4737, 3.3: smaller than the next expected)."""
        next_expected = count = 0
        for position in self.arrivals:
            if position < next_expected:
                count += 1
            else:
                next_expected = position + 1
        return count

    @property
    def mean_variation(self) -> float:
        """Mean absolute difference of successive round-trip times, in order of sending."""
        steps = [abs(b - a) for a, b in pairwise(self.answered)]
        return sum(steps) / len(steps) if steps else 0.0


def echoes(records: Iterable[Record], size: int, start: float = 0.0, end: float = float("inf")) -> Echoes:
    """Return the echoes of IP ``size`` whose requests came to the relay within [start, end]."""
    own = sorted((r for r in records if r.size == size and r.protocol in (1, 58)), key=lambda r: r.in_seconds)
    requests = {
        r.key: r for r in own
        if r.direction == 0 and r.kind in _REQUESTS and r.fate is not Fate.COPY
        and start <= r.in_seconds <= end
    }  # fmt: skip
    positions = {key: place for place, key in enumerate(requests)}
    replies = [
        r for r in own
        if r.direction == 1 and r.kind not in _REQUESTS and r.fate in _ON and r.key in requests
        and r.in_seconds >= start
    ]  # fmt: skip
    rtts: dict[int, float] = {}
    for reply in sorted(replies, key=lambda r: r.out_seconds):
        rtts.setdefault(reply.key, reply.out_seconds - requests[reply.key].in_seconds)
    return Echoes(
        sent=len(requests),
        rtts=tuple(rtts.get(key) for key in requests),
        arrivals=tuple(positions[key] for key in rtts),
        copies=len(replies) - len(rtts),
    )


def jitter_rfc3550(transits: Sequence[float]) -> float:
    """Return RFC 3550's interarrival jitter (6.4.1) after these transit times, in order of arrival."""
    jitter = 0.0
    for before, after in pairwise(transits):
        jitter += (abs(after - before) - jitter) / 16
    return jitter


def in_order_of_arrival(found: Echoes) -> list[float]:
    """Return the round-trip times in the order in which the replies were let go."""
    return [rtt for position in found.arrivals if (rtt := found.rtts[position]) is not None]
