"""The scenes of the gateway: a hub whose clock is wrong, agents that are refused, and what is neither."""

from collections.abc import Iterator
from typing import Final

from alerts.rules_delivery import DEADMAN_FAILING, FAILING_SECONDS
from deploy.scene import Expected, Scene, Series, series
from inventory import names
from inventory.model import Inventory
from inventory.names import Metric

LENGTH_SECONDS: Final = 660
STEP_SECONDS: Final = 15
_FROM, _TO = 60, 240
"""From the first refusal to the last."""


def scenes(inventory: Inventory) -> Iterator[Scene]:
    """Yield the scenes."""
    hub = f"hub:{inventory.hub.id}"
    codes = [commune.code for commune in inventory.communes]
    wrong = (Expected("HubClockWrong", hub),)
    doubted = [float(_FROM <= second < _TO) for second in _seconds()]
    yield _scene("the hub's clock is set back", wrong, series(names.INGEST_CLOCK_DOUBT, {}, list(doubted)))
    fresh = _counted(names.INGEST_REQUESTS, 0.5, result="fresh_too_old")
    yield _scene("what was just measured is too old for the hub", wrong, fresh)
    all_ahead = [_counted(names.INGEST_LEFT_OUT, 2, commune=code, reason="ahead") for code in codes]
    yield _scene("every commune seems to be ahead of the hub", wrong, *all_ahead)
    if len(codes) > 1:
        yield _scene("one commune is ahead of the hub: its clock is wrong", (), all_ahead[0])
    late = _counted(names.INGEST_LEFT_OUT, 2, commune=codes[0], reason="too_old")
    yield _scene("what waited for too long is left out", (), late)
    refused = (Expected("AgentRefused", f"agent:{codes[0]}", "ticket"),)
    unknown = _counted(names.INGEST_UNAUTHORISED, 0.1, commune=codes[0], reason="unknown")
    yield _scene(f"the token of commune {codes[0]} was revoked", refused, unknown)
    foreign = _counted(names.INGEST_FOREIGN, 0.1, commune=codes[0])
    yield _scene(f"the agent of commune {codes[0]} speaks for another", refused, foreign)
    scanning = _counted(names.INGEST_UNAUTHORISED, 5, reason="missing")
    yield _scene("somebody knocks who claims nothing", (), scanning)
    yield _outside(hub)


def _outside(hub: str) -> Scene:
    """Signs of life do not get out for ten minutes, of which five are forgiven."""
    since, until = 60, 600
    failing = [float(since) if since <= second < until else 0.0 for second in _seconds()]
    ticket = (Expected(DEADMAN_FAILING, hub, "ticket"),)
    return Scene(
        name="signs of life do not reach the address outside",
        seconds=LENGTH_SECONDS,
        step_seconds=STEP_SECONDS,
        measured=(series(names.DEADMAN_FAILING, {}, list(failing)),),
        expected=((since + FAILING_SECONDS - STEP_SECONDS, ()), (480, ticket), (LENGTH_SECONDS, ())),
    )


def _scene(name: str, fires: tuple[Expected, ...], *measured: Series) -> Scene:
    return Scene(
        name=name, seconds=LENGTH_SECONDS, step_seconds=STEP_SECONDS, measured=measured,
        expected=((_FROM, ()), (_TO - STEP_SECONDS, fires), (LENGTH_SECONDS, ())),
    )  # fmt: skip


def _seconds() -> range:
    return range(0, LENGTH_SECONDS + 1, STEP_SECONDS)


def _counted(metric: Metric, per_second: float, **labels: str) -> Series:
    """A counter that grows while something is refused."""
    values = [per_second * (min(max(second, _FROM), _TO) - _FROM) for second in _seconds()]
    return series(metric, labels, list(values))
