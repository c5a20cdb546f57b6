"""Chronic dead zones on the overview: how many, where, and by what. The rules' own verdict is shown."""

from typing import Any, Final

from dashboards.grafana import queries
from dashboards.grafana.layout import WIDE, Layout, Say
from dashboards.grafana.panels import (
    AMBER,
    GREEN,
    GREY,
    RED,
    Mapping,
    background,
    joined_table,
    map_panel,
    query,
    stat_panel,
    thresholds,
    unit,
)
from inventory import names
from inventory.names import DeadZone, Recorded

NONE: Final = 0
VALUES: Final = {DeadZone.AVAILABILITY: 3, DeadZone.WEAK_SIGNAL: 2, DeadZone.NEVER_REPORTED: 1}
"""By reason, the gravest highest; of several a commune has the gravest."""
_COLOURS: Final = {3: RED, 2: AMBER, 1: GREY, NONE: GREEN}
_KEPT: Final = "3h"
"""What is recorded once an hour holds so long, as for the rules."""


def add(layout: Layout, say: Say, name: str) -> None:
    """Add the row."""
    layout.row(say("row_dead_zones"))
    said = _said(say)
    count = stat_panel(say("dead_zones"), measured_count(), thresholds((None, GREEN), (1, RED)))
    layout.add(count.description(say("dead_zones_description")), 4, 14)
    colours = thresholds(*((None if v == NONE else v, _COLOURS[v]) for v in sorted(_COLOURS)))
    layout.add(map_panel(say("dead_zones_map"), query(places(name), instant=True), said, colours), 20, 14)
    layout.add(_table(say, name, said), WIDE, 10)


def _said(say: Say) -> list[Mapping]:
    known = [(str(value), say(f"zone_{why}"), _COLOURS[value]) for why, value in VALUES.items()]
    return [*known, (str(NONE), say("zone_none"), GREEN)]


def _table(say: Say, name: str, said: list[Mapping]) -> Any:
    columns = {
        "A": (f"{verdicts()} {_named(name)}", "column_zone"),
        "B": (of_best_line(Recorded.LINE_LONG_AVAILABILITY), "column_availability"),
        "C": (of_best_line(Recorded.LINE_LONG_UPPER), "column_upper"),
        "D": (of_best_line(Recorded.LINE_LONG_DAYS), "column_days"),
        "E": (f"max by (commune) ({names.COMMUNE_DOSSIERS.name}{{{queries.PICKED}}})", "column_dossiers"),
    }
    shown = {name: say("column_commune"), **{f"Value #{ref}": say(key) for ref, (_, key) in columns.items()}}
    wanted = [query(asked, ref, instant=True) for ref, (asked, _) in columns.items()]
    return (
        joined_table(say("dead_zones_table"), wanted, "commune", shown, "commune")
        .override_by_name(say("column_zone"), background(said))
        .override_by_name(say("column_availability"), [unit("percentunit")])
        .override_by_name(say("column_upper"), [unit("percentunit")])
    )


# --- queries ----------------------------------------------------------------------------------------
def measured_count() -> str:
    """How many communes are dead zones by what was measured; those never heard are counted elsewhere."""
    measured = f'{Recorded.DEAD_ZONE}{{reason!="{DeadZone.NEVER_REPORTED}"}} == 1'
    return f"count(count by (commune) ({measured})) or vector(0)"


def verdicts() -> str:
    """The value of :data:`VALUES` by commune, 0 where it is no dead zone."""
    by_reason = " or ".join(
        f'({Recorded.DEAD_ZONE}{{reason="{why}", {queries.PICKED}}} == 1) * {value}'
        for why, value in VALUES.items()
    )
    return f"(max by (commune) ({by_reason}) or on (commune) {queries.communes(queries.PICKED)} * {NONE})"


def places(name: str) -> str:
    """The same with the place of its dot; ``name`` is the label with its name."""
    return f"{verdicts()} {_named(name, 'latitude', 'longitude')}"


def of_best_line(recorded: Recorded) -> str:
    """What is recorded of the 28 days, by commune."""
    return f"max by (commune) (last_over_time({recorded}{{{queries.PICKED}}}[{_KEPT}]))"


def _named(*labels: str) -> str:
    listed = ", ".join(labels)
    return f"* on (commune) group_left ({listed}) max by (commune, {listed}) ({names.COMMUNE_INFO.name})"
