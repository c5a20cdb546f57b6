"""Against the real Prometheus: samples and stale markers arrive, times are right, nothing is refused."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from agent.clock import HubClock, boottime
from agent.config import AgentConfig, AgentTarget, Push
from agent.deadline import Measure
from agent.run import Agent
from deploy.debian import find
from exporters.base import Outcome, Target
from inventory.names import Reason

pytestmark = pytest.mark.lab
CONFIG = "global: {scrape_interval: 1m}\nstorage: {tsdb: {out_of_order_time_window: 1d}}\n"


@asynccontextmanager
async def prometheus(directory: Path) -> AsyncIterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (directory / "prometheus.yml").write_text(CONFIG)
    process = await asyncio.create_subprocess_exec(
        str(find("prometheus")),
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-remote-write-receiver",
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await _ready(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        async with asyncio.timeout(10):
            await process.wait()


async def _ready(url: str) -> None:
    async with aiohttp.ClientSession() as session, asyncio.timeout(120):
        while True:
            try:
                async with session.get(f"{url}/-/ready") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)


async def query(url: str, promql: str) -> list[dict[str, Any]]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{url}/api/v1/query", params={"query": promql}) as answer,
    ):
        result: list[dict[str, Any]] = (await answer.json())["data"]["result"]
        return result


async def wait_for(url: str, promql: str, *, empty: bool = False) -> list[dict[str, Any]]:
    async with asyncio.timeout(20):
        while True:
            result = await query(url, promql)
            if bool(result) is not empty:
                return result
            await asyncio.sleep(0.2)


async def test_samples_and_stale_markers_arrive_from_a_machine_whose_clock_is_an_hour_off(
    tmp_path: Path,
) -> None:
    dead: set[str] = set()

    def fake(target: AgentTarget) -> Measure:
        async def measure(_: Target) -> Outcome:
            return Outcome(reason=Reason.LOCAL if target.name in dead else Reason.OK, duration_seconds=0.01)

        return measure

    async with prometheus(tmp_path) as url:
        targets = tuple(
            AgentTarget(
                name=name, target=name, probe="icmp", address="x", commune="21040", interval_seconds=1
            )
            for name in ("lan:21040", "hub:main")
        )
        config = AgentConfig(
            version=1,
            site="21040",
            commune="21040",
            state_directory=str(tmp_path),
            push=Push(url=f"{url}/api/v1/write", heartbeat_seconds=1, state_seconds=1, detail_seconds=2),
            targets=targets,
        )
        clock = HubClock(boottime, lambda: time.time() + 3600)
        agent = Agent(tmp_path / "agent.yml", config, clock=clock, find=fake)
        await agent.start()
        up = 'thongsuot_target_up{job="thongsuot-agent",instance="21040",commune="21040",target="hub:main"}'
        assert (await wait_for(url, up))[0]["value"][1] == "1"
        beat = await query(url, "time() - timestamp(thongsuot_agent_heartbeat_timestamp_seconds)")
        assert -1 < float(beat[0]["value"][1]) < 4
        dead.add("hub:main")
        await wait_for(url, up, empty=True)  # unknown: a stale marker, not five minutes of the last value
        assert await query(url, 'thongsuot_target_up{target="lan:21040"}')
        assert await query(url, "thongsuot_agent_clock_offset_seconds < -3590")
        await agent.stop()
        await wait_for(url, '{job="thongsuot-agent"}', empty=True)
        assert agent.itself.pushes == {"ok": sum(agent.itself.pushes.values())}
        kept = await query(
            url, 'count_over_time(thongsuot_target_state_seconds_total{target="lan:21040"}[1m])'
        )
        assert len(kept) == 3
