"""``throughput``: how much a line carries between here and the hub, and how long others then wait.

``address`` is the URL of the hub's reflector (``thongsuot reflect``). A test fills the line down and then
up for a few seconds, over 1 to 8 connections; slow start is left out, and it ends as soon as the goodput is
known within a few percent. Beside it runs an echo of its own: its median is the round trip that anybody
else on the line has meanwhile. Grades are those of :mod:`exporters.throughputio.grade`.

``deferred`` means that no test took place, on purpose: out of hours, not its turn, budget, no lease, or the
line is needed by others; the evidence says which. Sample exposition::

    thongsuot_throughput_goodput_bytes_per_second{direction="down"} 23450000
    thongsuot_throughput_goodput_bytes_per_second{direction="up"} 23210000
    thongsuot_throughput_goodput_bound_bytes_per_second{direction="down",bound="low"} 23310000
    thongsuot_throughput_goodput_bound_bytes_per_second{direction="down",bound="high"} 23590000
    thongsuot_throughput_goodput_bound_bytes_per_second{direction="up",bound="low"} 23100000
    thongsuot_throughput_goodput_bound_bytes_per_second{direction="up",bound="high"} 23320000
    thongsuot_throughput_rtt_seconds{direction="idle"} 0.0121
    thongsuot_throughput_rtt_seconds{direction="down"} 0.0482
    thongsuot_throughput_rtt_seconds{direction="up"} 0.0397
    thongsuot_throughput_latency_grade 1
    thongsuot_throughput_bytes_total 161000000
    thongsuot_throughput_budget_remaining_bytes 4839000000
    thongsuot_throughput_measured_timestamp_seconds 1795384953
"""

from collections.abc import Iterator
from datetime import datetime, tzinfo
from time import perf_counter
from typing import Final

from exporters.base import Outcome, Sample, Target
from exporters.demand import FORCED
from exporters.httpio.url import parse_url
from exporters.net.failure import Failure
from exporters.net.phases import one_line
from exporters.throughputio.account import Account, opened
from exporters.throughputio.allowance import window
from exporters.throughputio.config import Config
from exporters.throughputio.deferred import Deferred
from exporters.throughputio.due import zone
from exporters.throughputio.grade import GRADES
from exporters.throughputio.load import refuse_busy_router
from exporters.throughputio.measure import Result, measure
from exporters.throughputio.transfer import Side
from inventory.names import (
    THROUGHPUT_BOUND,
    THROUGHPUT_BUDGET,
    THROUGHPUT_BYTES,
    THROUGHPUT_GOODPUT,
    THROUGHPUT_GRADE,
    THROUGHPUT_MEASURED,
    THROUGHPUT_RTT,
    Reason,
)

KIND: Final = "throughput"
JUDGES: Final = False
EXCLUSIVE: Final = True
METRICS: Final = (
    THROUGHPUT_GOODPUT,
    THROUGHPUT_BOUND,
    THROUGHPUT_RTT,
    THROUGHPUT_GRADE,
    THROUGHPUT_BYTES,
    THROUGHPUT_BUDGET,
    THROUGHPUT_MEASURED,
)


def check_address(address: str) -> None:
    """Raise ValueError unless ``address`` is a URL."""
    parse_url(address)


async def probe(target: Target, config: Config) -> Outcome:
    """Test the line, if it may be tested now. Never raises for what a network or a peer does."""
    started = perf_counter()
    samples: list[Sample] = []
    try:
        evidence = await _test(target, config, samples)
        reason = Reason.OK
    except Deferred as deferred:
        reason, evidence = Reason.DEFERRED, str(deferred)
    except Failure as failure:
        reason, evidence = failure.reason, failure.evidence
    return Outcome(
        reason=reason,
        duration_seconds=perf_counter() - started,
        samples=tuple(samples),
        evidence=one_line(evidence),
    )


async def _test(target: Target, config: Config, samples: list[Sample]) -> str:
    """Test, and put into ``samples`` what came of it, whole or not. Raises Failure, Deferred."""
    _check(target.address)
    now = _now(zone(config.timezone))
    night = window(config, now, forced=FORCED.get())
    refuse_busy_router(config)
    async with opened(config, target.name, now, night) as account:
        try:
            result = await measure(
                target.address,
                config,
                source=target.source,
                timeout_seconds=target.timeout_seconds,
                size=account.given.size,
                spent=account.spent,
            )
            account.tested = True
            samples += _results(result)
            samples.append(Sample(THROUGHPUT_MEASURED, now.timestamp()))
        finally:
            samples += _accounts(account)
    return _words(result)


def _words(result: Result) -> str:
    sides = (("down", result.down), ("up", result.up))
    goodput = ", ".join(
        f"{name} {side.estimate.rate * 8e-6:.2f} Mbit/s [{side.estimate.low * 8e-6:.2f}, "
        f"{side.estimate.high * 8e-6:.2f}] with round trips of {side.rtt_seconds * 1e3:.1f} ms"
        for name, side in sides
    )
    return f"{goodput}; idle {result.idle_rtt_seconds * 1e3:.1f} ms: grade {GRADES[result.grade]}"


def _check(address: str) -> None:
    try:
        check_address(address)
    except ValueError:
        raise Failure(Reason.LOCAL, f"{address[:200]!r} is not a URL") from None


def _now(where: tzinfo) -> datetime:
    return datetime.now(where)


def _results(result: Result) -> Iterator[Sample]:
    yield Sample(THROUGHPUT_RTT, result.idle_rtt_seconds, (("direction", "idle"),))
    yield from _side("down", result.down)
    yield from _side("up", result.up)
    yield Sample(THROUGHPUT_GRADE, float(result.grade))


def _side(direction: str, side: Side) -> Iterator[Sample]:
    label, found = ("direction", direction), side.estimate
    yield Sample(THROUGHPUT_GOODPUT, found.rate, (label,))
    yield Sample(THROUGHPUT_BOUND, found.low, (label, ("bound", "low")))
    yield Sample(THROUGHPUT_BOUND, found.high, (label, ("bound", "high")))
    yield Sample(THROUGHPUT_RTT, side.rtt_seconds, (label,))


def _accounts(account: Account) -> Iterator[Sample]:
    yield Sample(THROUGHPUT_BYTES, float(account.used))
    if account.remaining is not None:
        yield Sample(THROUGHPUT_BUDGET, float(account.remaining))
