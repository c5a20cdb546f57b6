"""What an agent costs that comes back with a backlog of 14 days: resident memory, CPU and the pace of its
heartbeats while it drains at full speed.

The spool is written beforehand: 20,160 minutes of 4,400 samples, which is more than the default 256 MB
hold, since their values have more noise than life. A stub takes the pushes. ``BACKLOG_MEMORY_SECONDS`` sets
how long is measured.
"""

import itertools
import os
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Final

import yaml

from agent.clock import boottime
from agent.remote_write import Encoder, encode_labels, encode_series
from agent.spool.piece import NewRow
from agent.spool.shelf import Limits, Shelf
from tests.bench.agent_memory import _Server, cpu_seconds, resident_mb
from tests.bench.probe_cpu import free_port

MINUTES: Final = 14 * 1440
SERIES: Final = 370
SAMPLES: Final = 12
LIMIT_MB: Final = 66.0
BEAT_GAP_SECONDS: Final = 3.5
DEFAULT_SECONDS: Final = 45.0
_BATCH: Final = 240
_AGAIN: Final = (
    "INSERT INTO rows SELECT seq + :by, fate, samples, first_ms + :by * 60000, last_ms + :by * 60000, boot,"
    " epoch_ms, shift_ms, acked_seconds, shape, size, crc FROM rows WHERE seq <= :most"
)


class _Hub(BaseHTTPRequestHandler):
    """204 for everything; notes when live pushes came, and how much backlog."""

    protocol_version = "HTTP/1.1"
    live: Final[list[float]] = []
    waited: Final[list[int]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("X-Thongsuot-Backlog"):
            self.waited.append(len(body))
        else:
            self.live.append(time.monotonic())
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def minute(start_ms: int) -> bytes:
    """Return what a commune collects in a minute: counters and gauges, every 5 s."""
    common = {
        "commune": "21040", "instance": "21040", "job": "thongsuot-agent", "probe": "http", "site": "21040",
    }  # fmt: skip
    fields = []
    for step in range(SAMPLES):
        encoder = Encoder(start_ms + step * 5000)
        for number in range(SERIES):
            own = {"__name__": f"thongsuot_metric_{number % 20}", "target": f"system:{number // 20}"}
            labels = common | own
            value = start_ms / 1e5 + step * (number % 7) + (number * 7919 % 1000) / 997
            fields.append(encode_series(encode_labels(labels), encoder.sample(value)))
    return b"".join(fields)


def fill(directory: Path) -> float:
    """Write 14 days into a spool; returns megabytes."""
    shelf = Shelf(directory, "21040", Limits(1 << 30, 14), boottime, 1)
    shelf.open()
    start_ms = round(time.time() * 1000) - MINUTES * 60_000
    for place in range(_BATCH):
        ms = start_ms + place * 60_000
        shelf.write([NewRow(minute(ms), SERIES * SAMPLES, ms, ms + 55_000, "before")])
    assert shelf._disk is not None
    db = shelf._disk._db
    for by in range(_BATCH, MINUTES, _BATCH):  # the same again is as large as life, and takes less time
        db.execute("BEGIN")
        db.execute("INSERT INTO bodies SELECT seq + ?, body FROM bodies WHERE seq <= ?", (by, _BATCH))
        db.execute(_AGAIN, {"by": by, "most": _BATCH})
        db.execute("COMMIT")
    held = shelf.stats().bytes / 1e6
    shelf.close()
    return held


def configuration(directory: Path, port: int) -> dict[str, Any]:
    """Return agent.yml as data."""
    targets = [
        {"name": f"t{n}", "target": f"t{n}", "probe": "icmp", "address": "127.0.0.1"} for n in range(40)
    ]
    return {
        "version": 1, "site": "21040", "commune": "21040", "listen": f"127.0.0.1:{free_port()}",
        "state_directory": str(directory), "targets": targets, "spool": {"megabytes": 1000},
        "push": {"url": f"http://127.0.0.1:{port}/", "backlog_bytes_per_second": 2_500_000},
    }  # fmt: skip


def measure(directory: Path, seconds: float) -> dict[str, Any]:
    """Run an agent on a full spool."""
    held = fill(directory)
    server = _Server(("127.0.0.1", 0), _Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = directory / "agent.yml"
    config.write_text(yaml.safe_dump(configuration(directory, server.server_address[1])), encoding="utf-8")
    command = [sys.executable, "-m", "agent", "--config", str(config), "--log-level", "warning"]
    with subprocess.Popen(command) as agent:
        try:
            time.sleep(10.0)
            _Hub.live.clear()
            spent, began = cpu_seconds(agent.pid), time.monotonic()
            time.sleep(seconds)
            share = (cpu_seconds(agent.pid) - spent) / (time.monotonic() - began)
            beats = list(_Hub.live)
            return {
                "spool_mb": held,
                "resident_mb": resident_mb(agent.pid),
                "peak_mb": resident_mb(agent.pid, "VmHWM"),
                "cpu_percent": share * 100,
                "backlog_requests": len(_Hub.waited),
                "backlog_mb_sent": sum(_Hub.waited) / 1e6,
                "longest_gap_of_live_pushes_s": max(
                    later - earlier for earlier, later in itertools.pairwise(beats)
                ),
            }
        finally:
            agent.terminate()
            agent.wait(10)
            server.shutdown()
            server.server_close()


def run(seconds: float | None = None) -> dict[str, Any]:
    """Return memory and CPU of an agent with a backlog of 14 days."""
    chosen = seconds or float(os.environ.get("BACKLOG_MEMORY_SECONDS", DEFAULT_SECONDS))
    with tempfile.TemporaryDirectory() as name:
        row = measure(Path(name), chosen)
    return {
        "rows": [row],
        "claims": {
            f"agent that drains 14 days: peak memory at most {LIMIT_MB:.0f} MB": row["peak_mb"] <= LIMIT_MB,
            f"meanwhile live pushes at most {BEAT_GAP_SECONDS} s apart": row["longest_gap_of_live_pushes_s"]
            <= BEAT_GAP_SECONDS,
        },
    }
