"""Kinds that wait for their hour: asked by force, given a place for their files, and counted all the same."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from agent.build import measure_of
from agent.config import AgentConfig, AgentTarget
from agent.run import Agent
from agent.web import make_app
from common.web import serve
from exporters.base import Outcome, Sample, Target
from exporters.demand import FORCED
from inventory.names import THROUGHPUT_BYTES, Reason

HUB = AgentTarget(
    name="throughput/main",
    target="hub:main",
    probe="throughput",
    address="http://127.0.0.1:9/",
    options={"budget_gigabytes_per_month": 0, "line": "line:21040/main"},
)
AT = Target(name="throughput/main", address=HUB.address, timeout_seconds=5)


def waiting(asked: list[bool]) -> Callable[[AgentTarget], Callable[[Target], Awaitable[Outcome]]]:
    async def measure(_: Target) -> Outcome:
        asked.append(FORCED.get())
        spent = Sample(THROUGHPUT_BYTES, 1000.0)
        return Outcome(reason=Reason.DEFERRED, duration_seconds=0, samples=(spent,), evidence="broken off")

    return lambda _: measure


async def test_its_files_are_below_the_agent_s_state(tmp_path: Path) -> None:
    outcome = await measure_of(HUB, tmp_path)(AT)
    assert outcome.reason is Reason.DEFERRED
    assert "budget" in outcome.evidence
    assert [path.name for path in (tmp_path / "throughput").iterdir()] == ["throughput-main.lock"]
    assert (await measure_of(HUB)(AT)).evidence == "a budget needs state_directory"


async def test_a_place_that_was_configured_stays(tmp_path: Path) -> None:
    own = tmp_path / "own"
    told = AgentTarget(
        name=HUB.name, target=HUB.target, probe=HUB.probe, address=HUB.address,
        options={**HUB.options, "state_directory": str(own)},
    )  # fmt: skip
    await measure_of(told, tmp_path / "state")(AT)
    assert own.exists()
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(("query", "forced"), [("", False), ("&force=0", False), ("&force=1", True)])
async def test_only_who_forces_does_not_wait(tmp_path: Path, query: str, forced: bool) -> None:
    asked: list[bool] = []
    path = tmp_path / "agent.yml"
    path.write_text("version: 1\n")
    config = AgentConfig(version=1, site="21040", state_directory=str(tmp_path), targets=(HUB,))
    agent = Agent(path, config, find=waiting(asked))
    agent._apply(config)  # its own turn has not come
    async with serve(make_app(agent), "127.0.0.1:0") as (host, port), aiohttp.ClientSession() as session:
        url = f"http://{host}:{port}/probe?target=throughput/main{query}"
        async with session.get(url) as answer:
            assert answer.status == 200
    await agent.stop()
    assert asked == [forced]
    assert not FORCED.get()


async def test_what_was_broken_off_has_still_cost_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "agent.yml"
    path.write_text("version: 1\n")
    config = AgentConfig(version=1, site="21040", state_directory=str(tmp_path), targets=(HUB,))
    agent = Agent(path, config, find=waiting([]))
    agent._apply(config)
    (runner,) = agent.runners.values()
    outcome = await waiting([])(HUB)(AT)
    runner.measured.take(outcome)
    runner.measured.take(outcome)
    assert runner.measured.last is None
    totals = [value for point, value in runner.measured._own.points()]
    assert totals == [2000.0]
    await agent.stop()
