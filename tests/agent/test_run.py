"""A whole agent in virtual time: start without a hub, reload, restart, stop."""

import asyncio
import math
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import indent

import msgspec
import pytest
import yaml

from agent.clock import HubClock
from agent.config import AgentConfig, AgentTarget, Push
from agent.deadline import Measure
from agent.expose import Tier
from agent.load import load_config
from agent.run import Agent
from agent.transport import Result
from common import i18n
from exporters.base import Outcome, PeerClock, Target
from inventory.names import Reason, State
from tests.agent import virtual
from tests.agent.push_bench import EPOCH, Hub, vanish

TARGETS = ("lan:21040", "hub:main", "system:x")


def write(path: Path, state: Path, *targets: str, push: Push | None = None, **more: object) -> AgentConfig:
    config = AgentConfig(
        version=1,
        site="21040",
        commune="21040",
        state_directory=str(state),
        push=push or Push(url="http://hub/api/v1/write"),
        targets=tuple(
            AgentTarget(name=name, target=name, probe="icmp", address="127.0.0.1", commune="21040")
            for name in targets
        ),
    )
    config = msgspec.structs.replace(config, **more)
    path.write_text(yaml.safe_dump({"version": 1, **msgspec.to_builtins(config)}), encoding="utf-8")
    return load_config(path)


class World:
    """An agent, its hub, and which targets answer."""

    def __init__(self, directory: Path) -> None:
        self.path, self.state = directory / "agent.yml", directory / "state"
        self.state.mkdir()
        self.hub = Hub()
        self.dead: set[str] = set()
        self.probed: list[str] = []

    def find(self, target: AgentTarget) -> Measure:
        async def measure(_: Target) -> Outcome:
            self.probed.append(target.name)
            await asyncio.sleep(0.01)
            reason = Reason.TIMEOUT if target.name in self.dead else Reason.OK
            return Outcome(reason=reason, duration_seconds=0.01)

        return measure

    def connect(self, _: Push, now: Callable[[], float], version: str, waited: bool) -> Hub:
        assert version
        return self.hub

    def agent(self, config: AgentConfig) -> Agent:
        clock = HubClock(virtual.now, lambda: EPOCH + virtual.now())
        return Agent(self.path, config, clock=clock, find=self.find, connect=self.connect)


def up(name: str) -> str:
    return f"__name__=thongsuot_target_up probe=icmp target={name}"


def seconds(name: str, state: str) -> str:
    return f"__name__=thongsuot_target_state_seconds_total probe=icmp state={state} target={name}"


def test_change_of_state_is_at_the_hub_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        world = World(tmp_path)
        agent = world.agent(write(world.path, world.state, *TARGETS))
        await agent.start()
        ready = [agent.ready]
        await asyncio.sleep(30)
        assert [*ready, agent.ready] == [False, True]
        assert world.hub.last(up("hub:main")) == 1
        world.dead.add("hub:main")
        began = virtual.now()
        await asyncio.sleep(15)
        first = next(at for at, value in world.hub.samples[up("hub:main")] if value == 0)
        assert first - EPOCH - began < 5 + 4 + 0.3
        assert world.hub.last(up("lan:21040")) == 1
        await agent.stop()
        assert all(math.isnan(samples[-1][1]) for samples in world.hub.samples.values())

    virtual.run(main)


def test_only_the_hubs_reflector_refines_the_hubs_clock(tmp_path: Path) -> None:
    def offset_after(answering: str) -> float:
        async def main() -> float:
            directory = tmp_path / answering.replace(":", "-")
            directory.mkdir()
            world = World(directory)

            def find(target: AgentTarget) -> Measure:
                async def measure(_: Target) -> Outcome:
                    true = EPOCH + virtual.now() - time.monotonic()
                    said = PeerClock(true - 0.001, true + 0.001) if target.name == answering else None
                    return Outcome(reason=Reason.OK, duration_seconds=0.0, peer_clock=said)

                return measure

            clock = HubClock(virtual.now, lambda: EPOCH + virtual.now() - 100.0)
            agent = Agent(
                world.path, write(world.path, world.state, *TARGETS),
                clock=clock, find=find, connect=world.connect,
            )  # fmt: skip
            await agent.start()
            await asyncio.sleep(8)
            await agent.stop()
            bounds = clock.remember()
            assert bounds is not None
            return bounds.high - bounds.low

        return virtual.run(main)

    assert offset_after("hub:main") < 0.01
    assert offset_after("lan:21040") > 0.02


def test_hub_away_at_start_changes_nothing_but_the_push(tmp_path: Path) -> None:
    async def main() -> None:
        world = World(tmp_path)
        world.hub.result = Result.UNREACHABLE
        agent = world.agent(write(world.path, world.state, *TARGETS))
        await agent.start()
        await asyncio.sleep(30)
        assert agent.ready
        assert not world.hub.samples
        world.hub.result = Result.OK
        await asyncio.sleep(7)
        assert world.hub.last(up("hub:main")) == 1
        await agent.stop()

    virtual.run(main)


def test_counters_never_step_back_over_a_kill_and_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        world = World(tmp_path)
        config = write(world.path, world.state, *TARGETS)
        for clean in (True, False, True, False, True):
            agent = world.agent(config)
            await agent.start()
            await asyncio.sleep(33.3)
            if clean:
                await agent.stop()
            else:
                await kill(agent)
            await asyncio.sleep(10)
        for state in State:
            values = [
                value
                for _, value in sorted(world.hub.samples[seconds("hub:main", state)])
                if not math.isnan(value)
            ]
            assert values == sorted(values)
        assert 5 * 24 < sorted(world.hub.samples[seconds("hub:main", "up")])[-2][1] < 5 * 33.3

    virtual.run(main)


