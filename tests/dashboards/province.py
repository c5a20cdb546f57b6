"""Series of a small invented province, as agents and the hub would write them.

Everything is derived from the inventory and from names.py, so boards and reports are tested with the
labels of the real thing. Series come as (labels with ``__name__``, values in promtool's notation).
"""

from collections.abc import Iterator
from pathlib import Path

from deploy import info
from inventory import names
from inventory.graph import Plan, plans
from inventory.load import load
from inventory.model import Inventory
from inventory.names import HUB_SITE, JOB_AGENT, JOB_HUB, Metric, State

SMALL = Path(__file__).resolve().parents[1] / "inventory" / "small.yml"
Labels = dict[str, str]
Written = tuple[Labels, str]


def small() -> Inventory:
    """Return the inventory of the tests."""
    return load(SMALL).inventory


def labels(metric: Metric, site: str, commune: str, **more: str) -> Labels:
    """Return identity and further labels; empty ones are left out, as agents do."""
    job = JOB_HUB if metric.source == "hub" else JOB_AGENT
    found = {"__name__": metric.name, "job": job, "instance": site, "site": site, "commune": commune, **more}
    return {name: value for name, value in found.items() if value}


def of_hub(inventory: Inventory, steps: int) -> Iterator[Written]:
    """The inventory as series, and the hub's processes."""
    for row in info.rows(inventory):
        extra = dict(zip(row.metric.labels, row.values, strict=True))
        found = {"__name__": row.metric.name, "job": JOB_HUB, "instance": "hub", **extra}
        yield {name: value for name, value in found.items() if value}, f"{row.value:g}x{steps}"
    for process in ("prometheus", "alertmanager"):
        yield (
            {"__name__": names.CHILD_UP.name, "job": JOB_HUB, "instance": "hub", "process": process},
            f"1x{steps}",
        )


def of_site(
    inventory: Inventory, site: str, steps: int, *, step_seconds: int, down: frozenset[str]
) -> Iterator[Written]:
    """What one agent writes in ``steps`` steps; ``down`` are targets that fail throughout."""
    commune = "" if site == HUB_SITE else site
    for metric, values in (
        (names.HEARTBEAT, f"0+{step_seconds}x{steps}"),
        (names.AGENT_START, f"1x{steps}"),
        (names.AGENT_CLOCK_OFFSET, f"0.002x{steps}"),
        (names.AGENT_CLOCK_GUARD, f"0x{steps}"),
    ):
        yield labels(metric, site, commune), values
    yield labels(names.AGENT_PUSHES, site, commune, result="ok"), f"0+1x{steps}"
    for plan in plans(inventory, site):
        yield from _of_target(plan, steps, step_seconds, plan.target in down)


def _of_target(plan: Plan, steps: int, step_seconds: int, down: bool) -> Iterator[Written]:
    who = {"line": plan.line, "target": plan.target, "probe": plan.kind}
    counting, still = f"0+{step_seconds}x{steps}", f"0x{steps}"

    def series(metric: Metric, values: str, **more: str) -> Written:
        return labels(metric, plan.site, plan.commune, **who, **more), values

    yield series(names.TARGET_UP, f"{0 if down else 1}x{steps}")
    yield series(names.PROBE_SUCCESS, f"{0 if down else 1}x{steps}")
    yield series(names.TARGET_STATE_SECONDS, still if down else counting, state=State.UP)
    yield series(names.TARGET_STATE_SECONDS, counting if down else still, state=State.DOWN)
    yield series(names.TARGET_STATE_SECONDS, still, state=State.UNKNOWN)
    yield series(names.PROBE_RESULTS, f"0+1x{steps}", result="timeout" if down else "ok")
    if plan.kind == "icmp" and not down:
        yield series(names.PROBE_ICMP_DURATION, f"0.004x{steps}", phase="rtt")


def written(labels_: Labels) -> str:
    """Return labels as PromQL writes a series."""
    name = labels_["__name__"]
    rest = ",".join(f'{key}="{value}"' for key, value in sorted(labels_.items()) if key != "__name__")
    return f"{name}{{{rest}}}"
