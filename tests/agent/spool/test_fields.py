"""Rows taken apart, dated anew and compressed: what comes back is what went in, or damaged."""

import contextlib
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.remote_write import STALE, Encoder, compress, encode_labels, encode_series
from agent.spool.fields import (
    MAX_RAW_BYTES,
    Damaged,
    labels_of,
    pack,
    sample_count,
    shift,
    singles,
    span_ms,
    split,
    unpack,
)
from inventory.names import AGENT_STOPPED, HEARTBEAT
from tests.agent.oracle import decode

NAMES = st.text("abc_", min_size=1, max_size=5)
TIMES = st.integers(-(1 << 40), 1 << 45)
Some = list[tuple[dict[str, str], list[tuple[float, int]]]]
SERIES = st.tuples(
    st.dictionaries(NAMES, st.text(max_size=8), max_size=4),
    st.lists(st.tuples(st.floats(allow_nan=False), TIMES), min_size=1, max_size=3),
)


def encoded(labels: dict[str, str], samples: list[tuple[float, int]]) -> bytes:
    return encode_series(
        encode_labels(labels), *(Encoder(time_ms).sample(value) for value, time_ms in samples)
    )


@given(st.lists(SERIES, max_size=6))
def test_a_request_comes_apart_into_its_series(
    series: Some,
) -> None:
    fields = [encoded(*one) for one in series]
    assert split(b"".join(fields)) == fields
    for field, (labels, samples) in zip(fields, series, strict=True):
        assert labels_of(field) == encode_labels(labels)
        assert sample_count(field) == len(samples)
        times = [time_ms for _, time_ms in samples]
        assert span_ms(field) == (min(times), max(times))
        assert singles(field) == [encoded(labels, [sample]) for sample in samples]


@given(st.lists(SERIES, max_size=6), st.integers(-(1 << 35), 1 << 35))
def test_dating_anew_moves_times_and_nothing_else(series: Some, by_ms: int) -> None:
    raw = b"".join(encoded(*one) for one in series)
    moved = decode(compress((shift(raw, by_ms),)))
    assert [labels for labels, _ in moved] == [labels for labels, _ in decode(compress((raw,)))]
    for (_, samples), (_, before) in zip(moved, series, strict=True):
        assert samples == [(value, time_ms + by_ms) for value, time_ms in before]


def test_values_that_show_the_agents_idea_of_a_time_move_along() -> None:
    heartbeat = encoded({"__name__": HEARTBEAT.name, "site": "1"}, [(1000.5, 1_000_500)])
    other = encoded({"__name__": "probe_success", "site": HEARTBEAT.name}, [(1000.5, 1_000_500)])
    never = encoded({"__name__": AGENT_STOPPED.name}, [(0.0, 1_000_500)])
    moved = decode(compress((shift(heartbeat + other + never, 3_600_000),)))
    assert [samples for _, samples in moved] == [
        [(4600.5, 4_600_500)],
        [(1000.5, 4_600_500)],
        [(0.0, 4_600_500)],
    ]


def test_when_an_earlier_run_was_stopped_is_no_idea_of_this_one() -> None:
    name = {"__name__": AGENT_STOPPED.name}
    earlier, this = encoded(name, [(500.0, 1_000_500)]), encoded(name, [(1000.0, 1_000_500)])
    moved = decode(compress((shift(earlier + this, 3_600_000),)))
    assert [samples for _, samples in moved] == [[(500.0, 4_600_500)], [(4600.0, 4_600_500)]]


def test_the_end_of_a_series_stays_one_to_the_bit() -> None:
    ended = encode_series(encode_labels({"__name__": HEARTBEAT.name}), Encoder(5).stale())
    moved = shift(ended, 10)
    assert struct.pack("<d", STALE) in moved
    assert math.isnan(decode(compress((moved,)))[0][1][0][0])


@given(st.binary(max_size=200), st.integers(-5, 5))
def test_any_bytes_are_series_or_damaged(raw: bytes, by_ms: int) -> None:
    try:
        for field in split(raw):
            labels_of(field)
            sample_count(field)
        shift(raw, by_ms)
    except Damaged:
        pass


@given(st.lists(SERIES, min_size=1, max_size=3), st.data())
def test_a_changed_byte_is_series_or_damaged(series: Some, data: st.DataObject) -> None:
    raw = bytearray(b"".join(encoded(*one) for one in series))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(Damaged):
        shift(bytes(raw), 1)


@given(st.binary(max_size=2000))
def test_packed_is_unpacked(raw: bytes) -> None:
    assert unpack(pack(raw), len(raw)) == raw


@given(st.binary(max_size=100), st.integers(-10, 1000))
def test_any_body_unpacks_or_is_damaged(body: bytes, size: int) -> None:
    with contextlib.suppress(Damaged):
        assert len(unpack(body, size)) == size


@pytest.mark.parametrize("size", [999, 1001, MAX_RAW_BYTES + 1, -1])
def test_a_body_of_another_size_is_damaged_and_costs_no_memory(size: int) -> None:
    with pytest.raises(Damaged):
        unpack(pack(bytes(1000)), size)


def test_a_bomb_is_damaged() -> None:
    with pytest.raises(Damaged):
        unpack(pack(bytes(200 << 20)), 1000)
