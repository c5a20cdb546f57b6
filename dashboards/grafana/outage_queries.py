"""PromQL about outages and the locator. Pure; names only from inventory/names.py.

The locator shows an outage as a series as long as it lasts. Two locators may run side by side with the same
answers, so everything begins with the maximum over them.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from inventory import names

STEP: Final = "1m"
"""Of subqueries over the board's time range."""
_BY: Final = "component, kind"
_EVERY_SECONDS: Final = 60


def each(metric: names.Metric) -> str:
    """One sample an open outage."""
    return f"max by ({_BY}) ({metric.name})"


def named(expression: str, name: str) -> str:
    """The same with the component's name where the inventory has one: a class of a commune has none."""
    info = f"max by (component, {name}) ({names.COMPONENT_INFO.name})"
    return f"(({expression}) * on (component) group_left ({name}) {info} or on ({_BY}) {expression})"


def open_count() -> str:
    """How many outages are open by the locator's word; 0 when none is."""
    return f"count({each(names.OUTAGE)}) or vector(0)"


def since(name: str) -> str:
    """Beginning of every open outage in Unix milliseconds, the unit that Grafana formats as a time."""
    return named(f"{each(names.OUTAGE_SINCE)} * 1000", name)


def by_kind() -> str:
    """How many outages are open, by kind of component."""
    return f"count by (kind) ({each(names.OUTAGE)})"


def communes_hit() -> str:
    """Communes that the widest open outage hits; 0 when none is open."""
    return f"max({names.OUTAGE_COMMUNES.name}) or vector(0)"


def began() -> str:
    """How many outages there were in the board's time range; 0 when there was none."""
    return f"sum({_episodes(_BY)}) or vector(0)"


def began_by_kind() -> str:
    """The same by kind of component."""
    return f"sum by (kind) ({_episodes(_BY)})"


def began_by_component() -> str:
    """The same by component."""
    return _episodes(_BY)


def _episodes(by: str) -> str:
    """Each outage has a beginning of its own: a component's beginnings that differ are as many outages."""
    return f"max by ({by}) (changes({names.OUTAGE_SINCE.name}[$__range]) + 1)"


def seconds_by_kind() -> str:
    """Seconds of outage in the board's time range, by kind."""
    return f"sum by (kind) ({seconds_by_component()})"


def seconds_by_component() -> str:
    """Seconds of outage in the board's time range, by component."""
    return f"sum_over_time(({each(names.OUTAGE)})[$__range:{STEP}]) * {_EVERY_SECONDS}"


def commune_seconds() -> str:
    """Seconds times communes hit, in the board's time range; 0 when there was none."""
    hit = f"sum_over_time(({each(names.OUTAGE_COMMUNES)})[$__range:{STEP}])"
    return f"sum({hit} * {_EVERY_SECONDS}) or vector(0)"


def widest() -> str:
    """The most communes that each component hit at once."""
    return f"max by ({_BY}) (max_over_time({names.OUTAGE_COMMUNES.name}[$__range]))"


def time_to_locate(quantile: float, window: str = "$__range") -> str:
    """From the first failure to the post, as a quantile over the outages of ``window``."""
    buckets = f"sum by (le) (increase({names.LOCATOR_TIME.name}_bucket[{window}]))"
    return f"histogram_quantile({quantile:g}, {buckets})"


def pages_per_cause() -> str:
    """Pages that people got for each outage of the board's time range."""
    told = f'sum(increase({names.DECISIONS.name}{{decision=~"page|storm"}}[$__range]))'
    return f"{told} / (({began()}) > 0)"


def told() -> str:
    """Outages by how people were told of them, in the board's time range."""
    return f"sum by (decision) (increase({names.DECISIONS.name}[$__range]))"


def when_wrong(labels: Iterable[str]) -> Iterator[str]:
    """Yield the queries that find nothing where there is, or was, no outage; names stand in ``labels``."""
    for name in labels:
        yield since(name)
        yield named(seconds_by_component(), name)
    yield from (each(metric) for metric in (names.OUTAGE_COMMUNES, names.OUTAGE_CONFIDENCE))
    yield from (
        by_kind(),
        began_by_kind(),
        began_by_component(),
        seconds_by_kind(),
        widest(),
        pages_per_cause(),
    )


def ticks() -> str:
    """Ticks a second by result: one locator makes one a second."""
    return f"sum by (result) (rate({names.LOCATOR_TICKS.name}[$__rate_interval]))"


def tick_time(quantile: float) -> str:
    """How long a tick takes, reading included."""
    return _quantile(quantile, names.LOCATOR_TICK)


def inference_time(quantile: float) -> str:
    """How long the inference alone takes."""
    return _quantile(quantile, names.LOCATOR_INFERENCE)


def _quantile(quantile: float, metric: names.Metric) -> str:
    buckets = f"sum by (le) (rate({metric.name}_bucket[$__rate_interval]))"
    return f"histogram_quantile({quantile:g}, {buckets})"


def tick_age() -> str:
    """Seconds since a locator judged last."""
    return f"time() - max({names.LOCATOR_TICK_AT.name})"


def posts() -> str:
    """Posts to Alertmanager a second, by result."""
    return f"sum by (result) (rate({names.LOCATOR_POSTS.name}[$__rate_interval]))"
