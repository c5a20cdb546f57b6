"""The bytes of a WriteRequest taken apart again: split into its series, dated anew, compressed for disk.

Understands exactly what :mod:`agent.remote_write` writes: anything else is :class:`Damaged`, since it
comes from a disk that may give back something else.
"""

import struct
from collections.abc import Container, Iterable, Iterator
from typing import Final

import cramjam

from agent.remote_write import encode_labels, varint
from inventory.names import (
    AGENT_BOOT,
    AGENT_DELIVERED,
    AGENT_START,
    AGENT_STOPPED,
    HEARTBEAT,
    TARGET_STATE_CHANGED,
)

MAX_RAW_BYTES: Final = 8 << 20
"""No row is near this size, so whatever says so is damaged."""
_LEVEL: Final = 6
_SERIES, _LABEL, _SAMPLE, _TIME = 0x0A, 0x0A, 0x12, 0x10
_VALUE: Final = b"\x09"
_DOUBLE: Final = struct.Struct("<d")


class Damaged(Exception):  # noqa: N818 - the bytes are damaged; the message says how
    """Bytes that are not what was written."""


def pack(raw: bytes) -> bytes:
    """Compress for the disk (zstd; the samples of a minute of one site: 82 KB to 10 KB in 2 ms)."""
    return bytes(cramjam.zstd.compress(raw, level=_LEVEL))


def unpack(body: bytes, size: int) -> bytes:
    """Return the ``size`` bytes that were packed. Raises :class:`Damaged`; never takes more memory."""
    if not 0 <= size <= MAX_RAW_BYTES:
        raise Damaged("a size that cannot be")
    raw = bytearray(size)
    try:
        written = cramjam.zstd.decompress_into(body, raw)
    except (cramjam.DecompressionError, ValueError, OSError) as error:
        raise Damaged(str(error)) from None
    if written != size:
        raise Damaged("shorter than it was")
    return bytes(raw)


def split(raw: bytes) -> list[bytes]:
    """Return the TimeSeries fields of a WriteRequest, each with its tag. Raises :class:`Damaged`."""
    parts, at, end = [], 0, len(raw)
    while at < end:
        if raw[at] != _SERIES:
            raise Damaged("not a series")
        size, body = number_at(raw, at + 1)
        if body + size > end:
            raise Damaged("cut short")
        parts.append(raw[at : body + size])
        at = body + size
    return parts


def fields_of(raw: bytes, head: bytes, size: int, known: Container[bytes]) -> Iterator[tuple[int, int, int]]:
    """Yield (start, end of the labels, end) of what is in each TimeSeries of a WriteRequest.

    One that ends in a sample of ``size`` bytes that begins with ``head``, behind ``known`` labels, is not
    looked into. Raises :class:`Damaged`.
    """
    at, end = 0, len(raw)
    while at < end:
        if raw[at] != _SERIES:
            raise Damaged("not a series")
        length, start = number_at(raw, at + 1)
        at = start + length
        if at > end:
            raise Damaged("cut short")
        tail = at - size
        if not (tail > start and raw[tail : tail + len(head)] == head and raw[start:tail] in known):
            field = raw[start:at]
            tail = start + _samples_at(field, 0)
            for _ in _samples_in(field, tail - start):
                pass
        yield start, tail, at


def singles(field: bytes) -> list[bytes]:
    """Return a series with several samples as one with each. Raises :class:`Damaged`."""
    _, start = number_at(field, 1)
    labels_end = _samples_at(field, start)
    labels, found, at = field[start:labels_end], [], labels_end
    for after in (after for _, _, after in _samples_in(field, labels_end)):
        body = labels + field[at:after]
        found.append(bytes([_SERIES]) + varint(len(body)) + body)
        at = after
    return found


def labels_of(field: bytes) -> bytes:
    """Return what tells a series: its encoded labels. Raises :class:`Damaged`."""
    _, start = number_at(field, 1)
    return field[start : _samples_at(field, start)]


