"""One process of the hub's stack: started, watched, started again when it dies, and ended.

The child is told by the kernel when we die (PR_SET_PDEATHSIG, prctl(2), through setpriv(1) of
util-linux), so nothing is left behind even after kill -9. Its output goes to a log file of its own,
bounded by :mod:`deploy.childlog`.
"""

import asyncio
import contextlib
import logging
import signal
from pathlib import Path
from typing import Final

import msgspec

from deploy.childlog import ChildLog

FIRST_DELAY_SECONDS: Final = 0.2
LONGEST_DELAY_SECONDS: Final = 30.0
STEADY_SECONDS: Final = 20.0
"""After running this long a child is forgiven its earlier deaths."""
TERM_SECONDS: Final = 8.0
log = logging.getLogger(__name__)


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """What to run. ``ready_url`` answers 200 once it serves. A new configuration is taken on a POST to
    ``reload_url``, or on SIGHUP; without either the process is restarted."""

    name: str
    argv: tuple[str, ...]
    ready_url: str | None = None
    reload_url: str | None = None
    reload_by_signal: bool = False
    environment: dict[str, str] | None = None
    ready_seconds: float = 60


def backoff(deaths: int) -> float:
    """Return how long to wait before starting again after ``deaths`` in a row (1 or more).

    >>> [backoff(n) for n in (1, 2, 3, 20)]
    [0.2, 0.4, 0.8, 30.0]
    """
    return float(min(FIRST_DELAY_SECONDS * 2 ** min(deaths - 1, 16), LONGEST_DELAY_SECONDS))


class Child:
    """Keeps one process running until :meth:`stop`."""

    def __init__(self, spec: Spec, log_file: Path) -> None:
        self.spec = spec
        self.log = ChildLog(log_file)
        self.restarts = 0
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._deaths = 0

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    @property
    def deaths(self) -> int:
        """Deaths in a row, none of them after a steady run."""
        return self._deaths

    def start(self) -> None:
        """Begin to keep the process running."""
        self._deaths = 0
        self._keeper = asyncio.create_task(self._keep(), name=f"keep {self.spec.name}")

    def hang_up(self) -> None:
        """Send SIGHUP, by which some take a new configuration."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGHUP)

    async def stop(self) -> None:
        """End the process, by SIGTERM and after a while by SIGKILL, and keep it no longer."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None

    async def replace(self, spec: Spec) -> None:
        """Run ``spec`` instead; returns when the old process has ended and the new one is on its way."""
        await self.stop()
        self.spec = spec
        self.restarts += 1
        self.start()

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            status = await self._run_once()
            self._deaths = 1 if loop.time() - began > STEADY_SECONDS else self._deaths + 1
            delay = backoff(self._deaths)
            log.warning(
                "process of the stack ended; starting it again",
                extra={
                    "child": self.spec.name, "status": status, "in_seconds": delay,
                    "last_line": self.log.last_line(),
                },
            )  # fmt: skip
            await asyncio.sleep(delay)
            self.restarts += 1

    async def _run_once(self) -> int:
        """Start it and wait for its end; a cancellation ends it first."""
        try:
            process = await self._spawn()
        except OSError as error:
            log.error("cannot start", extra={"child": self.spec.name, "problem": str(error)})
            return -1
        self._process = process
        try:
            return await process.wait()
        finally:
            await asyncio.shield(_end(process))

    async def _spawn(self) -> asyncio.subprocess.Process:
        with self.log.open() as output:
            return await asyncio.create_subprocess_exec(
                "setpriv", "--pdeathsig", "TERM", "--", *self.spec.argv,
                stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
                env=self.spec.environment, start_new_session=True,
            )  # fmt: skip


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), TERM_SECONDS)
            return
