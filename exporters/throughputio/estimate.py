"""From bytes over time to a goodput and how sure it is. Pure.

- Slow start is left out by the marginal standard error rule (MSER; K. P. White, "An effective truncation
  heuristic for bias reduction in simulation output", Simulation 69(6), 1997): of all beginnings that could
  be dropped, at most half, the one after which the mean is known best.
- The confidence interval uses Student's t for nine degrees of freedom and the larger of two standard errors:
  that of ten batch means (B. Schmeiser, "Batch size effects in the analysis of simulation output",
  Operations Research 30(3), 1982) and that of the bins themselves. Rates of neighbouring moments resemble
  each other, so both are widened as for a first-order autoregressive process.
- A test may stop once the interval is tight. Looking again and again makes an interval a little too
  optimistic; two seconds at least (:data:`STOP_BINS`) and two looks in a row keep that small.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from statistics import fmean, variance
from typing import Final

import msgspec

BIN_SECONDS: Final = 0.1
BATCHES: Final = 10
T_QUANTILE: Final = 2.2622
"""Student's t, nine degrees of freedom, two-sided 95 %."""
STOP_BINS: Final = 2 * BATCHES
MOST_BINS: Final = 600
"""Twice the longest of tests: counts and their times may be a hub's, and what it says."""
_MOST_CORRELATION: Final = 0.9
Point = tuple[float, int]


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes per second with their 95 % confidence interval; ``bins`` are those that count, after
    ``skipped`` of slow start; ``steady`` that a beginning of the series was the best to drop, not half."""

    rate: float
    low: float
    high: float
    bins: int
    skipped: int
    steady: bool

    @property
    def precision(self) -> float:
        """Half the width of the interval, as a share of the rate."""
        return (self.high - self.low) / 2 / self.rate if self.rate > 0 else float("inf")


def rates(points: Sequence[Point], width_seconds: float = BIN_SECONDS) -> list[float]:
    """Return bytes per second in bins of equal width, from counts at whatever times they were taken.

    Between two counts the bytes are spread evenly; counts out of order or falling are passed over, and what
    comes after :data:`MOST_BINS` is left out.

    >>> rates([(0.0, 0), (0.2, 20), (0.3, 50)])
    [100.0, 100.0, 300.0]
    """
    clean = _rising(points)
    if len(clean) < 2:
        return []
    start, segment, result, before = clean[0][0], 0, [], float(clean[0][1])
    # A bin that lacks no more than rounding is whole.
    bins = int(min(MOST_BINS, (clean[-1][0] - start) / width_seconds + 1e-6))
    for number in range(1, bins + 1):
        edge = min(start + number * width_seconds, clean[-1][0])
        while clean[segment + 1][0] < edge:
            segment += 1
        (t0, n0), (t1, n1) = clean[segment], clean[segment + 1]
        count = n0 + (n1 - n0) * (edge - t0) / (t1 - t0)
        result.append(round((count - before) / width_seconds, 6))
        before = count
    return result


def _rising(points: Sequence[Point]) -> list[Point]:
    clean: list[Point] = []
    for at, count in points:
        if not clean or (at > clean[-1][0] and count >= clean[-1][1]):
            clean.append((at, count))
    return clean


def warm_up(series: Sequence[float]) -> int:
    """Return how many bins at the beginning to leave out: at most half, and enough stay for an estimate.

    >>> warm_up([1, 5, 9, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10])
    3
    """
    best, best_error = 0, float("inf")
    total = squares = 0.0
    middle = fmean(series) if series else 0.0  # around which sums of squares lose no digits
    errors = []
    for position in range(len(series) - 1, -1, -1):
        value = series[position] - middle
        total, squares, kept = total + value, squares + value * value, len(series) - position
        errors.append(max(0.0, squares - total * total / kept) / (kept * kept))
    for position, error in enumerate(reversed(errors)):
        if position > _most(len(series)):
            break
        if error < best_error * (1 - 1e-9):
            best, best_error = position, error
    return best


def _most(bins: int) -> int:
    return max(0, min(bins // 2, bins - BATCHES))


def estimate(series: Sequence[float]) -> Estimate | None:
    """Return the goodput after slow start, None where there are too few bins to say how sure it is."""
    skipped = warm_up(series)
    kept = series[skipped:]
    if len(kept) < BATCHES:
        return None
    size = len(kept) // BATCHES
    latest = kept[len(kept) - size * BATCHES :]
    means = [fmean(latest[i * size : (i + 1) * size]) for i in range(BATCHES)]
    half = T_QUANTILE * max(_standard_error(means), _standard_error(kept))
    rate = fmean(kept)
    return Estimate(
        rate=rate,
        low=max(0.0, rate - half),
        high=rate + half,
        bins=len(kept),
        skipped=skipped,
        steady=skipped < max(1, _most(len(series))),
    )


def _standard_error(values: Sequence[float]) -> float:
    """Return the standard error of the mean of values that follow one another as an AR(1) process does."""
    count = len(values)
    # Of few values the correlation comes out too small, by (1 + 3 rho) / n (Kendall, Biometrika 41, 1954),
    # and the variance by what the mean itself varies.
    alike = (correlation(values) + 1 / count) / (1 - 3 / count)
    alike = min(max(0.0, alike), _MOST_CORRELATION)
    wider = (1 + alike) / (1 - alike)
    return sqrt(variance(values) / count * wider / max(0.25, 1 - wider / count))


def correlation(values: Sequence[float]) -> float:
    """Return the lag-1 autocorrelation, 0 for values that do not differ."""
    mean = fmean(values)
    around = sum((value - mean) ** 2 for value in values)
    if around <= 0:
        return 0.0
    return sum((a - mean) * (b - mean) for a, b in pairwise(values)) / around


def tight(looks: Sequence[Estimate | None], precision: float) -> bool:
    """Whether the last two looks were both sure enough."""
    last = looks[-2:]
    return len(last) == 2 and all(
        look is not None and look.steady and look.bins >= STOP_BINS and look.precision <= precision
        for look in last
    )
