"""How late probes start while a throughput test fills the line: the agent's own histogram of delays.

A running agent with 40 targets and a throughput test that begins again as soon as it may, over a line of
100 Mbit/s in a sandbox. The pump is a process of its own, and the loop must not notice it.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from inventory import names
from tests.bench import _machine, _text
from tests.bench._path import FAR, NEAR, Lane, inside
from tests.bench._rows import progress

RATE_BITS = 100_000_000
SECONDS, START_SECONDS = 60.0, 15.0
LIMIT_SECONDS = 0.02
PORT = 9463
DELAY = names.AGENT_SCHEDULE_DELAY.name


def configuration(directory: Path, listen: str, token: Path) -> dict[str, Any]:
    """Return agent.yml as data."""
    targets: list[dict[str, Any]] = [
        {"name": f"icmp-{n}", "target": f"icmp-{n}", "probe": "icmp", "address": FAR, "line": str(n)}
        for n in range(30)
    ]
    targets += [
        {"name": f"tcp-{n}", "target": f"tcp-{n}", "probe": "tcp", "address": f"{FAR}:{PORT}", "line": str(n)}
        for n in range(10)
    ]
    options = {"token_file": str(token), "contracted_down_mbps": 200, "contracted_up_mbps": 200}
    targets.append(
        {"name": "throughput", "target": "hub:main", "line": "main", "probe": "throughput",
         "address": f"http://{FAR}:{PORT}", "interval_seconds": 5, "timeout_seconds": 58, "options": options}
    )  # fmt: skip
    return {
        "version": 1, "site": "21040", "commune": "21040", "listen": listen,
        "state_directory": str(directory / "state"), "targets": targets,
    }  # fmt: skip


def play(directory: Path) -> dict[str, Any]:
    """Run the agent and read what it says of itself."""
    token, listen = directory / "token", f"{NEAR}:9465"
    token.write_text("for-the-bench-0123456789\n")
    token.chmod(0o600)
    (directory / "agent.yml").write_text(yaml.safe_dump(configuration(directory, listen, token)))
    with Lane(directory) as lane:
        for node in ("near", "far"):
            lane.rate(node, RATE_BITS)
        lane.start(
            "far", sys.executable, "-m", "deploy.cli", "reflect", "--listen", "127.0.0.1:9498",
            "--throughput-listen", f"{FAR}:{PORT}", "--token-file", str(token), "--plain-http",
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(3)
        lane.start(
            "near", sys.executable, "-m", "agent", "--config", str(directory / "agent.yml"), "--log-level",
            "warning",
        )  # fmt: skip
        time.sleep(START_SECONDS)
        first, began = scrape(lane, listen), _machine.ticks()
        time.sleep(SECONDS)
        last, machine = scrape(lane, listen), _machine.shares(began, _machine.ticks())
    starts = change(first, last, f"{DELAY}_count")
    return {
        "starts": starts,
        **{
            f"late_over_{bound * 1000:g}_ms": starts - change(first, last, f"{DELAY}_bucket", le=f"{bound:g}")
            for bound in (0.005, LIMIT_SECONDS, 0.1)
        },
        "tests": change(first, last, names.PROBE_RESULTS.name, probe="throughput", result="ok"),
        "moved_mb": change(first, last, names.THROUGHPUT_BYTES.name) / 1e6,
        "skipped": change(first, last, names.AGENT_SKIPPED_SLOTS.name),
        **machine,
    }


def scrape(lane: Lane, listen: str) -> bytes:
    """Return ``/metrics`` of the agent in the sandbox."""
    return lane.must("near", sys.executable, "-m", "tests.bench._text", listen).encode()


def change(first: bytes, last: bytes, name: str, **labels: str) -> float:
    """Return by how much a counter went on."""
    return _text.total(last, name, **labels) - _text.total(first, name, **labels)


def run() -> dict[str, Any]:
    """Return the figures."""
    progress("schedule_error")
    row = json.loads(inside("tests.bench.schedule_error", seconds=150))
    late = row[f"late_over_{LIMIT_SECONDS * 1000:g}_ms"]
    held = row["moved_mb"] > 0 and late <= 0.01 * row["starts"]
    claim = f"p99 of how late probes start, with throughput tests running: {LIMIT_SECONDS * 1000:g} ms"
    return {"rows": [row], "claims": {claim: held}}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        print(json.dumps(play(Path(name))))
