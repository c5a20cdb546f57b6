"""A commune's machine and its hub in virtual time: the agent and its disk are real."""

import asyncio
import logging
import math
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

import cramjam

from agent.clock import HubClock
from agent.config import Push
from agent.run import Agent
from agent.spool.piece import Piece
from agent.spool.spool import Spool
from agent.transport import Reply, Result
from deploy.render_agents import BYTES_PER_MBIT
from exporters.base import Outcome
from tests.agent import virtual
from tests.agent.push_bench import vanish
from tests.bench import _simulated
from tests.bench._delivered import samples
from tests.bench._province import province
from tests.bench._watched import Made

CHANGE_SECONDS: Final = 600.0
_ROUND_TRIP_SECONDS: Final = 0.03
_HEARTBEAT: Final = b"thongsuot_agent_heartbeat_timestamp_seconds"


class Hub:
    """Behind a line of ``bytes_per_second``; ``up``: whether that carries anything. ``epoch``: the Unix time
    when virtual time was 0."""

    def __init__(self, bytes_per_second: float, epoch: float) -> None:
        self._rate, self.epoch, self.up = bytes_per_second, epoch, True
        self.start = epoch + virtual.now()
        self.taken: list[tuple[float, bytes]] = []
        self.carried: list[tuple[float, int]] = []
        self.newest = 0.0

    async def send(self, body: bytes, timeout_seconds: float | None = None) -> Reply:
        """Take a request."""
        sent = virtual.now()
        await asyncio.sleep(_ROUND_TRIP_SECONDS + len(body) / self._rate if self.up else 2.0)
        if not self.up:
            return Reply(Result.UNREACHABLE, sent, virtual.now())
        now = virtual.now()
        self.taken.append((now, body))
        self.carried.append((now, len(body)))
        raw = bytes(cramjam.snappy.decompress_raw(body))
        for labels, _, time_ms in samples(raw) if _HEARTBEAT in raw else ():
            if _HEARTBEAT in labels:
                self.newest = max(self.newest, time_ms / 1000 - self.epoch)
        date = float(math.floor(self.epoch + now))
        return Reply(Result.OK, sent, now, date, start_unix=self.start)

    async def close(self) -> None:
        """Nothing to close."""

    def restart(self, lost_seconds: float = 0.0) -> None:
        """Begin anew, without what was taken last."""
        self.start = self.epoch + virtual.now()
        before = virtual.now() - lost_seconds
        self.taken = [(at, body) for at, body in self.taken if at <= before]

    def peak_bytes_per_second(self, since: float) -> float:
        """Return the most that was carried within any second."""
        carried = [(at, size) for at, size in self.carried if at >= since]
        most, first, within = 0, 0, 0
        for at, size in carried:
            within += size
            while carried[first][0] <= at - 1.0:
                within -= carried[first][1]
                first += 1
            most = max(most, within)
        return float(most)

    def stored(self) -> dict[bytes, dict[int, float]]:
        """Return every sample; the same twice is one."""
        found: dict[bytes, dict[int, float]] = {}
        for _, body in self.taken:
            for labels, value, time_ms in samples(bytes(cramjam.snappy.decompress_raw(body))):
                if not math.isnan(value):
                    found.setdefault(labels, {})[time_ms] = value
        return found


class Site:
    """A commune's machine: an agent that can be killed and started again. ``kills``: Unix times."""

    def __init__(self, directory: Path, hub: Hub, line_mbps: float, outcome: Outcome) -> None:
        logging.getLogger("agent").setLevel(logging.CRITICAL)  # it would tell of every cut
        self.hub, self._boot, self._began = hub, 1, virtual.now()
        inventory = province("10.51.0.1", 1, _simulated.SYSTEMS, "none")
        self._path, self._config = _simulated.configured(
            inventory, 0, directory, backlog_bytes_per_second=line_mbps / 10 * BYTES_PER_MBIT
        )
        self.made: list[Made] = []
        self.kills: list[float] = []
        self._find = _simulated.find(outcome, self._dead)
        self.agent: Agent | None = None

    def _dead(self, name: str) -> bool:
        """One system fails every now and then: states change all the time."""
        return name == "system:s1" and int(virtual.now() / CHANGE_SECONDS) % 2 == 1

    def unix(self) -> float:
        """Return the right time."""
        return self.hub.epoch + virtual.now()

    def note(self, piece: Piece) -> None:
        """Remember what was made."""
        self.made.append(Made(self.unix(), piece.change, piece.raw))

    async def start(self) -> None:
        """Start the agent; the forward clock counts from the machine's start."""
        began = self._began
        clock = HubClock(lambda: virtual.now() - began + 10.0, self.unix, f"boot {self._boot}")
        self.agent = Agent(self._path, self._config, clock=clock, find=self._find, connect=self._connect)
        await self.agent.start()

    def _connect(self, _: Push, now: Callable[[], float], version: str, waited: bool) -> "_Sender":
        return _Sender(self.hub, now)

    async def kill(self) -> None:
        """``kill -9``, and start again."""
        self.kills.append(self.unix())
        await self.end()
        await asyncio.sleep(1.0)
        await self.start()

    async def reboot(self) -> None:
        """Another boot."""
        self._boot, self._began = self._boot + 1, virtual.now()
        await self.kill()

    async def end(self) -> None:
        """Stop everything as it stands; nothing more is written."""
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        vanish(self._spool)
        assert self.agent is not None
        self.agent.book.close()

    @property
    def _spool(self) -> Spool:
        assert self.agent is not None
        assert self.agent.itself.spool is not None
        found = self.agent.itself.spool
        assert isinstance(found, Spool)
        return found

    @property
    def waiting(self) -> int:
        """Rows that wait for the hub."""
        return self._spool.stats.waiting

    def squeeze(self, full: bool) -> None:
        """Let the disk be full, or have room."""
        disk = self._spool._shelf._disk
        if disk is not None:
            db: sqlite3.Connection = disk._db
            db.execute(f"PRAGMA max_page_count={1 if full else 1 << 30}")


class _Sender:
    """The hub as an agent sees it, by the agent's own forward clock."""

    def __init__(self, hub: Hub, now: Callable[[], float]) -> None:
        self._hub, self._now = hub, now

    async def send(self, body: bytes, timeout_seconds: float | None = None) -> Reply:
        sent = self._now()
        reply = await self._hub.send(body)
        return Reply(
            reply.result, sent, self._now(), reply.date_unix, start_unix=reply.start_unix
        )  # fmt: skip

    async def close(self) -> None:
        """Nothing to close."""