async def kill(agent: Agent) -> None:
    """Stop everything as kill -9 would: nothing is said, nothing is saved."""
    here = asyncio.current_task()
    for runner in agent.runners.values():
        runner._stopped = True
    tasks = [task for task in asyncio.all_tasks() if task is not here]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    agent.book.close()
    if agent._delivery._spool is not None:
        vanish(agent._delivery._spool)


def test_reload_keeps_what_is_unchanged_and_ends_what_is_gone(tmp_path: Path) -> None:
    async def main() -> None:
        world = World(tmp_path)
        agent = world.agent(write(world.path, world.state, *TARGETS))
        await agent.start()
        await asyncio.sleep(40)
        kept = agent.runners["21040||hub:main|icmp"]
        write(world.path, world.state, "hub:main", "system:y")
        assert await agent.reload() is None
        assert agent.runners["21040||hub:main|icmp"] is kept
        assert kept.measured.state is State.UP
        await asyncio.sleep(35)
        assert math.isnan(world.hub.last(up("system:x")))
        assert math.isnan(world.hub.last("__name__=probe_duration_seconds probe=icmp target=system:x"))
        assert world.hub.last(up("system:y")) == 1
        assert world.hub.last(up("hub:main")) == 1
        assert "system:x" not in world.probed[-10:]
        assert set(agent.book.shown) == {"21040||hub:main|icmp", "21040||system:y|icmp"}
        assert agent.itself.reloads == {"ok": 1, "refused": 0}
        await agent.stop()

    virtual.run(main)


def test_changed_target_keeps_its_counters(tmp_path: Path) -> None:
    async def main() -> None:
        world = World(tmp_path)
        agent = world.agent(write(world.path, world.state, "hub:main"))
        await agent.start()
        await asyncio.sleep(40)
        before = world.hub.last(seconds("hub:main", "up"))
        config = write(world.path, world.state, "hub:main")
        slower = msgspec.structs.replace(config.targets[0], interval_seconds=2.0)
        write(world.path, world.state, targets=(slower,))
        assert await agent.reload() is None
        await asyncio.sleep(20)
        values = [value for _, value in sorted(world.hub.samples[seconds("hub:main", "up")])]
        assert values == sorted(values)
        assert values[-1] > before + 10
        await agent.stop()

    virtual.run(main)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version: 1\n", "site: is missing"),
        ("site: [", "not valid YAML"),
        ('version: 1\nsite: "21041"\nstate_directory: STATE\n', "only a restart can change: site, commune"),
    ],
)
def test_bad_configuration_is_refused_and_the_old_one_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    monkeypatch.setattr(i18n, "_chosen", "en")

    async def main() -> None:
        world = World(tmp_path)
        agent = world.agent(write(world.path, world.state, *TARGETS))
        await agent.start()
        await asyncio.sleep(20)
        world.path.write_text(text.replace("STATE", str(world.state)))
        problem = await agent.reload()
        assert problem is not None
        assert said in problem
        assert len(agent.runners) == 3
        before = len(world.probed)
        await asyncio.sleep(10)
        assert len(world.probed) >= before + 5
        assert agent.itself.reloads == {"ok": 0, "refused": 1}
        await agent.stop()

    virtual.run(main)


def test_new_push_settings_take_effect_without_ending_series(tmp_path: Path) -> None:
    async def main() -> None:
        world = World(tmp_path)
        agent = world.agent(write(world.path, world.state, *TARGETS))
        await agent.start()
        await asyncio.sleep(20)
        write(
            world.path, world.state, *TARGETS, push=Push(url="http://other/api/v1/write", heartbeat_seconds=1)
        )
        assert await agent.reload() is None
        await asyncio.sleep(20)
        values = [value for _, value in world.hub.samples[up("hub:main")]]
        assert set(values) == {1.0}
        await agent.stop()

    virtual.run(main)


def test_without_push_everything_else_works(tmp_path: Path) -> None:
    async def main() -> None:
        world = World(tmp_path)
        config = msgspec.structs.replace(write(world.path, world.state, *TARGETS), push=None)
        agent = world.agent(config)
        await agent.start()
        await asyncio.sleep(30)
        assert not world.hub.bodies
        names = {
            series.name
            for group in agent.groups.values()
            for tier in Tier
            for series, _ in group.points(tier)
        }
        assert "thongsuot_target_state_seconds_total" in names
        assert "thongsuot_agent_pushes_total" not in names
        await agent.stop()

    virtual.run(main)


def test_stop_is_quick_when_the_hub_hangs(tmp_path: Path) -> None:
    async def main() -> None:
        world = World(tmp_path)
        agent = world.agent(write(world.path, world.state, *TARGETS))
        await agent.start()
        await asyncio.sleep(20)
        world.hub.delay = 3600
        await asyncio.sleep(5)
        began = virtual.now()
        await agent.stop()
        assert virtual.now() - began < 3

    virtual.run(main)


def test_config_is_yaml_that_a_person_may_write(tmp_path: Path) -> None:
    world = World(tmp_path)
    config = write(world.path, world.state, *TARGETS)
    assert load_config(world.path) == config, indent(world.path.read_text(), "  ")


def test_bug_in_what_is_vital_ends_the_agent_aloud(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        world = World(tmp_path)
        agent = world.agent(write(world.path, world.state, *TARGETS))
        await agent.start()
        assert agent.pusher is not None
        monkeypatch.setattr(agent.pusher._collector, "collect", lambda *_, **__: 1 // 0)
        async with asyncio.timeout(10):
            await agent.broken.wait()
        await agent.stop()

    virtual.run(main)
    assert "a bug ends this agent" in caplog.text
