"""From causes to outages: each begins once, is one and the same while its class narrows, and ends once."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.locate.model import Cause
from alerts.pinpoint.ending import CALM_SECONDS, END_TICKS, LONGER, PARTIAL_END_TICKS
from alerts.pinpoint.holding import (
    COMMUNE_TICKS,
    LOSSY_LEAST,
    LOSSY_WIDE_SPAN_SECONDS,
    LOSSY_WIDE_TICKS,
    PARTIAL_COMMUNE_TICKS,
    PARTIAL_SPAN_SECONDS,
    SPAN_SECONDS,
    WIDE_TICKS,
    Ended,
    Holding,
    Step,
    identity,
)
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
    assert play(holding, [], range(25, 25 + LONGER * END_TICKS - 1)) == {}, "what came back is waited for"
    found = play(holding, [], range(25 + LONGER * END_TICKS - 1, 60))
    assert list(found) == [25 + LONGER * END_TICKS - 1]
    assert holding.open == ()


def test_one_tick_of_doubt_is_no_return() -> None:
    holding = Holding()
    play(holding, [POP], range(10, 20))
    assert play(holding, [], range(20, 21)) == {}
    assert play(holding, [POP], range(21, 25)) == {}
    assert list(play(holding, [], range(25, 40))) == [25 + END_TICKS - 1]


def test_what_flaps_is_two_outages_at_most() -> None:
    holding = Holding()
    begun = ended = 0
    for start in range(10, 1000, 20):
        for causes, first in (([POP], start), ([], start + 10)):
            for step in play(holding, causes, range(first, first + 10), first=float(start)).values():
                begun, ended = begun + len(step.begun), ended + len(step.ended)
    assert (begun, ended) == (2, 1)
    assert len(play(holding, [], range(1010, 1080))) == 1
    calm = 1080 + int(CALM_SECONDS)
    assert play(holding, [POP], range(calm, calm + 10), first=float(calm))
    assert list(play(holding, [], range(calm + 10, calm + 20))) == [calm + 10 + END_TICKS - 1]


def test_the_end_is_the_first_success_after_the_last_failure() -> None:
    holding = Holding()
    play(holding, [POP], range(10, 20))
    failed = {0: Span(5.0, 19.0), 1: Span(5.0, 20.0)}
    told: list[Ended] = []
    for tick in range(20, 30):
        well = {0: 18.2, 1: 20.4} if tick > 20 else {0: 18.2}
        step = holding.tick([], Sight(float(tick), [], [], failed, frozenset(), deaf=False, well=well))
        told += step.ended
    (end,) = told
    assert end.at == 18.2, "what failed at 20 had been sent before"
    late = Holding()
    play(late, [POP], range(10, 20))
    ends = [
        one
        for tick in range(20, 30)
        for one in late.tick(
            [], Sight(float(tick), [], [], failed, frozenset(), deaf=False, well={0: 12.0, 1: 21.0})
        ).ended
    ]
    assert [one.at for one in ends] == [21.0], "what worked at 12 failed again"


def test_who_loses_a_part_waits_longer_and_one_line_is_a_ticket() -> None:
    lossy, line = cause("pop:a", affected=(0, 1), loss=0.3), cause("line:1/main", "power:1", loss=0.5)
    steps = play(Holding(), [lossy], range(10, 40), first=10.0)
    assert list(steps) == [10 + int(PARTIAL_SPAN_SECONDS)]
    assert steps[16].begun[0].grade == "lossy"
    steps = play(Holding(), [line], range(10, 40))
    assert list(steps) == [10 + PARTIAL_COMMUNE_TICKS - 1]
    (told,) = next(iter(steps.values())).begun
    assert (told.grade, told.identity, told.kind) == ("ticket", "line:1/main", "line"), "power is up or down"
    faint = cause("pop:a", affected=(0, 1), loss=0.1)
    assert next(iter(play(Holding(), [faint], range(10, 40)).values())).begun[0].grade == "ticket"


def test_bursts_that_lose_a_part_on_most_paths_are_no_blip() -> None:
    routes = tuple(range(2 * LOSSY_LEAST))
    pop = cause("pop:a", affected=routes, loss=0.3)

    def begun(lossy: int, failing: int, first: float) -> int:
        holding = Holding()
        for tick in range(10, 40):
            at = float(tick)
            seen = Sight(
                at, [], [], {route: Span(first, at) for route in routes[len(routes) - failing :]},
                frozenset(), deaf=False, lossy={route: Span(first, at) for route in routes[:lossy]},
            )  # fmt: skip
            if holding.tick([pop], seen).begun:
                return tick - 10
        raise AssertionError

    assert begun(LOSSY_LEAST, 0, first=0.0) == LOSSY_WIDE_TICKS - 1
    assert begun(LOSSY_LEAST, 0, first=10.0) == math.ceil(LOSSY_WIDE_SPAN_SECONDS)
    assert begun(LOSSY_LEAST, LOSSY_LEAST, first=10.0) == PARTIAL_SPAN_SECONDS, "a cut that has just begun"
    assert begun(LOSSY_LEAST - 1, 0, first=10.0) == PARTIAL_SPAN_SECONDS


def test_what_gets_worse_is_the_same_outage_of_another_grade() -> None:
    holding = Holding()
    play(holding, [cause("pop:a", affected=(0, 1), loss=0.1)], range(10, 30))
    told = [holding.tick([POP], seen(float(tick))) for tick in range(30, 40)]
    assert not any(step.begun or step.ended for step in told)
    grades = [step.changed[0].grade for step in told if step.changed]
    assert grades == ["ticket", "down"]
    held = [holding.tick([cause("pop:a", affected=(0, 1), loss=0.1)], seen(float(t))) for t in range(40, 50)]
    assert not any(step.ended for step in held)
    assert holding.open[0].grade == "down"


def test_a_loss_that_wavers_is_no_news() -> None:
    holding = Holding()
    losses = [cause("pop:a", affected=(0, 1), loss=0.3 + 0.05 * (tick % 3)) for tick in range(40)]
    steps = [holding.tick([one], seen(10.0 + tick)) for tick, one in enumerate(losses)]
    assert sum(len(step.changed) for step in steps) == 0


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


@pytest.mark.parametrize(
    ("sent", "failed", "lasts"),
    [([0, 0], [0, 0], True), ([1, 0], [1, 0], True), ([2, 1], [1, 1], True), ([1, 1], [0, 0], False),
     ([4, 0], [1, 0], False)],
)  # fmt: skip
def test_what_is_checked_seldom_is_not_over_between_two_checks(
    sent: list[int], failed: list[int], lasts: bool
) -> None:
    """Nothing counted, or too little to accuse anybody again, is no success."""
    holding = Holding()
    for tick in range(10, 20):
        holding.tick([POP], seen(float(tick)))
    assert holding.open
    later = [Sight(float(tick), sent, failed, {}, frozenset(), deaf=False) for tick in range(20, 100)]
    ended = [one for sight in later for one in holding.tick([], sight).ended]
    assert bool(holding.open) is lasts
    assert len(ended) == (not lasts)


def test_what_is_left_while_it_heals_is_not_taken_for_its_cause() -> None:
    lan = cause("lan:1", "agent:1", affected=(0, 1))
    other = cause("line:1/main", "lan:1", affected=(0,))
    for well, learned in (({}, other.members), ({1: 4.0}, other.members), ({1: 21.0}, lan.members)):
        holding = Holding()
        play(holding, [lan], range(10, 21), first=5.0)
        step = holding.tick([other], msgspec.structs.replace(seen(21.0), well=well))
        assert holding.open[0].cause.members == learned
        assert not step.begun
        narrower = cause("lan:1", affected=(0,))
        holding.tick([narrower], msgspec.structs.replace(seen(22.0), well=well))
        assert holding.open[0].cause.members == ("lan:1",), "to narrow it is learning"


def test_what_is_left_of_a_wider_outage_that_heals_is_not_told_of() -> None:
    routes = tuple(range(10))
    hub, pop = cause("hub:a", affected=routes), cause("pop:a", affected=(8, 9))

    def begun(healed: int | None, failing_until: int) -> list[int]:
        holding = Holding()
        play(holding, [hub], range(10, 21), first=5.0)
        found = []
        for tick in range(21, 40):
            at = float(tick)
            failing = {route: Span(5.0, min(at, float(failing_until))) for route in (8, 9)}
            well = {} if healed is None else {route: float(healed) for route in routes[:8]}
            seen = Sight(at, [1] * 10, [0] * 10, failing, frozenset(), deaf=False, well=well)
            found += [tick] if holding.tick([pop], seen).begun else []
        return found

    assert begun(healed=21, failing_until=23) == []
    assert begun(healed=21, failing_until=40) == [21 + math.ceil(SPAN_SECONDS)], "it is dead by itself"
    assert begun(healed=3, failing_until=40) == [22], "what worked before the outage heals nothing"


def test_what_fails_because_of_another_keeps_nothing_open() -> None:
    """The POP works again, and one of its communes is dead by itself: as soon as that is told."""
    holding = Holding()
    for tick in range(10, 20):
        holding.tick([POP], seen(float(tick)))
    own = cause("line:x/main", affected=(1,))
    steps = [
        holding.tick([own], Sight(float(t), [3, 3], [0, 3], {1: Span(5.0, t)}, frozenset(), deaf=False))
        for t in range(20, 40)
    ]
    assert [one.outage.identity for step in steps for one in step.ended] == [POP.component]
    told = next(n for n, step in enumerate(steps) if step.begun)
    over = next(n for n, step in enumerate(steps) if step.ended)
    assert over == told + END_TICKS - 1


def test_an_outage_does_not_end_because_of_what_nobody_was_told_of() -> None:
    holding = Holding()
    for tick in range(10, 20):
        holding.tick([LINE], seen(float(tick)))
    wider = cause("power:1", affected=(0, 1))
    steps = [
        holding.tick(
            [wider],
            Sight(float(t), [3, 3], [3, 3], {0: Span(5.0, t), 1: Span(20.0, t)}, frozenset(), deaf=False),
        )
        for t in range(20, 40)
    ]
    first = next(step for step in steps if step.begun or step.ended)
    assert [one.identity for one in first.begun] == ["power:1"]
    assert [(one.outage.identity, one.into) for one in first.ended] == [("line:1/main", "power:1")]


def test_what_waits_in_the_window_yet_has_not_come_back() -> None:
    """While a loss heals, its last bursts accuse now and then: the end is not waited for any longer."""
    pop = cause("pop:a", affected=(0, 1), loss=0.3)
    for last, returns in ((20.0, False), (26.0, True)):
        holding = Holding()
        for tick in range(10, 21):
            holding.tick([pop], seen(float(tick)))
        for tick in range(21, 26):
            holding.tick([], seen(float(tick), last=20.0))
        holding.tick([pop], seen(26.0, last=last))
        ends = [t for t in range(27, 120) if holding.tick([], seen(float(t), last=last)).ended]
        assert (ends[0] > 27 + PARTIAL_END_TICKS) is returns
