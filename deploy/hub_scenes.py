"""The scenes of the hub's own trouble: channels, processes, its agent, what it alone does not reach; and
of an agent whose clock is wrong. Pure."""

from collections.abc import Iterator
from typing import Final

from alerts.rules_alerts import CLOCK_OFF, HUB_AGENT_SILENT, PROCESS_DOWN, SYSTEM_UNREACHABLE_FROM_HUB
from alerts.rules_delivery import CHANNEL_FAILING, FAILING_SECONDS, MESSAGE_LOST
from deploy.scene import Expected, Scene, Series, series
from inventory import names
from inventory.model import Inventory
from inventory.names import HUB_SITE

LENGTH_SECONDS: Final = 660
STEP_SECONDS: Final = 15
FAULT: Final = (40, 110)
"""After the 30 s in which silence proves nothing yet."""
_FROM, _TO = 60, 480
_CHANNEL: Final = "truc"
_LOOKS_BACK_SECONDS: Final = 900
"""So long a lost message is told of."""


def scenes(inventory: Inventory) -> Iterator[Scene]:
    """Yield the scenes; they play on the first commune and the last system."""
    hub = f"hub:{inventory.hub.id}"
    yield _failing(hub)
    yield _hiccup()
    yield from _lost(hub)
    yield _process(hub)
    yield _agent(hub)
    yield from _clocks(inventory)
    if len(inventory.communes) > 1:
        yield _unreached(inventory)


# --- channels ------------------------------------------------------------------------------------
def _failing(hub: str) -> Scene:
    page = (Expected(CHANNEL_FAILING, hub),)
    return _scene(
        "a channel takes nothing for minutes: a page by the others", _since(_FROM, _TO),
        (_FROM + FAILING_SECONDS - STEP_SECONDS, ()), (_TO - STEP_SECONDS, page), (LENGTH_SECONDS, ()),
    )  # fmt: skip


def _hiccup() -> Scene:
    healed = _FROM + FAILING_SECONDS - STEP_SECONDS
    return _scene(
        "a channel hesitates: retries bridge it", _since(_FROM, healed), *((at, ()) for at in (240, 375, 600))
    )


def _since(start: int, end: int) -> Series:
    values = [float(start) if start <= second < end else 0.0 for second in _seconds(LENGTH_SECONDS)]
    return series(names.CHANNEL_FAILING, {"channel": _CHANNEL}, list(values))


def _lost(hub: str) -> Iterator[Scene]:
    length = _FROM + _LOOKS_BACK_SECONDS + 120
    page = (Expected(MESSAGE_LOST, hub),)
    for result, fires in (("failed", page), ("retried", ())):
        counted = [float(second >= _FROM) for second in _seconds(length)]
        labels = {"channel": _CHANNEL, "result": result}
        yield _scene(
            f"a message {result}: {'a page' if fires else 'nobody is told'}",
            series(names.NOTIFICATIONS, labels, list(counted)),
            (_FROM - STEP_SECONDS, ()), (_FROM + 4 * STEP_SECONDS, fires), (length, ()),
            seconds=length,
        )  # fmt: skip


# --- processes -----------------------------------------------------------------------------------
def _process(hub: str) -> Scene:
    up = [float(not _FROM <= second < _TO) for second in _seconds(LENGTH_SECONDS)]
    ticket = (Expected(PROCESS_DOWN, hub, "ticket"),)
    return _scene(
        "a process of the hub does not come up again",
        series(names.CHILD_UP, {"process": "grafana"}, list(up)),
        (_FROM + STEP_SECONDS, ()), (_TO - STEP_SECONDS, ticket), (LENGTH_SECONDS, ()),
    )  # fmt: skip


def _agent(hub: str) -> Scene:
    """The hub's own agent stops; communes speak on, so the hub does listen."""
    start, end = FAULT
    ticket = (Expected(HUB_AGENT_SILENT, hub, "ticket"),)
    return Scene(
        name="the hub's own agent is silent: a ticket, and nobody else is blamed",
        seconds=end + 60,
        silent={HUB_SITE: FAULT},
        expected=((start + 20, ()), (end - 4, ticket), (end + 60, ())),
    )


# --- clocks --------------------------------------------------------------------------------------
def _clocks(inventory: Inventory) -> Iterator[Scene]:
    """Seconds of a commune are judged while it speaks, so steps are as short as in life."""
    commune, (start, end) = inventory.communes[0], (FAULT[0], 150)
    ticket = (Expected(CLOCK_OFF, f"agent:{commune.code}", "ticket"),)
    labels = {"site": commune.code, "commune": commune.code}
    for seconds, said, fires in ((-60.0, "60 s ahead", ticket), (9.0, "9 s behind", ())):
        offsets = [seconds if start <= second < end else 0.0 for second in range(0, end + 31, 2)]
        yield Scene(
            name=f"the clock of commune {commune.code} is {said}",
            seconds=end + 30,
            measured=(series(names.AGENT_CLOCK_OFFSET, labels, list(offsets)),),
            expected=((start + 50, ()), (end - 10, fires), (end + 30, ())),
        )


# --- systems -------------------------------------------------------------------------------------
def _unreached(inventory: Inventory) -> Scene:
    """Communes reach the system and the hub does not: the hub's own way to it."""
    start, end = FAULT
    target = f"system:{inventory.systems[-1].id}"
    ticket = (Expected(SYSTEM_UNREACHABLE_FROM_HUB, target, "ticket"),)
    return Scene(
        name=f"{target} is not reached from the hub alone: a ticket",
        seconds=end + 60,
        down={target: FAULT},
        expected=((start + 36, ()), (end, ticket), (end + 60, ())),
    )


def _scene(
    name: str, measured: Series, *expected: tuple[int, tuple[Expected, ...]], seconds: int = LENGTH_SECONDS
) -> Scene:
    return Scene(
        name=name, seconds=seconds, step_seconds=STEP_SECONDS, measured=(measured,), expected=expected
    )


def _seconds(length: int) -> range:
    return range(0, length + 1, STEP_SECONDS)
