"""Six hours without a line, at a commune's own pace, by an injected clock; the agent and its disk are real.

The hub stores as Prometheus does and loses what it took in its last 30 s when it loses power. The agent is
killed, its disk full for half an hour, its machine restarted (another boot id, the clock begins anew), the
hub restarted; while the backlog is sent, the hub loses power and the agent is killed again. Once over the
line that most communes have and once, for a sixth of the time, over a slow one. ``DELIVERY_HOURS`` sets how
long the cut is.
"""

import asyncio
import math
import os
import sqlite3
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

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
from tests.agent.push_bench import EPOCH, vanish
from tests.bench import _simulated
from tests.bench._delivered import Risks, judge, samples, truth_of
from tests.bench._province import LINE_MBPS, province
from tests.bench._rows import progress
from tests.bench._watched import Made, watching

HOURS: Final = 6.0
SLOW_MBPS: Final = 4.0
RISK_SECONDS: Final = 60.0
POWER_LOSS_SECONDS: Final = 30.0
LIVE_SECONDS: Final = 10.0
CHANGE_SECONDS: Final = 600.0
_ROUND_TRIP_SECONDS: Final = 0.03
DRAIN_SECONDS: Final = 6 * 3600.0
HEARTBEAT: Final = b"thongsuot_agent_heartbeat_timestamp_seconds"


class Hub:
    """Behind a line of ``bytes_per_second``; ``up``: whether that carries anything."""

    def __init__(self, bytes_per_second: float) -> None:
        self._rate, self.up = bytes_per_second, True
        self.start = EPOCH + virtual.now()
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
        for labels, _, time_ms in samples(raw) if HEARTBEAT in raw else ():
            if HEARTBEAT in labels:
                self.newest = max(self.newest, time_ms / 1000 - EPOCH)
        date = float(math.floor(EPOCH + now))
        return Reply(Result.OK, sent, now, date, start_unix=self.start)

    async def close(self) -> None:
        """Nothing to close."""

    def restart(self, lost_seconds: float = 0.0) -> None:
        """Begin anew, without what was taken last."""
        self.start = EPOCH + virtual.now()
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

    def note(self, piece: Piece) -> None:
        """Remember what was made."""
        self.made.append(Made(EPOCH + virtual.now(), piece.change, piece.raw))

    async def start(self) -> None:
        """Start the agent; the forward clock counts from the machine's start."""
        began = self._began
        clock = HubClock(
            lambda: virtual.now() - began + 10.0, lambda: EPOCH + virtual.now(), f"boot {self._boot}"
        )
        self.agent = Agent(self._path, self._config, clock=clock, find=self._find, connect=self._connect)
        await self.agent.start()

    def _connect(self, _: Push, now: Callable[[], float], version: str, waited: bool) -> "_Sender":
        return _Sender(self.hub, now)

    async def kill(self) -> None:
        """``kill -9``, and start again."""
        self.kills.append(EPOCH + virtual.now())
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


async def _story(site: Site, cut: float) -> None:
    """Let everything happen until the line is back."""
    hub = site.hub
    await asyncio.sleep(120.0)
    hub.up = False
    await asyncio.sleep(cut / 6)
    await site.kill()
    await asyncio.sleep(cut / 6)
    site.squeeze(True)
    await asyncio.sleep(cut / 12)
    site.squeeze(False)
    await asyncio.sleep(cut / 6)
    await site.reboot()
    await asyncio.sleep(cut / 6)
    hub.restart()
    await asyncio.sleep(cut / 4)
    hub.up = True


async def _until(condition: Callable[[], bool], seconds: float) -> float | None:
    """Return after how many seconds something holds, None when it does not in time."""
    began = virtual.now()
    while not condition():
        if virtual.now() - began > seconds:
            return None
        await asyncio.sleep(0.1)
    return virtual.now() - began


async def _play(directory: Path, outcome: Outcome, line_mbps: float, hours: float) -> dict[str, Any]:
    hub = Hub(line_mbps * BYTES_PER_MBIT)
    site = Site(directory, hub, line_mbps, outcome)
    with watching(site.note):
        return await _measured(site, hub, line_mbps, hours)


async def _measured(site: Site, hub: Hub, line_mbps: float, hours: float) -> dict[str, Any]:
    await site.start()
    await _story(site, hours * 3600.0)
    healed = virtual.now()
    live = await _until(lambda: virtual.now() - hub.newest < LIVE_SECONDS / 2, 120.0)
    await asyncio.sleep(20.0)
    hub.restart(POWER_LOSS_SECONDS)
    await asyncio.sleep(10.0)
    await site.kill()
    await asyncio.sleep(10.0)
    drained = await _until(lambda: site.waiting <= 1, DRAIN_SECONDS)
    ended = virtual.now()
    await asyncio.sleep(RISK_SECONDS)
    await site.end()
    truth = truth_of(made for made in site.made if made.unix <= EPOCH + ended)
    score = judge(truth, hub.stored(), Risks(site.kills, RISK_SECONDS))
    return {
        "line Mbit/s": line_mbps, "hours": hours, "expected": score.expected, "received": score.received,
        "lost": score.lost, "unexcused": score.unexcused, "changes": score.changes,
        "changes lost": score.changes_lost, "twice": score.twice, "wrong": score.wrong,
        "live after s": live, "drained after s": None if drained is None else ended - healed,
        "peak Mbit/s": hub.peak_bytes_per_second(healed) * 8 / 1e6,
    }  # fmt: skip


def run(hours: float | None = None) -> dict[str, Any]:
    """Return a row per line."""
    chosen = hours or float(os.environ.get("DELIVERY_HOURS", HOURS))
    outcome, rows = _simulated.measured_once(), []
    for mbps, cut in ((LINE_MBPS, chosen), (SLOW_MBPS, chosen / 6)):
        progress(f"{cut:g} h without a line of {mbps:g} Mbit/s")
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            rows.append(virtual.run(partial(_play, Path(name), outcome, mbps, cut)))
    return {"rows": rows, "claims": {claim: held for row in rows for claim, held in _claims(row)}}


def _claims(row: dict[str, Any]) -> list[tuple[str, bool]]:
    line = f"{row['hours']:g} h, {row['line Mbit/s']:g} Mbit/s"
    share = row["line Mbit/s"] / 10
    return [
        (f"{line}: nothing lost but at most {RISK_SECONDS:g} s before each kill", row["unexcused"] == 0),
        (f"{line}: states changed, and every change arrived", row["changes"] > 0 == row["changes lost"]),
        (f"{line}: nothing wrong, nothing twice", row["wrong"] == row["twice"] == 0),
        (f"{line}: live data current within {LIVE_SECONDS:g} s", (row["live after s"] or 99) <= LIVE_SECONDS),
        (f"{line}: at most a fifth of the line in any second", row["peak Mbit/s"] <= 2 * share),
        (f"{line}: everything sent", row["drained after s"] is not None),
    ]
