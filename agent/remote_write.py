"""Prometheus remote write 1.0: the wire format by hand (about 30 lines of protobuf), and snappy.

    WriteRequest { repeated TimeSeries timeseries = 1; }
    TimeSeries   { repeated Label labels = 1; repeated Sample samples = 2; }
    Label        { string name = 1; string value = 2; }
    Sample       { double value = 1; int64 timestamp = 2; }   // milliseconds

Source: https://prometheus.io/docs/specs/prw/remote_write_spec/. Labels must be sorted by name.
"""

import struct
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

import cramjam

HEADERS: Final = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
STALE: Final[float] = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
"""The NaN by which Prometheus knows that a series has ended."""
_STALE_BYTES: Final = struct.pack("<Q", 0x7FF0000000000002)


def varint(number: int) -> bytes:
    """Encode a base-128 varint; negative numbers as 64-bit two's complement.

    >>> varint(300)
    b'\\xac\\x02'
    """
    number &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _field(tag: bytes, payload: bytes) -> bytes:
    return tag + varint(len(payload)) + payload


def encode_labels(labels: Mapping[str, str]) -> bytes:
    """Encode the labels of a TimeSeries, sorted, ready to be followed by samples."""
    return b"".join([_label(name, labels[name]) for name in sorted(labels)])


@lru_cache(4096)  # the series of a target differ in one label of eight
def _label(name: str, value: str) -> bytes:
    return _field(b"\x0a", _field(b"\x0a", name.encode()) + _field(b"\x12", value.encode()))


class Encoder:
    """Encodes the samples of one moment."""

    def __init__(self, time_ms: int) -> None:
        self._stamp = b"\x10" + varint(time_ms)
        self._head = b"\x12" + varint(9 + len(self._stamp)) + b"\x09"

    def sample(self, value: float) -> bytes:
        """Return one encoded Sample field of this moment."""
        return self._head + struct.pack("<d", value) + self._stamp

    def stale(self) -> bytes:
        """Return the end of a series. Packed as bits: a conversion may turn it into another NaN."""
        return self._head + _STALE_BYTES + self._stamp


def encode_series(prefix: bytes, *samples: bytes) -> bytes:
    """Return one TimeSeries field: encoded labels followed by encoded samples, oldest first."""
    body = prefix + b"".join(samples)
    return b"\x0a" + varint(len(body)) + body


def compress(series: Iterable[bytes]) -> bytes:
    """Return a WriteRequest as it goes over the wire: snappy's block format."""
    return bytes(cramjam.snappy.compress_raw(b"".join(series)))
