"""A row in two parts: the labels of its series, which hardly differ from minute to minute, and their samples.

Labels are three quarters of a WriteRequest, and more than a third of what is left of it after compression.
So they are kept once, as the shape of many rows; a row holds the samples of each series of its shape, and
in full only the series that the shape does not know. Samples of one series lie together, in the order in
which they came. Pure.

A body: how many series it adds and the labels of each; then, for each series of the shape and each that was
added, the length of its samples and these. All lengths are varints.
"""

from array import array
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from agent.remote_write import varint
from agent.spool.fields import Damaged, fields_of, number_at

MAX_SERIES: Final = 100_000
_SERIES: Final = b"\x0a"
_SAMPLE_BYTES: Final = 18  # as our own encoder writes a sample of these decades
_SAMPLE: Final = b"\x12\x10\x09"


class Shape:
    """The labels of the series of many rows, in an order."""

    def __init__(self, labels: Iterable[bytes]) -> None:
        self.labels = tuple(labels)
        self.places = {labels: place for place, labels in enumerate(self.labels)}
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


class Apart(msgspec.Struct, frozen=True):
    """A WriteRequest taken apart: of each of its TimeSeries the place of its labels, first in the shape, then
    among the ``added``, and where its samples are. Arrays, since it has thousands: memory that is cut into
    small pieces is not given back."""

    raw: bytes
    added: dict[bytes, int]
    places: "array[int]"
    begins: "array[int]"
    ends: "array[int]"

    @property
    def series(self) -> int:
        """How many different series there are."""
        return len(set(self.places))

    def shape(self, before: Shape) -> Shape:
        """Return a shape of just these series."""
        labels = [*before.labels, *self.added]
        return Shape(sorted(labels[place] for place in set(self.places)))


def take_apart(raw: bytes, shape: Shape) -> Apart:
    """Take a WriteRequest apart. Raises :class:`Damaged`."""
    found = Apart(raw, {}, array("I"), array("I"), array("I"))
    for start, labels_end, end in fields_of(raw, _SAMPLE, _SAMPLE_BYTES, shape.places):
        labels = raw[start:labels_end]
        place = shape.places.get(labels)
        if place is None:
            place = found.added.setdefault(labels, len(shape.labels) + len(found.added))
        found.places.append(place)
        found.begins.append(labels_end)
        found.ends.append(end)
    return found


def fits(apart: Apart, shape: Shape) -> bool:
    """Whether a row is worth keeping by this shape: a new one costs as much as it saves in a few rows."""
    return sum(map(len, apart.added)) * 4 <= shape.bytes


def encode(apart: Apart, shape: Shape) -> bytes:
    """Return the body of a row of that shape."""
    places, begins, ends = apart.places, apart.begins, apart.ends
    order = sorted(range(len(places)), key=places.__getitem__)  # stable: the order of time stays
    out = bytearray(varint(len(apart.added)))
    for labels in apart.added:
        out += _sized(labels)
    first = 0
    for place in range(len(shape.labels) + len(apart.added)):
        last, size = first, 0
        while last < len(order) and places[order[last]] == place:
            size += ends[order[last]] - begins[order[last]]
            last += 1
        out += varint(size)
        for one in order[first:last]:
            out += apart.raw[begins[one] : ends[one]]
        first = last
    return bytes(out)


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
