"""``thongsuot-agent --once``: measure every target once and print a table."""

import asyncio
import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from time import monotonic
from typing import TextIO

from agent.build import Find, measure_of, state_directory, traits_of
from agent.config import AgentConfig, AgentTarget
from agent.deadline import measure_once, target_of
from common.i18n import t
from exporters.base import Outcome
from inventory.names import Reason


def run_once(config: AgentConfig, find: Find | None = None, out: TextIO | None = None) -> int:
    """Return 0 when every target answered or was put off on purpose, else 1."""
    measure = find or partial(measure_of, state=state_directory(config))
    outcomes = asyncio.run(measure_all(config, measure))
    write = (out or sys.stdout).write
    write(table(config.targets, outcomes))
    failed = sum(outcome.reason not in (Reason.OK, Reason.DEFERRED) for outcome in outcomes)
    write(t("agent.once_sum", total=len(outcomes), failed=failed) + "\n")
    return 1 if failed else 0


async def measure_all(config: AgentConfig, find: Find) -> list[Outcome]:
    """Measure all targets, at most ``max_concurrent_probes`` at a time; never two of an exclusive kind."""
    limiter = asyncio.Semaphore(config.max_concurrent_probes)
    turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def one(target: AgentTarget) -> Outcome:
        alone = turns[target.probe] if traits_of(target).exclusive else nullcontext()
        async with alone, limiter:
            return await _measure(target, find)

    return await asyncio.gather(*(one(target) for target in config.targets))


async def _measure(target: AgentTarget, find: Find) -> Outcome:
    began = monotonic()
    try:
        return await measure_once(find(target), target_of(target))
    except Exception as error:  # noqa: BLE001 - a bug in one probe is a line of the table, the others go on
        why = f"bug: {type(error).__name__}: {error}"
        return Outcome(reason=Reason.LOCAL, duration_seconds=monotonic() - began, evidence=why)


def table(targets: tuple[AgentTarget, ...], outcomes: list[Outcome]) -> str:
    """Return one line a target: name, probe, result, milliseconds, evidence."""
    rows = [tuple(t(f"agent.column_{name}") for name in ("name", "probe", "result", "ms", "evidence"))]
    for target, outcome in zip(targets, outcomes, strict=True):
        result = t(f"agent.reason_{outcome.reason.value}")
        ms = f"{outcome.duration_seconds * 1000:.1f}"
        rows.append((target.name, target.probe, result, ms, outcome.evidence))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    adjust: tuple[Callable[[str, int], str], ...] = (str.ljust, str.ljust, str.ljust, str.rjust)
    lines = []
    for row in rows:
        cells = [put(cell, width) for put, cell, width in zip(adjust, row, widths, strict=False)]
        lines.append("  ".join((*cells, row[4])).rstrip())
    return "\n".join(lines) + "\n"
