"""Makes the parts of an agent from its configuration."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from agent.config import AgentConfig, AgentTarget
from agent.deadline import Measure
from common import statedir
from exporters import registry
from exporters.base import Outcome, Target
from inventory.names import Metric

Find = Callable[[AgentTarget], Measure]


def measure_of(target: AgentTarget, state: Path | None = None) -> Measure:
    """Return the probe of a target with its options filled in. Raises
    :class:`common.yaml.problems.Refused`.

    A kind whose options have a ``state_directory`` keeps files there: below ``state``, unless it is told.
    """
    probe = registry.kinds()[target.probe].probe
    options = registry.convert_options(target.probe, target.options)
    if state is not None and getattr(options, "state_directory", "") is None:
        options = msgspec.structs.replace(options, state_directory=str(state / target.probe))

    def measure(at: Target) -> Awaitable[Outcome]:
        return probe(at, options)

    return measure


class Traits(msgspec.Struct, frozen=True):
    """What the harness must know of a kind: see :mod:`exporters.base`."""

    judges: bool = True
    exclusive: bool = False
    prompt: tuple[Metric, ...] = ()


def traits_of(target: AgentTarget) -> Traits:
    """Return the traits of a target's kind."""
    kind = registry.kinds().get(target.probe)
    if kind is None:
        return Traits()
    return Traits(judges=kind.judges, exclusive=kind.exclusive, prompt=kind.prompt)


def state_directory(config: AgentConfig) -> Path:
    """Return where the agent keeps its state: as configured, else what systemd made, else below ours."""
    if config.state_directory is not None:
        return Path(config.state_directory)
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(given) if given else statedir.default() / "agent" / config.site
