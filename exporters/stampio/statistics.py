"""What the answers to a train of packets say of the line, per direction. Pure; nanoseconds in, seconds out.

The two clocks need not agree for this: where one is off by a constant, every delay one way is, and
differences are not. Only the one-way delay itself needs clocks that say how good they are.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from exporters.base import PeerClock
from exporters.icmpio.statistics import Summary, percentile, summarise

STEP_NS: Final = 1_000_000
"""Two delays that differ by more than a round trip and this were not measured by the same two clocks."""
_GAIN: Final = 1 / 16


class Times(msgspec.Struct, frozen=True):
    """One answered packet. ``up_ns`` and ``down_ns`` contain the unknown offset between both clocks, with
    opposite signs; their sum is ``rtt_ns``, the round trip without the reflector's dwell time.
    ``clock_error_ns`` bounds the error of a one-way delay by wall time, ``one_way_up_ns``; both are
    None where a clock does not vouch for itself, and ``far_error_ns``, the reflector's own, where that
    does not."""

    sequence: int
    rtt_ns: int
    up_ns: int
    down_ns: int
    one_way_up_ns: int | None = None
    clock_error_ns: int | None = None
    far_error_ns: int | None = None


class Variation(msgspec.Struct, frozen=True):
    """Delay beyond the smallest one of the train (RFC 5481, 4.2: PDV), seconds."""

    mean: float
    maximum: float
    p50: float
    p95: float


class OneWay(msgspec.Struct, frozen=True):
    """Median one-way delays, and the bound on their error, seconds."""

    up: float
    down: float
    error: float


class Jitter:
    """Interarrival jitter (RFC 3550, 6.4.1) of one direction, which goes on from train to train."""

    __slots__ = ("seconds",)

    def __init__(self) -> None:
        self.seconds = 0.0

    def take(self, segments_ns: Sequence[Sequence[int]]) -> None:
        """Take delays; over the border of two segments no difference is made. The first delay of all is
        that of the last packet of the train before."""
        for segment in segments_ns:
            for before, after in pairwise(segment):
                self.seconds += (abs(after - before) / 1e9 - self.seconds) * _GAIN


def round_trips(times: Sequence[Times]) -> Summary:
    """Return the summary of the round trips of one or more packets."""
    return summarise([item.rtt_ns / 1e9 for item in times])


def segments(times: Sequence[Times]) -> list[list[Times]]:
    """Cut where one of the clocks was set: there delays jump by more than a round trip could."""
    found: list[list[Times]] = [[times[0]]] if times else []
    for before, after in pairwise(times):
        if abs(after.up_ns - before.up_ns) > max(before.rtt_ns, after.rtt_ns) + STEP_NS:
            found.append([])
        found[-1].append(after)
    return found


def variation(segments_ns: Sequence[Sequence[int]]) -> Variation:
    """Return the variation of delays, each against the smallest of its own segment."""
    beyond = sorted(_beyond(segments_ns))
    return Variation(
        mean=sum(beyond) / len(beyond),
        maximum=beyond[-1],
        p50=percentile(beyond, 0.5),
        p95=percentile(beyond, 0.95),
    )


def _beyond(segments_ns: Sequence[Sequence[int]]) -> Iterator[float]:
    for segment in segments_ns:
        least = min(segment)
        yield from ((delay - least) / 1e9 for delay in segment)


def one_way(times: Sequence[Times]) -> OneWay | None:
    """Return the one-way delays, None unless both clocks vouch for them and they can be.

    Neither direction can take less than nothing or more than the round trip, but for the clocks' error:
    a clock that claims to be right and is an hour off is found out here.
    """
    found: list[tuple[int, int, int]] = []
    for item in times:
        up, error = item.one_way_up_ns, item.clock_error_ns
        if up is None or error is None or not -error <= up <= item.rtt_ns + error:
            return None
        found.append((up, item.rtt_ns - up, error))
    if not found:
        return None
    ups, downs, errors = zip(*found, strict=True)
    return OneWay(percentile(sorted(ups), 0.5) / 1e9, percentile(sorted(downs), 0.5) / 1e9, max(errors) / 1e9)


def peer_clock(times: Sequence[Times]) -> PeerClock | None:
    """Return between what the reflector's clock is ahead of our monotonic one, None unless it always vouches
    for itself and was not set meanwhile.

    Neither way takes less than nothing: a packet was sent before it was received, and its answer came after
    that was sent. Our own wall clock has no part in it.
    """
    lows, highs = [], []
    for item in times:
        if item.far_error_ns is None:
            return None
        lows.append(-item.down_ns - item.far_error_ns)
        highs.append(item.up_ns + item.far_error_ns)
    if not lows or max(lows) > min(highs):
        return None
    return PeerClock(max(lows) / 1e9, min(highs) / 1e9)
