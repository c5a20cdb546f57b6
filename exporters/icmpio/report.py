"""From a burst's answers to the samples of an outcome. No I/O."""

from typing import Final

from exporters.base import Sample
from exporters.icmpio.burst import Afterwards, Answers
from exporters.icmpio.statistics import Jitter, Summary, percentile, reordered, summarise
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
_COUNTERS: Final = (ICMP_SENT, ICMP_LOST, ICMP_LATE, ICMP_DUPLICATE, ICMP_REORDERED)
_NONE: Final = {metric: Sample(metric, 0.0) for metric in _COUNTERS}


def counted(
    afterwards: Afterwards, sent: int = 0, lost: int = 0, overtaken: int = 0, *, details: bool = True
) -> list[Sample]:
    """Return the increments of every counter, with what came since the last outcome."""
    duplicate, late = afterwards.take()
    samples = [_increment(ICMP_SENT, sent), _increment(ICMP_LOST, lost)]
    if details:
        samples.append(_increment(ICMP_LATE, late))
        samples.append(_increment(ICMP_DUPLICATE, duplicate))
        samples.append(_increment(ICMP_REORDERED, overtaken))
    return samples


def _increment(metric: Metric, count: int) -> Sample:
    return Sample(metric, float(count)) if count else _NONE[metric]


def brief(answers: Answers, afterwards: Afterwards) -> list[Sample]:
    """Return of a burst of at least one packet what was lost, and the median."""
    sent, answered = len(answers.rtts_ns), len(answers.arrivals)
    samples = counted(afterwards, sent, sent - answered, details=False)
    if answered:
        rtts = sorted(rtt / 1e9 for rtt in answers.rtts_ns if rtt is not None)
        samples.append(Sample(PROBE_ICMP_DURATION, percentile(rtts, 0.5), _RTT))
    return samples


def report(answers: Answers, afterwards: Afterwards, jitter: Jitter, *, histogram: bool) -> list[Sample]:
    """Return all that a burst of at least one packet says; moves ``jitter`` on."""
    sent, answered = len(answers.rtts_ns), len(answers.arrivals)
    samples = counted(afterwards, sent, sent - answered, reordered(answers.arrivals))
    samples.append(Sample(ICMP_LOSS, 1 - answered / sent))
    if not answered:
        return samples
    jitter.take([(answers.rtts_ns[position] or 0) / 1e9 for position in answers.arrivals])
    rtts = [rtt / 1e9 for rtt in answers.rtts_ns if rtt is not None]
    samples += _times(summarise(rtts), jitter)
    if answers.hop_limit is not None:
        samples.append(Sample(PROBE_ICMP_HOP_LIMIT, float(answers.hop_limit)))
    if histogram:
        samples += [Sample(ICMP_RTT_DISTRIBUTION, rtt) for rtt in rtts]
    return samples


def _times(times: Summary, jitter: Jitter) -> list[Sample]:
    samples = [
        Sample(PROBE_ICMP_DURATION, times.p50, _RTT),
        Sample(ICMP_RTT, times.minimum, _MIN),
        Sample(ICMP_RTT, times.mean, _MEAN),
        Sample(ICMP_RTT, times.maximum, _MAX),
        Sample(ICMP_RTT, times.p50, _P50),
        Sample(ICMP_RTT, times.p95, _P95),
        Sample(ICMP_JITTER, jitter.seconds, _RFC3550),
    ]
    if times.mean_variation is not None:
        samples.append(Sample(ICMP_JITTER, times.mean_variation, _DIFFERENCE))
    return samples
