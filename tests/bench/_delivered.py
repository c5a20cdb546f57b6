"""What arrived, compared with what was measured. Pure, but for reading what was written down."""

import math
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec

from agent.remote_write import encode_labels
from agent.spool.fields import labels_of, split
from tests.bench import _exporter, _watched

MOVED_MS: Final = 100
"""How far a sample may have moved that was dated anew when the hub's clock was known."""
OFF_SECONDS: Final = 5.0
Stored = Sequence[tuple[Mapping[str, str], list[tuple[float, str]]]]
"""(labels, [(Unix seconds, value)]) of every series at the hub."""
_SAMPLE: Final = struct.Struct("<3xdx6s")
"""Tags and lengths, a double, and a time that takes six bytes until the year 2109."""


class Score(msgspec.Struct):
    """Samples. ``lost`` is all that did not arrive, ``unexcused`` what of it was not at risk when a process
    was killed, ``changes_lost`` what of that shows a change of state; ``wrong``: stored, but never measured;
    ``twice``: stored more than once."""

    expected: int = 0
    received: int = 0
    lost: int = 0
    unexcused: int = 0
    changes: int = 0
    changes_lost: int = 0
    wrong: int = 0
    twice: int = 0


class Risks(msgspec.Struct, frozen=True):
    """When the agent was killed (Unix times), and how much of what shows no change that may cost. A change
    is written at once, but not before it was made: that takes a moment. A full disk is no excuse: there is
    memory."""

    kills: Sequence[float]
    seconds: float
    change_seconds: float = 1.0

    def excuse(self, unix: float, *, change: bool) -> bool:
        """Whether a sample made then may be lost."""
        limit = self.change_seconds if change else self.seconds
        return any(0 <= kill - unix <= limit for kill in self.kills)


class _Sample(msgspec.Struct):
    value: float
    made: float
    change: bool


Truth = dict[bytes, dict[int, _Sample]]
"""By the labels of a series and the time in ms."""
AtHub = Mapping[bytes, Mapping[int, float]]
"""Likewise."""


def truth_of(pieces: Iterable[_watched.Made]) -> Truth:
    """Return all samples of what was collected, but for ends of series."""
    truth: Truth = {}
    for made in pieces:
        for labels, value, time_ms in samples(made.raw):
            if not math.isnan(value):
                truth.setdefault(labels, {})[time_ms] = _Sample(value, made.unix, made.change)
    return truth


def by_series(found: Stored) -> AtHub:
    """Return what Prometheus says it has, as it was sent."""
    return {
        encode_labels(labels): {round(at * 1000): float(text) for at, text in values}
        for labels, values in found
    }


def samples(raw: bytes) -> Iterator[tuple[bytes, float, int]]:
    """Yield (labels, value, Unix ms) of everything in a WriteRequest as our agent writes it."""
    for field in split(raw):
        labels = labels_of(field)
        at = field.index(labels) + len(labels)
        for value, stamp in _SAMPLE.iter_unpack(field[at:]):
            yield labels, value, _unix_ms(stamp)


@lru_cache(256)
def _unix_ms(varint: bytes) -> int:
    return sum((byte & 0x7F) << 7 * position for position, byte in enumerate(varint))


def judge(truth: Truth, at_hub: AtHub, risks: Risks) -> Score:
    """Compare sample by sample. What was measured after the truth ends is neither expected nor wrong."""
    score, left = Score(), dict(at_hub)
    last_ms = max(max(series) for series in truth.values())
    for labels, measured in truth.items():
        values = left.pop(labels, {})
        _judge_series(measured, {at: values[at] for at in values if at <= last_ms}, risks, score)
    for values in left.values():
        score.wrong += sum(at <= last_ms for at in values)
    return score


def _judge_series(made: dict[int, _Sample], got: dict[int, float], risks: Risks, score: Score) -> None:
    score.expected += len(made)
    score.changes += sum(sample.change for sample in made.values())
    exact = {at for at, value in got.items() if at in made and made[at].value == value}
    score.received += len(exact)
    missing = {at: sample for at, sample in made.items() if at not in exact}
    for at in sorted(got.keys() - exact):
        moved = next((was for was in missing if _same(missing[was].value, was, got[at], at)), None)
        if moved is not None:
            del missing[moved]
            score.received += 1
        elif any(_same(made[was].value, was, got[at], at) for was in _near(exact, at)):
            score.twice += 1
        else:
            score.wrong += 1
    score.lost += len(missing)
    unexcused = [one for one in missing.values() if not risks.excuse(one.made, change=one.change)]
    score.changes_lost += sum(sample.change for sample in unexcused)
    score.unexcused += len(unexcused)


def _near(times: Iterable[int], at: int) -> list[int]:
    return [one for one in times if abs(one - at) <= MOVED_MS]


def _same(value: float, value_ms: int, other: float, other_ms: int) -> bool:
    """Whether one is the other dated anew; a value that shows a time moves along."""
    moved_ms = other_ms - value_ms
    if abs(moved_ms) > MOVED_MS:
        return False
    return other == value or abs(other - value - moved_ms / 1000) < 0.001


def judge_scrapes(log: Path, stored: Stored, series: int, until: float) -> Score:
    """Compare what was scraped until then: the value of every sample is the number of its scrape."""
    made = {number: unix for number, unix in _exporter.read(log).items() if unix <= until}
    score = Score(expected=len(made) * series)
    for _, values in stored:
        numbers = Counter(text for at, text in values if at <= until)
        for at, text in values:
            if at > until:
                continue
            unix = made.get(int(float(text)))
            if unix is None:
                del numbers[text]
            elif abs(at - unix) > OFF_SECONDS:
                score.wrong += 1
                numbers[text] -= 1
        there = +numbers
        score.received += len(there)
        score.twice += there.total() - len(there)
    score.lost = score.expected - score.received
    return score
