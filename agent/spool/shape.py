"""A row in two parts: the labels of its series, which hardly differ from minute to minute, and their samples.

Labels are three quarters of a WriteRequest, and more than a third of what is left of it after compression.
So they are kept once, as the shape of many rows; a row holds the samples of each series of its shape, and
in full only the series that the shape does not know. Samples of one series lie together, in the order in
which they came. Pure.

A body: how many series it adds and the labels of each; then, for each series of the shape and each that was
added, the length of its samples and these. All lengths are varints.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from agent.remote_write import varint
from agent.spool.fields import Damaged, fields_of, number_at

MAX_SERIES: Final = 100_000
Series = dict[bytes, list[bytes]]
"""Encoded samples by encoded labels."""
_SERIES: Final = b"\x0a"
_SAMPLE_BYTES: Final = 18  # as our own encoder writes a sample of these decades
_SAMPLE: Final = b"\x12\x10\x09"


class Shape:
    """The labels of the series of many rows, in an order."""

    def __init__(self, labels: Iterable[bytes]) -> None:
        self.labels = tuple(labels)
        self.known = frozenset(self.labels)
        self.bytes = sum(map(len, self.labels))

    def encode(self) -> bytes:
        """Return what :meth:`decode` understands."""
        return b"".join(_sized(labels) for labels in self.labels)

    @classmethod
    def decode(cls, raw: bytes) -> "Shape":
        """Return the shape in some bytes. Raises :class:`Damaged`."""
        labels, at = [], 0
        while at < len(raw):
            one, at = _taken(raw, at)
            labels.append(one)
        return cls(labels)


def series_of(raw: bytes, shape: Shape) -> Series:
    """Take a WriteRequest apart. ``shape`` only makes it faster. Raises :class:`Damaged`."""
    series: Series = {}
    known = shape.known
    for start, labels_end, end in fields_of(raw, _SAMPLE, _SAMPLE_BYTES, known):
        labels = raw[start:labels_end]
        samples = raw[labels_end:end]
        there = series.get(labels)
        if there is None:
            series[labels] = [samples]
        else:
            there.append(samples)
    return series


def fits(series: Series, shape: Shape) -> bool:
    """Whether a row is worth keeping by this shape: a new one costs as much as it saves in a few rows."""
    added = sum(len(labels) for labels in series if labels not in shape.known)
    return added * 4 <= shape.bytes


def encode(series: Series, shape: Shape) -> bytes:
    """Return the body of a row of that shape."""
    added = sorted(labels for labels in series if labels not in shape.known)
    parts = [varint(len(added)), *map(_sized, added)]
    for labels in (*shape.labels, *added):
        samples = series.get(labels)
        parts.append(b"\x00" if samples is None else _sized(b"".join(samples)))
    return b"".join(parts)


def decode(body: bytes, shape: Shape) -> bytes:
    """Return the WriteRequest in a body, one TimeSeries a series. Raises :class:`Damaged`."""
    count, at = number_at(body, 0)
    if count > MAX_SERIES:
        raise Damaged("more series than can be")
    added = []
    for _ in range(count):
        labels, at = _taken(body, at)
        added.append(labels)
    parts: list[bytes] = []
    at = _put_together(body, at, shape.labels, parts)
    if _put_together(body, at, added, parts) != len(body):
        raise Damaged("longer than it was")
    return b"".join(parts)


def _put_together(body: bytes, at: int, series: Sequence[bytes], parts: list[bytes]) -> int:
    for labels in series:
        samples, at = _taken(body, at)
        if samples:
            parts += (_SERIES, varint(len(labels) + len(samples)), labels, samples)
    return at


def _sized(some: bytes) -> bytes:
    return varint(len(some)) + some


def _taken(raw: bytes, at: int) -> tuple[bytes, int]:
    size, start = number_at(raw, at)
    end = start + size
    if end > len(raw):
        raise Damaged("cut short")
    return raw[start:end], end
