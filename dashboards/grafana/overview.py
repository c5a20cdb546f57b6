"""The province at a glance: one board a language, ``thongsuot-overview-vi`` and ``-en``."""

from functools import partial
from typing import Any, Final

from grafana_foundation_sdk.models import dashboard

from dashboards.grafana import dead_zones, outage_queries, outages, queries
from dashboards.grafana.layout import WIDE, Layout, Say, frame, name_label, words
from dashboards.grafana.panels import (
    AMBER,
    GREEN,
    GREY,
    RED,
    Mapping,
    background,
    joined_table,
    lines_panel,
    map_panel,
    query,
    stat_panel,
    table_panel,
    thresholds,
    transformation,
    unit,
)
from inventory.names import Recorded

UID: Final = "thongsuot-overview"
STAT_HEIGHT: Final = 4


def board(language: str) -> dashboard.Dashboard:
    """Build the board in ``language``. Raises KeyError for an unknown language."""
    say, name = words(language), name_label(language)
    made = frame(UID, language, "board", "now-1h")
    layout = Layout(made)
    _numbers(layout, say)
    _located(layout, say, name)
    _places(layout, say, name)
    _systems(layout, say, name)
    _lines(layout, say, name)
    dead_zones.add(layout, say, name)
    outages.locator(layout, say)
    _itself(layout, say, name)
    return made.build()


def _states(say: Say) -> list[Mapping]:
    return [
        (str(queries.STATE_UP), say("state_up"), GREEN),
        (str(queries.STATE_SILENT), say("state_silent"), AMBER),
        (str(queries.STATE_CUT_OFF), say("state_cut_off"), RED),
        (str(queries.STATE_NEVER), say("state_never"), GREY),
    ]


def _yes_no(say: Say) -> list[Mapping]:
    return [("1", say("yes"), GREEN), ("0", say("no"), RED)]


def _numbers(layout: Layout, say: Say) -> None:
    bad = partial(_any_is, RED)
    for key, expression, colours in (
        ("communes_up", queries.communes_in(queries.STATE_UP), thresholds((None, GREEN))),
        ("communes_cut_off", queries.communes_in(queries.STATE_CUT_OFF), bad()),
        ("communes_silent", queries.communes_in(queries.STATE_SILENT), _any_is(AMBER)),
        ("communes_never", queries.communes_in(queries.STATE_NEVER), _any_is(GREY)),
        ("systems_down", queries.systems_down(), bad()),
        ("alerts_open", queries.open_alert_count(), bad()),
    ):
        layout.add(stat_panel(say(key), expression, colours), 4, STAT_HEIGHT)


def _any_is(colour: str) -> Any:
    """Green at none, ``colour`` from one on."""
    return thresholds((None, GREEN), (1, colour))


def _located(layout: Layout, say: Say, name: str) -> None:
    """Open outages by the locator's word, how fast they were found and how often people were paged."""
    layout.add(outages.table(say, name), 16, 8)
    for key, expression, measure in (
        ("locate_p95", outage_queries.time_to_locate(0.95), "s"),
        ("pages_per_cause", outage_queries.pages_per_cause(), "short"),
    ):
        layout.add(
            stat_panel(say(key), expression, thresholds((None, GREEN))).unit(measure).decimals(1), 4, 8
        )


def _places(layout: Layout, say: Say, name: str) -> None:
    colours = thresholds(
        (None, GREY), (queries.STATE_CUT_OFF, RED), (queries.STATE_SILENT, AMBER), (queries.STATE_UP, GREEN)
    )
    where = query(queries.commune_map(name), instant=True)
    layout.add(map_panel(say("map"), where, _states(say), colours), 12, 14)
    layout.add(_alerts_table(say, name), 12, 14)


def _alerts_table(say: Say, name: str) -> Any:
    order = ["Value", "alertname", name, "component", "commune", "severity"]
    hidden = {
        "Time",
        "name",
        "name_en",
        "kind",
        "source",
        "pop",
        "ring",
        "isp",
        "__name__",
        "job",
        "instance",
    }
    return (
        table_panel(say("alerts"), [query(queries.open_alerts(), instant=True)])
        .with_transformation(
            transformation(
                "organize",
                indexByName={field: index for index, field in enumerate(order)},
                excludeByName=dict.fromkeys(sorted(hidden - {name}), True),
                renameByName={
                    "Value": say("column_since"),
                    "alertname": say("column_alert"),
                    name: say("column_component"),
                    "component": "id",
                    "commune": say("column_commune"),
                    "severity": say("column_severity"),
                },
            )
        )
        .override_by_name(say("column_since"), [unit("dateTimeFromNow")])
    )


def _systems(layout: Layout, say: Say, name: str) -> None:
    wanted = [
        query(queries.system_seen_from_hub(name), "A", instant=True),
        query(queries.system_seen_from_communes(), "B", instant=True),
        query(queries.system_availability(), "C", instant=True),
    ]
    shown = {
        name: say("column_system"),
        "Value #A": say("column_from_hub"),
        "Value #B": say("column_from_communes"),
        "Value #C": say("column_availability"),
    }
    panel = (
        joined_table(say("systems"), wanted, "target", shown, "target")
        .override_by_name(say("column_from_hub"), background(_yes_no(say)))
        .override_by_name(say("column_from_communes"), [unit("percentunit")])
        .override_by_name(say("column_availability"), [unit("percentunit")])
    )
    layout.add(panel, WIDE, 9)
    layout.add(_matrix(say, name), WIDE, 12)


def _matrix(say: Say, name: str) -> Any:
    yes_no = _yes_no(say)
    return (
        table_panel(say("matrix"), [query(queries.matrix(name), instant=True)])
        .description(say("matrix_description"))
        .with_transformation(
            transformation(
                "groupingToMatrix",
                columnField="system",
                rowField="place",
                valueField="Value",
                emptyValue="null",
            )
        )
        .override_by_field_type("number", background(yes_no))
    )


def _lines(layout: Layout, say: Say, name: str) -> None:
    layout.row(say("row_lines"))
    legend = f"{{{{{name}}}}} {{{{line}}}}"
    for key, recorded, measure in (
        ("rtt", Recorded.LINE_RTT, "s"),
        ("loss", Recorded.LINE_LOSS, "percentunit"),
        ("availability_lines", Recorded.LINE_AVAILABILITY, "percentunit"),
    ):
        one = query(queries.line_value(recorded, name), legend=legend)
        layout.add(lines_panel(say(key), [one], measure), WIDE, 9)


def _itself(layout: Layout, say: Say, name: str) -> None:
    layout.row(say("row_self"))
    for key, expression, legend, measure in (
        ("heartbeat", queries.heartbeat_age(name), f"{{{{{name}}}}}", "s"),
        ("pushes", queries.pushes(), "{{result}}", "reqps"),
        ("dropped", queries.dropped_samples(), say("dropped"), "cps"),
        ("clock", queries.clock_offset(), say("clock"), "s"),
        ("processes", queries.processes(), "{{process}}", "short"),
    ):
        layout.add(lines_panel(say(key), [query(expression, legend=legend)], measure), 12, 8)
