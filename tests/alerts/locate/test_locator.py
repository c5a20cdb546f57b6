"""The locator on a province small enough to know the answer."""

import pytest

from alerts.locate import Component, Locator, Route, grow, search
from tests.alerts.locate.small import counts, province

COMPONENTS, ROUTES = province(double=(4,))
LOCATOR = Locator(COMPONENTS, ROUTES)
MAIN, OTHER = "line:4/main", "line:4/second"


def blamed(down: dict[str, float], known: tuple[str, ...] = ()) -> set[str]:
    return {cause.component for cause in LOCATOR.locate(*counts(ROUTES, down), known).causes}


@pytest.mark.parametrize("name", [component.id for component in COMPONENTS])
def test_a_single_component_that_is_down_is_found(name: str) -> None:
    (cause,) = LOCATOR.locate(*counts(ROUTES, {name: 1.0})).causes
    assert name in cause.members
    assert cause.loss == 0.99
    assert cause.kind == cause.component.partition(":")[0]


@pytest.mark.parametrize(
    "down",
    [
        ("pop:0", "power:5"),
        ("system:a", "line:0/main"),
        ("isp:1", "lan:0", "agent:1"),
        ("system:a", "system:c", "pop:1"),
        ("line:0/main", "line:1/main", "line:2/main", "agent:3", "lan:4"),
    ],
)
def test_several_at_once_are_found(down: tuple[str, ...]) -> None:
    assert blamed(dict.fromkeys(down, 1.0)) == set(down)


@pytest.mark.parametrize("name", ["pop:0", "isp:0", "hub:h", "system:b"])
def test_a_partial_fault_is_found_with_its_loss(name: str) -> None:
    (cause,) = LOCATOR.locate(*counts(ROUTES, {name: 0.5}, each=20)).causes
    assert cause.component == name
    assert cause.loss == pytest.approx(0.5, abs=0.05)


def test_a_system_that_loses_half_beside_a_line_that_is_down() -> None:
    found = LOCATOR.locate(*counts(ROUTES, {"system:b": 0.5, "line:0/main": 1.0}, each=20)).causes
    assert {cause.component for cause in found} == {"system:b", "line:0/main"}


def test_nothing_fails_and_nobody_is_blamed() -> None:
    assert LOCATOR.locate(*counts(ROUTES, {})).causes == ()


def test_a_single_failure_is_noise() -> None:
    sent, failed = counts(ROUTES, {})
    failed[3] = 1
    assert LOCATOR.locate(sent, failed).causes == ()


def test_one_line_of_two_hits_only_what_is_bound_to_it() -> None:
    (cause,) = LOCATOR.locate(*counts(ROUTES, {MAIN: 1.0})).causes
    assert cause.component == MAIN
    assert all(ROUTES[path].alternate is None for path in cause.affected)


def test_both_lines_of_two_hit_everything_of_the_commune_that_leaves_it() -> None:
    found = {
        cause.component: cause for cause in LOCATOR.locate(*counts(ROUTES, {MAIN: 1.0, OTHER: 1.0})).causes
    }
    assert set(found) == {MAIN, OTHER}
    either = {index for index, route in enumerate(ROUTES) if route.alternate is not None}
    assert either <= set(found[MAIN].affected)
    assert either <= set(found[OTHER].affected)


def test_planned_work_is_never_named_and_hides_no_other() -> None:
    assert blamed({"pop:0": 1.0, "line:1/main": 1.0}, ("pop:0",)) == {"line:1/main"}
    assert blamed({"pop:0": 1.0}, ("pop:0",)) == set()


def test_planned_work_that_does_not_happen_takes_no_blame_from_others() -> None:
    assert blamed({"line:0/main": 1.0}, ("pop:0",)) == {"line:0/main"}
    assert blamed({"pop:0": 1.0}, ("isp:0", "nobody")) == {"pop:0"}


