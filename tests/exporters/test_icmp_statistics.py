"""What bursts are reduced to: times, spread, order; pure."""

import statistics
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.icmpio.burst import Afterwards, Answers, Burst, Shape
from exporters.icmpio.report import METRICS, brief, report
from exporters.icmpio.statistics import Jitter, percentile, reordered, summarise
from inventory.names import ICMP_DUPLICATE, ICMP_LATE, ICMP_LOSS, ICMP_LOST, ICMP_RTT_DISTRIBUTION, ICMP_SENT

RTTS = st.lists(st.integers(1, 60_000_000_000), min_size=1, max_size=100)


def test_times_of_a_known_burst() -> None:
    summary = summarise([0.010, 0.014, 0.011, 0.020, 0.010])
    assert (summary.minimum, summary.maximum, summary.p50) == (0.010, 0.020, 0.011)
    assert summary.mean == pytest.approx(0.013)
    assert summary.p95 == pytest.approx(0.0188)
    assert summary.mean_variation == pytest.approx((0.004 + 0.003 + 0.009 + 0.010) / 4)


@given(RTTS)
def test_times_are_within_each_other_and_the_median_is_the_median(rtts: list[int]) -> None:
    summary = summarise(rtts)
    assert summary.minimum <= summary.p50 <= summary.p95 <= summary.maximum
    assert summary.minimum <= summary.mean * (1 + 1e-12)
    assert summary.mean <= summary.maximum * (1 + 1e-12)
    assert summary.p50 == statistics.median(rtts)
    assert (summary.mean_variation is None) == (len(rtts) == 1)


@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=60), st.sampled_from([0.05, 0.25, 0.75, 0.95]))
def test_percentiles_are_those_of_the_standard_library(values: list[int], share: float) -> None:
    ordered = sorted(values)
    inclusive = statistics.quantiles(ordered, n=100, method="inclusive")[round(share * 100) - 1]
    assert percentile(ordered, share) == pytest.approx(inclusive, rel=1e-9, abs=1e-6)


# RFC 4737: the example of section 7.2, 1 2 3 7 8 9 10 4 5 6 11: three packets are reordered.
@pytest.mark.parametrize(
    ("arrivals", "count"),
    [
        ((), 0),
        ((0, 1, 2), 0),
        ((1, 2, 3, 7, 8, 9, 10, 4, 5, 6, 11), 3),
        ((4, 3, 2, 1, 0), 4),
        ((5, 0, 6, 1), 2),
    ],
)
def test_reordering_is_counted_as_rfc_4737_does(arrivals: tuple[int, ...], count: int) -> None:
    assert reordered(arrivals) == count


@given(st.permutations(range(12)))
def test_reordered_are_those_with_a_later_one_before(arrivals: list[int]) -> None:
    assert reordered(arrivals) == sum(
        any(earlier > position for earlier in arrivals[:place]) for place, position in enumerate(arrivals)
    )


@given(RTTS)
def test_jitter_is_that_of_rfc_3550(rtts: list[int]) -> None:
    jitter, exact = Jitter(), Fraction(0)
    for rtt in rtts:
        jitter.take([rtt])
    for before, after in pairwise(rtts):
        exact += (abs(after - before) - exact) / 16
    assert jitter.seconds == pytest.approx(float(exact), rel=1e-9)
    assert jitter.known


def test_constant_times_have_no_jitter_and_a_steady_swing_tends_to_its_size() -> None:
    jitter = Jitter()
    for _ in range(50):
        jitter.take([0.02])
    assert jitter.seconds == 0
    for swing in range(400):
        jitter.take([0.02 + 0.01 * (swing % 2)])
    assert jitter.seconds == pytest.approx(0.01, rel=1e-6)


# --- the record of a burst ---------------------------------------------------------------------------
def burst(packets: int = 3, timeout: float = 1.0, gap: float = 0.02) -> Burst:
    made = Burst("h", ("h", 0), Shape(packets=packets, gap_seconds=gap), b"cookie..", Afterwards())
    made.start(0xFFFF, 100.0, timeout)
    return made


def leave(one: Burst, at: float) -> None:
    one.last_sent = at
    one.left(0, int(at * 1e9))


