"""How well lines carry and how their sites are: one board a language, ``thongsuot-lines-vi`` and ``-en``."""

from typing import Any, Final

from grafana_foundation_sdk.models import dashboard

from dashboards.grafana import line_queries as ask
from dashboards.grafana.layout import WIDE, Layout, Say, frame, name_label, words
from dashboards.grafana.panels import (
    AMBER,
    GREEN,
    RED,
    background,
    lines_panel,
    query,
    stat_panel,
    table_panel,
    thresholds,
    transformation,
)
from inventory import names
from inventory.names import LineVerdict, Recorded

UID: Final = "thongsuot-lines"
_HALF: Final = WIDE // 2
_HEIGHT: Final = 9
_PERCENTILES: Final = (0.5, 0.95, 0.99)


def board(language: str) -> dashboard.Dashboard:
    """Build the board in ``language``. Raises KeyError for an unknown language."""
    say, name = words(language), name_label(language)
    made = frame(UID, language, "lines", "now-24h")
    layout = Layout(made)
    _verdicts(layout, say, name)
    _load(layout, say, name)
    _latency(layout, say, name)
    _each_way(layout, say, name)
    _throughput(layout, say, name)
    _path(layout, say, name)
    _site(layout, say, name)
    return made.build()


def _of_line(name: str, *labels: str) -> str:
    return " ".join(f"{{{{{label}}}}}" for label in (name, "line", *labels))


def _verdicts(layout: Layout, say: Say, name: str) -> None:
    for verdict in LineVerdict:
        colours = thresholds((None, GREEN), (1, AMBER))
        layout.add(stat_panel(say(f"verdict_{verdict}"), ask.lines_with(verdict), colours), 3, 4)
    layout.add(_verdict_table(say, name), WIDE, 8)


def _verdict_table(say: Say, name: str) -> Any:
    shown = {name: say("column_commune"), "line": say("column_line"), "verdict": say("column_verdict")}
    said = [(str(verdict), say(f"verdict_{verdict}"), RED) for verdict in LineVerdict]
    return (
        table_panel(say("verdicts"), [query(ask.verdicts(name), instant=True)])
        .description(say("verdicts_description"))
        .with_transformation(
            transformation(
                "organize",
                indexByName={field: index for index, field in enumerate(shown)},
                excludeByName={"Time": True, "Value": True, "commune": True},
                renameByName=shown,
            )
        )
        .override_by_name(say("column_verdict"), background(said))
    )


def _load(layout: Layout, say: Say, name: str) -> None:
    layout.row(say("row_load"))
    ways = _of_line(name, "direction")
    used = query(ask.by_direction(Recorded.LINE_UTILISATION, name), legend=ways)
    layout.add(lines_panel(say("utilisation"), [used], "percentunit"), _HALF, _HEIGHT)
    carried = query(ask.bits(Recorded.LINE_TRAFFIC, name), "A", legend=ways)
    limit = query(ask.contracted(name), "B", legend=f"{ways} · {say('contracted')}")
    layout.add(lines_panel(say("traffic"), [carried, limit], "bps"), _HALF, _HEIGHT)
    busy = query(ask.hourly(Recorded.LINE_BUSY, name), legend=ways)
    panel = lines_panel(say("percentile"), [busy], "percentunit").description(say("percentile_description"))
    layout.add(panel, _HALF, _HEIGHT)
    active = query(ask.by_line(Recorded.LINE_CARRYING, name), legend=_of_line(name))
    layout.add(lines_panel(say("carrying"), [active], "short"), _HALF, _HEIGHT)


def _latency(layout: Layout, say: Say, name: str) -> None:
    layout.row(say("row_latency"))
    percentiles = [
        query(ask.round_trips(share, name), ref, legend=f"{_of_line(name)} p{share * 100:g}")
        for ref, share in zip("ABC", _PERCENTILES, strict=True)
    ]
    layout.add(lines_panel(say("round_trips"), percentiles, "s"), WIDE, _HEIGHT)
    lost = query(ask.by_line(Recorded.LINE_LOSS, name), legend=_of_line(name))
    layout.add(lines_panel(say("packet_loss"), [lost], "percentunit"), _HALF, _HEIGHT)
    jitter = ask.against_hub(names.ICMP_JITTER, name, matchers='method="rfc3550"')
    layout.add(lines_panel(say("jitter"), [query(jitter, legend=_of_line(name))], "s"), _HALF, _HEIGHT)


