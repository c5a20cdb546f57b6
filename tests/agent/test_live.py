"""What is current, on its way: poison, trouble, and what is counted."""

import asyncio
import itertools

import pytest

from agent.expose import Tier
from agent.transport import Reply, Result
from inventory.names import PROBE_DURATION, TARGET_UP
from tests.agent import virtual
from tests.agent.oracle import Series as Decoded
from tests.agent.push_bench import HEARTBEAT, UP_A, UP_B, Bench


def poison(series: list[Decoded]) -> Result | None:
    return Result.REFUSED if any(("phase", "poison") in labels for labels, _ in series) else None


def test_one_bad_series_does_not_hold_up_what_is_current() -> None:
    async def main() -> None:
        bench = Bench()
        bench.hub.judge = poison
        bench.a.set(Tier.STATE, PROBE_DURATION, 1, phase="poison")
        for _ in range(60):
            bench.pusher.urge()
            await asyncio.sleep(5)
        assert len(bench.hub.samples[UP_A]) == len(bench.hub.samples[UP_B]) >= 58
        beats = sorted(set(bench.hub.times(HEARTBEAT)))
        assert max(later - earlier for earlier, later in itertools.pairwise(beats)) < 4.5
        assert set(+bench.itself.dropped) == {"refused"}
        assert bench.itself.dropped["refused"] >= 58
        requests = len(bench.hub.bodies)
        bench.pusher.urge()
        await asyncio.sleep(60)
        assert len(bench.hub.bodies) - requests < 45, "it is known, and left out"
        await bench.stop()

    virtual.run(main)


@pytest.mark.parametrize("result", [Result.BUSY, Result.SERVER_ERROR, Result.UNAUTHORISED])
def test_a_hub_in_trouble_is_asked_less_often_and_current_soon_after(result: Result) -> None:
    async def main() -> None:
        bench = Bench()
        await asyncio.sleep(5)
        bench.hub.result = result
        await asyncio.sleep(60)
        bench.hub.bodies.clear()
        await asyncio.sleep(60)
        assert len(bench.hub.bodies) <= 16
        bench.hub.result = Result.OK
        before = len(bench.hub.samples[HEARTBEAT])
        await asyncio.sleep(10)
        assert len(bench.hub.samples[HEARTBEAT]) > before
        await bench.stop()

    virtual.run(main)


def test_a_line_that_is_cut_is_tried_every_second_or_two() -> None:
    async def main() -> None:
        bench = Bench()
        await asyncio.sleep(5)
        bench.hub.result = Result.UNREACHABLE
        await asyncio.sleep(30)
        bench.hub.result = Result.OK
        before = len(bench.hub.samples[HEARTBEAT])
        await asyncio.sleep(2.5)
        assert len(bench.hub.samples[HEARTBEAT]) > before
        await bench.stop()

    virtual.run(main)


def test_collecting_keeps_its_pace_while_the_hub_does_not_answer() -> None:
    async def main() -> None:
        bench = Bench()
        await asyncio.sleep(5)
        bench.hub.delay = 5.0
        bench.hub.result = Result.TIMEOUT
        await asyncio.sleep(60)
        bench.hub.delay, bench.hub.result = 0.05, Result.OK
        await asyncio.sleep(60)
        beats = sorted(set(bench.hub.times(HEARTBEAT)))
        assert max(later - earlier for earlier, later in itertools.pairwise(beats)) < 2.5
        await bench.stop()

    virtual.run(main)


def test_a_change_is_on_disk_before_the_hub_answers() -> None:
    async def main() -> None:
        bench = Bench()
        await asyncio.sleep(5)
        bench.hub.delay = 5.0
        bench.a.set(Tier.STATE, TARGET_UP, 0)
        bench.pusher.urge({"a"}, change=True)
        await asyncio.sleep(0.3)
        assert bench.spool.stats.samples == 1
        await asyncio.sleep(120)
        assert bench.spool.stats.samples == 0
        assert [value for _, value in bench.hub.samples[UP_A]].count(0) == 1, "and is not sent twice"
        await bench.stop()

    virtual.run(main)


def test_what_the_gateway_leaves_out_is_counted_as_refused() -> None:
    async def main() -> None:
        bench = Bench()
        await asyncio.sleep(5)
        send = bench.hub.send

        async def strict(body: bytes, timeout_seconds: float | None = None) -> Reply:
            reply = await send(body)
            return Reply(reply.result, reply.sent_seconds, reply.received_seconds, left_out=1)

        bench.hub.send = strict  # type: ignore[method-assign]  # a hub that does not want one sample of each
        before, pushed = len(bench.hub.bodies), bench.itself.pushed
        bench.pusher.urge()
        await asyncio.sleep(20)
        requests = len(bench.hub.bodies) - before
        assert bench.itself.dropped["refused"] == requests
        assert bench.itself.pushed > pushed
        await bench.stop()

    virtual.run(main)


def test_an_answer_that_comes_after_the_minute_was_written_counts_nothing_twice() -> None:
    async def main() -> None:
        bench = Bench()
        await asyncio.sleep(5)
        bench.hub.delay = 70.0
        await asyncio.sleep(200)
        bench.hub.delay = 0.05
        await asyncio.sleep(300)
        got = sum(len(set(there)) for there in bench.hub.samples.values())
        assert bench.spool.stats.samples == 0
        assert sum(len(there) for there in bench.hub.samples.values()) > got, "some were sent twice"
        assert bench.itself.pushed == got
        await bench.stop()

    virtual.run(main)
