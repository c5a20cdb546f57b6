"""Runs programs in the nodes of the lab. Inside the sandbox only."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from deploy.lab.order import Places
from deploy.lab.topology import Topology
from deploy.lab.wires import namespace

_STOP_SECONDS: Final = 8.0
_END_SECONDS: Final = 120.0  # a hub ends seven processes, perhaps on a machine with other work
_RUN_SECONDS: Final = 30.0


class CommandFailed(Exception):  # noqa: N818 - reads as what it says: the command failed
    """A command in a node ended badly; the message carries what it said, in English."""


class Ended(msgspec.Struct, frozen=True):
    """How a command ended."""

    status: int
    output: str


class Nodes:
    """All nodes, and the long-running programs in them, each by a name such as ``agent-21040``."""

    def __init__(self, topology: Topology, places: Places) -> None:
        self.topology = topology
        self.places = places
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._started: dict[str, tuple[str, Sequence[str], Mapping[str, str] | None]] = {}

    def command(self, node: str, words: Sequence[str]) -> list[str]:
        """Return the words that run a command in ``node``. Raises KeyError for an unknown node."""
        path = namespace(self.places.namespaces, self.topology.nodes[node].name)
        return ["nsenter", f"--net={path}", "--", *words]

    async def start(
        self, name: str, node: str, words: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        """Start a program that stays; it writes to ``logs/<name>.log``."""
        self._started[name] = node, words, environment
        self.places.logs.mkdir(parents=True, exist_ok=True)
        with (self.places.logs / f"{name}.log").open("ab") as log:
            self._running[name] = await asyncio.create_subprocess_exec(
                *self.command(node, words), stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                env=environment, cwd=self.places.run,
            )  # fmt: skip

    async def again(self, name: str) -> None:
        """Start a program as it was started before; does nothing while it runs. Raises KeyError."""
        if not self.runs(name):
            node, words, environment = self._started[name]
            await self.start(name, node, words, environment)

    def runs(self, name: str) -> bool:
        """Whether a program was started and has neither ended nor been killed."""
        return name in self._running and self._running[name].returncode is None

    def ended(self) -> list[str]:
        """Return the names of programs that ended by themselves."""
        return [name for name, process in self._running.items() if process.returncode is not None]

    def log(self, name: str) -> Path:
        """Return the log file of a program."""
        return self.places.logs / f"{name}.log"

    async def kill(self, name: str) -> None:
        """End a program as a power cut would. Raises KeyError."""
        process = self._running.pop(name)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    async def end(self, name: str) -> None:
        """Ask a program to end, as somebody who means to would. Raises KeyError, TimeoutError."""
        process = self._running[name]
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(_END_SECONDS):
            await process.wait()
        del self._running[name]

    async def stop(self) -> None:
        """Ask all programs to end, all at once, and kill what does not."""
        processes = list(self._running.values())
        self._running.clear()
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await asyncio.gather(*(process.wait() for process in processes))
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    async def run(
        self, node: str, words: Sequence[str], stdin: str = "", seconds: float = _RUN_SECONDS
    ) -> Ended:
        """Run a command to its end. Raises KeyError, TimeoutError, OSError."""
        process = await asyncio.create_subprocess_exec(
            *self.command(node, words), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            async with asyncio.timeout(seconds):
                output, _ = await process.communicate(stdin.encode())
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise
        return Ended(process.returncode or 0, output.decode(errors="replace"))

    async def must(self, node: str, words: Sequence[str], stdin: str = "") -> str:
        """Run a command that has to succeed; returns its output. Raises CommandFailed."""
        ended = await self.run(node, words, stdin)
        if ended.status != 0:
            raise CommandFailed(f"{node}: {' '.join(words)}: {ended.output.strip()}")
        return ended.output


def kill_matching(*words: str) -> int:
    """Kill -9 every process of the sandbox whose command line has all ``words``; returns how many."""
    return len(signal_matching(signal.SIGKILL, *words))


def signal_matching(number: signal.Signals, *words: str) -> list[int]:
    """Send a signal to every process of the sandbox whose command line has all ``words``; returns which.

    ``/proc`` is the sandbox's own, so nothing outside can match.
    """
    reached = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid() and _matches(entry, words):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(entry.name), number)
                reached.append(int(entry.name))
    return reached


def _matches(process: Path, words: Sequence[str]) -> bool:
    try:
        command = (process / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return False
    return all(word in command for word in words)