def _each_way(layout: Layout, say: Say, name: str) -> None:
    layout.row(say("row_each_way"))
    ways = _of_line(name, "direction")
    for key, expression, measure, negative in (
        ("stamp_loss", ask.stamp_loss(name), "percentunit", False),
        ("stamp_jitter", ask.against_hub(names.STAMP_JITTER, name, "direction"), "s", False),
        ("one_way", ask.against_hub(names.STAMP_ONE_WAY_DELAY, name, "direction"), "s", True),
        (
            "delay_variation",
            ask.against_hub(names.STAMP_DELAY_VARIATION, name, "direction", matchers='stat="p95"'),
            "s",
            False,
        ),
    ):
        panel = lines_panel(say(key), [query(expression, legend=ways)], measure, negative=negative)
        layout.add(panel, _HALF, _HEIGHT)


def _throughput(layout: Layout, say: Say, name: str) -> None:
    layout.row(say("row_throughput"))
    ways = _of_line(name, "direction")
    reached = query(ask.bits(Recorded.LINE_GOODPUT, name), "A", legend=ways)
    limit = query(ask.contracted(name), "B", legend=f"{ways} · {say('contracted')}")
    layout.add(lines_panel(say("goodput"), [reached, limit], "bps"), _HALF, _HEIGHT)
    loaded = query(ask.against_hub(names.THROUGHPUT_RTT, name, "direction"), legend=ways)
    layout.add(lines_panel(say("loaded"), [loaded], "s"), _HALF, _HEIGHT)
    grade = query(ask.against_hub(names.THROUGHPUT_GRADE, name), legend=_of_line(name))
    panel = lines_panel(say("grade"), [grade], "short").description(say("grade_description"))
    layout.add(panel, _HALF, _HEIGHT)
    left = query(ask.against_hub(names.THROUGHPUT_BUDGET, name), legend=_of_line(name))
    layout.add(lines_panel(say("budget"), [left], "decbytes"), _HALF, _HEIGHT)


def _path(layout: Layout, say: Say, name: str) -> None:
    layout.row(say("row_path"))
    hops = query(ask.against_hub(names.TRACE_HOPS, name), legend=_of_line(name))
    layout.add(lines_panel(say("hops"), [hops], "short"), 8, _HEIGHT)
    changes = query(ask.path_changes(name), legend=_of_line(name))
    layout.add(lines_panel(say("path_changes"), [changes], "short"), 8, _HEIGHT)
    shown = {name: say("column_commune"), "line": say("column_line"), "address": say("column_last_hop")}
    layout.add(
        table_panel(say("last_hops"), [query(ask.last_hops(name), instant=True)]).with_transformation(
            transformation(
                "organize",
                indexByName={field: index for index, field in enumerate(shown)},
                excludeByName={"Time": True, "Value": True, "commune": True},
                renameByName=shown,
            )
        ),
        8,
        _HEIGHT,
    )


def _site(layout: Layout, say: Say, name: str) -> None:
    layout.row(say("row_site"))
    whole = f"{{{{{name}}}}}"
    memory = ask.share(names.HOST_MEMORY_AVAILABLE, names.HOST_MEMORY_TOTAL, name)
    disk = ask.share(names.HOST_DISK_FREE, names.HOST_DISK_TOTAL, name)
    for key, expression, legend, measure in (
        ("on_mains", ask.site(names.POWER_ON_MAINS, name), whole, "short"),
        ("charge", ask.site(names.POWER_CHARGE, name), whole, "percentunit"),
        ("runtime", ask.site(names.POWER_RUNTIME, name), whole, "s"),
        ("signal", ask.line_site(names.CELLULAR_RSRP, name), _of_line(name), "dBm"),
        ("sinr", ask.line_site(names.CELLULAR_SINR, name), _of_line(name), "dB"),
        ("cpu", ask.site(names.HOST_CPU, name), whole, "percentunit"),
        ("memory", memory, whole, "percentunit"),
        ("disk", disk, whole, "percentunit"),
        ("temperature", ask.site(names.HOST_TEMPERATURE, name), whole, "celsius"),
    ):
        panel = lines_panel(
            say(key), [query(expression, legend=legend)], measure, negative=key in {"signal", "sinr"}
        )
        layout.add(panel, 8, 8)
