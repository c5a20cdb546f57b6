"""The hub's time out of headers of whole seconds, with a machine whose own clock is anything."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.clock import HubClock, boot_id, parse_date

HUB = 1_795_000_000.0


class World:
    """A hub and a machine; ``now`` moves by hand, ``off`` is the hub's clock minus the machine's."""

    def __init__(self, off: float) -> None:
        self.now, self.off = 500.0, off
        self.clock = HubClock(lambda: self.now, lambda: self.hub() - self.off)

    def hub(self) -> float:
        return HUB + self.now

    def ask(self, there: float = 0.01, back: float = 0.01) -> None:
        sent = self.now
        self.now += there
        date = float(math.floor(self.hub()))
        self.now += back
        self.clock.observe(sent, self.now, date)

    def error(self) -> float:
        return self.clock.unix() - self.hub()


@pytest.mark.parametrize(
    ("header", "unix"),
    [
        ("Sun, 22 Nov 2026 01:02:03 GMT", 1795309323.0),
        ("Sun, 22 Nov 2026 01:02:03 -0000", 1795309323.0),
        (None, None),
        ("", None),
        ("yesterday", None),
        ("Sun, 99 Nov 2026 01:02:03 GMT", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("Sun, 22 Nov 9999 01:02:03 GMT", None),
        ("x" * 10_000, None),
    ],
)
def test_date_header(header: str | None, unix: float | None) -> None:
    assert parse_date(header) == unix


@given(st.text(max_size=80))
def test_any_header_is_a_time_or_nothing(header: str) -> None:
    unix = parse_date(header)
    assert unix is None or unix > 1_700_000_000


def test_nothing_is_trusted_before_the_hub_spoke() -> None:
    world = World(0)
    assert not world.clock.trusted
    assert world.clock.offset_seconds is None
    world.ask()
    assert world.clock.trusted


@given(st.floats(-1.4, 1.4), st.floats(0, 0.3), st.floats(0, 0.3))
def test_own_clock_near_the_hubs_is_followed(off: float, there: float, back: float) -> None:
    world = World(off)
    for _ in range(5):
        world.ask(there, back)
        world.now += 2.2
    assert world.error() == pytest.approx(-off, abs=0.06)


@pytest.mark.parametrize("off", [3600.0, -3600.0, 12.0, -4.0, 1.7e9, -86400.0 * 30])
def test_clock_far_off_is_corrected_at_once_and_soon_finely(off: float) -> None:
    world = World(off)
    world.ask()
    assert world.clock.trusted
    assert abs(world.error()) <= 0.6
    for _ in range(40):
        world.now += 2.13
        world.ask()
    assert abs(world.error()) <= 0.6
    assert world.clock.offset_seconds == pytest.approx(off, abs=0.15)


@given(
    st.floats(-1e5, 1e5), st.lists(st.tuples(st.floats(0, 4), st.floats(0, 4), st.floats(0, 60)), max_size=30)
)
def test_error_is_bounded_by_what_the_answers_allow(
    off: float, asks: list[tuple[float, float, float]]
) -> None:
    world = World(off)
    world.ask()
    for there, back, pause in asks:
        world.ask(there, back)
        world.clock.watch()
        assert abs(world.error()) <= 2.0 + 1.1 + 0.06
        world.now += pause


def step(world: World, seconds: float) -> None:
    world.off -= seconds


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 30.0])
def test_step_of_the_own_clock_moves_nothing(jump: float) -> None:
    world = World(0.0)
    world.ask()
    for _ in range(5):
        world.now += 1
        world.clock.watch()
    before = world.error()
    step(world, jump)
    world.clock.watch()
    assert world.error() == pytest.approx(before, abs=0.06)
    world.ask()
    assert abs(world.error()) <= 0.6
    step(world, -jump)
    world.clock.watch()
    world.ask()
    assert abs(world.error()) <= 0.6


def test_slewing_is_followed() -> None:
    world = World(0.0)
    world.ask()
    for _ in range(100):
        world.now += 1
        world.off += 0.005
        world.clock.watch()
    assert world.error() == pytest.approx(-0.5, abs=0.06)


def test_one_wrong_date_is_not_believed_two_are() -> None:
    world = World(0.0)
    world.ask()
    world.now += 2
    world.clock.observe(world.now, world.now, world.hub() + 7200)
    assert abs(world.error()) < 0.1
    world.now += 2
    world.clock.observe(world.now, world.now, world.hub() + 7200)
    assert world.error() == pytest.approx(7200, abs=1)


# --- what test packets say --------------------------------------------------------------------------
def refine(world: World, off_by: float, width: float) -> None:
    """A reflector's word: its clock is ``off_by`` from the hub's, known to ``width``."""
    middle = HUB + off_by
    world.clock.refine(middle - width / 2, middle + width / 2)


@given(st.floats(-1e5, 1e5).filter(lambda off: abs(off) > 4), st.floats(0, 0.9), st.floats(0.001, 0.02))
def test_test_packets_narrow_what_a_header_of_whole_seconds_says(
    off: float, phase: float, width: float
) -> None:
    world = World(off)
    world.now += phase
    world.ask()
    refine(world, 0.0, width)
    assert abs(world.error()) <= 0.05 + width
    assert world.clock.offset_seconds == pytest.approx(off, abs=width + 1e-3)


def test_test_packets_are_no_word_of_the_hub() -> None:
    world = World(3600.0)
    refine(world, 0.0, 0.001)
    assert not world.clock.known, "before the hub itself has spoken"
    world.ask()
    known = world.clock.remember()
    for off_by in (7200.0, -5.0, 1.5):
        refine(world, off_by, 0.01)
        assert world.clock.remember() == known, "nor against what it has said"


def test_a_reflector_that_lies_within_the_second_is_overruled_by_the_hub() -> None:
    world = World(100.0)
    world.ask()
    refine(world, 0.4, 0.001)
    for _ in range(60):
        world.now += 2.13
        world.ask()
    assert abs(world.error()) <= 0.2


def test_times_stay_put_while_test_packets_say_the_same() -> None:
    world = World(3600.0)
    world.ask()
    refine(world, 0.0, 0.002)
    before = world.clock.epoch_seconds
    for number in range(50):
        world.now += 5
        refine(world, 0.0004 * (-1) ** number, 0.002)
    assert world.clock.epoch_seconds == before


def test_a_corrected_clock_is_not_trusted_for_ever_without_answers() -> None:
    world = World(3600.0)
    world.ask()
    world.now += 86400 * 3
    assert not world.clock.trusted


def test_derived_times_stay_put_while_nothing_happens() -> None:
    world = World(0.2)
    world.ask()
    seen: set[float] = set()
    reading: Callable[[], float] = lambda: world.clock.unix(100.0)  # noqa: E731 - read where it stands
    for number in range(50):
        world.now += 1
        world.off += 1e-5 * (-1) ** number
        world.clock.watch()
        seen.add(reading())
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("off", "correction"), [(0.0, 0.0), (1.4, 0.0), (-1.4, 0.0), (3.6, 3.6), (-3600.0, -3600.0)]
)
def test_a_correction_is_shown_and_said_once_it_is_over_two_seconds(
    off: float, correction: float, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    world = World(off)
    world.ask()
    for _ in range(20):
        world.now += 2.13
        world.ask()
    assert world.clock.correction_seconds == pytest.approx(correction, abs=0.6)
    assert caplog.text.count("is off: samples are dated by the hub's clock") == (1 if correction else 0)
    world.off = 0.0
    world.ask()
    world.ask()
    assert world.clock.correction_seconds == 0
    assert caplog.text.count("agrees with the hub's again") == (1 if correction else 0)


@pytest.mark.parametrize(
    ("at_start", "at_answer", "right"), [(0.3, 0.3, True), (50.0, 50.0, False), (50.0, 0.0, False)]
)
def test_an_own_clock_was_right_only_if_it_was_from_the_start(
    at_start: float, at_answer: float, right: bool
) -> None:
    """Stepped by a time server on the way, it says nothing of what was dated before."""
    world = World(at_start)
    world.now += 100
    world.off = at_answer
    world.clock.watch()
    world.ask()
    assert world.clock.own_right is right


@given(st.floats(-1e5, 1e5), st.floats(0, 80_000))
def test_what_one_run_knew_serves_the_next_for_as_long_as_a_clock_can_be_trusted(
    off: float, gap: float
) -> None:
    world = World(off)
    for _ in range(5):
        world.ask()
        world.now += 2.13
    known = world.clock.remember()
    assert known is not None
    world.now += gap
    after = HubClock(lambda: world.now, lambda: world.hub() - world.off, world.clock.boot)
    after.recall(known)
    assert after.trusted
    assert abs(after.unix() - world.hub()) <= 2.0 + 1.2 + gap * 1e-4
    other = HubClock(lambda: world.now, lambda: world.hub() - world.off, "another boot")
    other.recall(known)
    assert not other.trusted


def test_every_boot_has_a_name() -> None:
    assert len(boot_id()) == 36
    assert boot_id() == boot_id()
