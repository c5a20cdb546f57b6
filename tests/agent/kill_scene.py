"""A real agent, a line that can be cut, a real Prometheus: all of them to be killed."""

import asyncio
import contextlib
import shutil
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import yaml

from agent.clock import boottime
from agent.config import Push
from agent.remote_write import Encoder, compress, encode_labels, encode_series
from agent.transport import Result, Transport
from deploy.debian import find
from tests.agent.oracle import decode
from tests.agent.recording_agent import Made, at_risk, read, written
from tests.agent.test_prometheus import CONFIG
from tests.agent.test_prometheus import _ready as ready

PATIENCE_SECONDS = 240.0
"""Ends a test in which something does not happen at all, and decides nothing else."""
Key = tuple[tuple[str, str], ...]


_LABELS = encode_labels({"__name__": "somebody_else"})


class Line:
    """A line that can be cut: carries TCP to ``port``, or breaks every connection."""

    def __init__(self, port: int) -> None:
        self._port, self.up = port, True
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            await self.cut()

    async def cut(self) -> None:
        self.up = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def mend(self) -> None:
        self.up = True

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(OSError, asyncio.CancelledError), contextlib.closing(writer):
            if not self.up:
                writer.transport.abort()
                return
            there, onward = await asyncio.open_connection("127.0.0.1", self._port)
            with contextlib.closing(onward):
                done = [asyncio.create_task(_carry(*ends)) for ends in ((reader, onward), (there, writer))]
                try:
                    await asyncio.wait(done, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for one in done:
                        one.cancel()
                    await asyncio.gather(*done, return_exceptions=True)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()


class Process:
    """A process to be killed and started again."""

    def __init__(self, *command: str) -> None:
        self.command = command
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    async def start(self, *more: str) -> None:
        # Its log goes to ours: pytest shows it when a test fails.
        self._process = await asyncio.create_subprocess_exec(*self.command, *more)

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()


class Scene:
    """Everything, on loopback."""

    def __init__(self, directory: Path, port: int, line: Line, entry: int) -> None:
        self.directory, self.url, self.line = directory, f"http://127.0.0.1:{port}", line
        (directory / "prometheus.yml").write_text(CONFIG)
        self.prometheus = Process(
            str(find("prometheus")), f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'tsdb'}", f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-remote-write-receiver", "--log.level=error",
        )  # fmt: skip
        self.record = directory / "record"
        targets = [
            {
                "name": f"t{n}",
                "target": f"t{n}",
                "probe": "icmp",
                "address": "127.0.0.1",
                "interval_seconds": 0.5,
            }
            for n in range(3)
        ]
        config = {
            "version": 1, "site": "21040", "commune": "21040", "state_directory": str(directory / "state"),
            "push": {
                "url": f"http://127.0.0.1:{entry}/api/v1/write", "heartbeat_seconds": 0.5, "state_seconds": 1,
                "detail_seconds": 1, "backlog_bytes_per_second": 10_000_000,
            },
            "targets": targets,
        }  # fmt: skip
        (directory / "agent.yml").write_text(yaml.safe_dump(config))
        self.agent = Process(
            sys.executable,
            "-m",
            "tests.agent.recording_agent",
            str(directory / "agent.yml"),
            str(self.record),
        )
        self.kills: list[float] = []

    def on_a_small_disk(self, kilobytes: int) -> None:
        """Have the agent keep its state on a file system of that size, which goes with it."""
        (self.directory / "state").mkdir()
        mount = f"mount -t tmpfs -o size={kilobytes}k none {self.directory / 'state'}"
        self.agent.command = ("unshare", "-m", "sh", "-c", f'{mount} && exec "$@"', "sh", *self.agent.command)

    @property
    def filler(self) -> Path:
        """A file on that file system."""
        return Path(f"/proc/{self.agent.pid}/root{self.directory / 'state' / 'filler'}")

    def fill_disk(self) -> None:
        """Leave no room on it."""
        with contextlib.suppress(OSError), self.filler.open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass

    async def kill_agent(self, boot: str) -> None:
        await self.agent.kill()
        self.kills.append(boottime())
        await self.agent.start(boot)

    async def restart_hub(self) -> None:
        await self.prometheus.kill()
        await asyncio.sleep(1)
        await self.prometheus.start()
        await ready(self.url)

    async def forget_everything(self) -> None:
        """Start the hub anew with an empty store."""
        await self.prometheus.kill()
        shutil.rmtree(self.directory / "tsdb")
        await self.prometheus.start()
        await ready(self.url)

    async def push(self, time_ms: int, *, value: float = 1.0, labels: bytes = _LABELS) -> Result:
        """Push a sample of somebody else; returns what the agent would understand of the answer."""
        transport = Transport(Push(url=f"{self.url}/api/v1/write"), time.monotonic, "1")
        try:
            body = compress((encode_series(labels, Encoder(time_ms).sample(value)),))
            return (await transport.send(body)).result
        finally:
            await transport.close()

    @staticmethod
    def values(received: dict[Key, Counter[tuple[int, float]]], name: str) -> list[float]:
        """All values of a metric."""
        return [
            value for key, there in received.items() if dict(key)["__name__"] == name for _, value in there
        ]

    async def received(self) -> dict[Key, Counter[tuple[int, float]]]:
        """Every raw sample of the last hour, by series."""
        async with aiohttp.ClientSession() as session:
            query = {"query": '{job="thongsuot-agent"}[1h]'}
            async with session.get(f"{self.url}/api/v1/query", params=query) as answer:
                result = (await answer.json())["data"]["result"]
        return {
            tuple(sorted(series["metric"].items())): Counter(
                (round(at * 1000), float(value)) for at, value in series["values"]
            )
            for series in result
        }

    def made(self) -> list[Made]:
        """Everything that was collected, but for the last moment."""
        return list(read(self.record))

    async def goes_on(self, pieces: int) -> None:
        """Wait until the agent, however slow the machine is, has collected so many pieces more."""
        wanted = len(self.made()) + pieces if self.record.exists() else pieces
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not self.record.exists() or len(self.made()) < wanted:  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.1)

    async def shows(self, name: str, value: float) -> None:
        """Wait until the agent, from now on, says this of itself."""
        began = boottime()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not any(  # noqa: ASYNC110 - it is another process
                dict(key)["__name__"] == name and there == value
                for made in self.made()
                if made.made_seconds >= began
                for key, _, there in samples(made)
            ):
                await asyncio.sleep(0.5)

    def kept(self) -> list[Made]:
        """What was collected, but for what a kill may have cost."""
        said = list(written(self.record))
        return [made for made in self.made() if not at_risk(said, self.kills, made)]


def samples(made: Made) -> list[tuple[Key, int, float]]:
    """Return (series, Unix ms, value); ends of series are none."""
    return [
        (tuple(labels), time_ms, value)
        for labels, points in decode(compress((made.raw,)))
        for value, time_ms in points
        if value == value
    ]


@asynccontextmanager
async def scene(directory: Path) -> AsyncIterator[Scene]:
    """Start a Prometheus; kill everything at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = Line(port)
    async with line.running() as entry:
        made = Scene(directory, port, line, entry)
        try:
            await made.prometheus.start()
            await ready(made.url)
            yield made
        finally:
            await made.agent.kill()
            await made.prometheus.kill()
