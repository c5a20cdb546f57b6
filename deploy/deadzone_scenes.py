"""The scenes of chronic dead zones, and of a line that is declared in the wrong place. Pure."""

from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Final

from alerts import deadzone
from alerts.rules_deadzones import DEAD_ZONE, INVENTORY_SUSPECT
from deploy.scene import Expected, Scene, Series, series
from inventory import graph, names
from inventory.model import Commune, Inventory
from inventory.names import State

HOUR: Final = 3600
DAY: Final = 86400
MINUTE: Final = 60
EVALUATED_SECONDS: Final = 6 * HOUR
"""More seldom than in life: a scene is of weeks, and each evaluation looks back over all of them."""
_SECONDS: Final = (deadzone.MIN_DAYS + 1) * DAY


def scenes(inventory: Inventory) -> Iterator[Scene]:
    """Yield the scenes; they play at the first commune with one line."""
    single = [commune for commune in inventory.communes if len(commune.lines) == 1]
    for commune in single[:1]:
        yield _dead(inventory, commune)
        yield _one_long_outage(inventory, commune)
        yield _suspect(inventory, commune)


def _dead(inventory: Inventory, commune: Commune) -> Scene:
    """Three hours of every day: no single one is news, together they are."""
    ticket = (Expected(DEAD_ZONE, f"power|line:{commune.code}", "ticket"),)
    enough = deadzone.MIN_DAYS * DAY
    return Scene(
        name=f"commune {commune.code} is down three hours a day: a dead zone once enough days are known",
        seconds=_SECONDS,
        step_seconds=HOUR,
        evaluation_seconds=EVALUATED_SECONDS,
        measured=_states(inventory, commune, lambda hour: hour % 24 < 3),
        expected=((enough - 6 * HOUR, ()), (enough + 12 * HOUR, ticket), (_SECONDS, ticket)),
    )


def _one_long_outage(inventory: Inventory, commune: Commune) -> Scene:
    """As many hours in one piece prove nothing about the days to come."""
    lost = 3 * deadzone.MIN_DAYS
    return Scene(
        name=f"commune {commune.code} was down once for days: bad luck, no dead zone",
        seconds=_SECONDS,
        step_seconds=HOUR,
        evaluation_seconds=EVALUATED_SECONDS,
        measured=_states(inventory, commune, lambda hour: 100 <= hour < 100 + lost),
        expected=((_SECONDS - 12 * HOUR, ()), (_SECONDS, ())),
    )


def _states(inventory: Inventory, commune: Commune, down: Callable[[int], bool]) -> tuple[Series, ...]:
    """The state counters of its line, every hour: what was counted by then."""
    line = commune.lines[0]
    about = {
        "site": commune.code, "commune": commune.code, "line": line.id,
        "target": f"hub:{inventory.hub.id}", "probe": "icmp",
    }  # fmt: skip
    hours = [down(hour) for hour in range(_SECONDS // HOUR)]
    counted = {
        State.UP: [0 if lost else HOUR for lost in hours],
        State.DOWN: [HOUR if lost else 0 for lost in hours],
    }
    return tuple(
        series(names.TARGET_STATE_SECONDS, {**about, "state": str(state)}, list(map(float, _sums(spent))))
        for state, spent in counted.items()
    )


def _sums(spent: list[int]) -> Iterator[int]:
    return accumulate(spent, initial=0)


def _suspect(inventory: Inventory, commune: Commune) -> Scene:
    line = graph.line_id(commune, commune.lines[0])
    about = {
        "commune": commune.code, "line": commune.lines[0].id, "declared": "pop:here", "suspected": "pop:there"
    }  # fmt: skip
    ticket = (Expected(INVENTORY_SUSPECT, line, "ticket"),)
    return Scene(
        name=f"the outages of {line} follow another pop: the inventory is suspect",
        seconds=10 * MINUTE,
        step_seconds=MINUTE,
        measured=(series(names.INVENTORY_SUSPECT, about, [1.0] * 11),),
        expected=((4 * MINUTE, ticket), (10 * MINUTE, ticket)),
    )
