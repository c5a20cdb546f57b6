"""A commune's history as series in a Prometheus, as agents and the hub would have written them."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from alerts.rules import tuning
from inventory import names
from inventory.model import Inventory
from inventory.names import HUB_SITE, JOB_AGENT, Metric, Recorded
from tests.alerts.gaps.world import BEAT, DETAIL, OFF, PING, SCRAPE, Is, World

Points = list[tuple[float, float]]
Written = tuple[dict[str, str], Iterable[tuple[float, float]]]


def labels(metric: Metric, site: str, commune: str, **more: str) -> dict[str, str]:
    """The labels of a series of an agent."""
    found = {"__name__": metric.name, "job": JOB_AGENT, "instance": site, "site": site, "commune": commune}
    return found | more


def of_province(inventory: Inventory, worlds: Mapping[str, World], hub: World) -> Iterator[Written]:
    """Everything about a hub and its communes, by code."""
    yield from of_hub(hub, tuning(inventory).evaluation_seconds)
    for code, world in worlds.items():
        yield from of_commune(world, code)


def of_hub(world: World, evaluation_seconds: float) -> Iterator[Written]:
    """That the hub evaluated its rules, whenever it was not down."""
    times = world.times(int(evaluation_seconds), 0.1, lambda at: world.state(at) not in OFF)
    yield {"__name__": str(Recorded.EVALUATED)}, [(at, at) for at in times]


def of_commune(world: World, code: str) -> Iterator[Written]:
    """What the agent told, and what the hub saw of its router."""
    beats = world.times(BEAT, 0.3, world.arrives)
    yield labels(names.HEARTBEAT, code, code), [(at, at) for at in beats]
    spans = world.delivered().spans
    yield labels(names.AGENT_DELIVERED, code, code), _again(beats, [(s.first, float(s.value)) for s in spans])
    yield from _details(world, code)
    seen = world.seen()
    pings = world.times(PING, 2.9, world.arrives)
    hub = {"line": "main", "target": "hub:main", "probe": "icmp"}
    own, lan = seen.own["main"], seen.lan
    yield labels(names.PROBE_SUCCESS, code, code, **hub), [(at, _value(own.value_at(at))) for at in pings]
    gateway = {"target": f"lan:{code}", "probe": "icmp"}
    yield labels(names.PROBE_SUCCESS, code, code, **gateway), [(at, _value(lan.value_at(at))) for at in pings]
    yield _router(world, code)


def _router(world: World, code: str) -> Written:
    listening = world.times(PING, 1.7, lambda at: world.state(at) not in OFF)
    router = {"line": "main", "target": f"line:{code}/main", "probe": "icmp"}
    outside = world.seen().outside["main"]
    return labels(names.PROBE_SUCCESS, HUB_SITE, code, **router), [
        (at, _value(outside.value_at(at))) for at in listening
    ]


def of_scraped(world: World, code: str) -> Iterator[Written]:
    """What the hub scraped of an agent that pushes nothing: its whole page, every few seconds, while the hub
    reached it. No delivery, no spool, and no last words."""
    at = world.times(SCRAPE, 1.1, world.arrives)
    runs = list(world.runs())
    run = {t: next(run for run in runs if run[0] <= t < run[1]) for t in at}
    stops = {run[0]: before[1] for before, run in pairwise(runs) if world.state(before[1]) is Is.STOP}
    yield labels(names.HEARTBEAT, code, code), [(t, t) for t in at]
    yield labels(names.AGENT_START, code, code), [(t, run[t][0]) for t in at]
    yield labels(names.AGENT_STOPPED, code, code), [(t, stops.get(run[t][0], 0.0)) for t in at]
    yield labels(names.AGENT_CLOCK_GUARD, code, code), [(t, 0.0) for t in at]
    host = {"target": f"agent:{code}", "probe": "host"}
    for boot in {one[2] for one in runs}:
        series = labels(names.HOST_BOOT_INFO, code, code, **host, boot_id=f"boot {boot}")
        yield series, [(t, 1.0) for t in at if run[t][2] == boot]
    hub = {"line": "main", "target": "hub:main", "probe": "icmp"}
    for state, wanted in (("up", False), ("down", True)):
        series = labels(names.TARGET_STATE_SECONDS, code, code, **hub, state=state)
        yield series, [(t, world.counted(t, down=wanted)) for t in at]
    yield _router(world, code)


def _value(value: float | str | None) -> float:
    return float(value) if value is not None else 0.0


def _again(times: Iterable[float], changes: Points) -> Points:
    """Give every sample the value of the last change."""
    found, number = [], 0
    for at in times:
        while number + 1 < len(changes) and changes[number + 1][0] <= at:
            number += 1
        if changes and changes[number][0] <= at:
            found.append((at, changes[number][1]))
    return found


def _details(world: World, code: str) -> Iterator[Written]:
    boots: dict[int, list[float]] = {}
    starts: Points = []
    guard: Points = []
    for start, end, boot in world.runs():
        first = max(start, world.spans[0][0]) + 3.3
        times = (first + n * DETAIL for n in range(int((end - first) / DETAIL) + 1))
        told = [at for at in times if at < end and world.arrives(at)]
        starts += [(at, start) for at in told]
        guard += [(at, float(world.state(at) is Is.CLOCK)) for at in told]
        boots.setdefault(boot, []).extend(told)
    yield labels(names.AGENT_START, code, code), starts
    yield labels(names.AGENT_CLOCK_GUARD, code, code), guard
    yield labels(names.AGENT_SPOOL_BYTES, code, code), [(at, 4096.0) for at, _ in starts]
    stops = [(at, float(span.value)) for span in world.stops().spans for at in {span.first, span.last}]
    yield labels(names.AGENT_STOPPED, code, code), sorted(stops)
    host = {"target": f"agent:{code}", "probe": "host"}
    for boot, moments in boots.items():
        series = labels(names.HOST_BOOT_INFO, code, code, **host, boot_id=f"boot {boot}")
        yield series, [(at, 1.0) for at in moments]
