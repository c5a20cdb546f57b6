"""One measurement under the harness' own deadline."""

import asyncio
from collections.abc import Awaitable, Callable

from agent.config import AgentTarget
from exporters.base import GRACE_SECONDS, Outcome, Target

Measure = Callable[[Target], Awaitable[Outcome]]


def target_of(target: AgentTarget) -> Target:
    """Return what a probe gets to see of a target."""
    return Target(
        name=target.name,
        address=target.address,
        timeout_seconds=target.timeout_seconds,
        source=target.source,
    )


async def measure_once(measure: Measure, target: Target) -> Outcome:
    """Measure. Raises TimeoutError for a probe that outstays its grace, and whatever it lets out.

    The grace begins when the loop gets round to the probe's deadline, not when the clock does: a machine
    that was paused or overloaded is no bug of the probe, which must have its turn to give up by itself.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as limit:
        grace = loop.call_later(target.timeout_seconds, lambda: limit.reschedule(loop.time() + GRACE_SECONDS))
        try:
            return await measure(target)
        finally:
            grace.cancel()
