"""From a burst's answers to the samples of an outcome. No I/O."""

from collections.abc import Iterator
from typing import Final

from exporters.base import Sample
from exporters.icmpio.burst import Afterwards, Answers
from exporters.icmpio.statistics import Jitter, reordered, summarise
from inventory.names import (
    ICMP_DUPLICATE,
    ICMP_JITTER,
    ICMP_LATE,
    ICMP_LOSS,
    ICMP_LOST,
    ICMP_REORDERED,
    ICMP_RTT,
    ICMP_RTT_DISTRIBUTION,
    ICMP_SENT,
    PROBE_ICMP_DURATION,
    PROBE_ICMP_HOP_LIMIT,
    Label,
    Metric,
)

METRICS: Final = (
    PROBE_ICMP_DURATION, PROBE_ICMP_HOP_LIMIT, ICMP_LOSS, ICMP_RTT, ICMP_JITTER, ICMP_RTT_DISTRIBUTION,
    ICMP_SENT, ICMP_LOST, ICMP_LATE, ICMP_DUPLICATE, ICMP_REORDERED,
)  # fmt: skip
_RTT: Final = ((str(Label.PHASE), "rtt"),)
_MIN, _MEAN, _MAX, _P50, _P95 = ((("stat", name),) for name in ("min", "mean", "max", "p50", "p95"))
_RFC3550, _DIFFERENCE = ((("method", name),) for name in ("rfc3550", "mean"))
_NONE: Final = {m: Sample(m, 0.0) for m in (ICMP_SENT, ICMP_LOST, ICMP_LATE, ICMP_DUPLICATE, ICMP_REORDERED)}


def counted(afterwards: Afterwards, sent: int = 0, lost: int = 0, overtaken: int = 0) -> tuple[Sample, ...]:
    """Return the increments of every counter, with what came since the last outcome."""
    duplicate, late = afterwards.take()
    return (
        _increment(ICMP_SENT, sent),
        _increment(ICMP_LOST, lost),
        _increment(ICMP_LATE, late),
        _increment(ICMP_DUPLICATE, duplicate),
        _increment(ICMP_REORDERED, overtaken),
    )


def _increment(metric: Metric, count: int) -> Sample:
    return Sample(metric, float(count)) if count else _NONE[metric]


def report(
    answers: Answers, afterwards: Afterwards, jitter: Jitter, *, histogram: bool
) -> tuple[Sample, ...]:
    """Return what a burst of at least one packet says; moves ``jitter`` on."""
    sent, answered = len(answers.rtts_ns), len(answers.arrivals)
    samples = (
        *counted(afterwards, sent, sent - answered, reordered(answers.arrivals)),
        Sample(ICMP_LOSS, 1 - answered / sent),
    )
    if not answered:
        return samples
    for position in answers.arrivals:
        jitter.take((answers.rtts_ns[position] or 0) / 1e9)
    rtts = [rtt / 1e9 for rtt in answers.rtts_ns if rtt is not None]
    distribution = [Sample(ICMP_RTT_DISTRIBUTION, rtt) for rtt in rtts] if histogram else ()
    return (*samples, *_times(rtts, jitter), *_hops(answers), *distribution)


def _times(rtts: list[float], jitter: Jitter) -> Iterator[Sample]:
    times = summarise(rtts)
    yield Sample(PROBE_ICMP_DURATION, times.p50, _RTT)
    yield Sample(ICMP_RTT, times.minimum, _MIN)
    yield Sample(ICMP_RTT, times.mean, _MEAN)
    yield Sample(ICMP_RTT, times.maximum, _MAX)
    yield Sample(ICMP_RTT, times.p50, _P50)
    yield Sample(ICMP_RTT, times.p95, _P95)
    yield Sample(ICMP_JITTER, jitter.seconds, _RFC3550)
    if times.mean_variation is not None:
        yield Sample(ICMP_JITTER, times.mean_variation, _DIFFERENCE)


def _hops(answers: Answers) -> Iterator[Sample]:
    if answers.hop_limit is not None:
        yield Sample(PROBE_ICMP_HOP_LIMIT, float(answers.hop_limit))
