"""Counters to events: nothing is invented, nothing old is read as the present."""

from hypothesis import given
from hypothesis import strategies as st

from alerts.pinpoint.events import MOST_GAP_SECONDS, MOST_RESULTS, Event, events, latest_beats, probe_of
from alerts.promapi import Series
from inventory import names
from inventory.names import Reason

LABELS = {"site": "21040", "commune": "21040", "line": "main", "target": "hub:main", "probe": "icmp"}


def counter(*points: tuple[float, float], result: str = "ok") -> Series:
    return Series({**LABELS, "result": result}, points)


def test_what_is_gained_completed_at_the_later_sample() -> None:
    ok, lost = counter((1, 5), (3, 6), (5, 6), (7, 9)), counter((3, 0), (6, 1), result="timeout")
    assert list(events([ok, lost], since=2).values()) == [
        [Event(3, Reason.OK, 1), Event(6, Reason.TIMEOUT, 1), Event(7, Reason.OK, 3)]
    ]


def test_what_completed_before_the_window_is_left_out() -> None:
    assert events([counter((1, 5), (3, 6))], since=3) == {}


def test_a_counter_that_begins_anew_begins_at_nought() -> None:
    assert events([counter((1, 500), (3, 2))], since=0) == {probe_of(counter()): [Event(3, Reason.OK, 2)]}


def test_one_sample_alone_says_nothing() -> None:
    assert events([counter((1, 5))], since=0) == {}


def test_foreign_reasons_and_nonsense_are_left_out() -> None:
    wild = counter((1, 0), (2, float("nan")), (3, 1e300), (4, float("inf")), (5, MOST_RESULTS * 10))
    assert events([wild, counter((1, 0), (2, 1), result="kaputt")], since=0) == {}


@given(
    st.lists(
        st.tuples(st.sampled_from([*Reason, "?"]), st.lists(st.tuples(st.floats(), st.floats()), max_size=6)),
        max_size=6,
    )
)
def test_anything_is_borne(series: list[tuple[str, list[tuple[float, float]]]]) -> None:
    found = events([counter(*points, result=str(reason)) for reason, points in series], since=10.0)
    for all_ in found.values():
        assert all(0 < event.count <= MOST_RESULTS and event.at > 10 for event in all_)
        assert [event.at for event in all_] == sorted(event.at for event in all_)


def test_the_last_sign_of_life_is_by_the_times_of_samples() -> None:
    hub = Series({"site": "hub"}, ((1.0, 1.0), (3.0, 3.0)))
    again = Series({"site": "hub", "instance": "2"}, ((2.0, 2.0),))
    assert latest_beats([hub, again, Series({"site": "x"}, ()), Series({}, ((9.0, 9.0),))]) == {"hub": 3.0}


def packets(name: str, *points: tuple[float, float]) -> Series:
    return Series({**LABELS, "__name__": name}, points)


SENT, LOST = names.ICMP_SENT.name, names.ICMP_LOST.name


def test_packets_tell_what_results_lost() -> None:
    found = events(
        [
            counter((1, 5), (3, 6), (5, 8)),
            packets(SENT, (1, 50), (3, 60), (5, 80)),
            packets(LOST, (1, 0), (3, 3), (5, 13)),
        ],
        since=2,
    )
    assert list(found.values()) == [[Event(3, Reason.OK, 1, 0.3), Event(5, Reason.OK, 2, 0.5)]]


def test_what_failed_has_lost_all_of_its_packets_and_no_more() -> None:
    both = [counter((1, 0), (3, 1)), counter((1, 0), (3, 1), result="timeout")]
    told = [*both, packets(SENT, (1, 0), (3, 20)), packets(LOST, (1, 0), (3, 12))]
    assert list(events(told, since=2).values()) == [
        [Event(3, Reason.OK, 1, 0.2), Event(3, Reason.TIMEOUT, 1)]
    ]
    own = [counter((1, 0), (3, 1)), counter((1, 0), (3, 1), result="local"), *told[2:]]
    assert [event.loss for event in events(own, since=2)[probe_of(counter())]] == [0, 0]


def test_packets_that_arrive_apart_from_results_are_not_theirs() -> None:
    found = events(
        [counter((1, 5), (3, 6)), packets(SENT, (1, 0), (4, 10)), packets(LOST, (1, 0), (4, 9))], since=2
    )
    assert list(found.values()) == [[Event(3, Reason.OK, 1)]]


def test_what_was_gained_over_a_long_gap_is_nobody_knows_when() -> None:
    assert events([counter((1, 5), (3 + MOST_GAP_SECONDS, 9))], since=2) == {}


def test_who_says_it_twice_says_it_once() -> None:
    again = Series({**LABELS, "result": "ok", "instance": "other"}, ((1, 5), (3, 6)))
    assert list(events([counter((1, 5), (3, 6)), again], since=2).values()) == [[Event(3, Reason.OK, 1)]]


WILD = st.lists(st.tuples(st.floats(), st.floats()), max_size=5)


@given(WILD, WILD, WILD)
def test_losses_are_shares(
    results: list[tuple[float, float]], sent: list[tuple[float, float]], lost: list[tuple[float, float]]
) -> None:
    found = events([counter(*results), packets(SENT, *sent), packets(LOST, *lost)], since=0.0)
    assert all(0 <= event.loss < 1 for all_ in found.values() for event in all_)
