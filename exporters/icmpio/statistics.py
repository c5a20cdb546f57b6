"""What a burst's round-trip times say. Pure; times in seconds."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

import msgspec

_GAIN: Final = 1 / 16
"""RFC 3550, 6.4.1: of each difference a sixteenth moves the estimate."""


class Summary(msgspec.Struct, frozen=True):
    """Of the packets that were answered. ``mean_variation`` is the mean absolute difference of
    successive round-trip times in order of sending, None of a single one."""

    minimum: float
    mean: float
    maximum: float
    p50: float
    p95: float
    mean_variation: float | None


def summarise(rtts: Sequence[float]) -> Summary:
    """Return the summary of one or more round-trip times, in order of sending."""
    if len(rtts) == 1:
        only = rtts[0]
        return Summary(only, only, only, only, only, None)
    ordered = sorted(rtts)
    steps = [abs(after - before) for before, after in pairwise(rtts)]
    return Summary(
        minimum=ordered[0],
        mean=sum(ordered) / len(ordered),
        maximum=ordered[-1],
        p50=percentile(ordered, 0.5),
        p95=percentile(ordered, 0.95),
        mean_variation=sum(steps) / len(steps),
    )


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which ``share`` of the ascending values lie, between two interpolated.

    >>> percentile([1.0, 2.0, 3.0, 10.0], 0.5)
    2.5
    """
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def reordered(arrivals: Sequence[int]) -> int:
    """Return how many packets were overtaken: they arrive after one that was sent later (RFC 4737, 3.3).

    >>> reordered([0, 2, 1, 3])
    1
    """
    latest, count = -1, 0
    for position in arrivals:
        if position < latest:
            count += 1
        else:
            latest = position
    return count


class Jitter:
    """Interarrival jitter of RFC 3550, 6.4.1 (A.8), from packet to packet in order of arrival.

    It goes on from burst to burst: ten packets are too few for an estimate that moves by sixteenths.
    The difference of transit times of two packets is that of their round-trip times.
    """

    __slots__ = ("_before", "seconds")

    def __init__(self) -> None:
        self.seconds = 0.0
        self._before: float | None = None

    def take(self, rtts: Iterable[float]) -> None:
        """Take the next packets' round-trip times, in order of arrival."""
        before, seconds = self._before, self.seconds
        for rtt in rtts:
            if before is not None:
                seconds += (abs(rtt - before) - seconds) * _GAIN
            before = rtt
        self._before, self.seconds = before, seconds

    @property
    def known(self) -> bool:
        """Whether there was a packet yet."""
        return self._before is not None
