"""When the watchdog counts as gone."""

import pytest

from alerts.deadman import Pulse


def test_before_the_first_sign_nothing_is_missed() -> None:
    pulse = Pulse(100.0, seen_before=False)
    assert pulse.state(99_999.0) == "waiting"
    pulse.beat(100_000.0)
    assert pulse.state(100_000.0) == "alive"


def test_more_than_two_minutes_of_silence_are_death() -> None:
    pulse = Pulse(100.0, seen_before=True)
    assert [pulse.state(at) for at in (100.0, 220.0, 220.1)] == ["alive", "alive", "dead"]
    assert pulse.silent_seconds(220.1) == pytest.approx(120.1)
    pulse.beat(300.0)
    assert pulse.state(301.0) == "alive"