def test_what_is_not_measured_says_nothing_and_may_be_hit() -> None:
    components, routes = province(communes=9)
    sent, failed = counts(routes, {"pop:0": 1.0})
    silent = [index for index, route in enumerate(routes) if route.commune == "0"]
    for index in silent:
        sent[index] = failed[index] = 0
    (cause,) = Locator(components, routes).locate(sent, failed).causes
    assert cause.members == ("pop:0",)
    assert set(silent) & set(cause.affected)
    assert cause.communes == ("0", "3", "6")


def test_planned_work_covers_what_cannot_be_told_apart_from_it() -> None:
    sent, failed = counts(ROUTES, {"line:0/main": 1.0})
    for index, route in enumerate(ROUTES):
        if route.commune == "0" and "agent:0" not in route.path:
            sent[index] = failed[index] = 0
    assert LOCATOR.locate(sent, failed, ["power:0"]).causes == ()


def test_a_class_holds_what_no_result_tells_apart() -> None:
    """Without the outside-in ping and the gateway, a silent commune is all that one can say."""
    sent, failed = counts(ROUTES, {"line:0/main": 1.0})
    for index, route in enumerate(ROUTES):
        if route.commune == "0" and "agent:0" not in route.path:
            sent[index] = failed[index] = 0
    (cause,) = LOCATOR.locate(sent, failed).causes
    assert cause.members == ("line:0/main", "lan:0", "power:0", "agent:0")
    assert cause.runner_up not in cause.members


def test_who_is_hit_and_by_what_it_shows() -> None:
    (cause,) = LOCATOR.locate(*counts(ROUTES, {"pop:2": 1.0})).causes
    assert cause.communes == ("2", "4", "5")
    assert cause.systems == ()
    assert {ROUTES[item.path].commune for item in cause.evidence} <= {"2", "4", "5"}
    assert all(item.failed == item.sent for item in cause.evidence)
    assert cause.failed == sum(counts(ROUTES, {"pop:2": 1.0})[1])
    (system,) = LOCATOR.locate(*counts(ROUTES, {"system:b": 1.0})).causes
    assert system.systems == ("system:b",)


def test_doubt_grows_as_evidence_shrinks() -> None:
    sent, failed = counts(ROUTES, {"pop:0": 1.0})
    (sure,) = LOCATOR.locate(sent, failed).causes
    for index, route in enumerate(ROUTES):
        if route.commune == "3":  # the other commune of this POP
            sent[index] = failed[index] = 0
    (unsure,) = LOCATOR.locate(sent, failed).causes
    assert unsure.confidence < sure.confidence


def test_causes_come_surest_first() -> None:
    found = LOCATOR.locate(*counts(ROUTES, {"pop:0": 1.0, "agent:1": 1.0, "system:a": 1.0})).causes
    assert [c.confidence for c in found] == sorted((c.confidence for c in found), reverse=True)


def test_noise_that_is_everywhere_is_taken_for_noise() -> None:
    components, routes = province(communes=60)
    sent, failed = counts(routes, {}, each=5)
    failed = [int(index % 10 == 0) for index in range(len(routes))]
    answer = Locator(components, routes).locate(sent, failed)
    assert answer.causes == ()
    assert answer.noise == pytest.approx(0.02, rel=0.05)


def test_a_kind_that_is_not_ours_can_be_blamed() -> None:
    components = [Component("satellite:1", "satellite"), Component("line:1", "line")]
    routes = [Route(("satellite:1",)), Route(("satellite:1", "line:1"))]
    (cause,) = Locator(components, routes).locate([9, 9], [9, 9]).causes
    assert (cause.component, cause.kind) == ("satellite:1", "satellite")


def test_power_does_not_fail_in_part() -> None:
    components = [Component("power:1", "power"), Component("lan:1", "lan")]
    routes = [Route(("power:1", "lan:1")), Route(("power:1", "lan:1"))]
    (cause,) = Locator(components, routes).locate([20, 20], [10, 10]).causes
    assert cause.component == "lan:1"


