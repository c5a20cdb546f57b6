"""Outages over a time range, for managers: how many, how long, whom they hit, how fast they were found."""

from typing import Any, Final

from grafana_foundation_sdk.models import dashboard

from dashboards.grafana import outage_queries as ask
from dashboards.grafana.layout import WIDE, Layout, Say, frame, name_label, words
from dashboards.grafana.panels import (
    AMBER,
    GREEN,
    RED,
    joined_table,
    lines_panel,
    query,
    stat_panel,
    table_panel,
    thresholds,
    transformation,
    unit,
)
from inventory import names

UID: Final = "thongsuot-outages"
_STAT_HEIGHT: Final = 4
_SLOW_SECONDS: Final = 20
"""What one commune's outage may take at most; wide ones take half of it."""


def board(language: str) -> dashboard.Dashboard:
    """Build the board in ``language``. Raises KeyError for an unknown language."""
    say, name = words(language), name_label(language)
    made = frame(UID, language, "outages", "now-30d")
    layout = Layout(made)
    _numbers(layout, say)
    layout.add(table(say, name), WIDE, 8)
    layout.add(_worst(say, name), WIDE, 12)
    kinds = [query(ask.by_kind(), legend="{{kind}}")]
    layout.add(lines_panel(say("outages_open_by_kind"), kinds, "short"), WIDE, 9)
    _speed(layout, say)
    locator(layout, say)
    return made.build()


def _numbers(layout: Layout, say: Say) -> None:
    calm = thresholds((None, GREEN))
    fast = thresholds((None, GREEN), (_SLOW_SECONDS / 2, AMBER), (_SLOW_SECONDS, RED))
    for key, expression, colours, measure in (
        ("outages_open", ask.open_count(), thresholds((None, GREEN), (1, RED)), "short"),
        ("outages_count", ask.began(), calm, "short"),
        ("outages_commune_time", ask.commune_seconds(), calm, "dtdurations"),
        ("locate_median", ask.time_to_locate(0.5), fast, "s"),
        ("locate_p95", ask.time_to_locate(0.95), fast, "s"),
        (
            "pages_per_cause",
            ask.pages_per_cause(),
            thresholds((None, GREEN), (1.05, AMBER), (2, RED)),
            "short",
        ),
    ):
        panel = stat_panel(say(key), expression, colours).unit(measure).decimals(1 if "_p" in key else 0)
        layout.add(panel.description(say("outages_note")), 4, _STAT_HEIGHT)


def table(say: Say, name: str) -> Any:
    """The open outages by the locator's word: who, what kind, how many communes, since when."""
    columns = {
        name: say("column_component"),
        "kind": say("column_kind"),
        "Value #B": say("column_communes"),
        "Value #A": say("column_since"),
        "Value #C": say("column_confidence"),
        "component": "id",
    }
    wanted = [
        query(ask.since(name), "A", instant=True),
        query(ask.each(names.OUTAGE_COMMUNES), "B", instant=True),
        query(ask.each(names.OUTAGE_CONFIDENCE), "C", instant=True),
    ]
    return _joined(say("outages_table"), wanted, columns).override_by_name(
        say("column_since"), [unit("dateTimeFromNow")]
    )


def _worst(say: Say, name: str) -> Any:
    columns = {
        name: say("column_component"),
        "kind": say("column_kind"),
        "Value #B": say("column_outages"),
        "Value #A": say("column_duration"),
        "Value #C": say("column_widest"),
        "component": "id",
    }
    wanted = [
        query(ask.named(ask.seconds_by_component(), name), "A", instant=True),
        query(ask.began_by_component(), "B", instant=True),
        query(ask.widest(), "C", instant=True),
    ]
    return (
        _joined(say("outages_worst"), wanted, columns)
        .description(say("outages_note"))
        .with_transformation(
            transformation("sortBy", fields={}, sort=[{"field": say("column_duration"), "desc": True}])
        )
        .override_by_name(say("column_duration"), [unit("dtdurations")])
    )


def _joined(title: str, wanted: list[Any], columns: dict[str, str]) -> Any:
    """Answers side by side, a row a component; each answer but the first brings its kind along again."""
    shown = {"kind 1" if field == "kind" else field: text for field, text in columns.items()}
    return joined_table(title, wanted, "component", shown, "kind 2", "kind 3")


def _speed(layout: Layout, say: Say) -> None:
    layout.row(say("row_told"))
    kinds = [query(ask.began_by_kind(), instant=True)]
    layout.add(
        _by(say("outages_by_kind"), kinds, {"kind": say("column_kind"), "Value": say("column_outages")}), 8, 9
    )
    spent = [query(ask.seconds_by_kind(), instant=True)]
    lasting = _by(
        say("outages_time_by_kind"), spent, {"kind": say("column_kind"), "Value": say("column_duration")}
    )
    layout.add(lasting.override_by_name(say("column_duration"), [unit("dtdurations")]), 8, 9)
    told = [query(ask.told(), instant=True)]
    layout.add(
        _by(say("outages_told"), told, {"decision": say("column_told"), "Value": say("column_count")}), 8, 9
    )


def _by(title: str, wanted: list[Any], columns: dict[str, str]) -> Any:
    return table_panel(title, wanted).with_transformation(
        transformation(
            "organize",
            indexByName={field: index for index, field in enumerate(columns)},
            excludeByName={"Time": True},
            renameByName=columns,
        )
    )


def locator(layout: Layout, say: Say) -> None:
    """Add the row about the locator's own health."""
    layout.row(say("row_locator"))
    p95 = "95 %"
    for key, queries, measure in (
        ("locate_time", [
            query(ask.time_to_locate(0.5, "1h"), "A", legend="50 %"),
            query(ask.time_to_locate(0.95, "1h"), "B", legend=p95),
        ], "s"),
        ("locator_age", [query(ask.tick_age(), legend=say("locator_age"))], "s"),
        ("locator_ticks", [query(ask.ticks(), legend="{{result}}")], "ops"),
        ("locator_times", [
            query(ask.tick_time(0.95), "A", legend=f"{say('locator_tick')} {p95}"),
            query(ask.inference_time(0.95), "B", legend=f"{say('locator_inference')} {p95}"),
        ], "s"),
        ("locator_posts", [query(ask.posts(), legend="{{result}}")], "ops"),
    ):  # fmt: skip
        layout.add(lines_panel(say(key), queries, measure), 12, 8)
