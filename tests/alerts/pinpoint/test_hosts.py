"""A system and the machine that it runs on: what comes back tells which of them is named."""

import msgspec
import pytest

from alerts.locate.locator import Locator
from alerts.pinpoint.holding import Open
from alerts.pinpoint.judging import causes
from alerts.pinpoint.sight import Sight
from alerts.pinpoint.watching import Aspect, watching
from alerts.pinpoint.words import labels
from inventory.model import Inventory, Segment, Text
from inventory.names import Reason
from tests.alerts.pinpoint.world import World
from tests.dashboards import province

PATIENCE = 15
SPOKEN = [
    Reason.TLS, Reason.STATUS, Reason.BODY, Reason.MAINTENANCE, Reason.REDIRECT, Reason.PROTOCOL,
    Reason.TOO_LARGE, Reason.AUTH,
]  # fmt: skip
REACHED = [Reason.REFUSED, Reason.RESET, Reason.STALLED]
HOST, SYSTEM = "host:may-chu", "system:ho-tich"


def first(world: World) -> list[Open]:
    """Run on; returns the outages that were told of."""
    return [one for _, step in world.run(PATIENCE) for one in step.begun]


def hosted(*systems: str) -> Inventory:
    """Return the small province with a machine that carries these systems and answers no pings."""
    inventory = province.small()
    machine = Segment(id="may-chu", kind="host", name=Text(vi="Máy chủ", en="Machine"))
    return msgspec.structs.replace(
        inventory,
        segments=(*inventory.segments, machine),
        systems=tuple(
            msgspec.structs.replace(one, path=(*one.path, machine.id)) if one.id in systems else one
            for one in inventory.systems
        ),
    )


@pytest.mark.parametrize("reason", [*SPOKEN, *REACHED])
def test_a_system_on_a_machine_of_its_own_is_named_by_what_it_says(reason: Reason) -> None:
    world = World(hosted("ho-tich"))
    world.fault(SYSTEM, reason=reason)
    found = first(world)
    assert [(one.identity, one.kind) for one in found] == [(SYSTEM, "system")]
    members = (SYSTEM,) if reason in SPOKEN else (SYSTEM, HOST)
    assert found[0].cause.members == members, "a machine works on which a program speaks"
    maintained = reason is Reason.MAINTENANCE
    assert labels(found[0], {})["alertname"] == ("SystemInMaintenance" if maintained else "SystemDown")


@pytest.mark.parametrize(("carried", "told"), [(("ho-tich",), SYSTEM), (("ho-tich", "dvc"), HOST)])
@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.REFUSED])
def test_a_machine_is_named_once_two_systems_tell(
    reason: Reason, carried: tuple[str, ...], told: str
) -> None:
    world = World(hosted(*carried))
    world.fault(HOST, reason=reason)
    found = first(world)
    assert [one.identity for one in found] == [told]


def test_of_two_systems_on_a_machine_the_one_that_fails_is_named() -> None:
    world = World(hosted("ho-tich", "dvc"))
    world.fault(SYSTEM, reason=Reason.REFUSED)
    found = first(world)
    assert [one.cause.members for one in found] == [(SYSTEM,)]


def test_what_a_machine_carries_besides_and_was_not_asked_of_late_is_not_affected() -> None:
    seen = watching(hosted("ho-tich", "dvc"))
    paths = [one.paths[Aspect.WHOLE] for probe, one in seen.probes.items() if probe.target == SYSTEM]
    counts = [4 if route in paths else 0 for route in range(len(seen.routes))]
    network = {one.paths.get(Aspect.NETWORK) for one in seen.probes.values()}
    sent = [4 if route in network else count for route, count in enumerate(counts)]
    locator = Locator(seen.components, seen.routes)
    (before,) = locator.locate(sent, counts).causes
    (found,) = causes(locator, seen, Sight(0.0, sent, counts, {}, frozenset(), deaf=False))
    assert (before.component, before.members, found.members) == (HOST, (HOST, SYSTEM), (SYSTEM, HOST))
    assert set(found.affected) < set(before.affected)
    assert all(SYSTEM in seen.routes[route].path for route in found.affected)
    assert found.sent == found.failed == 4 * len(paths)
