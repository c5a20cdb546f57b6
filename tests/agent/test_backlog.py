"""What waited, on its way: order, rate, and everything that a hub may say to it."""

import asyncio
from pathlib import Path

import pytest

from agent.expose import Site, Tier
from agent.transport import Result
from inventory.names import PROBE_DURATION, PROBE_SUCCESS
from tests.agent import virtual
from tests.agent.oracle import Series as Decoded
from tests.agent.oracle import decode
from tests.agent.push_bench import EPOCH, HEARTBEAT, Bench, Fake, Hub

SUCCESS = "__name__=probe_success target=a"


async def cut(bench: Bench, seconds: int) -> None:
    """Cut the line for so long; the state of ``a`` shows the second, every 5 s."""
    bench.hub.result = Result.UNREACHABLE
    for second in range(0, seconds, 5):
        bench.a.set(Tier.STATE, PROBE_SUCCESS, second)
        bench.pusher.urge()
        await asyncio.sleep(5)
    bench.hub.result = Result.OK


def values(hub: Hub) -> set[float]:
    return {value for _, value in hub.samples.get(SUCCESS, ())}


def widen(bench: Bench, series: int) -> None:
    group = Fake(Site("21040", "21040"), "wide")
    for place in range(series):
        group.set(Tier.DETAIL, PROBE_DURATION, place, phase=f"{place * 7919 % 10_007}")
    bench.groups[group.key] = group


def test_the_rate_is_never_exceeded_over_a_second_or_two() -> None:
    async def main() -> None:
        bench = Bench(rate=20_000)
        widen(bench, 2000)
        await cut(bench, 600)
        bench.hub.bodies.clear()
        await asyncio.sleep(240)
        live = {at for at, body in bench.hub.bodies if len(body) < 200}
        sent = [(at, len(body)) for at, body in bench.hub.bodies if at not in live]
        for start in range(int(sent[0][0]), int(sent[-1][0]) - 2):
            within = [size for at, size in sent if start <= at < start + 2]
            details = 2 * 12_000  # what is current of 2,000 series, every half minute
            assert sum(within) <= 2.5 * 20_000 + details
        assert values(bench.hub) >= {float(second) for second in range(0, 600, 5)}
        await bench.stop()

    virtual.run(main)


def test_live_samples_keep_their_pace_while_a_backlog_drains() -> None:
    async def main() -> None:
        bench = Bench(rate=2000)
        widen(bench, 500)
        await cut(bench, 600)
        back = virtual.now()
        await asyncio.sleep(60)
        assert bench.spool.stats.samples > 0, "still draining"
        beats = [at for at in bench.hub.times(HEARTBEAT) if at > EPOCH + back]
        assert len(beats) >= 29
        assert beats[0] - EPOCH - back < 3
        await bench.stop()

    virtual.run(main)


@pytest.mark.parametrize("chance", [0.0, 0.3, 0.9])
def test_agents_that_return_together_begin_at_different_moments_and_live_data_at_once(chance: float) -> None:
    async def main() -> None:
        bench = Bench()
        await asyncio.sleep(5)
        await cut(bench, 300)
        bench.pusher._backlog._rng = lambda: chance
        healed = virtual.now()
        bench.hub.bodies.clear()
        await asyncio.sleep(30)
        old = [
            at
            for at, body in bench.hub.bodies
            if any(ms / 1000 < EPOCH + healed - 60 for _, samples in decode(body) for _, ms in samples)
        ]
        assert chance * 10 <= old[0] - healed <= chance * 10 + 3
        assert bench.hub.bodies[0][0] - healed < 2.5
        await bench.stop()

    virtual.run(main)


def test_a_slow_hub_is_left_alone_for_longer_than_it_takes() -> None:
    async def main() -> None:
        bench = Bench(rate=1e9)
        await cut(bench, 1200)
        bench.hub.delay = 1.0
        bench.hub.bodies.clear()
        await asyncio.sleep(60)
        backlog = [body for _, body in bench.hub.bodies if len(body) > 1000]
        assert 10 <= len(backlog) <= 18
        await bench.stop()

    virtual.run(main)


