"""PromQL of the board on lines and sites. Pure; names only from inventory/names.py.

Everything is asked of the communes that are picked, and named by commune, line and, where there are two,
direction.
"""

from typing import Final

from dashboards.grafana.queries import PICKED
from inventory import names
from inventory.names import ComponentKind, Metric, Recorded

HOURLY: Final = "3h"
"""How far back what is recorded once an hour is looked for."""
_TO_HUB: Final = f'{PICKED},target=~"{ComponentKind.HUB}:.+",line!=""'
_LINE: Final = "commune, line"
_EACH_WAY: Final = "commune, line, direction"


def _named(expression: str, name: str) -> str:
    info = f"max by (commune, {name}) ({names.COMMUNE_INFO.name})"
    return f"{expression} * on (commune) group_left ({name}) {info}"


def lines_with(verdict: str) -> str:
    """How many lines have a verdict; 0 when none has."""
    return f'count({Recorded.LINE_VERDICT}{{{PICKED},verdict="{verdict}"}} == 1) or vector(0)'


def verdicts(name: str) -> str:
    """1 for every line and verdict that holds."""
    return _named(f"max by ({_LINE}, verdict) ({Recorded.LINE_VERDICT}{{{PICKED}}} == 1)", name)


def by_line(recorded: Recorded, name: str) -> str:
    """A recorded value by line."""
    return _named(f"max by ({_LINE}) ({recorded}{{{PICKED}}})", name)


def by_direction(recorded: Recorded, name: str) -> str:
    """A recorded value by line and direction."""
    return _named(f"max by ({_EACH_WAY}) ({recorded}{{{PICKED}}})", name)


def hourly(recorded: Recorded, name: str) -> str:
    """The last of what is recorded once an hour, by line and direction."""
    return _named(f"max by ({_EACH_WAY}) (last_over_time({recorded}{{{PICKED}}}[{HOURLY}]))", name)


def contracted(name: str) -> str:
    """The contracted rate in bits a second, by line and direction."""
    return _named(f"max by ({_EACH_WAY}) ({names.LINE_CONTRACTED.name}{{{PICKED}}}) * 8", name)


def bits(recorded: Recorded, name: str) -> str:
    """A recorded rate in bits a second, by line and direction."""
    return _named(f"max by ({_EACH_WAY}) ({recorded}{{{PICKED}}}) * 8", name)


def round_trips(share: float, name: str) -> str:
    """A percentile of the round trips to the hub, by line."""
    buckets = f"rate({names.ICMP_RTT_DISTRIBUTION.name}_bucket{{{_TO_HUB}}}[$__rate_interval])"
    return _named(f"histogram_quantile({share:g}, sum by ({_LINE}, le) ({buckets}))", name)


def against_hub(metric: Metric, name: str, *labels: str, matchers: str = "") -> str:
    """What is measured of a line against the hub, by line and ``labels``."""
    by = ", ".join((_LINE, *labels))
    chosen = f"{_TO_HUB},{matchers}" if matchers else _TO_HUB
    return _named(f"max by ({by}) ({metric.name}{{{chosen}}})", name)


def stamp_loss(name: str) -> str:
    """Share of the test packets lost in each direction, by line."""
    lost = f"sum by ({_EACH_WAY}) (rate({names.STAMP_LOST.name}{{{_TO_HUB}}}[$__rate_interval]))"
    sent = f"sum by ({_LINE}) (rate({names.STAMP_SENT.name}{{{_TO_HUB}}}[$__rate_interval])) > 0"
    return _named(f"{lost} / on ({_LINE}) group_left () ({sent})", name)


def path_changes(name: str) -> str:
    """How often the path to the hub changed in the board's time range, by line."""
    return _named(
        f"sum by ({_LINE}) (increase({names.TRACE_PATH_CHANGES.name}{{{_TO_HUB}}}[$__range]))", name
    )


def last_hops(name: str) -> str:
    """The address that answered last on the way to the hub, by line."""
    return _named(f"max by ({_LINE}, address) ({names.TRACE_LAST_HOP.name}{{{_TO_HUB}}})", name)


def site(metric: Metric, name: str) -> str:
    """What is measured of a site as a whole."""
    return _named(f"max by (commune) ({metric.name}{{{PICKED}}})", name)


def share(part: Metric, whole: Metric, name: str) -> str:
    """One measure of a site as a share of another."""
    ratio = f"{part.name}{{{PICKED}}} / {whole.name}{{{PICKED}}}"
    return _named(f"min by (commune) ({ratio})", name)


def line_site(metric: Metric, name: str) -> str:
    """What is measured of a line by itself, such as its signal."""
    return _named(f'max by ({_LINE}) ({metric.name}{{{PICKED},line!=""}})', name)
