"""2,000 targets on one agent, the hub's: every probe on time, ``/metrics`` quick, the loop never held up.

1,900 icmp (as the hub measures, without details) and 100 http targets on loopback, every 5 s; pushed
to a stub and scraped every 5 s as well, both at once although a site has one transport, and the status page
read. The agent runs in a process of its own as the service does, with a watch on its loop
(:mod:`tests.bench._observed`). ``MANY_TARGETS_SECONDS`` sets how long.

What a host takes from a virtual machine counts as used by whoever had it taken away: with more than a few
hundredths stolen, the longest turn is the host's doing.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from agent.runner import MAX_IN_FLIGHT
from tests.bench import _machine, _text
from tests.bench.agent_memory import cpu_seconds, resident_mb, site
from tests.bench.probe_cpu import free_port

DEFAULT_SECONDS = 75.0
START_SECONDS = 15.0
ICMP, HTTP = 1900, 100
LIMIT_SCRAPE_SECONDS = 0.2
LIMIT_BLOCK_MS = 20.0
OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
SKIPPED = "thongsuot_agent_skipped_slots_total"
DELAY = "thongsuot_agent_schedule_delay_seconds"


def configuration(directory: Path, listen: str, port: int) -> dict[str, Any]:
    """Return agent.yml as data."""
    targets = [
        {"name": f"line:{n}/main", "target": f"line:{n}/main", "commune": str(n), "line": "main",
         "probe": "icmp", "address": f"127.1.{n // 250}.{n % 250 + 1}", "options": {"details": False}}
        for n in range(ICMP)
    ]  # fmt: skip
    targets += [
        {"name": f"system:{n}", "target": f"system:{n}", "probe": "http",
         "address": f"http://127.0.0.1:{port}/{n}"}
        for n in range(HTTP)
    ]  # fmt: skip
    return {
        "version": 1, "site": "hub", "listen": listen, "state_directory": str(directory),
        "max_concurrent_probes": MAX_IN_FLIGHT * len(targets),
        "push": {"url": f"http://127.0.0.1:{port}/api/v1/write"},
        "targets": targets,
    }  # fmt: skip


def _scrapes(listen: str, seconds: float) -> tuple[list[float], bytes]:
    """Scrape every 5 s; returns the seconds that each took, and the last text."""
    took, body, until = [], b"", time.monotonic() + seconds
    while time.monotonic() < until:
        body, spent = _text.scrape(listen, OPENMETRICS)
        took.append(spent)
        time.sleep(2.5)
        with urllib.request.urlopen(f"http://{listen}/", timeout=20) as page:
            page.read()
        time.sleep(2.5)
    return took, body


def measure(config: Path, listen: str, seconds: float) -> dict[str, Any]:
    """Run an agent for ``seconds`` and return its figures; those of the start are left out."""
    command = [sys.executable, "-m", "tests.bench._observed", str(config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as agent:
        try:
            time.sleep(START_SECONDS)
            first, _ = _text.scrape(listen)
            began, started, spent = _machine.ticks(), time.monotonic(), cpu_seconds(agent.pid)
            took, body = _scrapes(listen, seconds - START_SECONDS)
            cpu = (cpu_seconds(agent.pid) - spent) / (time.monotonic() - started)
            memory, machine = resident_mb(agent.pid), _machine.shares(began, _machine.ticks())
        finally:
            agent.send_signal(signal.SIGTERM)
        said, _ = agent.communicate(timeout=30)
    probes = _text.total(body, f"{DELAY}_count") - _text.total(first, f"{DELAY}_count")
    late = probes - sum(
        _text.total(text, f"{DELAY}_bucket", le="0.1") * sign for text, sign in ((body, 1), (first, -1))
    )
    return {
        "targets": ICMP + HTTP,
        "series": sum(1 for line in body.splitlines() if not line.startswith(b"#")),
        "probes_per_s": probes / (seconds - START_SECONDS),
        "late_over_100_ms": late,
        "skipped": _text.total(body, SKIPPED) - _text.total(first, SKIPPED),
        "dropped": _text.total(body, "thongsuot_agent_dropped_samples_total"),
        "scrape_ms": statistics.median(took) * 1000,
        "scrape_max_ms": max(took) * 1000,
        **json.loads(said),
        "cpu_percent": cpu * 100,
        "resident_mb": memory,
        **machine,
    }


def run(seconds: float | None = None) -> dict[str, Any]:
    """Return the figures of one agent with 2,000 targets."""
    chosen = seconds or float(os.environ.get("MANY_TARGETS_SECONDS", DEFAULT_SECONDS))
    with tempfile.TemporaryDirectory(prefix="bench-") as name, site() as port:
        listen, config = f"127.0.0.1:{free_port()}", Path(name, "agent.yml")
        config.write_text(yaml.safe_dump(configuration(Path(name), listen, port)), encoding="utf-8")
        row = measure(config, listen, chosen)
    on_time = row["skipped"] + row["late_over_100_ms"] == 0
    limit_ms = LIMIT_SCRAPE_SECONDS * 1000
    return {
        "rows": [{"figure": key, "value": value} for key, value in row.items()],
        "claims": {
            "2,000 targets: no slot skipped, no probe over 100 ms late": on_time,
            f"/metrics in {limit_ms:g} ms (median)": row["scrape_ms"] <= limit_ms,
            f"loop never held up over {LIMIT_BLOCK_MS:g} ms of CPU": row["longest_cpu_ms"] <= LIMIT_BLOCK_MS,
        },
        "figures": row,
    }