@pytest.mark.parametrize("result", [Result.BUSY, Result.SERVER_ERROR])
def test_the_hub_is_asked_no_sooner_than_it_wants(result: Result) -> None:
    async def main() -> None:
        bench = Bench()
        await asyncio.sleep(5)
        bench.hub.result, bench.hub.retry_after = result, 30.0
        await asyncio.sleep(3)
        bench.hub.bodies.clear()
        await asyncio.sleep(100)
        assert 2 <= len(bench.hub.bodies) <= 4
        bench.hub.result = Result.OK
        await asyncio.sleep(90)
        beats = sorted(bench.hub.times(HEARTBEAT))
        assert len(beats) > 90
        assert not +bench.itself.dropped
        await bench.stop()

    virtual.run(main)


def older_than(bench: Bench, unix: float, result: Result = Result.TOO_OLD) -> None:
    """Have the hub reject every request with something older in it."""

    def judge(series: list[Decoded]) -> Result | None:
        old = any(ms / 1000 < unix for _, samples in series for _, ms in samples)
        return result if old else None

    bench.hub.judge = judge


def test_what_is_outside_the_window_is_given_up_and_the_rest_is_not() -> None:
    async def main() -> None:
        bench = Bench()
        bench.pusher._backlog._window_ms = 400_000
        await cut(bench, 600)
        edge = EPOCH + virtual.now() - 300
        older_than(bench, edge)
        await asyncio.sleep(200)
        kept = [at for at, _ in bench.hub.samples[SUCCESS]]
        assert min(kept) >= edge
        assert bench.itself.dropped["too_old"] > 0
        assert not bench.itself.dropped["refused"]
        assert bench.spool.stats.samples >= 0
        await asyncio.sleep(4000)
        assert bench.spool.stats.waiting == 0, "what was refused became old, and was given up"
        assert not bench.itself.hub_clock_alarms
        await bench.stop()

    virtual.run(main)


def test_a_hub_that_calls_what_is_inside_the_window_old_costs_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        bench = Bench()
        await cut(bench, 600)
        older_than(bench, EPOCH + virtual.now() - 60)
        await asyncio.sleep(300)
        assert not +bench.itself.dropped
        assert bench.itself.hub_clock_alarms == {"backlog"}
        assert bench.spool.stats.waiting > 3
        asked = len(bench.hub.bodies)
        await asyncio.sleep(60)
        assert len(bench.hub.bodies) - asked < 60, "it is not stormed"
        bench.hub.judge = lambda _: None
        await asyncio.sleep(4000)
        assert bench.spool.stats.waiting == 0
        assert values(bench.hub) >= {float(second) for second in range(0, 600, 5)}
        assert not bench.itself.hub_clock_alarms
        await bench.stop()

    virtual.run(main)
    assert caplog.text.count("refuses samples within its window") == 1


