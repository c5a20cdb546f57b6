"""The scenes of certificates that expire, and of agents that are old or in trouble. Pure."""

from collections.abc import Iterator
from typing import Final

from alerts.rules_upkeep import (
    AGENT_OUTDATED,
    CERTIFICATE_EXPIRES_SOON,
    CERTIFICATE_EXPIRING,
    CLOCK_UNTRUSTED,
    DAY_SECONDS,
    LOSING_SAMPLES,
    SPOOL_FILLING,
    SPOOL_IN_MEMORY,
)
from deploy.scene import Expected, Scene, Series, series
from inventory import names
from inventory.model import Inventory
from inventory.names import HUB_SITE, DropReason, Metric

MINUTE: Final = 60
SPARSE_SECONDS: Final = 300
HOUR: Final = 3600
SLOW_SECONDS: Final = 6 * HOUR
LENGTH_SECONDS: Final = 1800
_OLD, _NEW = "1.0", "1.1"


def scenes(inventory: Inventory) -> Iterator[Scene]:
    """Yield the scenes; they play on the last system and the first commune."""
    yield from _certificates(inventory)
    yield _outdated(inventory)
    yield from _agents(inventory)


# --- certificates --------------------------------------------------------------------------------
def _certificates(inventory: Inventory) -> Iterator[Scene]:
    target, hub = f"system:{inventory.systems[-1].id}", f"hub:{inventory.hub.id}"
    about = {"site": HUB_SITE, "target": target, "probe": "http"}
    ticket, page = (
        Expected(CERTIFICATE_EXPIRING, target, "ticket"), Expected(CERTIFICATE_EXPIRES_SOON, target),
    )  # fmt: skip
    upkeep = inventory.upkeep
    soon, late = upkeep.certificate_page_days * DAY_SECONDS, upkeep.certificate_ticket_days * DAY_SECONDS
    renewed, opens, closes, length = 3 * HOUR, HOUR, 2 * HOUR, 4 * HOUR
    times = range(0, length + 1, SPARSE_SECONDS)
    expiry = [soon + 1800 if second < renewed else late + 90 * DAY_SECONDS for second in times]
    open_now = [float(opens <= second < closes) for second in times]
    office = [
        series(names.IN_SERVICE_HOURS, {"commune": commune.code}, list(open_now))
        for commune in inventory.communes
    ]
    yield Scene(
        name=f"the certificate of {target} expires: a ticket, and a page once an office is open",
        seconds=length,
        step_seconds=SPARSE_SECONDS,
        measured=(series(names.PROBE_SSL_EXPIRY, about, list(expiry)), *office),
        expected=(
            (300, ()),
            (900, (ticket,)),
            (opens - SPARSE_SECONDS, (ticket,)),
            (opens + 600, (ticket, page)),
            (closes + 1800, (ticket, page)),
            (renewed + 300, ()),
        ),
    )
    yield Scene(
        name=f"the certificate of {target} expires in some weeks: nothing yet",
        seconds=length,
        step_seconds=SPARSE_SECONDS,
        measured=(series(names.PROBE_SSL_EXPIRY, about, [late + length + 60.0 for _ in times]),),
        expected=tuple((second, ()) for second in (HOUR, length)),
    )
    yield Scene(
        name="the gateway's own certificate expires",
        seconds=HOUR,
        step_seconds=SPARSE_SECONDS,
        measured=(
            series(
                names.CERTIFICATE_EXPIRY,
                {"certificate": "gateway"},
                [late - 60.0] * (HOUR // SPARSE_SECONDS + 1),
            ),
        ),
        expected=((300, ()), (900, (Expected(CERTIFICATE_EXPIRING, hub, "ticket"),))),
    )


# --- agents --------------------------------------------------------------------------------------
def _outdated(inventory: Inventory) -> Scene:
    """Behind for days, then brought up to date."""
    code = inventory.communes[0].code
    begin = int(inventory.upkeep.agent_outdated_days * DAY_SECONDS) // SLOW_SECONDS
    updated, steps = begin + 3, begin + 6
    old = [None if step >= updated else 1.0 for step in range(steps)]
    new = [1.0 if step >= updated else None for step in range(steps)]
    theirs = {"site": code, "commune": code, "config": "c"}
    measured = (
        series(names.AGENT_BUILD_INFO, {"site": HUB_SITE, "version": _NEW, "config": "c"}, [1.0] * steps),
        series(names.AGENT_BUILD_INFO, {**theirs, "version": _OLD}, old),
        series(names.AGENT_BUILD_INFO, {**theirs, "version": _NEW}, new),
    )
    ticket = (Expected(AGENT_OUTDATED, f"agent:{code}", "ticket"),)
    return Scene(
        name=f"the agent of commune {code} is behind the hub's version for days, then updated",
        seconds=(steps - 1) * SLOW_SECONDS,
        step_seconds=SLOW_SECONDS,
        measured=measured,
        expected=(
            ((begin - 1) * SLOW_SECONDS, ()),
            ((updated - 1) * SLOW_SECONDS, ticket),
            ((updated + 1) * SLOW_SECONDS, ()),
        ),
    )


def _agents(inventory: Inventory) -> Iterator[Scene]:
    code, most = inventory.communes[0].code, inventory.upkeep.spool_full_ratio
    steps = LENGTH_SECONDS // MINUTE + 1
    limit = 256e6

    def ours(metric: Metric, values: list[float], **labels: str) -> Series:
        return series(metric, {"site": code, "commune": code, **labels}, list(values))

    def spool(share: float) -> tuple[Series, ...]:
        return (
            ours(names.AGENT_SPOOL_BYTES, [share * limit] * steps),
            ours(names.AGENT_SPOOL_LIMIT, [limit] * steps),
        )

    def dropped(reason: DropReason) -> tuple[Series, ...]:
        return (ours(names.AGENT_DROPPED_SAMPLES, [50.0 * step for step in range(steps)], reason=reason),)

    def flag(metric: Metric) -> tuple[Series, ...]:
        return (ours(metric, [1.0] * steps),)

    for said, alertname, measured in (
        ("has a full spool", SPOOL_FILLING, spool((1 + most) / 2)),
        ("has room in its spool", "", spool(0.97 * most)),
        ("gives samples up", LOSING_SAMPLES, dropped(DropReason.FULL)),
        ("was stopped before it could write", "", dropped(DropReason.STOPPED)),
        ("cannot write its spool", SPOOL_IN_MEMORY, flag(names.AGENT_SPOOL_IN_MEMORY)),
        ("does not trust its clock", CLOCK_UNTRUSTED, flag(names.AGENT_CLOCK_GUARD)),
    ):
        ticket = (Expected(alertname, f"agent:{code}", "ticket"),) if alertname else ()
        yield Scene(
            name=f"the agent of commune {code} {said}",
            seconds=LENGTH_SECONDS,
            step_seconds=MINUTE,
            measured=measured,
            expected=((MINUTE, ()), (600, ticket), (LENGTH_SECONDS, ticket)),
        )
