"""A month of every line's load and of its throughput tests, judged. Pure.

Samples are means over 5 minutes, as the regulation takes them (Circular 06/2026/TT-BKHCN, Art. 5.6: the
95th percentile per direction must not exceed 90 % of the capacity over 7 consecutive days; days,
percentile and limit are the inventory's). A span of 7 days ends at any local midnight, and belongs to the
month in which it ends: so each is judged once, whatever months it touches. Where fewer than half of a
span's samples are known it decides nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median
from typing import Final, Literal, NamedTuple

import msgspec

from dashboards.reports.month import DAY_SECONDS
from inventory.model import Commune, Inventory, Line, Quality
from inventory.testable import is_testable

SAMPLE_SECONDS: Final = 300.0
BYTES_PER_MEGABIT: Final = 125_000
MIN_KNOWN_RATIO: Final = 0.5
DIRECTIONS: Final = ("down", "up")

LoadVerdict = Literal["met", "exceeded", "open"]
ContractVerdict = Literal["met", "missed", "open", "none"]


class Period(NamedTuple):
    """From ``start`` to before ``until``, Unix seconds."""

    start: float
    until: float


class WayKey(NamedTuple):
    """One direction of a line."""

    commune: str
    line: str
    direction: str


class Tried(msgspec.Struct, frozen=True, order=True):
    """A throughput test: when it was made (Unix seconds), and payload bytes a second."""

    measured_at: float
    goodput: float


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured of one direction: samples as (end of the 5 minutes, bytes a second), from as long
    before the month as a span reaches (:func:`first_needed`)."""

    samples: tuple[tuple[float, float], ...] = ()
    tests: tuple[Tried, ...] = ()


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One direction, judged. Rates in bytes a second; the rest are shares of 1, None where nothing is known.

    ``busiest`` is the highest percentile of any span of the regulation's days, ``over`` the share of the
    known samples above the limit, ``known`` of all samples that the month could have.
    """

    direction: str
    contracted: float
    known: float = 0.0
    percentile: float | None = None
    busiest: float | None = None
    over: float | None = None
    carried_bytes: float | None = None
    goodput: float | None = None
    tests: int = 0
    verdict: LoadVerdict = "open"
    contract: ContractVerdict = "none"


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """A line's month."""

    commune: str
    commune_name: str
    line: str
    shared: bool
    ways: tuple[Way, ...]


def loads(inventory: Inventory, period: Period, counted: Mapping[WayKey, Counted]) -> tuple[Load, ...]:
    """Return every line of the inventory."""
    return tuple(
        Load(
            commune=commune.code,
            commune_name=commune.name,
            line=line.id,
            shared=line.shared,
            ways=tuple(_ways(inventory, commune, line, period, counted)),
        )
        for commune in inventory.communes
        for line in commune.lines
    )


def first_needed(quality: Quality, start: float) -> float:
    """Return the beginning of the first span that ends within a month that begins at ``start``."""
    return start - (quality.congestion_days - 1) * DAY_SECONDS


def _ways(
    inventory: Inventory, commune: Commune, line: Line, period: Period, counted: Mapping[WayKey, Counted]
) -> Iterator[Way]:
    for direction, mbps in zip(DIRECTIONS, (line.down_mbps, line.up_mbps), strict=True):
        found = counted.get(WayKey(commune.code, line.id, direction), Counted())
        testable = is_testable(inventory, mbps)
        yield way(inventory.quality, direction, mbps * BYTES_PER_MEGABIT, period, found, testable=testable)


def way(
    quality: Quality, direction: str, contracted: float, period: Period, found: Counted, *,
    testable: bool = True,
) -> Way:  # fmt: skip
    """Judge one direction of a line with a contracted rate in bytes a second; ``testable``: whether the hub
    lets tests reach it."""
    start, until = period
    every = [(time, rate / contracted) for time, rate in found.samples if time <= until]
    shares = sorted(share for time, share in every if time > start)
    slots = int((until - start) // SAMPLE_SECONDS)
    spans = _spans(quality, every, period)
    judged = [span for span in spans.values() if span is not None]
    tested = [test.goodput for test in found.tests if start <= test.measured_at < until]
    reached = median(tested) if tested else None
    limit = quality.congestion_ratio_max
    return Way(
        direction=direction,
        contracted=contracted,
        known=min(1.0, len(shares) / slots) if slots else 0.0,
        percentile=quantile(shares, quality.congestion_percentile),
        busiest=max(judged, default=None),
        over=sum(share > limit for share in shares) / len(shares) if shares else None,
        carried_bytes=sum(shares) * contracted * SAMPLE_SECONDS if shares else None,
        goodput=reached,
        tests=len(tested),
        verdict=_load_verdict(spans, limit),
        contract=_contract_verdict(reached, contracted, quality, testable),
    )


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """Return a quantile of sorted values as PromQL does, between the two nearest; None of none.

    >>> quantile([1, 2, 3], 0.5), quantile([0, 10], 0.95), quantile([], 0.5)
    (2.0, 9.5, None)
    """
    if not ordered:
        return None
    rank = share * (len(ordered) - 1)
    below = int(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (rank - below)


def _spans(quality: Quality, every: Iterable[tuple[float, float]], period: Period) -> dict[int, float | None]:
    """Return the percentile of each span that ends within the period by its first day, which is negative in
    the month before; None where too little of it is known."""
    start, until = period
    by_day: dict[int, list[float]] = {}
    for time, share in every:
        by_day.setdefault(int((time - start - SAMPLE_SECONDS / 2) // DAY_SECONDS), []).append(share)
    days = quality.congestion_days
    enough = days * DAY_SECONDS / SAMPLE_SECONDS * MIN_KNOWN_RATIO
    found: dict[int, float | None] = {}
    for first in range(1 - days, int((until - start) // DAY_SECONDS) - days + 1):
        shares = sorted(share for day in range(first, first + days) for share in by_day.get(day, ()))
        found[first] = quantile(shares, quality.congestion_percentile) if len(shares) >= enough else None
    return found


def _load_verdict(spans: Mapping[int, float | None], limit: float) -> LoadVerdict:
    """One span over the limit decides; that none is only when each within the month is known: lines that
    are measured since the month began can meet it."""
    if any(span is not None and span > limit for span in spans.values()):
        return "exceeded"
    within = [span for first, span in spans.items() if first >= 0]
    return "met" if within and None not in within else "open"


def _contract_verdict(
    reached: float | None, contracted: float, quality: Quality, testable: bool
) -> ContractVerdict:
    """What reaches enough has reached it, whatever the hub allows."""
    if reached is None:
        return "none"
    if reached >= quality.contracted_ratio_min * contracted:
        return "met"
    return "missed" if testable else "open"
