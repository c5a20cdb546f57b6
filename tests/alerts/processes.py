"""The receiver and Alertmanager as processes of their own."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from inventory.load import dump
from inventory.model import Inventory
from tests.alerts.servers import wait_until


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def call(url: str, data: bytes | None = None) -> tuple[int, bytes]:
    """GET or POST; status 0 where nobody answers."""
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
    except OSError:
        return 0, b""


class Process:
    """Something that listens on ``port`` and is ready when ``/-/ready`` or ``/-/healthy`` says so."""

    def __init__(self, argv: Sequence[str], log: Path, port: int, environment: dict[str, str]) -> None:
        self._argv, self._log, self._environment = tuple(argv), log, environment
        self.url = f"http://127.0.0.1:{port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._argv, stdout=log, stderr=log, env=os.environ | self._environment
            )
        up = wait_until(lambda: call(f"{self.url}/-/healthy")[0] == 200, 30)
        assert up, self.log()

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def terminate(self) -> tuple[int, float]:
        """SIGTERM; returns the exit status and how long it took."""
        assert self.process is not None
        began = time.monotonic()
        self.process.terminate()
        return self.process.wait(15), time.monotonic() - began


@contextmanager
def started(process: Process) -> Iterator[Process]:
    try:
        process.start()
        yield process
    finally:
        if process.process is not None:
            with suppress(ProcessLookupError):
                process.process.kill()
            process.process.wait(10)


def write_inventory(path: Path, inventory: Inventory) -> Path:
    path.write_text(dump(inventory), encoding="utf-8")
    return path


def receiver_process(
    directory: Path, inventory: Inventory, alertmanager: str, *, wrap: Callable[[list[str]], list[str]] = list
) -> Process:
    port = free_port()
    file = write_inventory(directory / "province.yml", inventory)
    argv = [
        sys.executable, "-m", "deploy.cli", "receive", str(file), "--listen", f"127.0.0.1:{port}",
        "--state", str(directory / "state"), "--alertmanager", alertmanager,
    ]  # fmt: skip
    return Process(wrap(argv), directory / "receiver.log", port, {})


def send_alert(alertmanager: str, **changes: Any) -> None:
    """Post one alert to Alertmanager's API, as Prometheus does."""
    fields = {
        "labels": {"alertname": "CommuneCutOff", "component": "power|lan|line|agent:21040",
                   "kind": "power|lan|line|agent", "severity": "page", "commune": "21040",
                   "source": "rules"},
        "annotations": {"communes": "21040", "evidence_en": "the agent is silent"},
    } | changes  # fmt: skip
    status, answer = call(f"{alertmanager}/api/v2/alerts", json.dumps([fields]).encode())
    assert status == 200, answer
