"""A scene: what the hub would see of a fault, as input series for the unit tests of the rules. Pure.

A scene is the inventory's own info metrics, everybody healthy, and changes at given seconds. Delays are
the worst that the design allows: the hub notices a dead router 7 s after the cut and is sure after 11 s.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from deploy.info import rows
from inventory import graph, names
from inventory.model import Inventory
from inventory.names import HUB_SITE, JOB_AGENT, Metric

STEP_SECONDS: Final = 2
NOTICED_SECONDS: Final = 6  # a first probe fails this long after the fault at worst
CONFIRMED_SECONDS: Final = 12  # and is confirmed

Span = tuple[int, int]
"""From this second, to before that one."""


class Expected(msgspec.Struct, frozen=True, order=True):
    """An alert that fires at a moment."""

    alertname: str
    component: str
    severity: str = "page"


class Series(msgspec.Struct, frozen=True):
    """One input series in promtool's notation."""

    series: str
    values: str


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """``down`` are spans by component id: lines and systems as the hub sees them, checkpoints.
    ``unseen`` are spans by (commune, name of the plan) in which a commune's own probe fails.
    ``left`` are recorded series that a killed Prometheus left without a mark that they ended, ``measured``
    what agents measure besides. Rules are evaluated at every step, or every ``evaluation_seconds``."""

    name: str
    seconds: int = 124
    step_seconds: int = STEP_SECONDS
    silent: dict[str, Span] = {}
    down: dict[str, Span] = {}
    unseen: dict[tuple[str, str], Span] = {}
    never: tuple[str, ...] = ()
    maintained: tuple[str, ...] = ()
    left: tuple[Series, ...] = ()
    measured: tuple[Series, ...] = ()
    evaluation_seconds: int | None = None
    expected: tuple[tuple[int, tuple[Expected, ...]], ...] = ()


def input_series(inventory: Inventory, scene: Scene) -> list[Series]:
    """Return everything that the hub would hold in ``scene``."""
    steps = scene.seconds // scene.step_seconds + 1
    found = [_constant(row.metric, dict(zip(row.metric.labels, row.values, strict=True)), steps, row.value)
             for row in rows(inventory)]  # fmt: skip
    found += (_constant(names.MAINTENANCE, {"component": item}, steps, 1) for item in scene.maintained)
    for site in (HUB_SITE, *(commune.code for commune in inventory.communes)):
        if site not in scene.never:
            found += _site(inventory, scene, site, steps)
    return [*found, *scene.left, *scene.measured]


def _site(inventory: Inventory, scene: Scene, site: str, steps: int) -> Iterator[Series]:
    """The heartbeat of an agent, and its confirmed states; both stop while it is silent."""
    silent = scene.silent.get(site)
    times = [step * scene.step_seconds for step in range(steps)]
    labels = {"site": site, "commune": "" if site == HUB_SITE else site}
    yield series(names.HEARTBEAT, labels, [None if _in(second, silent) else 1.0 for second in times])
    for plan in graph.plans(inventory, site):
        if plan.role == "measure" or (site != HUB_SITE and plan.role not in ("hub", "system")):
            continue
        down = scene.down.get(plan.target) if site == HUB_SITE else scene.unseen.get((site, plan.name))
        about = {"site": site, "commune": plan.commune, "line": plan.line}
        about |= {"target": plan.target, "probe": plan.kind}
        yield series(names.TARGET_UP, about, _states(down, silent, times, CONFIRMED_SECONDS))
        yield series(names.PROBE_SUCCESS, about, _states(down, silent, times, NOTICED_SECONDS))
        if down:
            yield series(names.TARGET_STATE_CHANGED, about, _changed(down, silent, times))


def _states(
    down: Span | None, silent: Span | None, times: list[int], late_seconds: int
) -> list[float | None]:
    late = (down[0] + late_seconds, down[1] + late_seconds) if down else None
    return [None if _in(second, silent) else float(not _in(second, late)) for second in times]


def _changed(down: Span, silent: Span | None, times: list[int]) -> list[float | None]:
    """What an agent confirmed late it dates back to the first probe that said so."""
    late = (down[0] + CONFIRMED_SECONDS, down[1] + CONFIRMED_SECONDS)
    return [None if _in(second, silent) else float(down[0] if _in(second, late) else 0) for second in times]


def _in(second: int, span: Span | None) -> bool:
    return span is not None and span[0] <= second < span[1]


def _constant(metric: Metric, labels: dict[str, str], steps: int, value: float) -> Series:
    return series(metric, labels, [value] * steps)


def series(metric: Metric, labels: dict[str, str], values: list[float | None]) -> Series:
    """Return the series of a metric; an agent's by its labels site, commune, line, target, probe."""
    if metric.source == "agent":
        labels = {"job": JOB_AGENT, "instance": labels["site"], **labels}
    shown = ", ".join(f'{name}="{escaped(value)}"' for name, value in labels.items() if value)
    return Series(f"{metric.name}{{{shown}}}", " ".join(runs(values)))


def escaped(value: str) -> str:
    """Return a label's value as promtool reads it."""
    return value.replace("\\", "\\\\").replace('"', '\\"')


def runs(values: Iterable[float | None]) -> Iterator[str]:
    """Run lengths: ``1x3`` is four samples of 1, ``_x3`` three missing ones."""
    run: list[float | None] = []
    for value in [*values, float("nan")]:
        if run and value != run[0]:
            yield f"_x{len(run)}" if run[0] is None else f"{run[0]:g}x{len(run) - 1}"
            run = []
        run.append(value)
