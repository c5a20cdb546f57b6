"""The live half in virtual time: what is told of, when, once, and when it ends."""

import pytest

from alerts.pinpoint.holding import Open
from inventory.names import Reason
from tests.alerts.pinpoint.world import World
from tests.dashboards import province

PATIENCE = 40


def first(world: World, seconds: int = PATIENCE) -> tuple[float, list[Open]]:
    """Run on; returns when the first outage was told of, and all that were."""
    when = 0.0
    told: list[Open] = []
    for second, step in world.run(seconds):
        when = when or (second if step.begun else 0.0)
        told += step.begun
    return when, told


@pytest.mark.parametrize(
    ("component", "told"),
    [
        ("line:21040/main", "power|line:21040"),
        ("power:21040", "power|line:21040"),
        ("agent:21040", "lan|agent:21040"),
        ("pop:ba-to", "pop:ba-to"),
        ("hub:main", "hub:main"),
    ],
)
def test_one_fault_is_one_outage_and_ends_once(component: str, told: str) -> None:
    world = World(province.small())
    world.fault(component)
    _when, found = first(world)
    assert [one.identity for one in found] == [told]
    world.heal()
    ended = [end for _, step in world.run(PATIENCE) for end in step.ended]
    assert [end.outage.identity for end in ended] == [told]
    assert not world.holding.open


@pytest.mark.parametrize("reason", [Reason.REFUSED, Reason.BODY, Reason.STALLED])
def test_a_system_is_named_by_what_it_says(reason: Reason) -> None:
    world = World(province.small())
    world.fault("system:ho-tich", reason=reason)
    _when, found = first(world)
    assert [one.identity for one in found] == ["system:ho-tich"]


def test_blips_tell_nobody() -> None:
    world = World(province.small())
    for _ in range(6):
        world.fault("pop:ba-to")
        assert list(world.run(3)) == []
        world.heal()
        assert list(world.run(20)) == []
