"""The agent's pages, over a real socket on loopback."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from agent.config import AgentConfig, AgentTarget
from agent.deadline import Measure
from agent.run import Agent
from agent.web import make_app, metrics_text, status_page
from common.web import serve
from exporters import evidence
from exporters.base import Outcome, Sample, Target
from inventory.names import PROBE_HTTP_DURATION, Reason

NASTY = '<script>alert("x")</script>'
SAMPLE = Sample(PROBE_HTTP_DURATION, 0.25, (("phase", "tls"),))


def find(target: AgentTarget) -> Measure:
    async def measure(at: Target) -> Outcome:
        if target.name == "buggy":
            raise RuntimeError("a bug")
        if target.name.startswith("slow"):
            await asyncio.sleep(0.3)
        if (notes := evidence.asked()) is not None:
            notes.add("address", "192.0.2.1\nforged 1")
        reason = Reason.STATUS if target.name == "bad" else Reason.OK
        return Outcome(
            reason=reason, duration_seconds=0.5, samples=(SAMPLE,), evidence=f"{at.address} {NASTY}"
        )

    return measure


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Agent]:
    targets = tuple(
        AgentTarget(name=name, target=f"system:{name}", probe="tcp", address="h:1")
        for name in ("good", "bad", "slow", "slow2", "slow3", f"x{NASTY}")
    )
    path = tmp_path / "agent.yml"
    path.write_text("version: 1\n")
    made = Agent(
        path, AgentConfig(version=1, site="21040", state_directory=str(tmp_path), targets=targets), find=find
    )
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def site(agent: Agent) -> AsyncIterator[str]:
    async with serve(make_app(agent), "127.0.0.1:0") as (host, port):
        yield f"http://{host}:{port}"


async def get(url: str, **options: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url, params=options) as answer:
        return answer.status, await answer.text()


async def test_probe_of_a_configured_target(site: str) -> None:
    status, text = await get(f"{site}/probe", target="bad")
    assert status == 200
    assert text == (
        'probe_success 0\nprobe_duration_seconds 0.500000\nprobe_http_duration_seconds{phase="tls"} 0.25\n'
    )
    await asyncio.sleep(0)
    status, text = await get(f"{site}/probe", target="good", debug="1")
    assert "reason   ok" in text
    assert "evidence h:1" in text
    assert "\naddress      192.0.2.1 forged 1\n" in text
    assert 'phase="tls"' in text


@pytest.mark.parametrize("name", ["", "127.0.0.1", "system:good", "http://169.254.169.254/", "../x", "goo"])
async def test_never_an_arbitrary_target(site: str, name: str) -> None:
    assert await get(f"{site}/probe", target=name) == (404, "no such target\n")
    assert await get(f"{site}/probe", target=name, address="h:1", module="tcp") == (404, "no such target\n")


async def test_probes_on_demand_are_few(site: str) -> None:
    assert (await get(f"{site}/probe", target="good"))[0] == 200
    assert (await get(f"{site}/probe", target="good"))[0] == 429
    # two at once at most: the third finds both places taken
    answers = await asyncio.gather(
        *(get(f"{site}/probe", target=name) for name in ("slow", "slow2", "slow3"))
    )
    assert sorted(status for status, _ in answers) == [200, 200, 429]


async def test_metrics_health_and_status(site: str) -> None:
    assert await get(f"{site}/-/healthy") == (200, "OK\n")
    assert (await get(f"{site}/-/ready"))[0] == 503
    status, text = await get(f"{site}/metrics")
    assert status == 200
    assert "thongsuot_agent_heartbeat_timestamp_seconds" in text
    status, text = await get(f"{site}/", lang="en")
    assert (status, "Measuring agent 21040" in text) == (200, True)
    assert "Điểm đo 21040" in (await get(f"{site}/", lang="vi"))[1]
    assert (await get(f"{site}/", lang="xx'><"))[0] == 200


async def test_reload_says_what_is_wrong_and_takes_no_other_sites_requests(site: str) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{site}/-/reload") as answer:
            assert answer.status == 422
            assert "agent.yml:1: site:" in await answer.text()
        async with session.post(f"{site}/-/reload", headers={"Origin": "http://evil.example"}) as answer:
            assert answer.status == 403
        async with session.post(f"{site}/-/reload", headers={"Origin": "http://["}) as answer:
            assert answer.status == 403
        async with session.get(f"{site}/-/reload") as answer:
            assert answer.status == 405


async def test_what_comes_from_outside_is_escaped(agent: Agent) -> None:
    for runner in agent.runners.values():
        runner.measured.take(await runner.probe_aside())
    for language in ("vi", "en"):
        assert "<script" not in await status_page(agent, language)


async def test_what_never_judges_is_not_called_unknown(tmp_path: Path) -> None:
    targets = tuple(
        AgentTarget(name=kind, target="agent:21040", probe=kind, address="localhost:1")
        for kind in ("host", "tcp")
    )
    config = AgentConfig(version=1, site="21040", state_directory=str(tmp_path), targets=targets)
    made = Agent(tmp_path / "agent.yml", config, find=find)
    await made.start()
    try:
        page = await status_page(made, "vi")
    finally:
        await made.stop()
    host, tcp = (row for row in page.split("<tr>") if "probe?target=" in row)
    assert ("không rõ" in host, "không rõ" in tcp) == (False, True)


def test_label_values_are_quoted() -> None:
    sample = Sample(PROBE_HTTP_DURATION, 1.0, (("phase", 'a"\\\nb'),))
    text = metrics_text(Outcome(reason=Reason.OK, duration_seconds=0, samples=(sample,)))
    assert text.splitlines()[2] == 'probe_http_duration_seconds{phase="a\\"\\\\\\nb"} 1.0'
