"""A hub in a network namespace: Debian's Prometheus, and our gateway where agents push to it."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from deploy import unpacked
from deploy.debian import environment, find
from deploy.ingest.tokens import Store
from inventory.load import dump
from inventory.model import Inventory
from tests.bench import _netns
from tests.bench._province import GATEWAY_PORT

PROMETHEUS_PORT: Final = 9490
GATEWAY_PAGE_PORT: Final = 9492
_CONFIG: Final = "storage: {tsdb: {out_of_order_time_window: 15d}}\n"
_STOP_SECONDS: Final = 20.0
_ROOT: Final = Path(__file__).parents[2]
"""Where programs of the tests are found, which no installation brings along."""


class Node:
    """Runs programs in one namespace, each by a name; what they say goes to a file of that name."""

    def __init__(self, namespace: Path, directory: Path) -> None:
        self.namespace, self.directory = namespace, directory
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        directory.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, words: Sequence[str]) -> None:
        """Start a program that stays."""
        with (self.directory / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                ["nsenter", f"--net={self.namespace}", "--", *words],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory,
                env={**environment(), "PYTHONPATH": str(_ROOT)},
            )  # fmt: skip

    def runs(self, name: str) -> bool:
        """Whether a program runs."""
        return name in self._running and self._running[name].poll() is None

    def pid(self, name: str) -> int:
        """Return the process of a program that runs."""
        return self._running[name].pid

    def end(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal and wait until the program is gone."""
        process = self._running.pop(name, None)
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def end_all(self) -> None:
        """Stop everything, the last first."""
        for name in reversed(list(self._running)):
            self.end(name, signal.SIGTERM)


class Hub(Node):
    """Prometheus with our out-of-order window; listens on all addresses of its namespace."""

    def start_prometheus(self) -> None:
        """Start it; does not wait."""
        config = self.directory / "prometheus.yml"
        config.write_text(_CONFIG, encoding="utf-8")
        self.start(
            "prometheus",
            unpacked.argv(
                find("prometheus"),
                f"--config.file={config}",
                f"--storage.tsdb.path={self.directory / 'tsdb'}",
                f"--web.listen-address=0.0.0.0:{PROMETHEUS_PORT}",
                "--web.enable-remote-write-receiver",
            ),
        )

    def enrol(self, inventory: Inventory) -> dict[str, str]:
        """Write the inventory down and return a new token for every commune, by its code."""
        self._inventory.write_text(dump(inventory), encoding="utf-8")
        store = Store(self.directory / "state" / "hub" / "ingest")
        return {one.code: store.add(one.code, time.time())[0] for one in inventory.communes}

    def start_gateway(self, address: str) -> None:
        """Start it before Prometheus; does not wait."""
        words = [
            sys.executable, "-m", "deploy.cli", "ingest", str(self._inventory), "--state",
            str(self.directory / "state"), "--listen", f"{address}:{GATEWAY_PORT}",
            "--page-listen", f"127.0.0.1:{GATEWAY_PAGE_PORT}",
            "--forward", f"http://127.0.0.1:{PROMETHEUS_PORT}/api/v1/write",
        ]  # fmt: skip
        self.start("gateway", words)

    @property
    def _inventory(self) -> Path:
        return self.directory / "province.yml"

    def wait_ready(self, seconds: float = 60.0) -> None:
        """Wait until Prometheus answers, and the gateway where there is one. Raises TimeoutError."""
        ports = [PROMETHEUS_PORT, *([GATEWAY_PAGE_PORT] if self.runs("gateway") else [])]
        until = time.monotonic() + seconds
        while ports:
            with contextlib.suppress(OSError):
                _netns.fetch(self.namespace, ports[0], "/-/ready")
                ports.pop(0)
                continue
            if time.monotonic() > until:
                raise TimeoutError(f"port {ports[0]} was not ready in {seconds:g} s; see {self.directory}")
            time.sleep(0.1)

    def value(self, promql: str, seconds: float = 3.0) -> float | None:
        """Return the value of a query with one result, None where there is none, or no answer."""
        return _netns.number(self.namespace, PROMETHEUS_PORT, promql, seconds)

    def samples(self, selector: str, minutes: int) -> list[Any]:
        """Return every sample of the last minutes: (labels, [(Unix seconds, text)]). Raises OSError."""
        found = _netns.query(self.namespace, PROMETHEUS_PORT, f"{selector}[{minutes}m]", 100.0)
        return [(series.metric, series.values) for series in found]
