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
from inventory.model import Commune, Inventory, Line
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


def of_locator(steps: int) -> Iterator[Written]:
    """Two open outages, the second of its component, and a locator at work."""
    for metric, values in (
        (names.OUTAGE, "1x"), (names.OUTAGE_COMMUNES, "2x"), (names.OUTAGE_CONFIDENCE, "21x"),
    ):  # fmt: skip
        for component in ("pop:ba-to", "power|line:21040"):
            yield _of_outage(metric, component), f"{values}{steps}"
    half = steps // 2
    yield _of_outage(names.OUTAGE_SINCE, "pop:ba-to"), f"100x{half - 1} 200x{steps - half}"
    yield _of_outage(names.OUTAGE_SINCE, "power|line:21040"), f"150x{steps}"
    own = {"job": JOB_HUB, "instance": "locator"}
    for metric in (names.LOCATOR_TIME, names.LOCATOR_TICK, names.LOCATOR_INFERENCE):
        for bound in ("5", "10", "+Inf"):
            yield {"__name__": f"{metric.name}_bucket", **own, "le": bound}, f"0+1x{steps}"
    for metric, result in ((names.LOCATOR_TICKS, "judged"), (names.LOCATOR_POSTS, "ok")):
        yield {"__name__": metric.name, **own, "result": result}, f"0+1x{steps}"
    yield {"__name__": names.LOCATOR_TICK_AT.name, **own}, f"1x{steps}"
    for decision in ("page", "ticket"):
        told = {"job": JOB_HUB, "instance": "receiver", "decision": decision}
        yield {"__name__": names.DECISIONS.name, **told}, f"0+1x{steps}"


def _of_outage(metric: Metric, component: str) -> Labels:
    kind = component.partition(":")[0]
    return {
        "__name__": metric.name,
        "job": JOB_HUB,
        "instance": "locator",
        "component": component,
        "kind": kind,
    }


def of_site(
    inventory: Inventory,
    site: str,
    steps: int,
    *,
    step_seconds: int,
    down: frozenset[str],
    poor: frozenset[str] = frozenset(),
) -> Iterator[Written]:
    """What one agent writes in ``steps`` steps; ``down`` are targets that fail throughout, ``poor`` communes
    whose lines carry half of what was contracted."""
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
        if plan.role != "measure":
            yield from _of_target(plan, steps, step_seconds, plan.target in down)
    for found in inventory.communes:
        if found.code == site:
            yield from measured(found, f"hub:{inventory.hub.id}", steps, step_seconds, found.code in poor)


def measured(commune: Commune, hub: str, steps: int, step_seconds: int, poor: bool) -> Iterator[Written]:
    """What an agent measures besides up and down: every line as good as contracted, or by half where it is
    ``poor``; half used, and the site on mains."""
    code = commune.code
    for line in commune.lines:
        for metric, values, more in _line_values(line, steps, step_seconds, 0.5 if poor else 0.97):
            target = hub if metric.name.startswith(_AGAINST_HUB) else f"line:{code}/{line.id}"
            kind = metric.name.split("_")[1]
            yield labels(metric, code, code, line=line.id, target=target, probe=kind, **more), values
    for metric, value in _SITE.items():
        kind = metric.name.split("_")[1]
        target = f"{'power' if kind == 'power' else 'agent'}:{code}"
        yield labels(metric, code, code, target=target, probe=kind), f"{value:g}x{steps}"


_SITE = {
    names.POWER_ON_MAINS: 1, names.POWER_CHARGE: 0.93, names.POWER_RUNTIME: 5400, names.HOST_CPU: 0.07,
    names.HOST_MEMORY_AVAILABLE: 6e8, names.HOST_MEMORY_TOTAL: 1e9, names.HOST_DISK_FREE: 2e10,
    names.HOST_DISK_TOTAL: 3e10, names.HOST_TEMPERATURE: 51,
}  # fmt: skip
_AGAINST_HUB = ("thongsuot_icmp", "thongsuot_stamp", "thongsuot_trace", "thongsuot_throughput")


def _line_values(
    line: Line, steps: int, step_seconds: int, reached: float
) -> Iterator[tuple[Metric, str, Labels]]:
    """Yield (metric, values, further labels) of one line."""

    def still(value: float) -> str:
        return f"{value:g}x{steps}"

    def counting(each: float) -> str:
        return f"0+{each * step_seconds:.0f}x{steps}"

    for direction, mbps in (("down", line.down_mbps), ("up", line.up_mbps)):
        way, rate = {"direction": direction}, mbps * info.BYTES_PER_MEGABIT
        yield names.TRAFFIC_BYTES, counting(rate / 2), way
        yield names.STAMP_LOST, counting(0), way
        yield names.STAMP_JITTER, still(0.0004), way
        yield names.STAMP_ONE_WAY_DELAY, still(0.002), way
        yield names.STAMP_DELAY_VARIATION, still(0.003), {**way, "stat": "p95"}
        yield names.THROUGHPUT_GOODPUT, still((reached - 0.02) * rate), way
        yield names.THROUGHPUT_BOUND, still(reached * rate), {**way, "bound": "high"}
    for direction, rtt in (("idle", 0.004), ("down", 0.02), ("up", 0.03)):
        yield names.THROUGHPUT_RTT, still(rtt), {"direction": direction}
    for bound in ("0.005", "0.01", "+Inf"):
        yield _BUCKET, counting(2), {"le": bound}
    yield names.ICMP_JITTER, still(0.0003), {"method": "rfc3550"}
    for metric, each in ((names.ICMP_SENT, 2), (names.ICMP_LOST, 0), (names.STAMP_SENT, 10)):
        yield metric, counting(each), {}
    yield names.TRACE_PATH_CHANGES, still(0), {}
    yield names.TRACE_LAST_HOP, still(1), {"address": "10.51.0.1"}
    for metric, value in (
        (names.TRACE_HOPS, 5), (names.THROUGHPUT_GRADE, 1), (names.THROUGHPUT_BUDGET, 4e9),
        (names.THROUGHPUT_MEASURED, 1), (names.LINE_CARRYING, 1), (names.CELLULAR_RSRP, -88),
        (names.CELLULAR_SINR, 12),
    ):  # fmt: skip
        yield metric, still(value), {}


_BUCKET = Metric(f"{names.ICMP_RTT_DISTRIBUTION.name}_bucket", "counter", "")


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
