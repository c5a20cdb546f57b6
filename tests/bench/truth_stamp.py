"""Test packets (RFC 8762) against the truth: each direction's loss, delay and variation by itself.

The relay's log is the truth about delays: a round trip without the reflector's dwell time is what the relay
held of the request and of its answer. nft's counters are the truth about loss.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from deploy.lab.impair import Fate, Impairment, Record
from inventory import names
from tests.bench import _probing
from tests.bench._path import FAR, Lane, inside
from tests.bench._rows import claims, progress, row, shown
from tests.bench._truth import jitter_rfc3550

PORT = 9462
WAKING_MS = 0.3
"""What the log cannot have: relay and reflector are woken once each way, a tenth of a ms and more each time
on a busy machine. A relay that never sleeps would take the core that the two ends need."""
TRAINS, PER_SECOND, SECONDS = 8, 50.0, 3.0
MS = 1000.0


class Pair(msgspec.Struct, frozen=True):
    """What the relay held of one request and of its answer, in seconds; ``at_seconds`` when it came."""

    at_seconds: float
    up_seconds: float
    down_seconds: float


def pairs(records: list[Record]) -> list[Pair]:
    """Return all answered packets in order of sending.

    A stateful reflector numbers its answers itself: its n-th answer is to the n-th request to get there.
    """
    own = [r for r in records if r.protocol == 17 and r.fate is Fate.RELEASED]
    requests = sorted((r for r in own if r.direction == 0), key=lambda r: r.out_seconds)
    answers = {r.key: r for r in own if r.direction == 1}
    return sorted(
        (
            Pair(r.in_seconds, r.out_seconds - r.in_seconds, a.out_seconds - a.in_seconds)
            for place, r in enumerate(requests)
            if (a := answers.get(place)) is not None
        ),
        key=lambda pair: pair.at_seconds,
    )


def play(directory: Path) -> list[dict[str, Any]]:
    """Send trains over a path that delays more upwards and loses differently each way."""
    up = Impairment(delay_seconds=0.015, jitter_seconds=0.004)
    down = Impairment(delay_seconds=0.005, jitter_seconds=0.001)
    job = _probing.Job(
        kind="stamp", address=f"{FAR}:{PORT}", count=TRAINS + 1, interval_seconds=SECONDS + 1.5,
        timeout_seconds=SECONDS + 1.4,
        options={"packets_per_second": PER_SECOND, "train_seconds": SECONDS},
    )  # fmt: skip
    with Lane(directory, up, down, seed=8762) as lane:
        lane.drop("up", 0.05, f"udp dport {PORT}")
        lane.drop("down", 0.03, f"udp sport {PORT}")
        lane.start(
            "far", sys.executable, "-m", "deploy.cli", "reflect", "--listen", "127.0.0.1:9498",
            "--stamp-listen", f"{FAR}:{PORT}", stdout=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(3)
        words = lane.python("near", "tests.bench._probing", msgspec.json.encode(job).decode())
        seen = _probing.decode(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
        time.sleep(0.5)
        dropped = {way: lane.dropped(way) for way in ("up", "down")}
        lane.stop_all()
        truth = pairs(lane.records())
    return losses(seen, dropped) + delays(seen, truth)


def total(seen: list[_probing.Seen], metric: names.Metric, **labels: str) -> float:
    """Return what a counter came to."""
    return sum(value for one in seen for value in one.get(metric, **labels))


def losses(seen: list[_probing.Seen], dropped: dict[str, int]) -> list[dict[str, Any]]:
    """Lost packets per direction; those at the very end cannot be told apart yet."""
    unknown = total(seen, names.STAMP_LOST, direction="unknown")
    known = {way: total(seen, names.STAMP_LOST, direction=way) for way in ("up", "down")}
    rows = [
        row(f"stamp: lost {way}", "packets", dropped[way], known[way], by="probe", limit=unknown)
        for way in ("up", "down")
    ]
    both = sum(known.values()) + unknown
    rows.append(row("stamp: lost in all", "packets", sum(dropped.values()), both, by="probe", limit=0))
    return rows


def delays(seen: list[_probing.Seen], truth: list[Pair]) -> list[dict[str, Any]]:
    """Round trip, jitter and variation, over all trains."""
    trains = [[p for p in truth if one.start_seconds <= p.at_seconds <= one.end_seconds] for one in seen]
    rtt = [statistics.median(p.up_seconds + p.down_seconds for p in train) for train in trains]
    mine = [one.get(names.STAMP_RTT, stat="p50")[0] for one in seen]
    rows = [row("stamp: RTT median", "ms", _mid(rtt), _mid(mine), by="probe", limit=WAKING_MS)]
    for way in ("up", "down"):
        held = [[getattr(p, f"{way}_seconds") for p in train] for train in trains]
        so_far = [[d for train in held[: n + 1] for d in train] for n in range(len(held))]
        jitter = [jitter_rfc3550(delays) for delays in so_far]
        rows.append(
            row(
                f"stamp: jitter {way} (RFC 3550)", "ms", statistics.mean(jitter) * MS,
                statistics.mean(one.get(names.STAMP_JITTER, direction=way)[0] for one in seen) * MS,
                by="probe", limit=0.1, relative=0.05,
            )
        )  # fmt: skip
        beyond = [statistics.mean(d - min(train) for d in train) for train in held]
        rows.append(
            row(
                f"stamp: delay beyond the least {way}, mean", "ms", statistics.mean(beyond) * MS,
                statistics.mean(
                    one.get(names.STAMP_DELAY_VARIATION, direction=way, stat="mean")[0] for one in seen
                ) * MS,
                by="probe", limit=0.2, relative=0.05,
            )
        )  # fmt: skip
        told = [value for one in seen for value in one.get(names.STAMP_ONE_WAY_DELAY, direction=way)]
        middle = _mid([statistics.median(train) for train in held])
        if told:  # only while the machine's clock vouches for itself
            rows.append(row(f"stamp: delay {way}, median", "ms", middle, _mid(told), by="probe", limit=0.1))
    return rows


def _mid(values: list[float]) -> float:
    return statistics.median(values) * MS


def run() -> dict[str, Any]:
    """Return the table."""
    progress("truth_stamp")
    rows = json.loads(inside("tests.bench.truth_stamp", seconds=150))
    return {"rows": shown(rows), "claims": claims(rows), "figures": rows}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        print(json.dumps(play(Path(name))))
