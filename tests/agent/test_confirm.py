"""When a state flips, and that no second is lost, invented or credited twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import confirm
from agent.confirm import Evidence, Interval, Step, Tracker, Transition
from inventory.names import State

UP, DOWN, UNKNOWN = State.UP, State.DOWN, State.UNKNOWN
GAP = 25.0


def feed(
    tracker: Tracker, *evidence: tuple[float, State]
) -> tuple[Tracker, list[Interval], list[Transition]]:
    credited: list[Interval] = []
    transitions: list[Transition] = []
    for sent, says in evidence:
        step = confirm.step(tracker, Evidence(sent, says), GAP)
        tracker = step.tracker
        credited += step.credited
        transitions += [step.transition] if step.transition else []
    return tracker, credited, transitions


def up_at(seconds: float) -> Tracker:
    return Tracker(UP, seconds)


def test_first_answers_confirm_up_back_to_the_first_of_them() -> None:
    tracker, credited, transitions = feed(confirm.begin(0), (2, UP), (3, UP), (4, UP), (5, UP))
    assert transitions == []
    tracker, credited, transitions = feed(tracker, (6, UP))
    assert transitions == [Transition(UP, UNKNOWN, 2)]
    assert credited == [Interval(UNKNOWN, 0, 2), Interval(UP, 2, 6)]


def test_cut_is_credited_back_to_the_first_failed_send() -> None:
    _, credited, transitions = feed(up_at(10), (15, DOWN), (16, DOWN), (17, DOWN), (18, DOWN), (19, DOWN))
    assert transitions == [Transition(DOWN, UP, 15)]
    assert credited == [Interval(UP, 10, 15), Interval(DOWN, 15, 19)]


def test_coming_back_takes_as_much_proof_as_going() -> None:
    down = Tracker(DOWN, 10)
    tracker, credited, transitions = feed(down, (15, UP), (16, UP), (17, DOWN))
    assert transitions == []
    assert credited == [Interval(DOWN, 10, 15), Interval(DOWN, 15, 16), Interval(DOWN, 16, 17)]
    _, credited, transitions = feed(tracker, (20, UP), (21, UP), (22, UP), (23.5, UP))
    assert transitions == [Transition(UP, DOWN, 20)]
    assert credited == [Interval(DOWN, 17, 20), Interval(UP, 20, 23.5)]


def test_blip_stays_up() -> None:
    tracker, credited, transitions = feed(up_at(0), (5, DOWN), (6, DOWN), (7, DOWN), (8, DOWN), (9, UP))
    assert transitions == []
    assert sum(i.end_seconds - i.start_seconds for i in credited if i.state is UP) == 9
    assert tracker == up_at(9)


def test_two_failures_far_apart_are_too_few() -> None:
    assert feed(up_at(0), (5, DOWN), (10, DOWN))[2] == []


def test_late_failure_of_an_overtaken_send_says_nothing() -> None:
    tracker, credited, transitions = feed(up_at(0), (5, DOWN), (7, UP), (6, DOWN))
    assert (tracker, transitions) == (up_at(7), [])
    assert [i.state for i in credited] == [UP, UP]


def test_success_sent_before_the_failures_does_not_end_them() -> None:
    tracker, _, _ = feed(up_at(0), (6, DOWN), (7, DOWN), (5.5, UP))
    assert tracker.credited_seconds == 5.5
    assert tracker.doubt == 6


def test_unknown_blip_is_never_silently_up() -> None:
    _, credited, _ = feed(up_at(0), (5, UNKNOWN), (6, DOWN), (7, UP))
    assert credited == [Interval(UP, 0, 5), Interval(UNKNOWN, 5, 6), Interval(UP, 6, 7)]


def test_doubt_before_the_run_that_decides_is_unknown() -> None:
    _, credited, transitions = feed(
        up_at(0), (5, DOWN), (7, UNKNOWN), (8, UNKNOWN), (9, UNKNOWN), (11, UNKNOWN)
    )
    assert transitions == [Transition(UNKNOWN, UP, 7)]
    assert credited == [Interval(UP, 0, 5), Interval(UNKNOWN, 5, 7), Interval(UNKNOWN, 7, 11)]


def test_endless_disagreement_becomes_unknown() -> None:
    wavering = [(5 + n, (DOWN, UNKNOWN)[n % 2]) for n in range(32)]
    tracker, credited, transitions = feed(up_at(0), *wavering)
    assert transitions == [Transition(UNKNOWN, UP, 36)]
    assert credited == [Interval(UP, 0, 5), Interval(UNKNOWN, 5, 36)]
    assert tracker == Tracker(UNKNOWN, 36)


def test_silence_is_unknown_from_the_last_thing_heard() -> None:
    tracker, credited, transitions = feed(up_at(0), (5, UP), (3600, UP))
    assert transitions == [Transition(UNKNOWN, UP, 5)]
    tracker, credited, _ = feed(tracker, (3601, UP), (3602, UP), (3603.5, UP))
    assert credited == [Interval(UNKNOWN, 5, 3600), Interval(UP, 3600, 3603.5)]


def test_lapse_credits_what_is_undecided_as_unknown() -> None:
    tracker = feed(up_at(0), (5, DOWN), (6, DOWN))[0]
    assert confirm.lapse(tracker) == Step(
        Tracker(UNKNOWN, 6), (Interval(UP, 0, 5), Interval(UNKNOWN, 5, 6)), Transition(UNKNOWN, UP, 6)
    )


evidences = st.lists(
    st.tuples(st.floats(0.01, 9.0), st.sampled_from([UP, UP, DOWN, DOWN, UNKNOWN]), st.booleans()),
    max_size=120,
)


@given(evidences)
def test_credited_time_is_gapless_and_equals_what_elapsed(items: list[tuple[float, State, bool]]) -> None:
    """Whatever arrives, in whatever order: intervals follow one another, and states tell the truth."""
    tracker, sent, end = confirm.begin(0.0), 0.0, 0.0
    total = 0.0
    state = UNKNOWN
    for delta, says, swapped in items:
        sent += delta
        step = confirm.step(tracker, Evidence(max(0.0, sent - 6.0) if swapped else sent, says), GAP)
        for interval in step.credited:
            assert interval.start_seconds == end
            assert interval.end_seconds > interval.start_seconds
            end = interval.end_seconds
            total += interval.end_seconds - interval.start_seconds
        tracker = step.tracker
        assert tracker.credited_seconds == end
        if step.transition:
            assert (step.transition.was, step.transition.state) == (state, tracker.state)
        else:
            assert tracker.state is state
        state = tracker.state
        assert all(item.sent_seconds > end for item in tracker.pending)
        assert len(tracker.pending) <= 121
    assert total == pytest.approx(end)


@given(st.floats(0, 5), st.floats(0, 3.0), st.floats(0.2, 0.45))
def test_three_seconds_without_answers_are_never_an_outage(begin: float, length: float, rtt: float) -> None:
    """Probes every second; those whose answer is on its way while it is cut are lost too."""
    tracker = up_at(0)
    for second in range(1, 20):
        lost = second < begin + length and second + rtt > begin
        tracker, _, transitions = feed(tracker, (float(second), DOWN if lost else UP))
        assert transitions == []
