"""A whole hub as a process of its own, on ports of its own."""

import json
import os
import select
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import psutil

from deploy import debian

READY_SECONDS = 60
_OFFSETS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)


def free_base() -> int:
    """Return the first port of ten of which those that a hub uses are free."""
    for base in range(21000, 29000, 10):
        if all(_is_free(base + offset) for offset in _OFFSETS):
            return base
    raise AssertionError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def call(url: str, data: bytes | None = None) -> tuple[int, str]:
    """GET, or POST with ``data``; status 0 where nobody answers."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data), timeout=READY_SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


def until(condition: Callable[[], bool], what: str, seconds: float = READY_SECONDS) -> None:
    """Wait for ``condition``; it has long come true when ``seconds`` are over."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.05)


class Hub:
    """``thongsuot up`` in a process group of its own."""

    def __init__(self, inventory: Path, directory: Path, *options: str, base: int | None = None) -> None:
        self.base = base or free_base()
        self.inventory = inventory
        self.state = directory / "state"
        self._options = options
        self._errors = directory / f"up-{self.base}.log"
        self.process: subprocess.Popen[str] | None = None
        self.said = ""

    def __enter__(self) -> Self:
        words = ["up", str(self.inventory), "--port-base", str(self.base), "--state", str(self.state)]
        with self._errors.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deploy.cli", *words, "--lang", "en", *self._options],
                stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True,
                env=os.environ | {"PATH": f"{debian.find('prometheus').parent}:{os.environ['PATH']}"},
            )  # fmt: skip
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], READY_SECONDS)
        self.said = self.process.stdout.readline() if readable else ""
        assert self.said, self.errors()
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process is not None
        family = self.family()
        self.process.terminate()
        try:
            self.process.wait(30)
        finally:
            for member in family:
                if member.is_running():
                    member.kill()
            assert self.process.stdout is not None
            self.process.stdout.close()

    def errors(self) -> str:
        """Return what it wrote to stderr."""
        return self._errors.read_text(encoding="utf-8", errors="replace")

    def log(self, name: str) -> str:
        """Return what a child wrote."""
        return (self.state / f"hub/log/{name}.log").read_text(encoding="utf-8", errors="replace")

    def family(self) -> list[psutil.Process]:
        """Return all children and theirs."""
        assert self.process is not None
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def child(self, word: str) -> psutil.Process:
        """Return the child that has ``word`` in its command line."""
        found = [process for process in self.family() if word in " ".join(process.cmdline())]
        assert found, word
        return found[0]

    def url(self, offset: int, path: str) -> str:
        """Return a URL of the process whose port is ``base + offset``."""
        return f"http://127.0.0.1:{self.base + offset}{path}"

    def metrics(self) -> str:
        """Return the supervisor's series."""
        return call(self.url(7, "/metrics"))[1]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Ask Prometheus; nothing while it does not answer."""
        status, body = call(self.url(0, "/api/v1/query?" + urllib.parse.urlencode({"query": expression})))
        found: list[dict[str, Any]] = json.loads(body)["data"]["result"] if status == 200 else []
        return found
