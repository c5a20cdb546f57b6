"""Ten thousand bodies of nonsense from one agent: no crash, no growth, and others notice nothing."""

import asyncio
import time
from pathlib import Path

import aiohttp
import psutil
import pytest

from agent.remote_write import HEADERS
from deploy.ingest.limits import AgentLimits, Limits
from tests.deploy.ingest.bodies import OTHER, OWN, heartbeat, labels, mutated, packed, raw, up
from tests.deploy.ingest.running import Site, gateway

BODIES, ROUND = 10_000, 1000
GROWTH_BYTES = 24 << 20
FAST = Limits(agent=AgentLimits(requests_per_second=1e6, bytes_per_second=1e12, series=300))


def seeds() -> list[bytes]:
    now = time.time()
    counters = [labels("thongsuot_agent_pushes_total", result=f"r{n}") for n in range(5)]
    return [
        raw([heartbeat(), up()], now), raw(counters, now), raw([heartbeat(OTHER)], now),
        raw([heartbeat()], now + 1e6), raw([up()] * 200, now),
    ]  # fmt: skip


async def flood(site: Site, bodies: list[bytes]) -> set[int]:
    """Push all bodies with one token over kept connections; returns what was answered."""
    headers = {**HEADERS, "Authorization": f"Bearer {site.tokens[OWN]}"}
    seen: set[int] = set()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=2)) as session:

        async def push(own: list[bytes]) -> None:
            for body in own:
                async with session.post(f"{site.url}/api/v1/write", data=body, headers=headers) as answer:
                    seen.add(answer.status)
                    await answer.read()

        await asyncio.gather(push(bodies[::2]), push(bodies[1::2]))
    return seen


@pytest.mark.timeout(240)
async def test_ten_thousand_bodies_harm_nobody(tmp_path: Path) -> None:
    async with gateway(tmp_path, FAST) as site:
        own, seen, sizes = psutil.Process(), set(), []
        bodies = list(mutated(seeds(), BODIES, seed=51))
        descriptors = own.num_fds()
        for start in range(0, BODIES, ROUND):
            seen |= await flood(site, bodies[start : start + ROUND])
            began = time.monotonic()
            assert (await site.push(packed([heartbeat(OTHER)], time.time()), OTHER)).status == 204
            assert time.monotonic() - began < 2
            stored = site.engine.series
            others = [series for series in stored if ("site", OTHER) in series[0]]
            assert len(others) == 1, "nothing of the nonsense is another's"
            assert {dict(pairs)["commune"] for pairs, _ in stored} <= {OWN, OTHER}
            assert all(at <= (time.time() + 5) * 1000 for _, samples in stored for _, at in samples)
            site.engine.bodies.clear()
            site.engine.headers.clear()
            sizes.append(own.memory_info().rss)
        assert seen <= {204, 400, 403, 503}
        for result in ("slow", "engine_error", "clock_doubt"):  # 503 is for what is fresh and too old alone
            assert site.counted("thongsuot_ingest_requests_total", result=result) == 0
        assert {204, 400, 403} <= seen
        assert sizes[-1] - sizes[2] < GROWTH_BYTES
        assert site.service.gateway._judges[OWN].known <= 600
        await site.until(lambda: own.num_fds() <= descriptors + 2)


async def test_what_is_over_an_agents_rate_costs_the_engine_nothing(tmp_path: Path) -> None:
    async with gateway(tmp_path, Limits(agent=AgentLimits(requests_per_second=1, burst_seconds=20))) as site:
        body = packed([heartbeat()], time.time())
        assert await flood(site, [body] * 200) == {204, 429}
        assert 20 <= len(site.engine.bodies) <= 40
        assert (await site.push(packed([heartbeat(OTHER)], time.time()), OTHER)).status == 204
