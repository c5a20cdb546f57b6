"""iperf3 as the engine of one direction: started, watched, its JSON read. The echo runs beside it.

While it uploads, what arrived is what the server reports, where that was started with ``-J -i 0.1``; else
the client's own intervals count, which in the steady state are the same: its socket buffer is full.
"""

import asyncio
import contextlib
import shutil
from collections.abc import Iterator
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from exporters.net.address import host_port_of
from exporters.net.failure import Failure
from exporters.net.processes import end
from exporters.throughputio import child
from exporters.throughputio.estimate import BATCHES, Estimate, Point, estimate, rates
from exporters.throughputio.transfer import Direction, Side, Test
from inventory.names import Reason

MAX_BYTES: Final = 16 << 20
MORE_SECONDS: Final = 5.0
"""What iperf3 takes besides the transfer: connecting, exchanging results."""
_CONNECTS: Final = (("refused", Reason.REFUSED), ("timed out", Reason.TIMEOUT), ("busy", Reason.STATUS))


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What iperf3 measured: bytes per second by interval of 100 ms, payload bytes moved in all."""

    series: list[float]
    moved: float


class _Sum(msgspec.Struct, frozen=True):
    bytes: Annotated[float, Meta(ge=0, le=1e15)] = 0
    start: Annotated[float, Meta(ge=0, le=3600)] = 0
    end: Annotated[float, Meta(ge=0, le=3600)] = 0


class _Interval(msgspec.Struct, frozen=True):
    sum: _Sum


class _Ends(msgspec.Struct, frozen=True):
    sum_sent: _Sum = _Sum()
    sum_received: _Sum = _Sum()


class _Output(msgspec.Struct, frozen=True):
    intervals: list[_Interval] = []
    end: _Ends = _Ends()
    server_output_json: Any = None
    error: str = ""


def parse(data: bytes, direction: Direction) -> Run:
    """Return what an iperf3 client's ``-J`` output says. Raises Failure."""
    output = _decode(data)
    if output.error:
        words = output.error.lower()
        reason = next((reason for text, reason in _CONNECTS if text in words), Reason.PROTOCOL)
        raise Failure(reason, f"iperf3: {output.error[:200]}")
    told = output.intervals
    if direction == "up" and isinstance(output.server_output_json, dict):
        with contextlib.suppress(msgspec.ValidationError):
            server = msgspec.convert(output.server_output_json, _Output).intervals
            told = server if len(server) * 2 > len(told) else told
    series = rates(list(_points(told)))
    moved = max(output.end.sum_sent.bytes, output.end.sum_received.bytes, 0.0)
    if not series or moved <= 0:
        raise Failure(Reason.PROTOCOL, "iperf3: no interval in its output")
    return Run(series=series, moved=moved)


def _points(intervals: list[_Interval]) -> Iterator[Point]:
    """Counts of bytes over time: intervals are of unequal length when a machine is busy."""
    count = 0.0
    for interval in intervals[:1]:
        yield interval.sum.start, 0
    for interval in intervals:
        count += interval.sum.bytes
        yield interval.sum.end, int(count)


def _decode(data: bytes) -> _Output:
    try:
        return msgspec.json.decode(data, type=_Output)
    except (ValueError, RecursionError):
        raise Failure(Reason.PROTOCOL, f"iperf3: not its JSON: {data[:40]!r}") from None


def command(test: Test, direction: Direction, seconds: float, size: int) -> list[str]:
    """Return the command line: bounded in time, and by a rate that keeps it within ``size`` bytes."""
    host, port = host_port_of(test.config.iperf3_address or "")
    program = shutil.which("iperf3")
    if program is None:
        raise Failure(Reason.LOCAL, "iperf3 is not installed")
    whole, streams = max(1, int(seconds)), test.config.streams
    rate = max(1, int(size * 8 / whole / streams))
    words = [program, "-c", host, "-p", str(port), "-J", "-i", "0.1", "-t", str(whole), "-P", str(streams)]
    words += ["-b", str(rate), "--connect-timeout", "3000"]
    words += ["-R"] if direction == "down" else ["--get-server-output"]
    way = test.place.way(0)
    if way["source_address"]:
        words += ["-B", str(way["source_address"])]
    elif way["source_interface"]:
        words += ["--bind-dev", str(way["source_interface"])]
    return words


async def fill(test: Test, direction: Direction, seconds: float, size: int) -> Side:
    """Fill the line one way. Raises Failure, Deferred."""
    words = command(test, direction, seconds, size)
    transfer = test.transfer(direction)
    running = asyncio.create_task(_run(words, direction, seconds + MORE_SECONDS))
    echoing = asyncio.create_task(child.pump(test.job("idle", seconds, 0), transfer.see))
    before = test.spent.bytes
    try:
        await asyncio.wait({running, echoing}, return_when=asyncio.FIRST_EXCEPTION)
        for task in (echoing, running):
            if task.done():
                task.result()
        run = await running
    except BaseException:
        test.spent.bytes = before + size  # how much of it went cannot be known
        raise
    finally:
        for task in (running, echoing):
            task.cancel()
        await asyncio.gather(running, echoing, return_exceptions=True)
    test.spent.bytes = before + run.moved
    found = _estimate(run)
    return Side(estimate=found, rtt_seconds=transfer.rtt_seconds(found.skipped))


def _estimate(run: Run) -> Estimate:
    found = estimate(run.series)
    if found is None or found.rate <= 0:
        raise Failure(Reason.STALLED, f"iperf3: {len(run.series)} intervals, at least {BATCHES} are needed")
    return found


async def _run(words: list[str], direction: Direction, seconds: float) -> Run:
    """Run iperf3 and read its output, whatever its exit status. Raises Failure."""
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            process_group=0,
        )
    except OSError as error:
        raise Failure(Reason.LOCAL, f"iperf3: {error.strerror}") from None
    try:
        async with asyncio.timeout(seconds):
            return parse(await _read(process), direction)
    except TimeoutError:
        raise Failure(Reason.STALLED, f"iperf3: not done after {seconds:g} s") from None
    finally:
        await end(process)


async def _read(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    data = bytearray()
    while more := await process.stdout.read(65536):
        data += more
        if len(data) > MAX_BYTES:
            raise Failure(Reason.TOO_LARGE, f"iperf3: over {MAX_BYTES} bytes of output")
    return bytes(data)
