"""Goodput from counts: what is left out, how sure it is, when it is enough; and the grade of latency."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.throughputio.estimate import (
    BATCHES,
    BIN_SECONDS,
    MOST_BINS,
    STOP_BINS,
    Estimate,
    correlation,
    estimate,
    rates,
    tight,
    warm_up,
)
from exporters.throughputio.grade import GRADES, grade

finite = st.floats(min_value=0, max_value=1e3)
points = st.lists(st.tuples(finite, st.integers(0, 10**12)), max_size=60)


@given(points)
def test_rates_take_any_counts(counts: list[tuple[float, int]]) -> None:
    series = rates(counts)
    assert all(math.isfinite(rate) and rate >= 0 for rate in series)
    assert len(series) <= MOST_BINS


@pytest.mark.parametrize("last", [1e9, 1e50, float("inf")])
def test_a_time_that_cannot_be_costs_no_more_than_a_long_test(last: float) -> None:
    assert len(rates([(0.0, 0), (last, 10)])) <= MOST_BINS


@given(st.lists(st.tuples(st.floats(0.001, 2.0), st.integers(0, 10**9)), min_size=1, max_size=50))
def test_no_byte_is_lost_or_invented(steps: list[tuple[float, int]]) -> None:
    counts, at, count = [(0.0, 0)], 0.0, 0
    for seconds, more in steps:
        at, count = at + seconds, count + more
        counts.append((at, count))
    series = rates(counts)
    whole = sum(series) * BIN_SECONDS
    last_step = max((more for _, more in steps), default=0) * (1 + BIN_SECONDS / 0.001)
    assert whole <= count * (1 + 1e-6) + 1
    assert whole >= count - last_step * 2 - 1


def test_a_steady_stream_has_one_rate_wherever_it_is_counted() -> None:
    generator = random.Random(7)
    at, counts = 0.0, []
    while at < 3:
        counts.append((at, int(at * 1e6)))
        at += generator.uniform(0.05, 0.17)
    assert all(rate == pytest.approx(1e6, rel=1e-3) for rate in rates(counts))


def test_counts_out_of_order_or_falling_are_passed_over() -> None:
    assert rates([(0, 0), (0.1, 10), (0.05, 700), (0.1, 900), (0.2, 5), (0.3, 30)]) == [100, 100, 100]
    assert rates([]) == rates([(1, 1)]) == []


@given(st.lists(st.floats(0, 1e12), max_size=200))
def test_at_most_half_is_left_out_and_enough_stays(series: list[float]) -> None:
    skipped = warm_up(series)
    assert 0 <= skipped <= len(series) // 2
    assert len(series) < BATCHES or len(series) - skipped >= BATCHES


def test_slow_start_is_left_out() -> None:
    ramp = [2.0**n for n in range(8)]
    assert warm_up(ramp + [256.0, 250.0, 260.0] * 8) == 8
    found = estimate(ramp + [256.0] * 24)
    assert found is not None
    assert (found.rate, found.low, found.high, found.skipped) == (256.0, 256.0, 256.0, 8)


@given(st.lists(st.floats(0, 1e12), max_size=200))
def test_an_interval_holds_its_rate(series: list[float]) -> None:
    found = estimate(series)
    if found is None:
        assert len(series) - warm_up(series) < BATCHES
        return
    assert found.low <= found.rate * (1 + 1e-9)
    assert found.rate <= found.high * (1 + 1e-9)
    assert found.low >= 0
    assert found.bins + found.skipped == len(series)


@pytest.mark.parametrize("alike", [0.0, 0.5, 0.8])
def test_the_interval_holds_the_truth_as_often_as_it_says(alike: float) -> None:
    """Bins that follow one another as they do behind a queue: first-order autoregressive."""
    generator, hits, runs = random.Random(11), 0, 400
    for _ in range(runs):
        value, series = 0.0, []
        for _ in range(80):
            value = alike * value + generator.gauss(0, 5) * math.sqrt(1 - alike**2)
            series.append(100 + value)
        found = estimate(series)
        assert found is not None
        hits += found.low <= 100 <= found.high
    assert hits / runs >= 0.90


def test_correlation() -> None:
    assert correlation([1.0] * 10) == 0
    assert correlation([1.0, -1.0] * 5) == pytest.approx(-0.9)
    assert correlation(list(map(float, range(10)))) > 0.6


def look(precision: float, bins: int = STOP_BINS, *, steady: bool = True) -> Estimate:
    return Estimate(
        rate=100, low=100 - 100 * precision, high=100 + 100 * precision, bins=bins, skipped=0, steady=steady
    )


@pytest.mark.parametrize(
    ("looks", "enough"),
    [
        ([], False),
        ([look(0.01)], False),
        ([look(0.01), look(0.01)], True),
        ([look(0.03), look(0.01), look(0.02)], True),
        ([look(0.01), look(0.03)], False),
        ([look(0.03), look(0.01)], False),
        ([None, look(0.01)], False),
        ([look(0.01, bins=STOP_BINS - 1), look(0.01)], False),
        ([look(0.01, steady=False), look(0.01)], False),
    ],
)
def test_enough_is_known_after_two_sure_looks(looks: list[Estimate | None], enough: bool) -> None:
    assert tight(looks, 0.02) is enough


def test_a_rate_of_zero_is_never_sure() -> None:
    found = estimate([0.0] * 40)
    assert found is not None
    assert found.precision == math.inf


@pytest.mark.parametrize(
    ("added", "expected"),
    [(0, "A+"), (4.9, "A+"), (5.1, "A"), (29, "A"), (31, "B"), (61, "C"), (201, "D"), (399, "D"), (401, "F")],
)
def test_the_grade_is_that_of_the_mean_of_both_directions(added: float, expected: str) -> None:
    idle = 0.02
    assert GRADES[grade(idle, idle + added / 1000, idle + added / 1000)] == expected
    assert GRADES[grade(idle, idle, idle + added / 500)] == expected
