"""The wire format against Google's protobuf, with the messages described here and not there."""

import math
import struct

import cramjam
import pytest
from google.protobuf import wrappers_pb2
from hypothesis import given
from hypothesis import strategies as st

from agent import remote_write
from tests.agent.oracle import decode

names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,20}", fullmatch=True)
labels = st.dictionaries(
    names,
    st.text(max_size=40).filter(lambda s: not any(0xD800 <= ord(c) < 0xE000 for c in s)),
    min_size=1,
    max_size=12,
)
values = st.floats(allow_nan=False)
times = st.integers(-(2**62), 2**62)


@given(st.lists(st.tuples(labels, values, times), max_size=20))
def test_what_we_write_is_what_protobuf_reads(series: list[tuple[dict[str, str], float, int]]) -> None:
    parts = [
        remote_write.encode_series(remote_write.encode_labels(each), remote_write.Encoder(ms).sample(value))
        for each, value, ms in series
    ]
    read = decode(remote_write.compress(parts))
    assert read == [(sorted(each.items()), [(value, ms)]) for each, value, ms in series]


@given(st.integers(0, 2**63 - 1))
def test_varint_is_protobufs(number: int) -> None:
    kind = wrappers_pb2.UInt64Value
    assert kind.FromString(b"\x08" + remote_write.varint(number)) == kind(value=number)


def test_stale_marker_keeps_its_bits() -> None:
    part = remote_write.encode_series(b"", remote_write.Encoder(1).stale())
    assert struct.pack("<Q", 0x7FF0000000000002) in part
    assert math.isnan(decode(remote_write.compress([part]))[0][1][0][0])
    assert struct.pack("<d", remote_write.STALE) == struct.pack("<Q", 0x7FF0000000000002)


def test_empty_request_is_valid_snappy() -> None:
    assert bytes(cramjam.snappy.decompress_raw(remote_write.compress(()))) == b""


def test_several_samples_of_one_series_keep_their_order() -> None:
    prefix = remote_write.encode_labels({"__name__": "x"})
    part = remote_write.encode_series(
        prefix, remote_write.Encoder(5).sample(0), remote_write.Encoder(6).sample(1)
    )
    assert decode(remote_write.compress([part])) == [([("__name__", "x")], [(0.0, 5), (1.0, 6)])]


@pytest.mark.parametrize("key", ["Content-Encoding", "Content-Type", "X-Prometheus-Remote-Write-Version"])
def test_headers_of_the_specification(key: str) -> None:
    assert remote_write.HEADERS[key]