def test_no_paths_and_no_components() -> None:
    assert Locator([], []).locate([], []).causes == ()


def test_a_path_through_what_is_not_there_is_refused() -> None:
    with pytest.raises(KeyError):
        Locator([Component("a", "line")], [Route(("b",))])


def test_what_is_as_likely_is_one_class() -> None:
    """Two ways out, one measured beside each suspect: nothing but the prior prefers the line to the LAN."""
    components = [Component("line:1", "line"), Component("lan:1", "lan"), Component("pop:1", "pop")]
    routes = [
        Route(("lan:1", "line:1")),
        Route(("lan:1", "line:1", "pop:1")),
        Route(("line:1",)),
        Route(("lan:1",)),
        Route(("pop:1",)),
    ]
    (cause,) = Locator(components, routes).locate([9, 9, 1, 1, 9], [9, 9, 0, 0, 0]).causes
    assert cause.members == ("line:1", "lan:1")
    assert cause.runner_up not in cause.members
    (cause,) = Locator(components, routes).locate([9, 9, 1, 9, 9], [9, 9, 0, 0, 0]).causes
    assert cause.members == ("line:1",)


@pytest.mark.parametrize("loss", [0.15, 0.45, 0.85])
def test_a_loss_between_the_steps_blames_nobody_else(loss: float) -> None:
    components, routes = province(communes=40)
    answer = Locator(components, routes).locate(*counts(routes, {"hub:h": loss}, each=200))
    (cause,) = answer.causes
    assert cause.component == "hub:h"
    assert cause.loss == pytest.approx(loss, abs=0.01)


def test_what_passes_by_chance_under_two_faults_is_no_more_than_under_one() -> None:
    """One result in a hundred passes whatever is down, and both faults stay whole."""
    components, routes = province(communes=60)
    sent, failed = counts(routes, {"isp:0": 1.0, "system:a": 1.0}, each=100)
    failed = [number - (number == 100) for number in failed]
    answer = Locator(components, routes).locate(sent, failed)
    assert {(c.component, c.loss) for c in answer.causes} == {("isp:0", 0.99), ("system:a", 0.99)}


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_whatever_fails_there_is_an_end(share: float) -> None:
    """Every path of fifty communes: hundreds might be blamed, and each of them doubted."""
    components, routes = province(communes=50, double=(4, 9))
    sent = [6] * len(routes)
    answer = Locator(components, routes).locate(sent, [round(6 * share)] * len(routes))
    assert len(answer.causes) <= len(components)


def test_a_storm_of_many_faults_that_share_nothing_is_found_whole() -> None:
    components, routes = province(communes=90)
    down = {f"power:{index}": 1.0 for index in range(0, 90, 4)}
    causes = Locator(components, routes).locate(*counts(routes, down)).causes
    assert {name for cause in causes for name in cause.members} >= set(down)
    assert len(causes) == len(down)


def test_when_one_must_come_to_an_end_those_found_by_then_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    down = dict.fromkeys(("isp:1", "system:a", "power:0", "agent:1"), 1.0)
    whole = blamed(down)
    monkeypatch.setattr(search, "_ENOUGH", 0)
    assert blamed(down) == whole, "doubted by nobody, found all the same"
    monkeypatch.setattr(grow, "MOST", 0)
    assert blamed(down) == {"isp:1"}


@pytest.mark.parametrize("name", ["pop:0", "hub:h", "system:b", "line:4/main"])
def test_results_by_the_thousand_and_of_every_number(name: str) -> None:
    """Rows that have nothing in common: as many patterns as rows."""
    sent, failed = counts(ROUTES, {name: 1.0})
    many = [number * (3 + 7 * index) for index, number in enumerate(sent)]
    lost = [number * (3 + 7 * index) for index, number in enumerate(failed)]
    (cause,) = LOCATOR.locate(many, lost).causes
    assert name in cause.members
