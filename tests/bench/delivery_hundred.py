"""A hundred agents whose hub comes back after an outage of two hours: Prometheus, gateway, and their line.

Agents, gateway, tokens, TLS and Prometheus are real; what the agents measure is not. Each has a backlog of
``DELIVERY_BACKLOG_MINUTES`` at a commune's own pace, and measures on. The hub's load while it drains depends
on how fast they may send and not on how much they have, so a tenth of the two hours shows it.
"""

import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import msgspec

from inventory import names
from tests.bench import _fleet, _simulated
from tests.bench._hub import Hub, Node
from tests.bench._path import FAR, Lane, inside
from tests.bench._province import codes, province
from tests.bench._rows import progress
from tests.bench.agent_memory import cpu_seconds, resident_mb
from tests.exporters.pki import Pki

AGENTS: Final = 100
MINUTES: Final = 12.0
DOWN_SECONDS: Final = 15.0
DRAIN_SECONDS: Final = 240.0
DRAIN_SECONDS_PER_MINUTE: Final = 12.0
AFTER_SECONDS: Final = 10.0
LIVE_LIMIT_SECONDS: Final = 15.0
GATEWAY_LIMIT_MB: Final = 256.0
PROMETHEUS_LIMIT_MB: Final = 1024.0
HEARTBEAT: Final = names.HEARTBEAT.name
AGENT: Final = 'job="thongsuot-agent"'
PROCESSES: Final = ("gateway", "prometheus")


class Seen(msgspec.Struct):
    """What was seen of the hub: seconds since it was back; of each process MB and CPU seconds."""

    ages: list[tuple[float, float]] = []
    current_seconds: float | None = None
    drained_seconds: float | None = None
    resident_mb: dict[str, float] = {}
    cpu_cores: dict[str, float] = {}


def _watch(hub: Hub, backlog: _fleet.Backlog, drain_seconds: float) -> Seen:
    """Look at the hub until it has everything, and a little longer."""
    seen, began = Seen(), time.monotonic()
    spent = {name: cpu_seconds(hub.pid(name)) for name in PROCESSES}
    end = began + drain_seconds
    while (now := time.monotonic()) < end:
        since = now - began
        _note_ages(hub, seen, since)
        for name in PROCESSES:
            seen.resident_mb[name] = max(seen.resident_mb.get(name, 0.0), resident_mb(hub.pid(name)))
        if seen.drained_seconds is None and _heartbeats(hub, backlog) >= AGENTS * backlog.heartbeats:
            seen.drained_seconds = since
            seen.cpu_cores = {name: (cpu_seconds(hub.pid(name)) - spent[name]) / since for name in PROCESSES}
            progress(f"everything has arrived after {since:.0f} s")
            end = now + AFTER_SECONDS
        time.sleep(1.0)
    return seen


def _note_ages(hub: Hub, seen: Seen, since: float) -> None:
    """Note the age of the oldest of all agents' newest heartbeats, once all have been heard again."""
    fresh = hub.value(f"count(time() - timestamp({HEARTBEAT}) < {LIVE_LIMIT_SECONDS})")
    if seen.current_seconds is None and fresh == AGENTS:
        seen.current_seconds = since
        progress(f"all are heard after {since:.0f} s")
    age = hub.value(f"max(time() - timestamp({HEARTBEAT}))")
    if seen.current_seconds is not None:
        seen.ages.append((since, float("inf") if age is None else age))


def _heartbeats(hub: Hub, backlog: _fleet.Backlog) -> float:
    return hub.value(f"sum(count_over_time({HEARTBEAT}{_at(backlog)}))") or 0.0


def _at(backlog: _fleet.Backlog) -> str:
    """Return the range that holds the backlog, and nothing that was measured later."""
    return f"[1d] @ {backlog.end:.3f}"