def sample_count(field: bytes) -> int:
    """Return how many samples a series has here. Raises :class:`Damaged`."""
    return sum(1 for _ in _samples(field))


def span_ms(field: bytes) -> tuple[int, int]:
    """Return the times of the oldest and the newest sample of a series, in Unix ms. Raises
    :class:`Damaged`."""
    times = [time_ms for _, time_ms in _samples(field)]
    if not times:
        raise Damaged("no samples")
    return min(times), max(times)


def shift(raw: bytes, by_ms: int) -> bytes:
    """Return a WriteRequest whose samples are dated ``by_ms`` later. Raises :class:`Damaged`.

    The values of series that show the agent's own idea of a time move along.
    """
    return b"".join(_shifted(field, by_ms) for field in split(raw)) if by_ms else raw


def _shifted(field: bytes, by_ms: int) -> bytes:
    _, start = number_at(field, 1)
    labels = field[start : _samples_at(field, start)]
    by_seconds = by_ms / 1000 if any(name in labels for name in _SHOW_TIMES) else 0.0
    earlier = _STOPPED in labels
    samples = []
    for bits, time_ms in _samples(field):
        (value,) = _DOUBLE.unpack(bits)
        # 0 says that there was no such time, NaN ends a series. When an earlier run was stopped is shown by
        # the clock of that run.
        moves = (
            by_seconds and value > 0 and not (earlier and abs(value - time_ms / 1000) > _LAST_WORD_SECONDS)
        )
        moved = _DOUBLE.pack(value + by_seconds) if moves else bits
        sample = _VALUE + moved + bytes([_TIME]) + varint(time_ms + by_ms)
        samples.append(bytes([_SAMPLE]) + varint(len(sample)) + sample)
    body = labels + b"".join(samples)
    return bytes([_SERIES]) + varint(len(body)) + body


def _names(names: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(encode_labels({"__name__": name}) for name in names)


_SHOW_TIMES: Final = _names(
    metric.name
    for metric in (HEARTBEAT, AGENT_START, AGENT_BOOT, AGENT_DELIVERED, AGENT_STOPPED, TARGET_STATE_CHANGED)
)

(_STOPPED,) = _names([AGENT_STOPPED.name])
_LAST_WORD_SECONDS: Final = 60.0


def _samples_at(field: bytes, at: int) -> int:
    """Return where the labels of a series end."""
    end = len(field)
    while at < end and field[at] == _LABEL:
        size, body = number_at(field, at + 1)
        at = body + size
    if at > end:
        raise Damaged("cut short")
    return at


def _samples(field: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield (value's eight bytes, Unix ms) of each sample."""
    _, start = number_at(field, 1)
    for bits, time_ms, _ in _samples_in(field, _samples_at(field, start)):
        yield bits, time_ms


def _samples_in(field: bytes, at: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield (value's eight bytes, Unix ms, end) of each sample from ``at`` on."""
    end = len(field)
    while at < end:
        size, body = number_at(field, at + 1)
        after = body + size
        if field[at] != _SAMPLE or after > end or size < 11 or field[body] != 9 or field[body + 9] != _TIME:
            raise Damaged("not a sample")
        time_ms, stop = number_at(field, body + 10)
        if stop != after:
            raise Damaged("not a sample")
        yield field[body + 1 : body + 9], time_ms - (1 << 64) if time_ms >> 63 else time_ms, after
        at = after


def number_at(raw: bytes, at: int) -> tuple[int, int]:
    """Return a base-128 varint and where it ends. Raises :class:`Damaged`."""
    number = shifted = 0
    try:
        while True:
            byte = raw[at]
            at += 1
            number |= (byte & 0x7F) << shifted
            if byte < 0x80:
                return number & 0xFFFFFFFFFFFFFFFF, at
            shifted += 7
            if shifted > 63:
                raise Damaged("a number too long")
    except IndexError:
        raise Damaged("cut short") from None
