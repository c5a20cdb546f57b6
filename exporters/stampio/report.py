"""From a train's answers and losses to samples. Pure."""

from collections.abc import Iterator, Sequence

from exporters.base import Sample
from exporters.stampio.ledger import Losses
from exporters.stampio.session import Session, Train
from exporters.stampio.statistics import Times, one_way, round_trips, segments, variation
from inventory.names import (
    STAMP_CLOCK_ERROR,
    STAMP_DELAY_VARIATION,
    STAMP_JITTER,
    STAMP_LOSS,
    STAMP_LOST,
    STAMP_ONE_WAY_DELAY,
    STAMP_RTT,
    STAMP_SENT,
)

METRICS = (
    STAMP_RTT,
    STAMP_SENT,
    STAMP_LOST,
    STAMP_LOSS,
    STAMP_JITTER,
    STAMP_DELAY_VARIATION,
    STAMP_ONE_WAY_DELAY,
    STAMP_CLOCK_ERROR,
)
_DIRECTION, _STAT = "direction", "stat"
_WAYS = ("up", "down")


def samples(session: Session, train: Train, losses: Losses) -> Iterator[Sample]:
    """Return the samples of one train, and let the session's jitter go on by it."""
    yield Sample(STAMP_SENT, float(train.sent))
    yield from lost(losses)
    if train.sent:
        for way in (*_WAYS, "unknown"):
            yield Sample(STAMP_LOSS, losses.share(way), ((_DIRECTION, way),))
    if train.times:
        yield from _delays(session, sorted(train.times, key=lambda item: item.sequence))


def lost(losses: Losses) -> Iterator[Sample]:
    """Return the increments of the counter of lost packets, zeros included."""
    for way in (*_WAYS, "unknown"):
        yield Sample(STAMP_LOST, float(getattr(losses, way)), ((_DIRECTION, way),))


def _delays(session: Session, times: Sequence[Times]) -> Iterator[Sample]:
    summary = round_trips(times)
    for stat, seconds in (
        ("min", summary.minimum),
        ("mean", summary.mean),
        ("max", summary.maximum),
        ("p50", summary.p50),
        ("p95", summary.p95),
    ):
        yield Sample(STAMP_RTT, seconds, ((_STAT, stat),))
    before = [session.last] if session.last is not None else []
    yield from _jitter(session, segments([*before, *times]))
    session.last = times[-1]
    yield from _variation(segments(times))
    delay = one_way(times)
    if delay is not None:
        yield Sample(STAMP_ONE_WAY_DELAY, delay.up, ((_DIRECTION, "up"),))
        yield Sample(STAMP_ONE_WAY_DELAY, delay.down, ((_DIRECTION, "down"),))
        yield Sample(STAMP_CLOCK_ERROR, delay.error)


def _jitter(session: Session, pieces: Sequence[Sequence[Times]]) -> Iterator[Sample]:
    session.up.take([[item.up_ns for item in piece] for piece in pieces])
    session.down.take([[item.down_ns for item in piece] for piece in pieces])
    yield Sample(STAMP_JITTER, session.up.seconds, ((_DIRECTION, "up"),))
    yield Sample(STAMP_JITTER, session.down.seconds, ((_DIRECTION, "down"),))


def _variation(pieces: Sequence[Sequence[Times]]) -> Iterator[Sample]:
    for way, delays in (
        ("up", [[item.up_ns for item in piece] for piece in pieces]),
        ("down", [[item.down_ns for item in piece] for piece in pieces]),
    ):
        found = variation(delays)
        for stat, seconds in (
            ("mean", found.mean),
            ("max", found.maximum),
            ("p50", found.p50),
            ("p95", found.p95),
        ):
            yield Sample(STAMP_DELAY_VARIATION, seconds, ((_DIRECTION, way), (_STAT, stat)))
