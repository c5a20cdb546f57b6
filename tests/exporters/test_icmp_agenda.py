"""Whose turn it is among many bursts."""

from hypothesis import given
from hypothesis import strategies as st

from exporters.icmpio.agenda import Agenda
from exporters.icmpio.burst import Afterwards, Burst, Shape

MOMENTS = st.integers(0, 20).map(float)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 5), MOMENTS),
        st.tuples(st.just("drop"), st.integers(0, 5), MOMENTS),
        st.tuples(st.just("take"), st.integers(1, 6), MOMENTS),
    )
)


def burst() -> Burst:
    return Burst("h", ("h", 0), Shape(), b"cookie..", Afterwards())


@given(STEPS)
def test_each_burst_has_its_last_moment_and_no_other(steps: list[tuple[str, int, float]]) -> None:
    agenda, bursts, wanted = Agenda(), [burst() for _ in range(6)], dict[int, float]()
    for what, which, moment in steps:
        if what == "put":
            agenda.put(bursts[which], moment)
            wanted[which] = moment
        elif what == "drop":
            agenda.drop(bursts[which])
            wanted.pop(which, None)
        else:
            due = {one for one, when in wanted.items() if when <= moment}
            taken = [bursts.index(one) for one in agenda.take(moment, which)]
            assert len(taken) == len(set(taken)) == min(len(due), which)
            assert [wanted[one] for one in taken] == sorted(wanted[one] for one in due)[:which]
            wanted = {one: when for one, when in wanted.items() if one not in taken}
        assert agenda.first == min(wanted.values(), default=None)
        assert [one.due for one in bursts] == [wanted.get(which) for which in range(6)]


def test_an_agenda_that_is_through_keeps_nobody() -> None:
    agenda, one = Agenda(), burst()
    for moment in (3.0, 2.0, 1.0):
        agenda.put(one, moment)
    agenda.drop(one)
    assert not agenda._heap