def _equip(directory: Path, hub: Hub, minutes: float) -> _fleet.Backlog:
    """Give every agent its configuration, token and backlog."""
    pki = Pki(directory)
    inventory = province(FAR, AGENTS, _simulated.SYSTEMS, str(pki.host("hub", san=f"IP:{FAR}")))
    tokens = hub.enrol(inventory)
    (directory / "template").mkdir()
    backlog = _fleet.outage(directory / "template", codes()[0], minutes, _simulated.measured_once())
    progress(f"{AGENTS} x {backlog.samples.total()} samples, of {minutes:g} minutes")
    for number, code in enumerate(tokens):
        own = directory / "agents" / code
        _simulated.configured(
            inventory, number, own, bearer_token_file=str(own / "token"), ca_file=str(pki.ca)
        )  # fmt: skip
        (own / "token").write_text(tokens[code], encoding="ascii")
        backlog.give(code, own)
    return backlog


def measure(minutes: float) -> dict[str, Any]:
    """Let them come back. Inside a sandbox only."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        directory = Path(name)
        (directory / "net").mkdir()
        lane = stack.enter_context(Lane(directory / "net"))
        hub = Hub(lane.namespace("far"), directory / "hub")
        near = Node(lane.namespace("near"), directory / "near")
        backlog = _equip(directory, hub, minutes)
        stack.callback(hub.end_all)
        stack.callback(near.end_all)
        near.start("fleet", [sys.executable, "-m", "tests.bench._fleet", str(directory / "agents")])
        time.sleep(DOWN_SECONDS)
        hub.start_prometheus()
        hub.wait_ready()
        hub.start_gateway(FAR)
        hub.wait_ready()
        progress("the hub is back")
        seen = _watch(hub, backlog, _patience(minutes))
        arrived = _arrived(hub, backlog)
    return _result(minutes, backlog, seen, arrived)


def _arrived(hub: Hub, backlog: _fleet.Backlog) -> int:
    """Count what is at the hub of the backlogs: by metric, since a count has no name any more."""
    counts = (
        hub.value(f"sum(count_over_time({name}{{{AGENT}}}{_at(backlog)}))", 60.0) for name in backlog.samples
    )
    return round(sum(count or 0.0 for count in counts))


def _result(minutes: float, backlog: _fleet.Backlog, seen: Seen, arrived: int) -> dict[str, Any]:
    expected, oldest = (
        AGENTS * backlog.samples.total(),
        max((age for _, age in seen.ages), default=float("inf")),
    )
    cores = sum(seen.cpu_cores.values())
    row = {
        "agents": AGENTS, "minutes": minutes, "expected": expected, "arrived": arrived,
        "all heard after s": seen.current_seconds, "drained after s": seen.drained_seconds,
        "oldest live s": oldest, "gateway MB": seen.resident_mb.get("gateway"),
        "prometheus MB": seen.resident_mb.get("prometheus"), "gateway cores": seen.cpu_cores.get("gateway"),
        "prometheus cores": seen.cpu_cores.get("prometheus"),
    }  # fmt: skip
    return {
        "rows": [{"figure": key, "value": value} for key, value in row.items()],
        "claims": {
            f"{AGENTS} agents: all backlogs arrived, to the last sample": arrived == expected,
            f"live data never more than {LIVE_LIMIT_SECONDS:g} s old": oldest <= LIVE_LIMIT_SECONDS,
            f"gateway in {GATEWAY_LIMIT_MB:g} MB, Prometheus in {PROMETHEUS_LIMIT_MB:g} MB": (
                seen.resident_mb.get("gateway", 1e9) <= GATEWAY_LIMIT_MB
                and seen.resident_mb.get("prometheus", 1e9) <= PROMETHEUS_LIMIT_MB
            ),
            "hub: at most one and a half cores while it drains": 0 < cores <= 1.5,
        },
        "figures": row,
        "ages": seen.ages,
    }


def _patience(minutes: float) -> float:
    """Return for how long to wait until everything has arrived."""
    return DRAIN_SECONDS + DRAIN_SECONDS_PER_MINUTE * minutes


def run(minutes: float | None = None) -> dict[str, Any]:
    """Return the figures."""
    chosen = minutes or float(os.environ.get("DELIVERY_BACKLOG_MINUTES", MINUTES))
    seconds = _patience(chosen) + 300 + 2 * chosen
    result: dict[str, Any] = json.loads(inside("tests.bench.delivery_hundred", str(chosen), seconds=seconds))
    return result


if __name__ == "__main__":
    print(json.dumps(measure(float(sys.argv[1]))))
