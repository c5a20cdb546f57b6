"""What a path does on purpose: repeatable, as imposed, and written down."""

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.lab.impair import RECORD_BYTES, Fate, Fates, Impairment, Record, decode, encode, identify

ratios = st.floats(0, 1)
impairments = st.builds(
    Impairment,
    delay_seconds=st.floats(0, 1),
    jitter_seconds=st.floats(0, 1),
    loss_ratio=ratios,
    duplicate_ratio=ratios,
    reorder_ratio=ratios,
    reorder_seconds=st.floats(0, 1),
)


def fates(impairment: Impairment, times: list[float], seed: str = "1/0") -> list[tuple[float, ...]]:
    decider = Fates(impairment, seed)
    return [decider.of(now) for now in times]


@given(impairments, st.lists(st.floats(0, 1), max_size=30).map(lambda gaps: list(itertools.accumulate(gaps))))
def test_the_same_seed_makes_the_same_decisions(impairment: Impairment, times: list[float]) -> None:
    assert fates(impairment, times) == fates(impairment, times)


@given(impairments, st.lists(st.floats(0, 1), max_size=30).map(lambda gaps: list(itertools.accumulate(gaps))))
def test_nothing_leaves_before_it_came_or_more_than_twice(impairment: Impairment, times: list[float]) -> None:
    for now, dues in zip(times, fates(impairment, times), strict=True):
        assert len(dues) <= 2
        assert all(due >= now for due in dues)
        assert len(set(dues)) <= 1


@given(
    impairments, st.lists(st.floats(0, 0.1), max_size=40).map(lambda gaps: list(itertools.accumulate(gaps)))
)
def test_jitter_alone_overtakes_nobody(impairment: Impairment, times: list[float]) -> None:
    in_order = Impairment(delay_seconds=impairment.delay_seconds, jitter_seconds=impairment.jitter_seconds)
    released = [dues[0] for dues in fates(in_order, times)]
    assert released == sorted(released)
    longest = in_order.delay_seconds + in_order.jitter_seconds
    assert all(due - now <= longest + 1e-9 for now, due in zip(times, released, strict=True))


@given(ratios)
def test_one_decision_does_not_move_another(ratio: float) -> None:
    """Packets that are lost with some loss are a part of those lost with more."""
    times = [float(n) for n in range(200)]
    few = fates(Impairment(loss_ratio=ratio / 2), times)
    more = fates(Impairment(loss_ratio=ratio, duplicate_ratio=0.5, delay_seconds=0.1), times)
    assert {n for n, dues in enumerate(few) if not dues} <= {n for n, dues in enumerate(more) if not dues}


def test_shares_are_as_imposed() -> None:
    wanted = Impairment(loss_ratio=0.1, duplicate_ratio=0.05)
    decided = fates(wanted, [0.0] * 20_000)
    assert sum(not dues for dues in decided) == pytest.approx(2000, rel=0.1)
    assert sum(len(dues) == 2 for dues in decided) == pytest.approx(20_000 * 0.9 * 0.05, rel=0.1)


def test_who_is_held_back_is_overtaken() -> None:
    decided = fates(Impairment(reorder_ratio=0.2, reorder_seconds=1.0), [n * 0.01 for n in range(100)])
    released = [dues[0] for dues in decided]
    held = [n for n in range(100) if released[n] > n * 0.01 + 0.5]
    assert held
    assert [n for n in range(100) if n not in held] == sorted(
        (n for n in range(100) if n not in held), key=lambda n: released[n]
    )


def echo(size: int = 84, version: int = 4) -> bytes:
    icmp = struct.pack("!BBHHH", 8 if version == 4 else 128, 0, 0, 0x1234, 0x0007)
    header = bytes([0x45]) + bytes(8) + bytes([1]) + bytes(10)
    if version == 6:
        header = bytes([0x60]) + bytes(5) + bytes([58]) + bytes(33)
    return (header + icmp).ljust(size, b"x")


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (echo(), (1, 8, 0x12340007)),
        (echo(version=6), (58, 128, 0x12340007)),
        (bytes([0x45]) + bytes(8) + bytes([17]) + bytes(10) + bytes(8) + b"\0\0\0\x09", (17, 0, 9)),
        (bytes([0x45]) + bytes(8) + bytes([6]) + bytes(10) + bytes(4) + b"\0\0\1\0", (6, 0, 256)),
        (b"", (0, 0, 0)),
        (b"\x45", (0, 0, 0)),
    ],
)
def test_packets_are_told_apart(packet: bytes, expected: tuple[int, int, int]) -> None:
    assert identify(packet) == expected


@given(st.binary(max_size=80))
def test_any_packet_has_some_identity(packet: bytes) -> None:
    protocol, kind, key = identify(packet)
    assert 0 <= protocol <= 255
    assert 0 <= kind <= 255
    assert 0 <= key < 2**32


def test_a_log_is_read_as_written_but_for_a_torn_end() -> None:
    log = encode(0, Fate.RELEASED, echo(), 1.5, 1.75) + encode(1, Fate.LOST, echo(100, 6), 2.0, 0.0)
    expected = [
        Record(0, Fate.RELEASED, 1, 8, 84, 0x12340007, 1.5, 1.75),
        Record(1, Fate.LOST, 58, 128, 100, 0x12340007, 2.0, 0.0),
    ]
    assert list(decode(log)) == expected
    assert list(decode(log[: RECORD_BYTES + 5])) == expected[:1]
