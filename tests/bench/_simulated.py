"""Agents as they are, but for the network that they measure: every ping is the one that was measured once."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from agent.build import Find, measure_of
from agent.config import AgentConfig, AgentTarget
from agent.deadline import Measure, target_of
from agent.load import load_config
from deploy.render_agents import commune_config, to_yaml
from exporters.base import Outcome, Target
from inventory.model import Inventory
from inventory.names import Reason

SYSTEMS: Final = 22
"""As many make about 1,000 series, as a commune has: 2,100 samples a minute, all of them pings."""
_PING: Final = AgentTarget(name="ping", target="ping", probe="icmp", address="127.0.0.1")


def measured_once() -> Outcome:
    """Return the result of a ping on loopback."""
    return asyncio.run(measure())


async def measure() -> Outcome:
    """Ping loopback."""
    return await measure_of(_PING)(target_of(_PING))


def find(outcome: Outcome, dead: Callable[[str], bool] = lambda _: False) -> Find:
    """Return what makes the probes of an agent; ``dead`` says which targets do not answer now."""
    lost = msgspec.structs.replace(outcome, reason=Reason.TIMEOUT, samples=())

    def make(target: AgentTarget) -> Measure:
        async def measure(_: Target) -> Outcome:
            await asyncio.sleep(0.01)
            return lost if dead(target.name) else outcome

        return measure

    return make


def configured(inventory: Inventory, number: int, directory: Path, **push: Any) -> tuple[Path, AgentConfig]:
    """Write the configuration of a commune's agent as it is rendered, with its state in ``directory``;
    ``push``: what of its section is different."""
    rendered = commune_config(inventory, inventory.communes[number])
    assert rendered.push is not None
    directory.mkdir(parents=True, exist_ok=True)
    config = msgspec.structs.replace(
        rendered, state_directory=str(directory), fetch=None, listen="127.0.0.1:0",
        push=msgspec.structs.replace(rendered.push, **push),
    )  # fmt: skip
    path = directory / "agent.yml"
    path.write_bytes(to_yaml(config))
    return path, load_config(path)
