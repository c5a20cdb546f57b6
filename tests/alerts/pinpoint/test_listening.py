"""Since when the hub has been listening: breaks of anybody's, and a start that is none."""

import pytest

from alerts.pinpoint.listening import BREAK_SECONDS, Listening, Resumed, unbroken_since

AT = 1_800_000_000.0


def ticked(ticks: list[tuple[float, float]], since: float = AT - 60) -> float:
    """Return since when it listens after ticks of (seconds after the start, age of the last sign of life)."""
    listening = Listening(since, AT)
    for later, age in ticks:
        listening.tick(AT + later, AT + later - age)
    return listening.since - AT


def test_a_start_of_the_locator_is_no_break_of_the_hub() -> None:
    assert ticked([(0, 1), (1, 1), (2, 2)]) == -60
    assert ticked([(0, 1)], since=AT - 3) == -3, "the hub itself had just begun"


@pytest.mark.parametrize(
    ("ticks", "since"),
    [
        ([(0, 1), (BREAK_SECONDS, 1)], -60.0),
        ([(0, 1), (BREAK_SECONDS + 1, 1)], BREAK_SECONDS + 1),  # Prometheus did not answer
        ([(0, 1), (1, BREAK_SECONDS + 1), (2, 1)], 1.0),  # nobody was heard
    ],
)
def test_a_break_begins_it_anew(ticks: list[tuple[float, float]], since: float) -> None:
    assert ticked(ticks) == since


def test_what_prometheus_holds_tells_of_the_last_break() -> None:
    beats = [AT - 50.0, AT - 45.0, AT - 30.0, *(AT - 28 + 2.0 * n for n in range(14))]
    assert unbroken_since(beats, AT, AT - 55) == AT - 30
    assert unbroken_since([AT - 54.0, *(AT - 50 + 5.0 * n for n in range(10))], AT, AT - 55) == AT - 55
    assert unbroken_since([], AT, AT - 60) == AT


def test_who_was_silent_is_remembered_with_the_first_sign_of_life() -> None:
    resumed = Resumed()
    for beats in ({"a": AT, "b": AT}, {"a": AT + 2, "b": AT}, {"a": AT + 4, "b": AT + 7}, {"b": AT + 9}):
        resumed.tick(beats)
    assert resumed.at == {"b": AT + 7}
