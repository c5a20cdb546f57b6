"""Rows in two parts: whatever shape they are kept by, the same samples come back, in their order."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.remote_write import Encoder, compress, encode_labels, encode_series
from agent.spool.fields import Damaged
from agent.spool.shape import Shape, decode, encode, fits, take_apart
from tests.agent import oracle

NONE = Shape(())
LABELS = st.dictionaries(st.text("abc_", min_size=1, max_size=3), st.text(max_size=4), max_size=3)
# Times of six bytes are what our own encoder writes; others take another way.
TIMES = st.integers(1 << 40, 1 << 42) | st.integers(-(1 << 40), 1 << 45)
SERIES = st.tuples(LABELS, st.lists(st.tuples(st.floats(allow_nan=False), TIMES), min_size=1, max_size=4))
Some = list[tuple[dict[str, str], list[tuple[float, int]]]]
Samples = dict[tuple[tuple[str, str], ...], list[tuple[float, int]]]


def encoded(series: Some) -> bytes:
    return b"".join(
        encode_series(encode_labels(labels), *(Encoder(ms).sample(value) for value, ms in samples))
        for labels, samples in series
    )


def samples_of(raw: bytes) -> Samples:
    found: Samples = {}
    for labels, samples in oracle.decode(compress((raw,))):
        found.setdefault(tuple(sorted(labels)), []).extend(samples)
    return found


@given(st.lists(SERIES, max_size=8), st.lists(LABELS, max_size=6))
def test_samples_come_back_in_their_order_whatever_the_shape(
    series: Some, known: list[dict[str, str]]
) -> None:
    raw = encoded(series)
    shape = Shape(sorted({encode_labels(one) for one in known}))
    apart = take_apart(raw, shape)
    assert Shape.decode(shape.encode()).labels == shape.labels
    back = decode(encode(apart, shape), shape)
    assert samples_of(back) == samples_of(raw)
    assert len(oracle.decode(compress((back,)))) == apart.series, "one TimeSeries a series"
    own = apart.shape(shape)
    again = take_apart(raw, own)
    assert not again.added
    assert fits(again, own)
    assert samples_of(decode(encode(again, own), own)) == samples_of(raw)


def test_a_shape_fits_until_a_quarter_is_new() -> None:
    shape = Shape(encode_labels({"n": f"{number:03}"}) for number in range(40))
    added = encoded([({"n": f"{number:03}"}, [(1.0, 5)]) for number in range(35, 50)])
    assert fits(take_apart(added, shape), shape)
    added += encoded([({"n": "050"}, [(1.0, 5)])])
    assert not fits(take_apart(added, shape), shape)


@given(
    st.binary(max_size=300) | st.lists(SERIES, max_size=3).map(encoded).map(lambda raw: raw[:-1] + b"\x12")
)
def test_any_bytes_are_a_request_or_damaged(raw: bytes) -> None:
    with contextlib.suppress(Damaged):
        samples_of(decode(encode(take_apart(raw, NONE), NONE), NONE))


@given(st.binary(max_size=100), st.binary(max_size=60))
def test_any_body_is_a_request_or_damaged(body: bytes, shape: bytes) -> None:
    with contextlib.suppress(Damaged):
        assert len(decode(body, Shape.decode(shape))) <= 4 * (len(body) + len(shape))


@pytest.mark.parametrize("body", [b"", b"\x01", b"\x00\x05", b"\xff\xff\xff\x7f", b"\x00\x00\x00"])
def test_what_is_cut_or_too_long_is_damaged(body: bytes) -> None:
    with pytest.raises(Damaged):
        decode(body, Shape([b""]))
