"""Pings against the truth: ``icmp`` beside ``ping`` and ``fping``, over a path that the lab impairs.

Truth is the release log of the relay (from when it had a request to when it let go of the reply) or nft's
drop counter. Columns ``by``: ``probe`` is the probe function, ``agent`` a running ``thongsuot-agent``.
"""

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import yaml

from deploy.debian import find
from deploy.lab.impair import Impairment
from inventory import names
from tests.bench import _probing, _text
from tests.bench._path import FAR, FAR6, NEAR, Lane, inside
from tests.bench._rows import claims, progress, row, shown
from tests.bench._truth import Echoes, echoes, in_order_of_arrival, jitter_rfc3550

SIZES = {"ours": 56, "ping": 100, "fping": 80}
"""Bytes after the ICMP header, by which the log tells who sent what."""
BURSTS, PACKETS = 30, 300
MS = 1000.0


def sent_size(tool: str, version: int) -> int:
    """Return the size of a tool's IP packets."""
    return SIZES[tool] + 8 + (20 if version == 4 else 40)


def ours(lane: Lane, address: str, bursts: int = BURSTS, **options: object) -> list[_probing.Seen]:
    """Burst ``bursts`` times and once more, which tells of what came after the last."""
    job = _probing.Job(
        kind="icmp", address=address, count=bursts + 1, interval_seconds=0.45, timeout_seconds=2,
        options=dict(options),
    )  # fmt: skip
    words = lane.python("near", "tests.bench._probing", msgspec.json.encode(job).decode())
    return _probing.decode(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def ping(lane: Lane, address: str) -> list[float]:
    """Return the round-trip times that ping prints, in seconds."""
    words = lane.words(
        "near", str(find("ping")), "-n", "-c", str(PACKETS), "-i", "0.02", "-s", str(SIZES["ping"]), address
    )
    said = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    return [float(v) / MS for v in re.findall(r"time=([\d.]+) ms(?! \(DUP)", said)]


def fping(lane: Lane, address: str) -> list[float]:
    """Return the round-trip times that fping prints, in seconds."""
    words = lane.words(
        "near",
        str(find("fping")),
        "-c",
        str(PACKETS),
        "-p",
        "20",
        "-t",
        "2000",
        "-b",
        str(SIZES["fping"]),
        address,
    )
    said = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    return [float(v) / MS for v in re.findall(r"bytes, ([\d.]+) ms", said)]


def rtts(seen: list[_probing.Seen]) -> list[float]:
    """Return every round-trip time that our bursts observed, in seconds."""
    return [value for one in seen for value in one.get(names.ICMP_RTT_DISTRIBUTION)]


def counted(seen: list[_probing.Seen], metric: names.Metric, *, last: bool = False) -> float:
    """Return what a counter came to; ``last`` with what only the outcome after the last burst tells."""
    return sum(value for one in (seen if last else seen[:-1]) for value in one.get(metric))


def truth_of(lane: Lane, seen: list[_probing.Seen], version: int = 4) -> Echoes:
    """Return the truth about our bursts, without the one after the last."""
    return echoes(
        lane.records(), sent_size("ours", version), seen[0].start_seconds, seen[-1].start_seconds - 1e-4
    )


def delay(directory: Path, version: int) -> list[dict[str, Any]]:
    """A constant delay: every tool's median against the truth about its own packets."""
    address = FAR if version == 4 else FAR6
    up, down = Impairment(delay_seconds=0.005), Impairment(delay_seconds=0.003)
    with Lane(directory, up, down, spin=True) as lane:
        lane.must("near", str(find("ping")), "-c5", "-i.2", "-w5", address)
        seen, others = ours(lane, address), {"ping": ping(lane, address), "fping": fping(lane, address)}
        lane.stop_all()
        log, echo = lane.records(), truth_of(lane, seen, version)
    mine = statistics.median(rtts(seen[:-1])) * MS
    truth = statistics.median(echo.answered) * MS
    medians = {name: statistics.median(values) * MS for name, values in others.items()}
    label = f"IPv{version}, 5 + 3 ms"
    rows = [row(f"{label}: RTT median", "ms", truth, mine, by="probe", limit=0.1, **medians)]
    rows.append(row(f"{label}: RTT median, truth: ping", "ms", medians["ping"], mine, by="probe", limit=0.1))
    errors = {
        name: medians[name] - statistics.median(echoes(log, sent_size(name, version)).answered) * MS
        for name in others
    }
    rows.append(row(f"{label}: RTT median off its own truth", "ms", 0.0, mine - truth, by="probe", **errors))
    for stat, wanted in (("min", min(echo.answered)), ("max", max(echo.answered))):
        got = (min if stat == "min" else max)(
            v for one in seen[:-1] for v in one.get(names.ICMP_RTT, stat=stat)
        )
        rows.append(row(f"{label}: RTT {stat} of all bursts", "ms", wanted * MS, got * MS, by="probe"))
    return rows


def impaired(directory: Path) -> list[dict[str, Any]]:
    """Jitter, loss, duplicates and reordering, all at once."""
    up = Impairment(
        delay_seconds=0.02, jitter_seconds=0.005, loss_ratio=0.04, duplicate_ratio=0.03, reorder_ratio=0.05
    )
    down = Impairment(delay_seconds=0.01, jitter_seconds=0.003, loss_ratio=0.03)
    with Lane(directory, up, down, seed=2026) as lane:
        seen = ours(lane, FAR, 60)
        lane.stop_all()
        echo = truth_of(lane, seen)
    label, mine = "jitter, loss, copies, order", rtts(seen[:-1])
    jitter = [value for one in seen[:-1] for value in one.get(names.ICMP_JITTER, method="rfc3550")]
    variation = [value for one in seen[:-1] for value in one.get(names.ICMP_JITTER, method="mean")]
    own = [truth_burst(echo, one) for one in range(60)]
    return [
        row(f"{label}: sent", "packets", echo.sent, counted(seen, names.ICMP_SENT), by="probe", limit=0),
        row(f"{label}: lost", "packets", echo.lost, counted(seen, names.ICMP_LOST), by="probe", limit=0),
        row(
            f"{label}: duplicates", "packets", echo.copies, counted(seen, names.ICMP_DUPLICATE, last=True),
            by="probe", limit=0,
        ),
        row(
            f"{label}: reordered", "packets", sum(one.overtaken for one in own),
            counted(seen, names.ICMP_REORDERED), by="probe", limit=0,
        ),
        row(
            f"{label}: RTT median", "ms", statistics.median(echo.answered) * MS, statistics.median(mine) * MS,
            by="probe", limit=0.1,
        ),
        row(
            f"{label}: jitter (RFC 3550)", "ms", jitter_rfc3550(in_order_of_arrival(echo)) * MS,
            jitter[-1] * MS, by="probe", limit=0.1, relative=0.05,
        ),
        row(
            f"{label}: jitter (mean difference)", "ms",
            statistics.mean(one.mean_variation for one in own) * MS, statistics.mean(variation) * MS,
            by="probe", limit=0.1, relative=0.05,
        ),
    ]  # fmt: skip


def truth_burst(echo: Echoes, number: int, packets: int = 10) -> Echoes:
    """Return the truth about one burst of many."""
    first, end = number * packets, (number + 1) * packets
    arrivals = tuple(place - first for place in echo.arrivals if first <= place < end)
    return Echoes(sent=packets, rtts=echo.rtts[first:end], arrivals=arrivals, copies=0)


def counter(directory: Path) -> list[dict[str, Any]]:
    """Loss that nft imposes and counts, as a running agent counts it, and as ping does."""
    listen = f"{NEAR}:9465"
    config = {
        "version": 1, "site": "21040", "commune": "21040", "listen": listen,
        "state_directory": str(directory / "state"),
        "targets": [
            {"name": "hub", "target": "hub:main", "probe": "icmp", "address": FAR, "interval_seconds": 2,
             "timeout_seconds": 1}
        ],
    }  # fmt: skip
    with Lane(directory) as lane:
        (directory / "agent.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
        for direction in ("up", "down"):
            lane.drop(direction, 0.06, "meta l4proto icmp")
        lane.start("near", sys.executable, "-m", "agent", "--config", str(directory / "agent.yml"))
        time.sleep(40)
        lost, dropped, sent = _settled(lane, listen)
        before = lane.dropped("up") + lane.dropped("down")
        lane.stop_all()
        got = ping(lane, FAR)
        dropped_ping = lane.dropped("up") + lane.dropped("down") - before
    return [
        row("nft, 6 % each way: lost", "packets", dropped, lost, by="agent", limit=0),
        row("nft, 6 % each way: sent meanwhile", "packets", None, sent, by="agent"),
        row(
            "nft, 6 % each way: lost by ping", "packets", dropped_ping, None, by="-", ping=PACKETS - len(got)
        ),
    ]


def _settled(lane: Lane, listen: str) -> tuple[float, int, float]:
    """Return lost, dropped and sent between two bursts: a burst under way is counted by nft only."""
    found = 0.0, 0, 0.0
    for _ in range(20):
        body = lane.must("near", sys.executable, "-m", "tests.bench._text", listen).encode()
        lost = _text.total(body, names.ICMP_LOST.name, target="hub:main")
        sent = _text.total(body, names.ICMP_SENT.name, target="hub:main")
        found = lost, lane.dropped("up") + lane.dropped("down"), sent
        if found[0] == found[1]:
            break
        time.sleep(0.4)
    return found


def mtu(directory: Path) -> list[dict[str, Any]]:
    """A line that carries less than the rest of the path."""
    with Lane(directory) as lane:
        for node in ("left", "right"):
            lane.must(node, "ip", "link", "set", "line", "mtu", "1412")
        seen = ours(lane, FAR, 10, path_mtu=True)
    found = [value for one in seen for value in one.get(names.ICMP_PATH_MTU)]
    return [
        row("line of 1,412 bytes: path MTU", "bytes", 1412, found[-1] if found else None, by="probe", limit=0)
    ]


SCENARIOS = {
    "delay": lambda directory: delay(directory, 4),
    "delay6": lambda directory: delay(directory, 6),
    "impaired": impaired,
    "counter": counter,
    "mtu": mtu,
}


def run() -> dict[str, Any]:
    """Return the table of all scenarios."""
    rows: list[dict[str, Any]] = []
    for name in SCENARIOS:
        progress(f"truth_icmp: {name}")
        rows += json.loads(inside("tests.bench.truth_icmp", name, seconds=180))
    return {"rows": shown(rows), "claims": claims(rows), "figures": rows}


def main(name: str) -> None:
    """Play one scenario inside the sandbox and print its rows."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as directory:
        print(json.dumps(SCENARIOS[name](Path(directory))))


if __name__ == "__main__":
    main(sys.argv[1])
