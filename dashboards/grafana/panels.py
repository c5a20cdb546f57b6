"""Panels as the boards want them, on top of Grafana's own builders.

The builders leave ``refId`` and the panel's ``id`` unset, and lay panels out by flow; here both are
given, so that a board is the same each time it is made.
"""

from collections.abc import Sequence
from typing import Any, Final

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as dashboard_builders
from grafana_foundation_sdk.builders import geomap, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models import geomap as geomap_models
from grafana_foundation_sdk.models import prometheus as prometheus_models

DATASOURCE: Final = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")
GREEN: Final = "green"
AMBER: Final = "orange"
RED: Final = "red"
GREY: Final = "#808080"

Mapping = tuple[str, str, str]
"""(value, text, colour)"""


def query(expression: str, ref: str = "A", *, instant: bool = False, legend: str = "") -> Any:
    """A Prometheus query. An instant one is returned as a table of labels and value."""
    made = prometheus.Dataquery().expr(expression).ref_id(ref).datasource(DATASOURCE)
    if instant:
        return made.instant().format(prometheus_models.PromQueryFormat.TABLE)
    return made.range().legend_format(legend)


def number(expression: str, ref: str = "A") -> Any:
    """An instant query that is one number."""
    return prometheus.Dataquery().expr(expression).ref_id(ref).datasource(DATASOURCE).instant()


def thresholds(*steps: tuple[float | None, str]) -> Any:
    """Absolute thresholds: (from value, colour), the first from minus infinity (None)."""
    return (
        dashboard_builders.ThresholdsConfig()
        .mode(dashboard.ThresholdsMode.ABSOLUTE)
        .steps([dashboard.Threshold(value, colour) for value, colour in steps])
    )


def value_map(mappings: Sequence[Mapping]) -> dashboard.ValueMap:
    """Texts and colours for single values."""
    return dashboard.ValueMap(
        options={
            value: dashboard.ValueMappingResult(text=text, color=colour, index=index)
            for index, (value, text, colour) in enumerate(mappings)
        }
    )


def transformation(kind: str, **options: object) -> dashboard.DataTransformerConfig:
    """A transformation of the query's result, by Grafana's own id."""
    return dashboard.DataTransformerConfig(id_val=kind, options=options)


def stat_panel(title: str, expression: str, colours: Any) -> Any:
    """One large number, its background coloured by threshold."""
    return (
        stat.Panel()
        .title(title)
        .datasource(DATASOURCE)
        .with_target(number(expression))
        .thresholds(colours)
        .color_scheme(dashboard_builders.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS))
        .color_mode(common.BigValueColorMode.BACKGROUND)
        .graph_mode(common.BigValueGraphMode.NONE)
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value("0")
    )


def lines_panel(title: str, queries: Sequence[Any], unit: str, *, negative: bool = False) -> Any:
    """Lines over time; gaps stay gaps, since unknown is not a value. The axis begins at 0 unless values
    may be ``negative``."""
    panel = (
        timeseries.Panel()
        .title(title)
        .datasource(DATASOURCE)
        .unit(unit)
        .line_width(1)
        .fill_opacity(5)
        .span_nulls(False)
        .tooltip(common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
        .legend(
            common_builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.TABLE)
            .placement(common.LegendPlacement.RIGHT)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
    )
    if not negative:
        panel.min(0)
    for one in queries:
        panel.with_target(one)
    return panel


def table_panel(title: str, queries: Sequence[Any]) -> Any:
    """A table; columns are given by transformations and overrides of the caller."""
    panel = table.Panel().title(title).datasource(DATASOURCE).show_header(True).filterable(True)
    for one in queries:
        panel.with_target(one)
    return panel


def joined_table(title: str, queries: Sequence[Any], field: str, shown: dict[str, str], *hidden: str) -> Any:
    """A table of answers side by side, a row for each value of ``field``: columns ``shown``, by the name of
    their field, in their order; times are hidden, and so is ``hidden``."""
    times = ["Time", *(f"Time {number}" for number in range(1, len(queries) + 1))]
    return (
        table_panel(title, queries)
        .with_transformation(transformation("joinByField", byField=field, mode="outer"))
        .with_transformation(
            transformation(
                "organize",
                indexByName={name: index for index, name in enumerate(shown)},
                excludeByName=dict.fromkeys((*times, *hidden), True),
                renameByName=shown,
            )
        )
    )


def background(mappings: Sequence[Mapping]) -> list[dashboard.DynamicConfigValue]:
    """Properties of a column whose cells are coloured by their value's mapping."""
    return [
        dashboard.DynamicConfigValue(id_val="mappings", value=[value_map(mappings)]),
        dashboard.DynamicConfigValue(
            id_val="custom.cellOptions", value={"type": "color-background", "mode": "basic"}
        ),
    ]


def unit(name: str) -> dashboard.DynamicConfigValue:
    """The unit of a column, by Grafana's own id."""
    return dashboard.DynamicConfigValue(id_val="unit", value=name)


def _markers(title: str) -> Any:
    style = {
        "size": {"fixed": 9, "min": 4, "max": 15},
        "color": {"field": "Value", "fixed": GREY},
        "opacity": 0.9,
        "symbol": {"mode": "fixed", "fixed": "img/icons/marker/circle.svg"},
    }
    place = (
        common_builders.FrameGeometrySource()
        .mode(common.FrameGeometrySourceMode.COORDS)
        .latitude("latitude")
        .longitude("longitude")
    )
    return (
        common_builders.MapLayerOptions()
        .type("markers")
        .name(title)
        .config({"style": style, "showLegend": True})
        .location(place)
        .tooltip(True)
    )


def map_panel(title: str, one: Any, mappings: Sequence[Mapping], colours: Any) -> Any:
    """Dots on a map at the labels ``latitude`` and ``longitude``, coloured by value.

    The base map is the server's default: where browsers have no Internet, the server's
    ``[geomap] default_baselayer_config`` names a tile server of one's own.
    """
    view = geomap.MapViewConfig().id("fit").all_layers(True).padding(10).max_zoom(12)
    view.lat(16.0).lon(107.0).zoom(6)  # type: ignore[arg-type]  # typed int, but degrees take fractions
    numbers = [
        {"targetField": "latitude", "destinationType": "number"},
        {"targetField": "longitude", "destinationType": "number"},
    ]
    return (
        geomap.Panel()
        .title(title)
        .datasource(DATASOURCE)
        .with_target(one)
        .with_transformation(transformation("convertFieldType", conversions=numbers, fields={}))
        .mappings([value_map(mappings)])
        .thresholds(colours)
        .color_scheme(dashboard_builders.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS))
        .view(view)
        .basemap(common_builders.MapLayerOptions().type("default").name("base").config({}))
        .layers([_markers(title)])
        .controls(geomap.ControlsOptions().show_zoom(True).mouse_wheel_zoom(True).show_attribution(True))
        .tooltip(geomap.TooltipOptions().mode(geomap_models.TooltipMode.DETAILS))
    )
