"""The gateway as a process before the real Prometheus: replays, samples dated ahead, and its own death."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace

from agent.remote_write import HEADERS
from common.delivery import BACKLOG_HEADER, HUB_START_HEADER, LEFT_OUT_HEADER
from deploy.ingest.tokens import Store
from inventory.load import dump
from tests.agent.test_prometheus import prometheus
from tests.deploy.ingest.bodies import HEARTBEAT, OTHER, OWN, heartbeat, packed, province

pytestmark = pytest.mark.lab


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Hub:
    """Prometheus and a gateway in processes of their own."""

    def __init__(self, directory: Path, engine: str) -> None:
        self.engine, self.port, self.page = engine, free_port(), free_port()
        inventory = province()
        self.file = directory / "province.yml"
        self.file.write_text(dump(replace(inventory, storage=replace(inventory.storage, spool_days=1))))
        store = Store(directory / "hub/ingest")
        self.tokens = {code: store.add(code, time.time())[0] for code in (OWN, OTHER)}
        self._directory = directory
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        words = ["ingest", str(self.file), "--state", str(self._directory), "--plain-http", "--lang", "en"]
        words += ["--listen", f"127.0.0.1:{self.port}", "--page-listen", f"127.0.0.1:{self.page}"]
        words += ["--forward", f"{self.engine}/api/v1/write"]
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "deploy.cli", *words, stdout=asyncio.subprocess.PIPE, env=dict(os.environ)
        )
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            assert b"Agents push to" in await self.process.stdout.readline()
            while (await self.get(self.page, "/-/ready"))[0] != 200:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)

    async def get(self, port: int, path: str) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}{path}") as answer,
        ):
            return answer.status, await answer.text()

    async def push(self, body: bytes, site: str = OWN, *, waited: bool = False) -> tuple[int, Any]:
        headers = {**HEADERS, "Authorization": f"Bearer {self.tokens[site]}"}
        headers |= {BACKLOG_HEADER: "1"} if waited else {}
        url = f"http://127.0.0.1:{self.port}/api/v1/write"
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=body, headers=headers) as answer,
        ):
            return answer.status, answer.headers

    async def count(self, site: str) -> int:
        expression = f'count_over_time({HEARTBEAT}{{site="{site}"}}[1h])'
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.engine}/api/v1/query", params={"query": expression}) as answer,
        ):
            result = (await answer.json())["data"]["result"]
            return int(result[0]["value"][1]) if result else 0


@asynccontextmanager
async def hub(directory: Path) -> AsyncIterator[Hub]:
    async with prometheus(directory) as engine:
        made = Hub(directory, engine)
        await made.start()
        try:
            yield made
        finally:
            assert made.process is not None
            if made.process.returncode is None:
                made.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(15):
                await made.process.wait()


async def test_replays_are_harmless_and_one_clock_ahead_hurts_nobody(tmp_path: Path) -> None:
    async with hub(tmp_path) as running:
        now = time.time()
        for _ in range(3):
            status, headers = await running.push(packed([heartbeat()], now - 60))
            assert (status, float(headers[HUB_START_HEADER]) > now - 3600) == (204, True)
        assert await running.count(OWN) == 1
        status, headers = await running.push(packed([heartbeat()], now + 30 * 86400))
        assert (status, headers[LEFT_OUT_HEADER]) == (204, "1")
        for site in (OWN, OTHER):  # with that sample stored, everybody would be too old now
            assert (await running.push(packed([heartbeat(site)], time.time()), site))[0] == 204
        assert (await running.count(OWN), await running.count(OTHER)) == (2, 1)
        too_old = packed([heartbeat()], now - 3 * 86400)
        assert (await running.push(too_old, waited=True))[1][LEFT_OUT_HEADER] == "1"
        assert (await running.push(packed([heartbeat(OTHER)], now)))[0] == 403
        assert await running.count(OTHER) == 1


async def test_what_the_gateway_keeps_out_would_have_stopped_everybody(tmp_path: Path) -> None:
    """The same sample, past the gateway: nobody is heard any more, everybody keeps what he has."""
    async with hub(tmp_path) as running:
        ahead = packed([heartbeat()], time.time() + 30 * 86400)
        assert (await running.push(ahead))[1][LEFT_OUT_HEADER] == "1"
        assert (await running.push(packed([heartbeat(OTHER)], time.time()), OTHER))[0] == 204
        async with (
            aiohttp.ClientSession(headers=HEADERS) as session,
            session.post(f"{running.engine}/api/v1/write", data=ahead) as answer,
        ):
            assert answer.status == 204
        for site in (OWN, OTHER):
            status, headers = await running.push(packed([heartbeat(site)], time.time()), site)
            assert (status, LEFT_OUT_HEADER in headers) == (500, False)
        _, page = await running.get(running.page, "/metrics")
        assert 'thongsuot_ingest_requests_total{result="fresh_too_old"} 2.0' in page


async def test_a_gateway_that_is_killed_forgets_nothing_it_has_acknowledged(tmp_path: Path) -> None:
    async with hub(tmp_path) as running:
        now = time.time()
        assert (await running.push(packed([heartbeat()], now - 10)))[0] == 204
        assert running.process is not None
        running.process.kill()
        await running.process.wait()
        with pytest.raises(aiohttp.ClientError):
            await running.push(packed([heartbeat()], now - 5))
        await running.start()
        assert (await running.push(packed([heartbeat()], now - 5)))[0] == 204
        assert await running.count(OWN) == 2
        status, page = await running.get(running.page, "/metrics")
        assert status == 200
        assert "thongsuot_ingest_stored_samples_total 1.0" in page
        running.process.send_signal(signal.SIGHUP)
        assert (await running.push(packed([heartbeat()], now - 1)))[0] == 204