def test_packets_leave_on_a_grid_closer_together_when_time_is_short() -> None:
    one = burst()
    assert one.next_send(100.0) == pytest.approx(100.01)
    leave(one, 100.0)
    assert one.next_send(100.0) == pytest.approx(100.02)
    leave(one, 100.5)  # the loop was busy: the rest does not follow all at once
    assert one.next_send(100.5) == pytest.approx(100.51)
    assert burst(10, timeout=0.1).gap == pytest.approx(0.005)


def test_bursts_that_share_wake_ups_send_at_the_same_moments() -> None:
    for begun in (100.001, 100.009, 100.011, 100.019):
        one = Burst("h", ("h", 0), Shape(packets=9, gap_seconds=0.02), b"cookie..", Afterwards())
        one.start(1, begun, 1.0, aligned=True)
        leave(one, begun)
        second = one.next_send(begun)
        assert 0.0099 < second - begun < 0.0301
        leave(one, second)
        assert (second / 0.02, one.next_send(second) / 0.02) == pytest.approx(
            (round(second / 0.02), round(second / 0.02) + 1)
        )


def test_sequence_numbers_wrap() -> None:
    one = burst()
    leave(one, 100.0)
    leave(one, 100.02)
    assert [one.position(sequence) for sequence in (0xFFFE, 0xFFFF, 0, 1)] == [None, 0, 1, None]


def test_a_reply_that_the_kernel_got_after_the_deadline_is_late_even_when_read_before_the_timer() -> None:
    one = burst(packets=1)
    leave(one, 100.0)
    one.take_reply(0, 1_000_000_001, None)
    assert one.afterwards.take() == (0, 1)
    assert one.close().arrivals == ()


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, 3_000_000_000), st.booleans()), max_size=40),
    st.integers(1, 5),
)
def test_every_reply_is_an_answer_or_late_or_a_repetition(
    replies: list[tuple[int, int, bool]], packets: int
) -> None:
    one, taken = burst(packets), 0
    for position in range(packets):
        leave(one, 100.0 + position / 50)
    for position, rtt_ns, close in replies:
        if position < packets:
            one.take_reply(position, rtt_ns, 61)
            taken += 1
        if close:
            break
    answers = one.close()
    for position, rtt_ns, _ in replies:
        if position < packets:
            one.take_reply(position, rtt_ns, 61)
            taken += 1
    duplicate, late = one.afterwards.take()
    assert len(answers.arrivals) + duplicate + late == taken
    assert sum(rtt is not None for rtt in answers.rtts_ns) == len(answers.arrivals)
    assert len(answers.rtts_ns) == packets


@given(st.lists(st.one_of(st.none(), st.integers(1, 10**10)), min_size=1, max_size=100), st.data())
def test_the_samples_of_any_burst_add_up(rtts: list[int | None], data: st.DataObject) -> None:
    answered = [position for position, rtt in enumerate(rtts) if rtt is not None]
    arrivals = tuple(data.draw(st.permutations(answered)))
    afterwards = Afterwards()
    afterwards.duplicate, afterwards.late = 2, 1
    samples = report(Answers(tuple(rtts), arrivals, 64, None, None), afterwards, Jitter(), histogram=True)
    by_metric = {metric: [s.value for s in samples if s.metric is metric] for metric in METRICS}
    [sent], [lost], [ratio] = by_metric[ICMP_SENT], by_metric[ICMP_LOST], by_metric[ICMP_LOSS]
    assert sent == len(rtts)
    assert sent - lost == len(by_metric[ICMP_RTT_DISTRIBUTION]) == len(answered)
    assert ratio == pytest.approx(lost / sent)
    assert (by_metric[ICMP_DUPLICATE], by_metric[ICMP_LATE]) == ([2], [1])


@given(st.lists(st.one_of(st.none(), st.integers(1, 10**10)), min_size=1, max_size=100))
def test_what_is_told_in_brief_is_what_is_told_in_full(rtts: list[int | None]) -> None:
    arrivals = tuple(position for position, rtt in enumerate(rtts) if rtt is not None)
    answers = Answers(tuple(rtts), arrivals, 64, None, None)
    short = brief(answers, Afterwards())
    assert len(short) == (3 if arrivals else 2)
    assert set(short) <= set(report(answers, Afterwards(), Jitter(), histogram=True))


def test_the_buckets_resolve_what_lines_have() -> None:
    buckets = ICMP_RTT_DISTRIBUTION.buckets
    assert list(buckets) == sorted(set(buckets))
    assert (buckets[0], buckets[-1]) == (0.0002, 3)
    assert 0.05 in buckets  # the regulation's mean of 50 ms
