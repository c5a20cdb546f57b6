"""The hub's time out of headers of whole seconds, with a machine whose own clock is anything."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.clock import HubClock, parse_date

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
