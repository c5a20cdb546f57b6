"""Snappy and protobuf from anybody: what Google's protobuf reads we read, and nothing makes us fall."""

import struct

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.remote_write import Encoder, encode_labels, encode_series
from deploy.ingest import decode
from deploy.ingest.decode import Fault, Refused
from deploy.ingest.limits import BodyLimits
from tests.agent import oracle
from tests.deploy.ingest.bodies import bomb, heartbeat, mutated, pack, raw, up

LIMITS = BodyLimits()
TEXT = st.text(max_size=20)


def fault(body: bytes, limits: BodyLimits = LIMITS) -> Fault | None:
    """Why a body is refused, None when it is read."""
    try:
        for chunk in decode.split(decode.unpack(body, limits), limits):
            decode.series(chunk, limits)
    except Refused as refused:
        return refused.fault
    return None


@given(
    st.lists(
        st.tuples(
            st.dictionaries(TEXT, TEXT, max_size=6),
            st.lists(st.tuples(st.floats(allow_nan=False), st.integers(-(2**63), 2**63 - 1)), max_size=4),
        ),
        max_size=5,
    )
)
def test_what_is_encoded_is_read_back_as_google_reads_it(
    request: list[tuple[dict[str, str], list[tuple[float, int]]]],
) -> None:
    body = pack(
        b"".join(
            encode_series(encode_labels(labels), *(Encoder(at).sample(value) for value, at in samples))
            for labels, samples in request
        )
    )
    found = [decode.series(chunk, LIMITS) for chunk in decode.split(decode.unpack(body, LIMITS), LIMITS)]
    seen = [
        (
            [(name.decode(), value.decode()) for name, value in series.labels],
            [(decode_double(value), at) for value, at in series.samples],
        )
        for series in found
    ]
    assert seen == oracle.decode(body)


def decode_double(octets: bytes) -> float:
    value: float = struct.unpack("<d", octets)[0]
    return value


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    assert fault(body) in {None, *Fault}
    assert fault(pack(body)) in {None, *Fault}


def test_ten_thousand_mutations_are_read_or_refused() -> None:
    seen = {fault(body) for body in mutated([raw([heartbeat(), up()])], 10_000, seed=4)}
    assert {None, Fault.SNAPPY, Fault.PROTOBUF} <= seen


@pytest.mark.parametrize("claimed", [9 << 20, 1 << 32, (1 << 64) - 1, 1 << 63])
def test_a_snappy_bomb_is_refused_before_it_is_unpacked(
    claimed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cramjam.snappy, "decompress_raw", None)
    assert fault(bomb(claimed)) is Fault.TOO_LARGE


def test_a_body_that_claims_more_than_snappy_can_pack_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cramjam.snappy, "decompress_raw", None)
    assert fault(bomb(7 << 20)) is Fault.SNAPPY


def test_what_really_packs_well_is_bounded_too() -> None:
    assert fault(pack(bytes(9 << 20))) is Fault.TOO_LARGE
    assert fault(pack(b"\x0a\x00" * 20_001)) is Fault.TOO_MANY_SERIES
    sample = b"\x12\x00"
    chunk = sample * 50_001
    assert fault(pack(b"\x0a" + bytes([0xA2, 0x8D, 0x06]) + chunk)) is Fault.TOO_MANY_SAMPLES


def test_the_most_that_snappy_packs_is_what_we_say() -> None:
    packed = pack(bytes(1 << 20))
    assert (1 << 20) / len(packed) < decode.MOST_PACKED


@pytest.mark.parametrize(
    "wrong",
    [
        b"\x0b\x0c",  # a group
        b"\x0a\xff\xff\xff\xff\x0f",  # longer than what is there
        b"\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",  # a varint of eleven bytes
        b"\x0a\x02\x0a\x05",  # a label that ends early
        b"\x0a\x02\x08\x01\x02",  # field 0
        b"\x0a\x04\x0a\x02\x08\x01",  # a name that is a number
        b"\x0a\x07\x12\x05\x0d\x00\x00\x00\x00",  # a value of four bytes
        b"\x08\x01",  # a series that is a number
    ],
)
def test_what_is_no_protobuf_of_ours_is_refused(wrong: bytes) -> None:
    assert fault(pack(wrong)) is Fault.PROTOBUF


def test_unknown_fields_are_passed_over_and_the_last_of_a_field_counts() -> None:
    other = b"\x18\x05" + b"\x2a\x03abc" + b"\x35\x00\x00\x00\x00" + b"\x39" + bytes(8)
    sample = b"\x10\x01" + b"\x10\x07" + other
    chunk = b"\x12" + bytes([len(sample)]) + sample + other
    assert decode.series(chunk, LIMITS) == decode.Series((), ((bytes(8), 7),))
    assert decode.split(other, LIMITS) == []
