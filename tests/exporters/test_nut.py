"""Against a real upsd with NUT's own simulated UPS: mains fail, come back, the driver dies."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy import debian
from exporters.base import Outcome, Target
from exporters.collectors import power
from inventory.names import Reason

NUT = power.Config(source="nut")


class Ups:
    """A UPS that says what is written into ``says``."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "ups.dev"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.target = Target(name="power", address=f"ups@127.0.0.1:{self.port}", timeout_seconds=5)
        self.running: list[asyncio.subprocess.Process] = []

    def says(self, status: str, charge: int, seconds: int) -> None:
        lines = f"ups.status: {status}\nbattery.charge: {charge}\nbattery.runtime: {seconds}\n"
        self.file.write_text(lines, encoding="ascii")

    def configure(self) -> None:
        mine = {
            "ups.conf": f"[ups]\n  driver = dummy-ups\n  mode = dummy-loop\n  port = {self.file}\n",
            "upsd.conf": f"LISTEN 127.0.0.1 {self.port}\nMAXAGE 3\n",
            "upsd.users": "",
        }
        for name, text in mine.items():
            (self.folder / name).write_text(text, encoding="ascii")
            (self.folder / name).chmod(0o640)

    async def start(self, program: Path, *words: str) -> None:
        places = dict.fromkeys(("NUT_CONFPATH", "NUT_STATEPATH", "NUT_PIDPATH", "NUT_ALTPIDPATH"))
        self.running.append(
            await asyncio.create_subprocess_exec(
                str(program), *words, "-F", "-u", "root" if os.geteuid() == 0 else os.environ["USER"],
                env=debian.environment() | dict.fromkeys(places, str(self.folder)),
                stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            )
        )  # fmt: skip

    async def stop(self, process: asyncio.subprocess.Process) -> None:
        process.kill()
        await process.wait()
        self.running.remove(process)

    async def until(self, wanted: object) -> Outcome:
        """Probe until the reason, or the state of mains, is as wanted."""
        async with asyncio.timeout(60):
            while True:
                outcome = await power.probe(self.target, NUT)
                if outcome.reason is wanted or outcome.evidence == wanted:
                    return outcome
                await asyncio.sleep(0.1)


@pytest.fixture
async def ups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ups]:
    client, driver = debian.find("upsc"), debian.find("dummy-ups")
    monkeypatch.setenv("PATH", f"{client.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("LD_LIBRARY_PATH", debian.environment().get("LD_LIBRARY_PATH", ""))
    it = Ups(tmp_path)
    it.says("OL CHRG", 95, 1620)
    it.configure()
    await it.start(driver, "-a", "ups", "-i", "1")
    await it.start(driver.parent / "upsd")
    try:
        yield it
    finally:
        for process in list(it.running):
            await it.stop(process)


async def test_mains_fail_and_come_back(ups: Ups) -> None:
    first = await ups.until("on mains")
    values = {sample.metric.name: sample.value for sample in first.samples}
    assert values == {
        "thongsuot_power_on_mains": 1,
        "thongsuot_power_charge_ratio": 0.95,
        "thongsuot_power_runtime_seconds": 1620,
    }
    assert not first.urgent
    ups.says("OB DISCHRG", 90, 1500)
    assert (await ups.until("on battery")).urgent
    ups.says("OL CHRG", 91, 1500)
    assert (await ups.until("on mains")).urgent


async def test_a_dead_driver_and_a_dead_server_are_told_apart(ups: Ups) -> None:
    await ups.until("on mains")
    driver, server = ups.running
    await ups.stop(driver)
    assert "upsc: Error: " in (await ups.until(Reason.STALLED)).evidence
    await ups.stop(server)
    assert (await ups.until(Reason.REFUSED)).samples == ()


async def test_a_ups_that_the_server_does_not_know(ups: Ups) -> None:
    await ups.until("on mains")
    other = Target(name="power", address=f"other@127.0.0.1:{ups.port}", timeout_seconds=5)
    outcome = await power.probe(other, NUT)
    assert (outcome.reason, outcome.evidence) == (Reason.LOCAL, "upsc: Error: Unknown UPS")
