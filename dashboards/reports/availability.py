"""The monthly account of lines and systems, from the inventory and what was counted. Pure.

Rows start from the inventory: whoever never reported stands there with coverage 0.
"""

from collections.abc import Iterator, Mapping
from typing import Final, Literal

import msgspec

from alerts.slo import Availability, Seconds, Verdict, availability, verdict
from dashboards.reports.counters import Key
from dashboards.reports.load import Counted, Load, Period, WayKey, loads
from dashboards.reports.month import Month
from dashboards.reports.unheard import Note, Unheard
from inventory.graph import Plan, plans
from inventory.model import Commune, Inventory, Quality, System, Text
from inventory.names import HUB_SITE

Subject = Literal["line", "system", "commune_system"]
_NO_GAPS: Final[Mapping[Key, Unheard]] = {}
_NOTHING: Final = Unheard()


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One accounted thing. Seconds are known time; ``unknown_seconds`` is the rest of the period without
    what is excluded. ``notes`` explain what was not heard."""

    subject: Subject
    commune: str = ""
    commune_name: str = ""
    line: str = ""
    system: str = ""
    system_name: Text | None = None
    availability: Availability
    up_seconds: float
    down_seconds: float
    unknown_seconds: float
    excluded_seconds: float = 0.0
    target: float | None = None
    verdict: Verdict
    heard: bool = True  # whether anything at all reached the hub
    notes: tuple[Note, ...] = ()


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A month's account up to ``until`` (Unix seconds)."""

    month: Month
    until: float
    provisional: bool
    rows: tuple[Row, ...]
    loads: tuple[Load, ...] = ()
    quality: Quality = Quality()  # by which the loads are judged


def line_keys(inventory: Inventory) -> dict[Key, tuple[Commune, str]]:
    """Return the key of each line's SLA probe: the one to the hub, bound to that line."""
    return {
        _key(plan): (commune, plan.line)
        for commune in inventory.communes
        for plan in plans(inventory, commune.code)
        if plan.sla
    }


def system_keys(inventory: Inventory, site: str) -> dict[Key, System]:
    """Return the key of each system's check as run by ``site``."""
    systems = {f"system:{system.id}": system for system in inventory.systems}
    return {_key(plan): systems[plan.target] for plan in plans(inventory, site) if plan.role == "system"}


def _key(plan: Plan) -> Key:
    return Key(plan.site, plan.line, plan.target, plan.kind)


def report(
    inventory: Inventory,
    month: Month,
    now: float,
    counted: Mapping[Key, Seconds],
    *,
    by_commune: bool = False,
    loaded: Mapping[WayKey, Counted] | None = None,
    gaps: Mapping[Key, Unheard] = _NO_GAPS,
) -> Report:
    """Account for a month that has begun. ``by_commune`` adds every commune x system, ``loaded`` what is
    known of the lines' load; ``gaps`` is what labelled gaps change for lines."""
    until = month.until(now)
    period_seconds = until - month.start
    rows = [*_lines(inventory, counted, period_seconds, gaps), *_systems(inventory, counted, period_seconds)]
    if by_commune:
        rows += _commune_systems(inventory, counted, period_seconds)
    return Report(
        month=month,
        until=until,
        provisional=month.is_provisional(now, inventory.storage.spool_days),
        rows=tuple(rows),
        loads=() if loaded is None else loads(inventory, Period(month.start, until), loaded),
        quality=inventory.quality,
    )


def _lines(
    inventory: Inventory, counted: Mapping[Key, Seconds], period_seconds: float, gaps: Mapping[Key, Unheard]
) -> Iterator[Row]:
    for key, (commune, line_id) in line_keys(inventory).items():
        target = next(line.sla_target for line in commune.lines if line.id == line_id)
        yield _row(
            counted.get(key), period_seconds, target,
            gaps=gaps.get(key, _NOTHING), subject="line", commune=commune.code, commune_name=commune.name,
            line=line_id,
        )  # fmt: skip


def _systems(inventory: Inventory, counted: Mapping[Key, Seconds], period_seconds: float) -> Iterator[Row]:
    for key, system in system_keys(inventory, HUB_SITE).items():
        yield _row(
            counted.get(key), period_seconds, system.sla_target,
            subject="system", system=system.id, system_name=system.name,
        )  # fmt: skip


def _commune_systems(
    inventory: Inventory, counted: Mapping[Key, Seconds], period_seconds: float
) -> Iterator[Row]:
    """A system's target is its owner's, and says nothing about a commune's way to it: no verdict."""
    for commune in inventory.communes:
        for key, system in system_keys(inventory, commune.code).items():
            yield _row(
                counted.get(key), period_seconds, None,
                subject="commune_system", commune=commune.code, commune_name=commune.name,
                line=key.line, system=system.id, system_name=system.name,
            )  # fmt: skip


def _row(
    counted: Seconds | None,
    period_seconds: float,
    target: float | None,
    *,
    gaps: Unheard = _NOTHING,
    **who: object,
) -> Row:
    counted_seconds = counted or Seconds()
    known = counted_seconds.plus(Seconds(down=gaps.down_seconds))
    period_seconds = max(1.0, period_seconds - gaps.excluded_seconds)
    found = availability(known, period_seconds)
    return Row(
        availability=found,
        up_seconds=known.up,
        down_seconds=known.down,
        unknown_seconds=max(0.0, period_seconds - known.up - known.down),
        excluded_seconds=gaps.excluded_seconds,
        target=target,
        verdict=verdict(found, target),
        heard=counted is not None,
        notes=gaps.notes,
        **who,  # type: ignore[arg-type]  # the naming fields, given by the three callers above
    )
