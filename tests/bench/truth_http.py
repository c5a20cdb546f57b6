"""Phases of HTTP and HTTPS beside blackbox_exporter's, in turn, over a path with 10 ms each way.

Nobody knows the truth about a phase but for the path's share of it; so blackbox_exporter's median stands
for it, and ours may be off by 1 ms or a tenth.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path
from typing import Any

import msgspec

from deploy.debian import find
from deploy.lab.impair import Impairment
from inventory import names
from tests.bench import _probing
from tests.bench._path import FAR, Lane, inside
from tests.bench._rows import claims, progress, row, shown
from tests.exporters.pki import Pki

ROUNDS, BLACKBOX = 25, 9115
PHASES = ("resolve", "connect", "tls", "processing", "transfer")
MS = 1000.0

_NGINX = """\
daemon off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/nginx.log crit;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
  uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
  server {{
    listen {far}:80;
    listen {far}:443 ssl;
    ssl_certificate {pem};
    ssl_certificate_key {pem};
    root {dir}/www;
  }}
}}
"""

_MODULES = """\
modules:
  http: {{prober: http, timeout: 5s, http: {{preferred_ip_protocol: ip4, tls_config: {{ca_file: {ca}}}}}}}
"""


def serve(lane: Lane, directory: Path) -> Path:
    """Serve a page of 100 KB from the far end, and start blackbox_exporter at the near one; returns the
    authority's certificate."""
    pki = Pki(directory)
    pem, page, modules = pki.host("far", san=f"IP:{FAR}"), directory / "www/index.html", directory / "bb.yml"
    page.parent.mkdir()
    page.write_text("<!doctype html><title>Nộp hồ sơ</title>" + "<p>Tra cứu kết quả.\n" * 5000)
    directory.chmod(0o755)
    modules.write_text(_MODULES.format(ca=pki.ca))
    (directory / "nginx.conf").write_text(_NGINX.format(dir=directory, far=FAR, pem=pem))
    lane.start(
        "far", str(find("nginx")), "-c", str(directory / "nginx.conf"), "-p", str(directory),
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    lane.start(
        "near", str(find("prometheus-blackbox-exporter")), f"--config.file={modules}",
        f"--web.listen-address=127.0.0.1:{BLACKBOX}", "--log.level=error",
    )  # fmt: skip
    time.sleep(2)
    return pki.ca


def ours(lane: Lane, url: str, ca: Path) -> list[_probing.Seen]:
    """Probe six times in a process of its own; the first is not warm yet."""
    job = _probing.Job(kind="http", address=url, count=6, interval_seconds=0.2, options={"ca_file": str(ca)})
    words = lane.python("near", "tests.bench._probing", msgspec.json.encode(job).decode())
    return _probing.decode(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def theirs(lane: Lane, url: str) -> dict[str, float]:
    """Return blackbox_exporter's phases, in seconds."""
    query = urllib.parse.urlencode({"module": "http", "target": url})
    fetch = f"import urllib.request as r; print(r.urlopen('http://127.0.0.1:{BLACKBOX}/probe?{query}').read().decode())"
    said = lane.must("near", sys.executable, "-c", fetch)
    found = {}
    for line in said.splitlines():
        if line.startswith("probe_http_duration_seconds{"):
            phase, value = line.split('"')[1], line.rsplit(" ", 1)[1]
            found[phase] = float(value)
    return found


def play(directory: Path) -> list[dict[str, Any]]:
    """Measure both pages with both tools, in turn."""
    rows = []
    half = Impairment(delay_seconds=0.01)
    with Lane(directory, half, half) as lane:
        ca = serve(lane, directory)
        for scheme in ("http", "https"):
            mine: dict[str, list[float]] = {phase: [] for phase in PHASES}
            other: dict[str, list[float]] = {phase: [] for phase in PHASES}
            for _ in range(ROUNDS // 5):
                for seen in ours(lane, f"{scheme}://{FAR}/", ca)[1:]:
                    if seen.reason != "ok":
                        raise RuntimeError(f"{scheme}: {seen.reason} {seen.evidence}")
                    for phase in PHASES:
                        mine[phase] += seen.get(names.PROBE_HTTP_DURATION, phase=phase)
                for _ in range(5):
                    for phase, value in theirs(lane, f"{scheme}://{FAR}/").items():
                        other[phase].append(value)
            rows += [compare(scheme, phase, mine[phase], other[phase]) for phase in PHASES if mine[phase]]
    return rows


def compare(scheme: str, phase: str, mine: list[float], other: list[float]) -> dict[str, Any]:
    """Return the row of one phase."""
    their = statistics.median(other) * MS if other else 0.0
    return row(
        f"{scheme}, 10 + 10 ms: {phase}", "ms", their, statistics.median(mine) * MS, by="probe", limit=1.0,
        relative=0.1, blackbox_exporter=their,
    )  # fmt: skip


def run() -> dict[str, Any]:
    """Return the table."""
    progress("truth_http")
    rows = json.loads(inside("tests.bench.truth_http", seconds=240))
    return {"rows": shown(rows), "claims": claims(rows), "figures": rows}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        print(json.dumps(play(Path(name))))
