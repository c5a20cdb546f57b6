"""How well lines carry and how sites are: the queries, and their results by line and by site. Pure.

Asked more seldom than what is up: nothing here changes from one second to the next. A selector by the
name of the series asks for many of them at once.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import msgspec

from alerts.promapi import Sample
from inventory import names
from inventory.names import HUB_SITE, JOB_AGENT, ComponentKind, DeadZone, Label, LineVerdict, Metric, Recorded

EVERY_SECONDS: Final = 15.0
OLDEST_SECONDS: Final = 120.0
"""What was read longer ago is not shown any more."""

_OF_LINES: Final = (
    Recorded.LINE_RTT_MEDIAN,
    Recorded.LINE_LOSS,
    Recorded.LINE_JITTER_MEDIAN,
    Recorded.LINE_SIGNAL_MEDIAN,
    Recorded.LINE_UTILISATION,
    Recorded.LINE_GOODPUT,
    Recorded.LINE_GOODPUT_AT,
    Recorded.LINE_CARRYING,
)
_AGAINST_HUB: Final = (names.STAMP_LOSS, names.THROUGHPUT_RTT, names.THROUGHPUT_GRADE, names.TRACE_HOPS)
_OF_SITES: Final = (
    names.POWER_ON_MAINS,
    names.POWER_CHARGE,
    names.POWER_RUNTIME,
    names.HOST_CPU,
    names.HOST_MEMORY_AVAILABLE,
    names.HOST_MEMORY_TOTAL,
    names.HOST_DISK_FREE,
    names.HOST_DISK_TOTAL,
    names.HOST_TEMPERATURE,
)
_NAME: Final = "__name__"
_FROM_AGENTS: Final = f'{Label.JOB}="{JOB_AGENT}", {Label.SITE}!="{HUB_SITE}"'


def _any_of(series: Iterable[Metric | Recorded], matchers: str = "") -> str:
    pattern = "|".join(one.name if isinstance(one, Metric) else one.value for one in series)
    return f'{{{_NAME}=~"{pattern}"{", " if matchers else ""}{matchers}}}'


RECORDED: Final = _any_of(_OF_LINES)
PERCENTILE: Final = f"last_over_time({Recorded.LINE_BUSY}[3h])"
VERDICTS: Final = f"{Recorded.LINE_VERDICT} == 1"
AGAINST_HUB: Final = _any_of(
    _AGAINST_HUB, f'{_FROM_AGENTS}, {Label.TARGET}=~"{ComponentKind.HUB}:.+", {Label.LINE}!=""'
)
SITES: Final = _any_of(_OF_SITES, _FROM_AGENTS)
DEAD_ZONES: Final = f"{Recorded.DEAD_ZONE} == 1"
_KEPT: Final = "3h"
LONG_AVAILABILITY: Final = (
    f"max by ({Label.COMMUNE}) (last_over_time({Recorded.LINE_LONG_AVAILABILITY}[{_KEPT}]))"
)
LONG_UPPER: Final = f"max by ({Label.COMMUNE}) (last_over_time({Recorded.LINE_LONG_UPPER}[{_KEPT}]))"
"""Of a commune's best line, since two that fail by turns carry it together."""
QUERIES: Final = (
    RECORDED, PERCENTILE, VERDICTS, AGAINST_HUB, SITES, DEAD_ZONES, LONG_AVAILABILITY, LONG_UPPER,
)  # fmt: skip


class LineKey(NamedTuple):
    """A line by its commune's code and its id within it."""

    commune: str
    line: str


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured last, by name of series and, where there are two, ``name/direction``.

    ``sites``, ``dead_zones``, and ``availability`` over 28 days with its ``upper`` bound by code of the
    commune; ``at`` is when it was asked for, in Unix seconds.
    """

    at: float = 0.0
    lines: Mapping[LineKey, Mapping[str, float]] = {}
    verdicts: Mapping[LineKey, tuple[LineVerdict, ...]] = {}
    sites: Mapping[str, Mapping[str, float]] = {}
    dead_zones: Mapping[str, tuple[DeadZone, ...]] = {}
    availability: Mapping[str, float] = {}
    upper: Mapping[str, float] = {}


def measured(at: float, answers: Iterable[tuple[Sample, ...]]) -> Measured:
    """Put the answers to :data:`QUERIES` together."""
    recorded, percentile, verdicts, against_hub, sites, dead_zones, availability, upper = answers
    lines: dict[LineKey, dict[str, float]] = {}
    for sample in (*recorded, *against_hub):
        _note(lines.setdefault(_line(sample), {}), sample, sample.label(_NAME))
    for sample in percentile:  # functions take the name away
        _note(lines.setdefault(_line(sample), {}), sample, Recorded.LINE_BUSY)
    by_site: dict[str, dict[str, float]] = {}
    for sample in sites:
        _note(by_site.setdefault(sample.label(Label.SITE), {}), sample, sample.label(_NAME))
    return Measured(
        at=at,
        lines=lines,
        verdicts=_verdicts(verdicts),
        sites=by_site,
        dead_zones=_dead_zones(dead_zones),
        availability=_by_commune(availability),
        upper=_by_commune(upper),
    )


def _line(sample: Sample) -> LineKey:
    return LineKey(sample.label(Label.COMMUNE), sample.label(Label.LINE))


def _note(values: dict[str, float], sample: Sample, name: str) -> None:
    """A value that is none is left out; of several (sensors, disks) the largest is kept."""
    if abs(sample.value) < float("inf"):
        direction = sample.label(Label.DIRECTION)
        key = f"{name}/{direction}" if direction else name
        values[key] = max(sample.value, values.get(key, sample.value))


def _verdicts(samples: Iterable[Sample]) -> dict[LineKey, tuple[LineVerdict, ...]]:
    found: dict[LineKey, set[str]] = {}
    for sample in samples:
        found.setdefault(_line(sample), set()).add(sample.label(Label.VERDICT))
    return {key: tuple(v for v in LineVerdict if v in given) for key, given in found.items()}


def _by_commune(samples: Iterable[Sample]) -> dict[str, float]:
    """Shares of 1; what is none is left out."""
    return {one.label(Label.COMMUNE): one.value for one in samples if 0 <= one.value <= 1}


def _dead_zones(samples: Iterable[Sample]) -> dict[str, tuple[DeadZone, ...]]:
    found: dict[str, set[str]] = {}
    for sample in samples:
        found.setdefault(sample.label(Label.COMMUNE), set()).add(sample.label(Label.REASON))
    return {code: tuple(why for why in DeadZone if why in given) for code, given in found.items()}