def test_a_hub_whose_clock_is_wrong_raises_an_alarm_and_costs_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As after a sample dated ahead: everything fresh is too old."""

    async def main() -> None:
        bench = Bench()
        await asyncio.sleep(5)
        bench.hub.judge = lambda series: Result.TOO_OLD if series else None
        await asyncio.sleep(300)
        assert bench.itself.hub_clock_alarms == {"live"}
        assert not +bench.itself.dropped
        bench.hub.judge = lambda _: None
        await asyncio.sleep(120)
        assert not bench.itself.hub_clock_alarms
        assert len(set(bench.hub.times(HEARTBEAT))) > 200
        await bench.stop()

    virtual.run(main)
    assert caplog.text.count("refuses what was just measured") == 1


def poison(series: list[Decoded]) -> bool:
    return any(("phase", "poison") in labels for labels, _ in series)


@pytest.mark.parametrize("result", [Result.REFUSED, Result.SERVER_ERROR])
def test_what_the_hub_will_never_take_does_not_hold_up_what_is_behind_it(result: Result) -> None:
    async def main() -> None:
        bench = Bench()
        await asyncio.sleep(5)
        bench.b.set(Tier.DETAIL, PROBE_DURATION, 1, phase="poison")
        await cut(bench, 60)
        bench.b.set(Tier.DETAIL, PROBE_DURATION, None, phase="poison")
        await asyncio.sleep(40)
        bench.hub.result = Result.UNREACHABLE
        bench.pusher.urge()
        await asyncio.sleep(1)
        bench.hub.result = Result.OK
        bench.hub.judge = lambda series: result if poison(series) else None
        await cut(bench, 300)
        await asyncio.sleep(400)
        assert values(bench.hub) >= {float(second) for second in range(0, 300, 5)}
        assert bench.spool.stats.waiting == 0
        await bench.stop()

    virtual.run(main)


@pytest.mark.parametrize("result", [Result.REFUSED, Result.SERVER_ERROR])
def test_poison_in_a_row_is_found_given_up_and_counted(result: Result) -> None:
    async def main() -> None:
        bench = Bench()
        bench.hub.judge = lambda series: result if poison(series) else None
        await asyncio.sleep(5)
        bench.hub.result = Result.UNREACHABLE
        bench.b.set(Tier.DETAIL, PROBE_DURATION, 1, phase="poison")
        await asyncio.sleep(65)
        bench.b.set(Tier.DETAIL, PROBE_DURATION, None, phase="poison")
        await asyncio.sleep(35)
        bench.hub.result = Result.OK
        await asyncio.sleep(120)
        lost = +bench.itself.dropped
        assert set(lost) == {result.value}
        assert 2 <= lost[result.value] <= 4, "three samples and the end of a series, at most"
        beats = sorted(bench.hub.times(HEARTBEAT))
        assert len(set(beats)) >= 105
        assert bench.spool.stats.waiting == 0
        await bench.stop()

    virtual.run(main)


def test_a_hub_that_fails_over_all_of_a_row_gets_it_later() -> None:
    async def main() -> None:
        bench = Bench()
        await cut(bench, 120)
        back = EPOCH + virtual.now()
        bench.hub.judge = lambda series: (
            Result.SERVER_ERROR
            if any(ms / 1000 < back - 5 for _, samples in series for _, ms in samples)
            else None
        )
        await asyncio.sleep(1200)
        assert not +bench.itself.dropped
        bench.hub.judge = lambda _: None
        await asyncio.sleep(8000)
        assert values(bench.hub) >= {float(second) for second in range(0, 120, 5)}
        await bench.stop()

    virtual.run(main)


@pytest.mark.parametrize("seconds", [0, 100])
def test_a_hub_that_refuses_everything_is_told_everything_later(seconds: int) -> None:
    """A commune that was taken out of the inventory by mistake, and put back."""

    async def main() -> None:
        bench = Bench()
        await asyncio.sleep(seconds)
        bench.hub.judge = lambda series: Result.REFUSED if series else None
        await asyncio.sleep(600)
        bench.hub.judge = lambda _: None
        await asyncio.sleep(300)
        assert not +bench.itself.dropped
        assert len(set(bench.hub.times(HEARTBEAT))) >= (seconds + 900) / 2 - 30
        await bench.stop()

    virtual.run(main)


def test_what_was_acknowledged_is_sent_again_when_the_hub_was_started_anew(tmp_path: Path) -> None:
    async def main() -> None:
        bench = Bench(directory=tmp_path)
        bench.hub.start = EPOCH
        await asyncio.sleep(1500)
        was = {key: set(found) for key, found in bench.hub.samples.items()}
        kept_ms = EPOCH + virtual.now() - 540
        bench.hub.samples.clear()  # it lost everything
        bench.hub.start = EPOCH + 1500
        await asyncio.sleep(120)
        for key, before in was.items():
            again = set(bench.hub.samples.get(key, ()))
            assert {sample for sample in before if sample[0] > kept_ms} <= again
        oldest = min(bench.hub.times(HEARTBEAT))
        assert oldest > EPOCH + 1500 - 800, "not all of the past"
        assert bench.spool.resent > 0
        sent = len(bench.hub.bodies)
        bench.hub.start = EPOCH
        await asyncio.sleep(60)
        bench.hub.start = EPOCH + 1500
        await asyncio.sleep(60)
        assert len(bench.hub.bodies) - sent < 80, "two hubs that answer in turn are no restart"
        await bench.stop()

    virtual.run(main)


def test_a_hub_that_does_not_say_when_it_was_started_costs_no_disk(tmp_path: Path) -> None:
    async def main() -> None:
        bench = Bench(directory=tmp_path)
        await asyncio.sleep(600)
        assert bench.spool.stats.acked == bench.spool.stats.waiting == 0
        await bench.stop()

    virtual.run(main)
