"""An outage goes on while those who speak of it die and come back: one page, one end, and that a true one."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.alerts.two_sources import CAUSES, Act, Worlds

ACTS = st.lists(
    st.tuples(
        st.sampled_from(
            ["cause", "cause", "locator", "locator", "lose", "prometheus", "alertmanager", "receiver"]
        ),
        st.sampled_from([cause.name for cause in CAUSES][:2]),
        st.sampled_from([5, 15, 60, 120, 700]),
    ),
    min_size=6,
    max_size=14,
)
"""What changes, and for how many seconds it stays so; a cause comes or goes, a service dies or comes back."""


def turned(world: Worlds, do: str, what: str) -> Act:
    """Return what turns ``do`` into its opposite."""
    if do == "cause":
        return Act("heal" if what in world.true else "cut", what)
    if do == "locator":
        return Act("start" if world.located_since is None else "kill")
    if do == "prometheus":
        return Act("prometheus" if world.prometheus_since is None else "no prometheus")
    return Act(do)


def ends(world: Worlds) -> None:
    """Everything heals and everybody comes back; then everything that was told of is over."""
    world.passes(90)
    for cause in CAUSES:
        world.act(Act("heal", cause.name))
    world.act(Act("start"))
    world.act(Act("prometheus"))
    world.passes(400)
    assert world.store.standing() == ()
    rows = world.store.rows("SELECT status, count(DISTINCT outage_id) FROM deliveries GROUP BY status")
    said = dict(rows)
    assert said.get("firing", 0) == said.get("resolved", 0) == len(world.pages)
    world.store.close()


@settings(max_examples=20, deadline=None)
@given(ACTS)
def test_whoever_dies_and_comes_back_there_is_one_page_and_one_end(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, str, int]]
) -> None:
    world = Worlds(tmp_path_factory.mktemp("handover") / "receiver.sqlite")
    for do, what, seconds in acts:
        world.act(turned(world, do, what))
        world.passes(seconds)
    ends(world)
    assert world.trouble == []


# --- the same, told as stories -------------------------------------------------------------------
@pytest.fixture
def world(tmp_path: Path) -> Worlds:
    made = Worlds(tmp_path / "receiver.sqlite")
    made.passes(60)
    return made


def told(world: Worlds) -> list[tuple[str, str]]:
    """Messages so far: source of the outage, and whether it fires."""
    found = world.store.rows("SELECT outage_id, status FROM deliveries ORDER BY seq")
    return [(identity.partition("-")[0], status) for identity, status in found]


@pytest.mark.parametrize("cause", [cause.name for cause in CAUSES])
def test_the_rules_take_over_and_give_back(world: Worlds, cause: str) -> None:
    world.act(Act("cut", cause))
    world.passes(60)
    assert told(world) == [("locator", "firing")]
    world.act(Act("kill"))
    world.passes(900)  # the locator's alerts have ended for want of repetition, which is no end
    assert told(world) == [("locator", "firing")]
    world.act(Act("start"))
    world.passes(120)
    world.act(Act("heal", cause))
    world.passes(60)
    assert told(world) == [("locator", "firing"), ("locator", "resolved")]
    assert world.trouble == []


@pytest.mark.parametrize("cause", [cause.name for cause in CAUSES])
def test_what_the_rules_have_told_the_locator_does_not_tell_again(world: Worlds, cause: str) -> None:
    world.act(Act("kill"))
    world.passes(30)
    world.act(Act("cut", cause))
    world.passes(40)
    assert told(world) == [("rules", "firing")]
    world.act(Act("start"))
    world.passes(120)
    assert told(world) == [("rules", "firing")]
    world.act(Act("heal", cause))
    world.passes(20)  # the locator's word is enough: the rules leave it to a living one
    assert told(world) == [("rules", "firing"), ("rules", "resolved")]
    assert world.trouble == []


def test_what_ends_while_the_locator_is_dead_the_rules_end(world: Worlds) -> None:
    world.act(Act("cut", "pop"))
    world.passes(60)
    world.act(Act("kill"))
    world.passes(120)
    world.act(Act("heal", "pop"))
    world.passes(90)
    assert told(world) == [("locator", "firing"), ("locator", "resolved")]
    world.act(Act("cut", "pop"))
    world.passes(60)
    assert told(world)[2:] == [("rules", "firing")], "what the dead locator said before keeps nothing quiet"


def test_what_no_rule_ever_saw_lasts_until_the_locator_is_back(world: Worlds) -> None:
    world.act(Act("no prometheus"))
    world.passes(120)
    world.act(Act("cut", "line"))
    world.passes(60)
    world.act(Act("kill"))
    world.act(Act("heal", "line"))
    world.passes(1800)
    assert told(world) == [("locator", "firing")]
    world.act(Act("start"))
    world.passes(120)
    assert told(world) == [("locator", "firing"), ("locator", "resolved")]


def test_a_locator_that_lost_its_memory_ends_what_it_no_longer_knows(world: Worlds) -> None:
    world.act(Act("cut", "power"))
    world.passes(60)
    world.act(Act("kill"))
    world.passes(60)
    world.act(Act("heal", "power"))
    world.act(Act("lose"))
    world.passes(200)
    assert told(world) == [("locator", "firing"), ("locator", "resolved")]


def test_the_next_fault_of_the_same_component_is_told_though_the_locator_takes_both_for_one(
    world: Worlds,
) -> None:
    world.act(Act("cut", "power"))
    world.passes(60)
    world.act(Act("kill"))
    world.passes(60)
    world.act(Act("heal", "power"))
    world.passes(120)
    world.act(Act("no prometheus"))
    world.act(Act("cut", "power"))
    world.act(Act("start"))
    world.passes(150)
    assert told(world) == [("locator", "firing"), ("locator", "resolved"), ("locator", "firing")]
    world.act(Act("heal", "power"))
    world.passes(30)
    assert told(world)[3:] == [("locator", "resolved")]
