"""The live half in virtual time: what is told of, when, once, and when it ends."""

import msgspec
import pytest

from alerts.pinpoint.holding import Open
from inventory.model import Inventory
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


@pytest.mark.parametrize(
    ("component", "loss", "grade", "seconds"),
    [
        ("pop:ba-to", 0.3, "lossy", 12),
        ("isp:viettel", 0.5, "lossy", 12),
        ("line:21040/main", 0.5, "ticket", 25),
    ],
)
def test_what_loses_a_part_is_located(component: str, loss: float, grade: str, seconds: int) -> None:
    world = World(province.small(), noise=0.005)
    world.fault(component, loss)
    _, found = first(world, seconds)
    assert [(one.identity, one.grade) for one in found] == [(component, grade)]
    assert abs(found[0].cause.loss - loss) < 0.2
    world.heal()
    healed = world.now
    ended = [end for _, step in world.run(25) for end in step.ended]
    assert [end.outage.identity for end in ended] == [component]
    assert abs(ended[0].at - healed) <= 3, "the end is told late, and dated right"


def test_the_end_of_a_cut_is_known_soon_and_dated_to_the_second() -> None:
    world = World(province.small())
    world.fault("pop:ba-to")
    assert len(first(world, 15)[1]) == 1
    world.heal()
    healed = world.now
    (end,) = [(second, one) for second, step in world.run(12) for one in step.ended]
    assert end[0] <= 9
    assert abs(end[1].at - healed) <= 1.5


def test_blips_tell_nobody() -> None:
    world = World(province.small(), noise=0.005)
    for loss in (1.0, 0.5):
        world.fault("pop:ba-to", loss)
        assert list(world.run(3)) == []
        world.heal()
        assert list(world.run(17)) == []


def two_lines() -> tuple[Inventory, str, str]:
    """Return a province of which one commune has two lines, over different POPs, and both."""
    inventory = province.small()
    one, *others = inventory.communes
    (first,) = one.lines
    other = next(c.lines[0] for c in others if c.lines[0].carrier != first.carrier)
    second = msgspec.structs.replace(first, id="du-phong", segments=other.segments, carrier=other.carrier)
    both = msgspec.structs.replace(one, lines=(first, second))
    inventory = msgspec.structs.replace(inventory, communes=(both, *others))
    return inventory, f"line:{one.code}/{first.id}", f"line:{one.code}/{second.id}"


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("last", ["line", "power"])
def test_the_last_line_of_a_commune_stays_in_the_class(last: str, restarted: bool) -> None:
    inventory, first_line, second_line = two_lines()
    commune = inventory.communes[0].code
    world = World(inventory)
    world.fault(first_line)
    assert [one.identity for one in first(world)[1]] == [first_line]
    broken = second_line if last == "line" else f"power:{commune}"
    world.fault(broken)
    steps = [step for _, step in world.run(30)]
    (told,) = [one for step in steps for one in step.begun]
    assert told.identity == f"power|line:{commune}"
    ended = [(end.outage.identity, end.into) for step in steps for end in step.ended]
    assert ended == [(first_line, told.identity)], "it is dead as before, and part of something wider now"
    if restarted:
        world.restart()
    assert list(world.run(20)) == []
    assert set(world.holding.open[0].cause.members) == {f"power:{commune}", second_line}
    world.heal(first_line)
    assert list(world.run(30)) == [], "nothing is over, and nothing new"
    assert broken in world.holding.open[0].cause.members


@pytest.mark.parametrize("seed", range(6))
def test_a_system_that_answers_wrongly_now_and_then_is_told_of_and_not_as_down(seed: int) -> None:
    world = World(province.small(), seed=seed, noise=0.005)
    world.fault("system:ho-tich", 0.3, Reason.BODY)
    _, found = first(world)
    assert {(one.identity, one.grade) for one in found} == {("system:ho-tich", "lossy")}


def test_the_power_of_a_commune_with_two_lines_is_named_alone() -> None:
    inventory, _, _ = two_lines()
    commune = inventory.communes[0].code
    world = World(inventory)
    world.fault(f"power:{commune}")
    assert [one.cause.members for one in first(world)[1]] == [(f"power:{commune}",)]


@pytest.mark.parametrize("restarted", [False, True])
def test_a_system_that_is_checked_once_a_minute_lasts_through_a_restart(restarted: bool) -> None:
    world = World(province.small(), system_seconds=60.0)
    world.fault("system:ho-tich")
    assert [one.identity for one in first(world, 100)[1]] == ["system:ho-tich"]
    if restarted:
        world.restart()
    assert list(world.run(200)) == []
    world.heal()
    assert [end.outage.identity for _, step in world.run(100) for end in step.ended] == ["system:ho-tich"]


@pytest.mark.parametrize("component", ["pop:ba-to", "isp:viettel", "ring:east", "hub:main", "system:ho-tich"])
@pytest.mark.parametrize("noise", [0.0, 0.005])
def test_what_is_cut_is_never_told_of_as_losing_a_part(component: str, noise: float) -> None:
    for seed in range(5):
        world = World(province.small(), seed=seed, noise=noise)
        world.fault(component)
        _, found = first(world, 15)
        assert [one.grade for one in found] == ["down"]


@pytest.mark.parametrize("component", ["lan:21484", "agent:21484", "power:21484", "pop:ba-to", "isp:viettel"])
def test_the_cause_that_stays_is_the_one_that_was_seen_and_not_what_is_left_of_it(component: str) -> None:
    for seed in range(6):
        world = World(province.small(), seed=seed)
        world.fault(component)
        (told,) = first(world, 20)[1]
        world.heal()
        ended = [end.outage for _, step in world.run(40) for end in step.ended]
        assert [one.identity for one in ended] == [told.identity]
        assert set(ended[0].cause.members) <= set(told.cause.members)
