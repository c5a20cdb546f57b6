"""The pump's process as the agent sees it: a job in, lines out, and nothing of it left behind.

Why a process: it can be killed in whatever state it is, its 16 to 20 MB go with it instead of staying in the
agent for the rest of the day, and the agent's other measurements go before it: it is nice, within the
agent's own session, since Linux shares out the processors by sessions first (sched(7), autogroup).
"""

import asyncio
import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from exporters.net.failure import Failure
from exporters.net.processes import end
from inventory.names import Reason

MAX_LINE_BYTES: Final = 65536
_START: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); from exporters.throughputio.pump import main; main()"
)
_ROOT: Final = str(Path(__file__).resolve().parents[2])


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the pump: seconds since the transfer began, counts of arrived bytes and their times,
    bytes moved in all, and round trips as (sent at, seconds). ``reason`` stands in the last one only."""

    at: float = 0.0
    points: list[tuple[float, int]] = []
    moved: int = 0
    rtts: list[tuple[float, float]] = []
    reason: Reason | None = None
    evidence: str = ""


def parse(line: bytes) -> Report:
    """Return a line's report. Raises Failure(local): the pump is ours."""
    try:
        return msgspec.json.decode(line, type=Report)
    except (ValueError, RecursionError):
        raise Failure(Reason.LOCAL, f"the pump says {line[:40]!r}") from None


async def pump(job: dict[str, Any], see: Callable[[Report], bool]) -> None:
    """Run a job; ``see`` takes each report and returns whether that was enough. Raises Failure.

    Whatever happens, the process is gone when this returns. Has no deadline of its own.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", "-c", _START, _ROOT,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=MAX_LINE_BYTES,
            process_group=0,  # a session of its own would have its share whatever its niceness (autogroup)
        )  # fmt: skip
    except OSError as error:
        raise Failure(Reason.LOCAL, f"the pump does not start: {error.strerror}") from None
    try:
        await _converse(process, job, see)
    finally:
        await end(process)


async def _converse(
    process: asyncio.subprocess.Process, job: dict[str, Any], see: Callable[[Report], bool]
) -> None:
    assert process.stdin is not None  # noqa: S101 - both are pipes
    assert process.stdout is not None  # noqa: S101
    with contextlib.suppress(ConnectionError):
        process.stdin.write(msgspec.json.encode(job) + b"\n")
        await process.stdin.drain()
    while True:
        try:
            line = await process.stdout.readline()
        except ValueError:
            raise Failure(Reason.LOCAL, "the pump says too much at once") from None
        if not line:
            raise Failure(Reason.LOCAL, "the pump ended without a word")
        report = parse(line)
        if report.reason is Reason.OK:
            return
        if report.reason is not None:
            raise Failure(report.reason, report.evidence)
        if see(report):
            return
