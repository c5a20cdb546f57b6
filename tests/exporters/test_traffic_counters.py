"""What two readings of an interface say, and the interfaces of this machine."""

import socket
from typing import Any

import msgspec
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.base import Target
from exporters.collectors import traffic
from exporters.nicio import counters, local
from exporters.nicio.counters import ABSURD_PER_SECOND, MAX_GAP_SECONDS, Field, Reading, Tally, increments
from inventory.names import Reason

FULL = 2**32


def reading(seconds: float = 0.0, received: int = 0, sent: int = 0, **other: Any) -> Reading:
    return Reading(
        at_seconds=seconds,
        received=Tally(bytes=received, packets=0, errors=0, drops=0),
        sent=Tally(bytes=sent, packets=0, errors=0, drops=0),
        **{"epoch": (7,), **other},
    )


def counted(before: Reading | None, now: Reading) -> tuple[int, int]:
    """Bytes received and sent between two readings."""
    received, sent = increments(before, now)
    return received[Field.BYTES], sent[Field.BYTES]


# --- two readings ------------------------------------------------------------------------------------
def test_a_first_reading_counts_nothing() -> None:
    assert counted(None, reading(received=5, sent=7)) == (0, 0)


def test_what_passed_between_two_readings() -> None:
    assert counted(reading(0, 100, 10), reading(10, 350, 11)) == (250, 1)


@pytest.mark.parametrize(
    ("before", "now", "difference"),
    [
        (FULL - 10, 20, 30),
        (FULL // 2 + 2, 1, FULL // 2 - 1),
        (FULL // 2, 0, None),
        (FULL, 0, None),
        (7, 7, 0),
    ],
)
def test_a_counter_that_fell_ran_full_or_began_anew(before: int, now: int, difference: int | None) -> None:
    assert counters.difference(before, now) == difference


def test_a_counter_that_began_anew_gives_away_those_that_grew_past_their_old_values() -> None:
    assert counted(reading(0, 10**12, 10), reading(10, 5, 999)) == (0, 0)


@pytest.mark.parametrize(
    "now",
    [
        reading(10, 9_000, 9_000, epoch=(8,)),
        reading(10, 9_000, 9_000, uptime_ticks=99),
        reading(MAX_GAP_SECONDS + 1, 9_000, 9_000, uptime_ticks=100_000),
        reading(0, 9_000, 9_000, uptime_ticks=200),
        reading(10, int(ABSURD_PER_SECOND * 10) + 1001, 9_000, uptime_ticks=1100),
    ],
    ids=["made again", "restarted", "long silence", "same instant", "absurd"],
)
def test_what_cannot_be_attributed_is_not_counted(now: Reading) -> None:
    before = reading(0, 1000, 1000, uptime_ticks=100)
    assert counted(before, now) == (0, 0)
    later = msgspec.structs.replace(
        now,
        at_seconds=now.at_seconds + 10,
        received=msgspec.structs.replace(now.received, bytes=now.received.bytes + 5),
    )
    assert counted(now, later) == (5, 0)


@given(
    st.lists(st.tuples(st.integers(1, 5000), st.integers(0, 10**9), st.booleans()), max_size=30),
    st.integers(0, 2**40),
    st.booleans(),
)
def test_what_is_counted_is_never_more_than_what_passed(
    steps: list[tuple[int, int, bool]], start: int, narrow: bool
) -> None:
    """An interface that counts truthfully, with wraps, restarts and gaps; nothing is ever invented."""
    truth, total, register, now, epoch = 0, 0, start, 0.0, 0
    before: Reading | None = None
    for hundredths, passed, restarts in steps:
        now += hundredths / 100
        if restarts:
            register, epoch = 0, epoch + 1
        register += passed
        truth += passed
        shown = reading(now, register % FULL if narrow else register, 0, epoch=(epoch,))
        total += counted(before, shown)[0]
        before = shown
    assert total <= truth
    assert total >= 0


# --- this machine ------------------------------------------------------------------------------------
def test_loopback_counts_every_byte_that_was_sent() -> None:
    before = local.read("lo")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _ in range(100):
            sock.sendto(b"x" * 1000, ("127.0.0.1", 9))
    received, sent = increments(before, local.read("lo"))
    framed = 100 * (1000 + 8 + 20 + 14)
    assert received[Field.BYTES] >= framed  # others use loopback too
    assert sent[Field.BYTES] >= framed
    assert received[Field.PACKETS] >= 100


def test_an_interface_made_again_is_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    before = local.read("lo")
    monkeypatch.setattr(socket, "if_nametoindex", lambda _: 4711)
    assert local.read("lo").epoch != before.epoch


async def test_an_interface_that_is_not_there() -> None:
    outcome = await traffic.probe(Target(name="x", address="nosuch0", timeout_seconds=1), traffic.Config())
    assert outcome.reason is Reason.LOCAL
    assert outcome.evidence.startswith("nosuch0: ")
    assert " lo" in outcome.evidence


async def test_an_interface_that_goes_between_two_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "net_io_counters", lambda **_: {})
    outcome = await traffic.probe(Target(name="x", address="lo", timeout_seconds=1), traffic.Config())
    assert (outcome.reason, outcome.evidence) == (Reason.LOCAL, "lo: no such interface on this machine")
