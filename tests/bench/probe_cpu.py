"""CPU time per probe: ours against blackbox_exporter, same targets, same run, rounds in turn.

Ours is the probe function in a minimal loop in a process of its own; theirs is triggered over HTTP as
Prometheus does it. Both are charged user and system time as the kernel counts it.
"""

import asyncio
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from deploy.debian import environment, find
from tests.exporters.pki import Pki

GOALS = {"icmp": 0.15, "tcp": 0.35, "http": 0.4, "https": 0.9}
ROUNDS = 7
PROBES = {"icmp": 1500, "tcp": 800, "http": 500, "https": 300}
_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")

_NGINX = """\
daemon off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/nginx.log crit;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
  uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
  server {{
    listen 127.0.0.1:{http};
    listen 127.0.0.1:{https} ssl;
    ssl_certificate {pem};
    ssl_certificate_key {pem};
    root {dir}/www;
  }}
}}
"""

_PAGE = (
    "<!doctype html><title>Cổng dịch vụ công</title>\n" + "<p>Nộp hồ sơ trực tuyến, tra cứu kết quả.\n" * 30
)

_BLACKBOX = """\
modules:
  icmp: {{prober: icmp, timeout: 2s, icmp: {{preferred_ip_protocol: ip4}}}}
  tcp: {{prober: tcp, timeout: 2s, tcp: {{preferred_ip_protocol: ip4}}}}
  http: {{prober: http, timeout: 2s, http: {{preferred_ip_protocol: ip4}}}}
  https: {{prober: http, timeout: 2s, http: {{preferred_ip_protocol: ip4, tls_config: {{ca_file: {ca}}}}}}}
"""


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def running(command: list[str], port: int) -> Iterator[int]:
    """Run a server until the context ends; yields its process id once it listens."""
    process = subprocess.Popen(
        command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(400):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        else:
            raise RuntimeError(f"{command[0]} does not listen on port {port}")
        yield process.pid
    finally:
        process.terminate()
        process.wait(10)


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process and the children that it waited for (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[11:15]) * _TICK_SECONDS


def ours(kind: str, targets: dict[str, str], ca: str) -> float:
    """Return our CPU seconds a probe, from a fresh process."""
    job = {"kind": kind, "address": targets[kind], "count": PROBES[kind], "ca": ca}
    command = [sys.executable, "-m", "tests.bench.probe_cpu", json.dumps(job)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return float(done.stdout)


def theirs(kind: str, targets: dict[str, str], port: int, pid: int) -> float:
    """Return blackbox_exporter's CPU seconds a probe."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    path = "/probe?" + urlencode({"module": kind, "target": targets[kind]})

    def once() -> None:
        connection.request("GET", path)
        if b"\nprobe_success 1" not in connection.getresponse().read():
            raise RuntimeError(f"blackbox_exporter: {kind} does not succeed")

    once()
    before = cpu_seconds(pid)
    for _ in range(PROBES[kind]):
        once()
    spent = cpu_seconds(pid) - before
    connection.close()
    return spent / PROBES[kind]


async def _loop(job: dict[str, Any]) -> float:
    from exporters.base import Target  # noqa: PLC0415 - the child's alone
    from exporters.registry import convert_options, kinds  # noqa: PLC0415 - as above

    name = "http" if job["kind"] == "https" else job["kind"]
    probe = kinds()[name].probe
    # blackbox_exporter sends one echo request a probe, so we do here; what a burst costs is told apart.
    options: dict[str, Any] = {"icmp": {"packets": 1}, "https": {"ca_file": job["ca"]}}.get(job["kind"], {})
    config = convert_options(name, options)
    target = Target(name="bench", address=job["address"], timeout_seconds=2)
    for warm in (True, False):
        before = time.process_time()
        for _ in range(50 if warm else job["count"]):
            outcome = await probe(target, config)
            if not outcome.ok:
                raise RuntimeError(f"{job['kind']}: {outcome.reason} {outcome.evidence}")
    return (time.process_time() - before) / float(job["count"])


def run() -> dict[str, Any]:
    """Measure all kinds; seconds of CPU a probe, the median of the rounds."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory = Path(name)
        pki = Pki(directory)
        pem, ports = pki.host("server"), {key: free_port() for key in ("http", "https", "blackbox")}
        (directory / "www").mkdir()
        (directory / "www/index.html").write_text(_PAGE)
        directory.chmod(0o755)
        nginx, blackbox = directory / "nginx.conf", directory / "blackbox.yml"
        nginx.write_text(_NGINX.format(dir=name, pem=pem, http=ports["http"], https=ports["https"]))
        blackbox.write_text(_BLACKBOX.format(ca=pki.ca))
        targets = {
            "icmp": "127.0.0.1",
            "tcp": f"127.0.0.1:{ports['http']}",
            "http": f"http://127.0.0.1:{ports['http']}/",
            "https": f"https://127.0.0.1:{ports['https']}/",
        }
        listen = f"--web.listen-address=127.0.0.1:{ports['blackbox']}"
        exporter = [
            str(find("prometheus-blackbox-exporter")),
            f"--config.file={blackbox}",
            listen,
            "--log.level=error",
        ]
        with (
            running([str(find("nginx")), "-c", str(nginx), "-p", name], ports["http"]),
            running(exporter, ports["blackbox"]) as pid,
        ):
            return _compare(targets, str(pki.ca), ports["blackbox"], pid)


def _compare(targets: dict[str, str], ca: str, port: int, pid: int) -> dict[str, Any]:
    rows, claims = [], {}
    for kind, goal in GOALS.items():
        pairs = [(ours(kind, targets, ca), theirs(kind, targets, port, pid)) for _ in range(ROUNDS)]
        our, their = (statistics.median(values) for values in zip(*pairs, strict=True))
        # What disturbs the machine disturbs both of a round: the ratio within a round is what holds.
        ratio = statistics.median(mine / other for mine, other in pairs)
        rows.append(
            {
                "probe": kind,
                "ours_us": round(our * 1e6, 1),
                "blackbox_exporter_us": round(their * 1e6, 1),
                "ratio": round(ratio, 3),
                "goal": goal,
            }
        )
        claims[f"CPU per {kind} probe at most {goal} x blackbox_exporter's"] = ratio <= goal
    return {"rows": rows, "claims": claims}


def main() -> None:
    """Run the child's loop for one job, given as JSON, and print seconds a probe."""
    print(asyncio.run(_loop(json.loads(sys.argv[1]))))


if __name__ == "__main__":
    main()
