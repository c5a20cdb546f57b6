"""What a line carries, against the truth: goodput, latency under load, utilisation.

``tc`` (tbf) lets a line through at a known rate; of it TCP with time stamps carries 1448 bytes of 1514.
``iperf3`` measures the same line a moment before. Latency under load is held to ``ping`` on the line during
the test, utilisation to the bytes that tc counted.
"""

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import yaml

from deploy.debian import environment, find
from inventory import names
from tests.bench import _probing, _text
from tests.bench._path import FAR, GOODPUT, NEAR, Lane, inside
from tests.bench._rows import claims, progress, row, shown

UP_BITS, DOWN_BITS = 20_000_000, 40_000_000
QUEUE_MS = {"near": 60, "far": 40}
PORT = 9463
MS = 1000.0


class Window(NamedTuple):
    """From when to when a direction was busy, unix time."""

    start: float
    end: float


def iperf(lane: Lane, *words: str) -> float:
    """Return the goodput that iperf3's receiver saw, in bits a second."""
    command = lane.words("near", str(find("iperf3")), "-c", FAR, "-t", "8", "-O", "1", "-J", *words)
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment())
    return float(json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"])


def busy(readings: list[tuple[float, int, int]], column: int, bits_per_second: float) -> Window:
    """Return the longest time in which a direction ran at over 70 % of its rate, its first second left
    out: slow start is no load yet."""
    step = 10  # fifth of a second
    full = [
        (after[column] - before[column]) * 8 / (after[0] - before[0]) > 0.7 * bits_per_second
        for before, after in zip(readings, readings[step:], strict=False)
    ]
    best, start = (0, 0), None
    for place, is_full in enumerate([*full, False]):
        if is_full and start is None:
            start = place
        elif not is_full and start is not None:
            best, start = max(best, (place - start, start)), None
    length, first = best
    return Window(readings[first][0] + 1.0, readings[first + length][0])


def pings(said: str, window: Window) -> float:
    """Return the median round trip of ``ping -D`` within a window, in ms."""
    found = re.findall(r"\[([\d.]+)\] .* time=([\d.]+) ms", said)
    inside_ = [float(ms) for at, ms in found if window.start <= float(at) - float(ms) / MS <= window.end]
    return statistics.median(inside_)


def throughput(directory: Path) -> list[dict[str, Any]]:
    """A test of ours after one of iperf3's; ping beside ours."""
    token = directory / "token"
    token.write_text("for-the-bench-0123456789\n")
    token.chmod(0o600)
    job = _probing.Job(
        kind="throughput", address=f"http://{FAR}:{PORT}", timeout_seconds=58,
        options={"token_file": str(token), "contracted_down_mbps": 50, "contracted_up_mbps": 50,
                 "max_seconds": 10},
    )  # fmt: skip
    with Lane(directory) as lane:
        lane.rate("near", UP_BITS, QUEUE_MS["near"])
        lane.rate("far", DOWN_BITS, QUEUE_MS["far"])
        lane.start("far", str(find("iperf3")), "-s", stdout=subprocess.DEVNULL)
        lane.start(
            "far", sys.executable, "-m", "deploy.cli", "reflect", "--listen", "127.0.0.1:9498",
            "--throughput-listen", f"{FAR}:{PORT}", "--token-file", str(token), "--plain-http",
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(3)
        other = {"up": iperf(lane), "down": iperf(lane, "-R")}
        with (directory / "bytes").open("w") as counted, (directory / "ping").open("w") as heard:
            lane.start("near", sys.executable, "-m", "tests.bench._sampler", "wan", stdout=counted)
            lane.start("near", str(find("ping")), "-D", "-n", "-i", "0.05", FAR, stdout=heard)
            time.sleep(1)
            words = lane.python("near", "tests.bench._probing", msgspec.json.encode(job).decode())
            done = subprocess.run(words, capture_output=True, text=True, check=True)
            lane.stop_all()
    seen = _probing.decode(done.stdout)[0]
    if seen.reason != "ok":
        raise RuntimeError(f"throughput: {seen.reason} {seen.evidence}")
    progress(seen.evidence)
    readings = [
        (float(at), int(received), int(sent))
        for at, received, sent in (line.split() for line in (directory / "bytes").read_text().splitlines())
    ]
    return goodput(seen, other) + latency(seen, readings, (directory / "ping").read_text())


def goodput(seen: _probing.Seen, other: dict[str, float]) -> list[dict[str, Any]]:
    """Rows about goodput: within 3 % of the truth, within 2 % of iperf3."""
    rows = []
    for way, bits in (("up", UP_BITS), ("down", DOWN_BITS)):
        mine = seen.get(names.THROUGHPUT_GOODPUT, direction=way)[0] * 8e-6
        theirs, truth = other[way] * 1e-6, bits * GOODPUT * 1e-6
        label = f"{bits // 1_000_000} Mbit/s: goodput {way}"
        rows.append(row(label, "Mbit/s", truth, mine, by="probe", relative=0.03, iperf3=theirs))
        rows.append(row(f"{label}, truth: iperf3", "Mbit/s", theirs, mine, by="probe", relative=0.02))
    return rows


def latency(seen: _probing.Seen, readings: list[tuple[float, int, int]], heard: str) -> list[dict[str, Any]]:
    """Rows about the round trip under load: within 10 % of what ping had on the same line meanwhile."""
    rows = []
    for way, column, bits in (("up", 2, UP_BITS), ("down", 1, DOWN_BITS)):
        mine = seen.get(names.THROUGHPUT_RTT, direction=way)[0] * MS
        theirs = pings(heard, busy(readings, column, bits))
        rows.append(row(f"RTT under load {way}", "ms", theirs, mine, by="probe", relative=0.1, ping=theirs))
    return rows


def utilisation(directory: Path) -> list[dict[str, Any]]:
    """What a running agent says about its own interface, against what tc let through."""
    listen = f"{NEAR}:9465"
    config = {
        "version": 1, "site": "21040", "commune": "21040", "listen": listen,
        "state_directory": str(directory / "state"),
        "targets": [
            {"name": "traffic/main", "target": "line:21040/main", "line": "main", "probe": "traffic",
             "address": "wan", "interval_seconds": 2, "timeout_seconds": 1}
        ],
    }  # fmt: skip
    with Lane(directory) as lane:
        (directory / "agent.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
        for node in ("near", "far"):
            lane.rate(node, DOWN_BITS)
        lane.start("far", str(find("iperf3")), "-s", stdout=subprocess.DEVNULL)
        lane.start("near", sys.executable, "-m", "agent", "--config", str(directory / "agent.yml"))
        time.sleep(8)
        before = totals(lane, listen), passed(lane)
        for words in (("-u", "-b", "9M", "-t", "10"), ("-u", "-b", "15M", "-t", "10", "-R")):
            lane.must("near", str(find("iperf3")), "-c", FAR, *words)
        time.sleep(5)
        after = totals(lane, listen), passed(lane)
    return [
        row(
            f"two loads of 10 s: bytes {way}", "MB", (after[1][way] - before[1][way]) / 1e6,
            (after[0][way] - before[0][way]) / 1e6, by="agent", relative=0.01,
        )
        for way in ("up", "down")
    ]  # fmt: skip


def totals(lane: Lane, listen: str) -> dict[str, float]:
    """Return the agent's counters."""
    body = lane.must("near", sys.executable, "-m", "tests.bench._text", listen).encode()
    return {way: _text.total(body, names.TRAFFIC_BYTES.name, direction=way) for way in ("up", "down")}


def passed(lane: Lane) -> dict[str, float]:
    """Return the bytes of frames that tc let out at either end."""
    found = {}
    for way, node in (("up", "near"), ("down", "far")):
        said = json.loads(lane.must(node, "tc", "-s", "-j", "qdisc", "show", "dev", "wan"))
        found[way] = float(next(item["bytes"] for item in said if item["kind"] == "tbf"))
    return found


SCENARIOS = {"throughput": throughput, "utilisation": utilisation}


def run() -> dict[str, Any]:
    """Return the table."""
    rows: list[dict[str, Any]] = []
    for name in SCENARIOS:
        progress(f"truth_line: {name}")
        rows += json.loads(inside("tests.bench.truth_line", name, seconds=200))
    return {"rows": shown(rows), "claims": claims(rows), "figures": rows}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as chosen:
        print(json.dumps(SCENARIOS[sys.argv[1]](Path(chosen))))
