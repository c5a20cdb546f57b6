"""From causes to outages: each begins once, is one and the same while its class narrows, and ends once."""

from hypothesis import given
from hypothesis import strategies as st

from alerts.locate.model import Cause
from alerts.pinpoint.holding import COMMUNE_TICKS, END_TICKS, WIDE_TICKS, Holding, Step, identity
from alerts.pinpoint.sight import Sight, Span


def cause(*members: str, affected: tuple[int, ...] = (0,), loss: float = 0.99) -> Cause:
    return Cause(
        component=members[0], kind=members[0].partition(":")[0], members=members, loss=loss, confidence=9.0,
        runner_up=None, affected=affected, communes=(), systems=(), evidence=(), sent=9, failed=9,
    )  # fmt: skip


POP, POWER, LINE = cause("pop:a", affected=(0, 1)), cause("power:1", "line:1/main"), cause("line:1/main")


def seen(at: float, first: float = 0.0, last: float | None = None) -> Sight:
    span = Span(first, at if last is None else last)
    return Sight(at, [], [], {0: span, 1: span}, frozenset(), deaf=False)


def play(holding: Holding, causes: list[Cause], ticks: range, first: float = 0.0) -> dict[int, Step]:
    steps = {tick: holding.tick(causes, seen(float(tick), first)) for tick in ticks}
    return {tick: step for tick, step in steps.items() if step.begun or step.ended}


def test_a_wide_cause_waits_shorter_than_a_commune() -> None:
    assert list(play(Holding(), [POP], range(10, 30))) == [10 + WIDE_TICKS - 1]
    assert list(play(Holding(), [LINE], range(10, 30))) == [10 + COMMUNE_TICKS - 1]


def test_failures_must_span_long_enough_and_still_arrive() -> None:
    assert list(play(Holding(), [POP], range(10, 30), first=10.0)) == [14]
    stale = Holding()
    assert not any(stale.tick([POP], seen(float(t), 0.0, last=8.0)).begun for t in range(14, 30))


def test_a_class_that_narrows_is_the_same_outage() -> None:
    holding = Holding()
    found = play(holding, [cause("line:1/main", "power:1", "agent:1", "lan:1")], range(10, 13))
    found |= play(holding, [POWER], range(13, 20))
    (begun,) = [outage for step in found.values() for outage in step.begun]
    assert (begun.identity, list(found)) == ("power|line:1", [10 + COMMUNE_TICKS - 1])
    assert play(holding, [LINE], range(20, 30)) == {}
    assert holding.open[0].cause == LINE


def test_it_ends_once_and_not_for_a_moment() -> None:
    holding = Holding()
    play(holding, [POP], range(10, 20))
    assert play(holding, [], range(20, 20 + END_TICKS - 1)) == {}
    assert play(holding, [POP], range(23, 25)) == {}
    found = play(holding, [], range(25, 40))
    assert list(found) == [25 + END_TICKS - 1]
    assert holding.open == ()


def test_what_a_wider_cause_explains_ends_into_it() -> None:
    holding = Holding()
    play(holding, [LINE], range(10, 20))
    found = play(holding, [POP], range(20, 22))
    (ended,) = [end for step in found.values() for end in step.ended]
    assert (ended.outage.identity, ended.into) == ("line:1/main", "pop:a")


def test_identities() -> None:
    assert identity(POWER) == ("power|line:1", "power|line")
    assert identity(LINE) == ("line:1/main", "line")
    assert identity(cause("pop:a", "isp:b")) == ("pop:a", "pop")
    assert identity(cause("line:1/main", "line:2/main")) == ("line:1/main", "line")


@given(st.lists(st.sets(st.sampled_from([POP, POWER, LINE, cause("hub:m")]), max_size=3), max_size=60))
def test_begun_and_ended_alternate(ticks: list[set[Cause]]) -> None:
    holding = Holding()
    open_now: set[str] = set()
    for number, causes in enumerate(ticks):
        step = holding.tick(sorted(causes, key=lambda one: one.component), seen(10.0 + number))
        for outage in step.begun:
            assert outage.identity not in open_now
            open_now.add(outage.identity)
        for end in step.ended:
            open_now.remove(end.outage.identity)
        assert {outage.identity for outage in holding.open} == open_now
