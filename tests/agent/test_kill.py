"""A real agent that is killed, over a line that is cut, to a real Prometheus that is killed: everything that
was collected arrives, once, with its time, but for what a kill may cost."""

import asyncio
import time
from pathlib import Path

import pytest

from agent.clock import boottime
from agent.remote_write import encode_labels
from agent.transport import Result
from inventory.names import (
    AGENT_DROPPED_SAMPLES,
    AGENT_HUB_CLOCK_ALARM,
    AGENT_SPOOL_ERRORS,
    AGENT_SPOOL_IN_MEMORY,
)
from tests.agent.kill_scene import PATIENCE_SECONDS, Scene, samples, scene
from tests.agent.recording_agent import Made

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]
SLEW_MS = 100
"""What was dated by the machine's own clock is dated anew when the hub has spoken, and moves this much."""


async def missing(here: Scene, made: list[Made]) -> list[str]:
    """Return what of ``made`` the hub has not."""
    got = await here.received()
    found = []
    for one in made:
        for key, time_ms, value in samples(one):
            slew = SLEW_MS if one.undated else 0
            times = [at for at, there in got.get(key, ()) if there == value and abs(at - time_ms) <= slew]
            # A value that shows a time moves along.
            if not times and not (one.undated and "timestamp_seconds" in dict(key)["__name__"]):
                found.append(f"{dict(key)['__name__']} {time_ms} {value}")
    return found


async def arrives(here: Scene) -> None:
    """Wait until everything that was made so far has arrived, but for what a kill may have cost."""
    made = here.kept()
    assert 2 * len(made) > len(here.made()), "a kill costs the last moments"
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await missing(here, made):  # noqa: ASYNC110 - nobody tells when it is there
            await asyncio.sleep(1)


async def nothing_else(here: Scene) -> None:
    """See that the hub has no sample that was not made, and none twice."""
    got = await here.received()
    made = {sample for one in here.made() for sample in samples(one)}
    times = {key: sorted(ms for other, ms, _ in made if other == key) for key in got}
    for key, there in got.items():
        assert len({at for at, _ in there}) == there.total(), "one value for each time"
        for at, value in there:
            exact = (key, at, value) in made
            assert exact or any(abs(at - ms) <= SLEW_MS for ms in times[key]), (key, at, value)


async def test_nothing_is_lost_but_what_a_kill_may_cost(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        await here.agent.start("boot 1")
        await here.goes_on(20)
        await here.line.cut()
        await here.goes_on(25)
        await here.kill_agent("boot 1")
        await here.goes_on(12)
        here.line.mend()
        await here.goes_on(3)
        await here.kill_agent("boot 1")  # while it drains
        await here.goes_on(8)
        await here.restart_hub()
        await here.goes_on(8)
        await here.line.cut()
        await here.kill_agent("boot 2")  # the machine was started anew, and knows no hub yet
        await here.goes_on(12)
        assert any(one.undated for one in here.made()[-5:])
        here.line.mend()
        await here.goes_on(12)
        await arrives(here)
        await nothing_else(here)
        await counters_never_step_back(here)


async def test_a_sample_dated_ahead_raises_an_alarm_and_costs_nothing(tmp_path: Path) -> None:
    """Prometheus takes it, and then nobody's live samples: [M] of the design."""
    async with scene(tmp_path) as here:
        await here.agent.start("boot 1")
        await here.goes_on(10)
        await here.push(round((time.time() + 30 * 86_400) * 1000))
        poisoned = boottime()
        await here.goes_on(12)
        kept = [one for one in here.made() if one.made_seconds > poisoned + 1]
        assert len(await missing(here, kept)) > len(kept)
        await here.forget_everything()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await missing(here, kept):  # noqa: ASYNC110 - nobody tells when it is there
                await asyncio.sleep(1)
        assert max(here.values(await here.received(), AGENT_HUB_CLOCK_ALARM.name)) == 1
        assert not any(here.values(await here.received(), AGENT_DROPPED_SAMPLES.name))


async def test_a_full_disk_costs_nothing_while_memory_holds_it(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        here.on_a_small_disk(3000)
        await here.agent.start("boot 1")
        await here.goes_on(10)
        await here.line.cut()
        await here.goes_on(10)
        here.fill_disk()
        await here.shows(AGENT_SPOOL_IN_MEMORY.name, 1)
        await here.goes_on(10)
        here.filler.unlink()
        await here.shows(AGENT_SPOOL_IN_MEMORY.name, 0)
        here.line.mend()
        await here.goes_on(10)
        await arrives(here)
        await nothing_else(here)
        received = await here.received()
        assert max(here.values(received, AGENT_SPOOL_IN_MEMORY.name)) == 1
        assert max(here.values(received, AGENT_SPOOL_ERRORS.name)) >= 1
        assert not any(here.values(received, AGENT_DROPPED_SAMPLES.name))


async def test_what_prometheus_says_to_bad_samples_is_understood(tmp_path: Path) -> None:
    now = round(time.time() * 1000)
    async with scene(tmp_path) as here:
        assert await here.push(now) is Result.OK
        assert await here.push(now) is Result.OK, "sent again"
        assert await here.push(now, value=2.0) is Result.REFUSED
        assert await here.push(now - 60_000) is Result.OK
        assert await here.push(now - 60_000) is Result.OK, "sent again, out of order"
        assert await here.push(now - 2 * 86_400_000) is Result.TOO_OLD
        assert await here.push(now, labels=encode_labels({"a": "b"}) * 2) is Result.REFUSED
        assert await here.push(now, labels=b"\xff\xff") is Result.REFUSED


async def counters_never_step_back(here: Scene) -> None:
    for key, there in (await here.received()).items():
        if dict(key)["__name__"] == "thongsuot_target_state_seconds_total":
            values = [value for _, value in sorted(there)]
            assert values == sorted(values), key
