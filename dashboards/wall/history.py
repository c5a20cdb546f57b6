"""One commune's last 24 hours: the queries, and their results on one grid. Pure but for ``load``."""

import asyncio
import math
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from alerts.promapi import PromApi, Series, quote
from inventory.names import (
    HUB_SITE,
    ICMP_LOST,
    ICMP_SENT,
    JOB_AGENT,
    PROBE_ICMP_DURATION,
    PROBE_RESULTS,
    TARGET_UP,
    Label,
    Reason,
    Recorded,
)

HOURS: Final = 24
STEP_SECONDS: Final = 120
STEPS: Final = HOURS * 3600 // STEP_SECONDS
_WINDOW: Final = f"[{STEP_SECONDS}s]"
_ARROWS: Final = {"down": "↓", "up": "↑"}

Values = tuple[float | None, ...]
"""One value a step, oldest first; None where nothing is known."""


class Track(msgspec.Struct, frozen=True):
    """One line (its id within the commune) and its values."""

    line: str
    values: Values


class History(msgspec.Struct, frozen=True, kw_only=True):
    """``end`` is the Unix time of the last step. States: 1 up, 0 down; round trips in seconds;
    losses as ratios. Inside is measured by the commune, outside by the hub."""

    end: float
    inside: tuple[Track, ...] = ()
    outside: tuple[Track, ...] = ()
    round_trips: tuple[Track, ...] = ()
    losses: tuple[Track, ...] = ()
    loads: tuple[Track, ...] = ()
    """Utilisation as a ratio; lines by name and direction."""

    @property
    def empty(self) -> bool:
        """Whether nothing at all is known."""
        return not (self.inside or self.outside or self.round_trips or self.losses or self.loads)


def queries(code: str) -> Mapping[str, str]:
    """Return PromQL by field of :class:`History`. The worst state within a step counts."""
    site = f'{Label.JOB}="{JOB_AGENT}", {Label.SITE}={quote(code)}, {Label.TARGET}=~"hub:.*"'
    hub = (
        f'{Label.JOB}="{JOB_AGENT}", {Label.SITE}="{HUB_SITE}", '
        f'{Label.COMMUNE}={quote(code)}, {Label.TARGET}=~"line:.*"'
    )
    sent = f"sum by ({Label.LINE}) (increase({PROBE_RESULTS.name}{{{site}}}{_WINDOW}))"
    lost = f'{site}, {Label.RESULT}!~"{Reason.OK}|{Reason.LOCAL}"'
    # A result that never occurred has no series yet, so the failed ones may be missing altogether.
    failed = f"sum by ({Label.LINE}) (increase({PROBE_RESULTS.name}{{{lost}}}{_WINDOW}))"
    packets = f"sum by ({Label.LINE}) (increase({ICMP_SENT.name}{{{site}}}{_WINDOW})) > 0"
    missed = f"sum by ({Label.LINE}) (increase({ICMP_LOST.name}{{{site}}}{_WINDOW}))"
    line = f"{Label.COMMUNE}={quote(code)}"
    used = f"{Recorded.LINE_UTILISATION}{{{line}}}"
    return {
        "inside": f"min by ({Label.LINE}) (min_over_time({TARGET_UP.name}{{{site}}}{_WINDOW}))",
        "outside": f"min by ({Label.LINE}) (min_over_time({TARGET_UP.name}{{{hub}}}{_WINDOW}))",
        "round_trips": f"max by ({Label.LINE}) (avg_over_time("
        f'{PROBE_ICMP_DURATION.name}{{{site}, {Label.PHASE}="rtt"}}{_WINDOW}))',
        "losses": f"{missed} / ({packets}) or on ({Label.LINE}) (({failed}) or ({sent}) * 0) / ({sent} > 0)",
        "loads": f"max by ({Label.LINE}, {Label.DIRECTION}) (max_over_time({used}{_WINDOW}))",
    }


async def load(prometheus: PromApi, code: str, now: float) -> History:
    """Read the last 24 hours of a commune. Raises ApiError."""
    end = math.floor(now / STEP_SECONDS) * STEP_SECONDS
    start = end - (STEPS - 1) * STEP_SECONDS
    wanted = queries(code)
    async with asyncio.TaskGroup() as group:
        tasks = {
            field: group.create_task(prometheus.query_range(promql, start, end, STEP_SECONDS))
            for field, promql in wanted.items()
        }
    return History(end=end, **{field: tracks(task.result(), start) for field, task in tasks.items()})


def tracks(series: Iterable[Series], start: float) -> tuple[Track, ...]:
    """Put series on the grid of ``STEPS`` steps from ``start``, by line."""
    return tuple(Track(_named(one), on_grid(one.points, start)) for one in sorted(series, key=_named))


def _named(series: Series) -> str:
    """The line, with an arrow where a direction is told."""
    arrow = _ARROWS.get(series.label(Label.DIRECTION), "")
    return f"{series.label(Label.LINE)} {arrow}".strip()


def on_grid(points: Iterable[tuple[float, float]], start: float) -> Values:
    """Return one value a step; what lies off the grid or is not finite is left out."""
    values: list[float | None] = [None] * STEPS
    for time, value in points:
        step = round((time - start) / STEP_SECONDS)
        if 0 <= step < STEPS and math.isfinite(value):
            values[step] = value
    return tuple(values)
