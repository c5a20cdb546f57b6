"""The grid: no drift, no bursts, targets spread."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import schedule


@given(st.text(min_size=1, max_size=40), st.floats(0.2, 3600))
def test_phase_lies_within_the_interval_and_is_always_the_same(name: str, interval: float) -> None:
    phase = schedule.phase(name, interval)
    assert 0 <= phase < interval
    assert phase == schedule.phase(name, interval)


def test_targets_spread_over_their_interval() -> None:
    phases = sorted(schedule.phase(f"target-{number}", 10.0) for number in range(200))
    tenths = [sum(low <= phase < low + 1 for phase in phases) for low in range(10)]
    assert min(tenths) >= 8


@given(st.floats(0.2, 300), st.lists(st.floats(0.0, 3.0), min_size=1, max_size=50))
def test_slots_never_drift_and_are_never_made_up(interval: float, lateness: list[float]) -> None:
    slots = schedule.grid("x", 0.0, interval)
    first, now, fired = slots.next_seconds(), 0.0, 0
    for late in lateness:
        now = max(now, slots.next_seconds()) + late * interval
        slots.use(now)
        fired += 1
        assert slots.next_seconds() > now - 1e-6
        beats = (slots.next_seconds() - first) / interval
        assert beats == pytest.approx(round(beats), abs=1e-6)
    assert slots.skipped == slots.used + 1 - fired


@pytest.mark.parametrize(
    ("doubt", "last_sent", "now", "due"),
    [
        (0.0, 0.0, 0.01, 1.0),  # refused at once: the next second
        (0.0, 0.0, 2.003, 2.0),  # ran into a deadline of 2 s: at once
        (0.0, 2.003, 2.003, 3.0),
        (0.0, 3.0, 3.0, 4.0),  # one send exactly 4 s after the first
        (0.0, 3.8, 3.8, 5.0),  # a regular slot came in between: it counts
        (0.0, 0.0, 1.5, 2.0),
        (7.25, 7.25, 7.3, 8.25),
    ],
)
def test_reprobes_fall_on_the_seconds_after_the_first_doubt(
    doubt: float, last_sent: float, now: float, due: float
) -> None:
    assert schedule.reprobe(doubt, last_sent, now) == due


@given(st.floats(0, 1e6), st.floats(0, 30), st.floats(0, 30))
def test_reprobe_is_never_a_second_away_nor_a_burst(doubt: float, sent_after: float, later: float) -> None:
    last_sent = doubt + sent_after
    now = last_sent + later
    due = schedule.reprobe(doubt, last_sent, now)
    assert due >= last_sent + schedule.REPROBE_SECONDS / 2 - 1e-6
    assert due <= max(now + 1.0, last_sent + 1.5) + 1e-6
