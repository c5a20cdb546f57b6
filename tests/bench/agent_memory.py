"""What a running agent costs: resident memory and CPU of a commune with a full house.

30 icmp (bursts of 10) and 10 https targets on loopback, every 5 s, test packets 10 a second to a reflector
of ours, and the counters of an interface; a stub takes the pushes, and ``/metrics`` and the status page are
read now and then. ``make bench`` runs it briefly, since memory has settled after the first minutes;
``AGENT_MEMORY_SECONDS=600`` runs it whole. The agent is a process of its own, as installed.
"""

import os
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from tests.bench import _text
from tests.bench.probe_cpu import free_port, running
from tests.exporters.pki import Pki

LIMIT_MB = 55.0
LIMIT_CPU_PERCENT = 3.0
HTTPS = 10
DEFAULT_SECONDS = 90.0
_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
_PAGE = b"<!doctype html>" + b"<p>...</p>\n" * 200


class _Site(BaseHTTPRequestHandler):
    """A page for GET; 204 for a push."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(200, _PAGE)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(204, b"")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if body:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A probe that hangs up after the headers is no error."""


@contextmanager
def site(pem: Path | None = None) -> Iterator[int]:
    """Serve on loopback until the context ends; yields the port."""
    server = _Server(("127.0.0.1", 0), _Site)
    if pem is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def configuration(
    directory: Path, listen: str, push: int, https: int, stamp: int, ca: Path
) -> dict[str, Any]:
    """Return agent.yml as data; ``push``, ``https`` and ``stamp`` are ports of loopback."""

    def target(name: str, probe: str, address: str, **more: Any) -> dict[str, Any]:
        gate = {} if name == "icmp-1" or probe in {"stamp", "traffic"} else {"gate": "icmp-1"}
        return {"name": name, "target": name, "probe": probe, "address": address, **gate, **more}

    targets = [target(f"icmp-{n}", "icmp", f"127.0.0.{n}") for n in range(1, 31)]
    targets += [
        target(f"https-{n}", "http", f"https://localhost:{https}/{n}", options={"ca_file": str(ca)})
        for n in range(HTTPS)
    ]
    train = {"packets_per_second": 10, "train_seconds": 5}
    address = f"127.0.0.1:{stamp}"
    targets.append(target("stamp", "stamp", address, line="main", timeout_seconds=8, options=train))
    targets.append(target("traffic", "traffic", "lo", line="main", interval_seconds=10))
    return {
        "version": 1,
        "site": "21040",
        "commune": "21040",
        "listen": listen,
        "state_directory": str(directory),
        "push": {"url": f"http://127.0.0.1:{push}/api/v1/write"},
        "targets": targets,
    }


def resident_mb(pid: int, key: str = "VmRSS") -> float:
    """Return a memory figure of a process from /proc, in MB of 1024 KB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(key)).split()[1]) / 1024


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_SECONDS


def _read_pages(listen: str, until: float) -> None:
    """Read what the agent shows every 15 s, as Prometheus and a curious person would."""
    while (left := until - time.monotonic()) > 0:
        for page in ("metrics", ""):
            with urllib.request.urlopen(f"http://{listen}/{page}", timeout=5) as answer:
                answer.read()
        time.sleep(min(15.0, left))


def measure(config: Path, listen: str, seconds: float) -> dict[str, Any]:
    """Run an agent for ``seconds`` and return its figures; CPU is counted after the start."""
    command = [sys.executable, "-m", "agent", "--config", str(config), "--log-level", "warning"]
    with subprocess.Popen(command) as agent:
        try:
            time.sleep(min(20.0, seconds / 2))
            started, spent = time.monotonic(), cpu_seconds(agent.pid)
            first = resident_mb(agent.pid)
            _read_pages(listen, started + seconds - 20.0)
            share = (cpu_seconds(agent.pid) - spent) / (time.monotonic() - started)
            body, _ = _text.scrape(listen)
            return {
                "seconds": seconds,
                "results_ok": _text.total(body, "thongsuot_probe_results_total", result="ok"),
                "results_not": _text.total(body, "thongsuot_probe_results_total")
                - _text.total(body, "thongsuot_probe_results_total", result="ok"),
                "series": len(body.splitlines()),
                "resident_mb_at_20_s": first,
                "resident_mb": resident_mb(agent.pid),
                "peak_mb": resident_mb(agent.pid, "VmHWM"),
                "cpu_percent": share * 100,
            }
        finally:
            agent.terminate()
            agent.wait(10)


@contextmanager
def reflector() -> Iterator[int]:
    """Run ``thongsuot reflect`` on loopback until the context ends; yields the port for test packets."""
    pages, port = free_port(), free_port()
    words = ["reflect", "--listen", f"127.0.0.1:{pages}", "--stamp-listen", f"127.0.0.1:{port}"]
    with running([sys.executable, "-m", "deploy.cli", *words], pages):
        yield port


def run(seconds: float | None = None) -> dict[str, Any]:
    """Return memory and CPU share of an agent with a full house."""
    chosen = seconds or float(os.environ.get("AGENT_MEMORY_SECONDS", DEFAULT_SECONDS))
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        directory = Path(name)
        pki, listen = Pki(directory), f"127.0.0.1:{free_port()}"
        push = stack.enter_context(site())
        https = stack.enter_context(site(pki.host("localhost")))
        stamp = stack.enter_context(reflector())
        config = directory / "agent.yml"
        wanted = configuration(directory, listen, push, https, stamp, pki.ca)
        config.write_text(yaml.safe_dump(wanted), encoding="utf-8")
        row = measure(config, listen, chosen)
    what = "agent with 40 targets, stamp and traffic"
    return {
        "rows": [row],
        "claims": {
            f"{what}: resident memory at most {LIMIT_MB:.0f} MB": row["resident_mb"] <= LIMIT_MB,
            f"{what}: at most {LIMIT_CPU_PERCENT:g} % of a core": row["cpu_percent"] <= LIMIT_CPU_PERCENT,
        },
    }
