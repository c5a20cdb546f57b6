"""Drives ``thongsuot lab --serve`` from a process that is not in its namespaces."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from common import statedir
from deploy.lab import sandbox
from deploy.lab.order import Places

START_SECONDS = 170.0
ANSWER_SECONDS = 240.0
STOP_SECONDS = 40.0


def command(*words: str) -> list[str]:
    """Return the words that run the ``thongsuot`` command of this environment."""
    return [sys.executable, "-m", "deploy.cli", *words]


def environment(home: Path) -> dict[str, str]:
    """Return an environment whose every customary place is ``home``; Debian's tools are found as ever."""
    names = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")
    own = {name: str(home) for name in names}
    return {**os.environ, **own, "THONGSUOT_STATE_DIR": str(statedir.default()), "NO_COLOR": "1"}


class LabError(Exception):
    """The lab answered with an error, or not at all."""


class LabClient:
    """A lab in a process of its own, everything below ``state``. Use as a context manager."""

    def __init__(
        self, state: Path, *, wait: bool = True, environment: dict[str, str] | None = None,
        options: tuple[str, ...] = (), start_seconds: float = START_SECONDS,
    ) -> None:  # fmt: skip
        self.state = state
        self._options, self._start_seconds = options, start_seconds
        self._environment = environment
        self._wait = wait
        self._answers: queue.Queue[str] = queue.Queue()

    def __enter__(self) -> Self:
        self.state.mkdir(parents=True, exist_ok=True)
        self._log = (self.state / "lab.stderr").open("wb")
        self.process = subprocess.Popen(
            command("lab", "--serve", *self._options, "--lang", "en", "--state", str(self.state)),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True,
            env=self._environment,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if self._wait:
            self.wait_ready()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(signal.SIGINT)

    def end(self, number: signal.Signals) -> int:
        """Send a signal and wait until the outer process is gone; returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(timeout=STOP_SECONDS)
        assert self.process.stdin is not None
        if not self.process.stdin.closed:
            self.process.stdin.close()
            self._reader.join(timeout=STOP_SECONDS)
            self._log.close()
        return status

    def wait_ready(self) -> None:
        """Wait until everything in the lab is green (a bare one: until it stands)."""
        assert self._next(self._start_seconds) == {"ready": True}

    @property
    def run_directory(self) -> Path:
        """Where this run keeps its files."""
        return self.state / "lab" / "run"

    def words(self, node: str, *words: str) -> list[str]:
        """Return the command that runs ``words`` in a node, for a process outside to start."""
        return sandbox.enter_command(Places(self.run_directory), node, words)

    def ask(self, do: str, **values: Any) -> dict[str, Any]:
        """Send one request and return its answer. Raises LabError."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **values}) + "\n")
        self.process.stdin.flush()
        return self._next(ANSWER_SECONDS)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self._answers.put(line)
        self._answers.put("")

    def _next(self, seconds: float) -> dict[str, Any]:
        try:
            line = self._answers.get(timeout=seconds)
        except queue.Empty:
            raise LabError(f"no answer within {seconds:g} s; {self._stderr()}") from None
        if not line:
            raise LabError(f"the lab ended; {self._stderr()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise LabError(answer["error"])
        return answer

    def _stderr(self) -> str:
        return (self.state / "lab.stderr").read_text(encoding="utf-8")[-2000:]


def processes_below(directory: Path) -> list[str]:
    """Return the command lines of processes that name a path below ``directory``, ours left out."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            if any(str(directory) in word for word in words):
                found.append(" ".join(words).strip())
    return found


def namespaces(directory: Path | None = None) -> set[str]:
    """Return the network namespaces that processes are in: all of them, or those of a lab."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace")
                if directory is None or str(directory) in words:
                    found.add(os.readlink(entry / "ns/net"))
            except OSError:
                continue
    return found
