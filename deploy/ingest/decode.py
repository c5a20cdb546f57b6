"""Remote write 1.0 as it comes in from anybody: snappy and protobuf, read with distrust. Pure.

    WriteRequest { repeated TimeSeries timeseries = 1; }
    TimeSeries   { repeated Label labels = 1; repeated Sample samples = 2; ... histograms = 4; }
    Label        { string name = 1; string value = 2; }
    Sample       { double value = 1; int64 timestamp = 2; }   // milliseconds

Sources: https://prometheus.io/docs/specs/prw/remote_write_spec/,
https://github.com/google/snappy/blob/main/format_description.txt,
https://protobuf.dev/programming-guides/encoding/. Whatever the bytes are, the answer is a value or
:class:`Refused` with a closed reason; what is unpacked is bounded before it is unpacked.
"""

from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache
from typing import Final

import cramjam
import msgspec

from deploy.ingest.limits import BodyLimits

MOST_PACKED: Final = 22
"""Bytes that one byte of snappy can stand for: a copy of 64 bytes takes three."""
_MAX_VARINT_BYTES: Final = 10
_SMALL_BYTES: Final = 128
_SMALL_LABELS: Final = 8192
"""Labels that are remembered: the series of a target differ in one of eight."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Fault(StrEnum):
    """Why a body cannot be read. Closed list."""

    SNAPPY = "snappy"
    PROTOBUF = "protobuf"
    TOO_LARGE = "too_large"
    TOO_MANY_SERIES = "too_many_series"
    TOO_MANY_SAMPLES = "too_many_samples"


class Refused(Exception):  # noqa: N818 - reads as what it says: the body is refused
    """A body that is not a push; ``fault`` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class Series(msgspec.Struct, frozen=True, gc=False):
    """One TimeSeries. ``labels``: (name, value) as they came; ``samples``: (eight bytes of a double,
    Unix ms); ``histograms`` counts what no agent sends."""

    labels: tuple[tuple[bytes, bytes], ...]
    samples: tuple[tuple[bytes, int], ...]
    histograms: int = 0


def unpack(body: bytes, limits: BodyLimits) -> bytes:
    """Return what ``body`` holds, in snappy's block format. Raises Refused, before anything large is made."""
    if len(body) > limits.body_bytes:
        raise Refused(Fault.TOO_LARGE)
    try:
        length, _ = varint(body, 0)
    except Refused:
        raise Refused(Fault.SNAPPY) from None
    if length > limits.raw_bytes:
        raise Refused(Fault.TOO_LARGE)
    if length > len(body) * MOST_PACKED:
        raise Refused(Fault.SNAPPY)
    try:
        raw = bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError:
        raise Refused(Fault.SNAPPY) from None
    if len(raw) != length:
        raise Refused(Fault.SNAPPY)
    return raw


def split(raw: bytes, limits: BodyLimits) -> list[bytes]:
    """Return the bytes of each TimeSeries of a WriteRequest; what else is in it is passed over.
    Raises Refused."""
    found: list[bytes] = []
    for field, value in fields(raw):
        if field == 1:
            if not isinstance(value, bytes):
                raise Refused(Fault.PROTOBUF)
            found.append(value)
            if len(found) > limits.series:
                raise Refused(Fault.TOO_MANY_SERIES)
    return found


def series(chunk: bytes, limits: BodyLimits) -> Series:
    """Return one TimeSeries, its labels not judged yet. Raises Refused."""
    labels: list[tuple[bytes, bytes]] = []
    samples: list[tuple[bytes, int]] = []
    histograms = 0
    for field, value in fields(chunk):
        if field == 1:
            labels.append(_label(value))
        elif field == 2:
            samples.append(_sample(value))
        elif field == 4:
            histograms += 1
        if len(samples) > limits.samples:
            raise Refused(Fault.TOO_MANY_SAMPLES)
        if len(labels) > limits.labels * 4:
            raise Refused(Fault.PROTOBUF)  # no label set of anybody; a few too many are judged as such
    return Series(tuple(labels), tuple(samples), histograms)


def fields(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Yield (number, value) of each field; groups, which nest without bound, are refused. Raises Refused."""
    at, end = 0, len(message)
    while at < end:
        tag = message[at]
        tag, at = (tag, at + 1) if tag < 0x80 else varint(message, at)
        number, kind = tag >> 3, tag & 7
        if not 0 < number < 1 << 29:
            raise Refused(Fault.PROTOBUF)
        if kind == _VARINT:
            value, at = varint(message, at)
            yield number, value
            continue
        if kind == _BYTES:
            size = message[at] if at < end else 0x80
            size, at = (size, at + 1) if size < 0x80 else varint(message, at)
        elif kind == _FIXED64:
            size = 8
        elif kind == _FIXED32:
            size = 4
        else:
            raise Refused(Fault.PROTOBUF)
        if size > end - at:
            raise Refused(Fault.PROTOBUF)
        yield number, message[at : at + size]
        at += size


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Return (unsigned 64-bit number, position behind it). Raises Refused.

    >>> varint(bytes([0xAC, 0x02]), 0)
    (300, 2)
    """
    number = shift = 0
    for position in range(at, min(at + _MAX_VARINT_BYTES, len(data))):
        byte = data[position]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number & 0xFFFFFFFFFFFFFFFF, position + 1
        shift += 7
    raise Refused(Fault.PROTOBUF)


def _label(value: bytes | int) -> tuple[bytes, bytes]:
    if not isinstance(value, bytes):
        raise Refused(Fault.PROTOBUF)
    return _small_label(value) if len(value) <= _SMALL_BYTES else _label_of(value)


def _label_of(value: bytes) -> tuple[bytes, bytes]:
    parts: dict[int, bytes] = {}
    for field, part in fields(value):
        if field in {1, 2}:
            if not isinstance(part, bytes):
                raise Refused(Fault.PROTOBUF)
            parts[field] = part
    return parts.get(1, b""), parts.get(2, b"")


_small_label: Final = lru_cache(_SMALL_LABELS)(_label_of)


def _sample(value: bytes | int) -> tuple[bytes, int]:
    if not isinstance(value, bytes):
        raise Refused(Fault.PROTOBUF)
    number, time_ms = bytes(8), 0
    for field, part in fields(value):
        if field == 1:
            if not isinstance(part, bytes) or len(part) != 8:
                raise Refused(Fault.PROTOBUF)
            number = part
        elif field == 2:
            if not isinstance(part, int):
                raise Refused(Fault.PROTOBUF)
            time_ms = part - (1 << 64) if part >= 1 << 63 else part
    return number, time_ms
