"""What holds for every network and every snapshot."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.locate import Component, Locator, Route
from alerts.locate.model import Answer
from inventory.names import ComponentKind
from tests.alerts.locate.small import counts, province

KINDS = [*map(str, ComponentKind), "weird"]
NAMES = [f"c{index}" for index in range(9)]
LEGS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=5).map(tuple)
ROUTES = st.lists(st.builds(Route, LEGS, st.none() | LEGS), min_size=1, max_size=14)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Component], list[Route], list[int], list[int], list[str]]:
    components = [Component(name, draw(st.sampled_from(KINDS))) for name in NAMES]
    routes = draw(ROUTES)
    sent = draw(st.lists(st.integers(0, 12), min_size=len(routes), max_size=len(routes)))
    failed = [draw(st.integers(0, number)) for number in sent]
    return components, routes, sent, failed, draw(st.lists(st.sampled_from([*NAMES, "other"]), max_size=2))


def said(answer: Answer) -> list[tuple[Any, ...]]:
    """Return all but the numbers of paths."""
    return [(c.component, c.members, c.loss, c.confidence, c.runner_up) for c in answer.causes]


@given(cases())
@settings(max_examples=150, deadline=None)
def test_every_snapshot_has_an_answer_that_makes_sense(case: Any) -> None:
    components, routes, sent, failed, known = case
    answer = Locator(components, routes).locate(sent, failed, known)
    for cause in answer.causes:
        assert cause.component == cause.members[0]
        assert not set(known) & set(cause.members)
        assert cause.runner_up not in cause.members
        assert 0 < cause.loss <= 0.99
        assert cause.confidence >= 0
        assert 0 < cause.failed <= cause.sent
        through = [(*routes[path].path, *(routes[path].alternate or ())) for path in cause.affected]
        assert all(cause.component in names for names in through)
    named = [name for cause in answer.causes for name in cause.members]
    assert len(named) == len(set(named))


@given(cases(), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_no_order_changes_the_answer(case: Any, random: Any) -> None:
    components, routes, sent, failed, known = case
    before = Locator(components, routes).locate(sent, failed, known)
    order = random.sample(range(len(routes)), len(routes))
    shuffled = random.sample(components, len(components))
    turned = [
        Route(r.alternate, r.path) if r.alternate and random.random() < 0.5 else r
        for r in (routes[i] for i in order)
    ]
    after = Locator(shuffled, turned).locate(
        [sent[i] for i in order], [failed[i] for i in order], known[::-1]
    )
    assert said(after) == said(before)
    for one, other in zip(after.causes, before.causes, strict=True):
        assert sorted(order[path] for path in one.affected) == list(other.affected)


@given(cases())
@settings(max_examples=60, deadline=None)
def test_two_locators_agree_and_remember_nothing(case: Any) -> None:
    components, routes, sent, failed, known = case
    one, other = Locator(components, routes), Locator(components, routes)
    first = one.locate(sent, failed, known)
    one.locate(sent, sent)
    assert one.locate(sent, failed, known) == first == other.locate(sent, failed, known)


@given(cases())
@settings(max_examples=60, deadline=None)
def test_a_component_on_no_path_changes_nothing(case: Any) -> None:
    components, routes, sent, failed, known = case
    more = [*components, Component("idle", "line")]
    assert Locator(more, routes).locate(sent, failed, known) == Locator(components, routes).locate(
        sent, failed, known
    )


@given(cases(), st.sampled_from(NAMES))
@settings(max_examples=60, deadline=None)
def test_a_component_on_the_same_paths_joins_the_class(case: Any, name: str) -> None:
    components, routes, sent, failed, known = case

    def beside(leg: tuple[str, ...]) -> tuple[str, ...]:
        return (*leg, "twin") if name in leg else leg

    twin = Component("twin", next(c.kind for c in components if c.id == name))
    doubled = [Route(beside(r.path), r.alternate and beside(r.alternate)) for r in routes]
    answer = Locator([*components, twin], doubled).locate(sent, failed, known)
    for cause in answer.causes:
        assert ("twin" in cause.members) == (name in cause.members)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_paths_that_were_not_measured_change_nobodys_name(data: Any) -> None:
    components, routes = province(5, (2,))
    more = data.draw(st.lists(st.sampled_from(routes), max_size=5))
    name = data.draw(st.sampled_from([component.id for component in components]))
    sent, failed = counts(routes, {name: 1.0})
    idle = [0] * len(more)
    before = Locator(components, routes).locate(sent, failed)
    assert said(Locator(components, [*routes, *more]).locate([*sent, *idle], [*failed, *idle])) == said(
        before
    )


@given(st.integers(3, 9), st.sets(st.integers(0, 8)), st.data())
@settings(max_examples=60, deadline=None)
def test_a_single_hard_fault_without_noise_is_always_found(
    communes: int, double: set[int], data: Any
) -> None:
    components, routes = province(communes, tuple(double))
    name = data.draw(st.sampled_from([component.id for component in components]))
    (cause,) = Locator(components, routes).locate(*counts(routes, {name: 1.0}, each=8)).causes
    assert name in cause.members
