"""The push in virtual time: tiers, times, ends of series, what is kept and what is given up."""

import asyncio
import itertools
import math
from typing import Any

import pytest

from agent.collect import MAX_SERIES, Pieces
from agent.expose import Site, Tier
from agent.spool.piece import Piece
from agent.transport import Result
from inventory.names import PROBE_DURATION, PROBE_RESULTS, PROBE_SUCCESS, TARGET_UP
from tests.agent import virtual
from tests.agent.oracle import decode
from tests.agent.push_bench import DURATION_A, EPOCH, HEARTBEAT, UP_A, UP_B, Bench, Fake


def test_tiers_keep_their_pace_and_states_go_when_urged() -> None:
    async def main() -> None:
        bench = Bench()
        await asyncio.sleep(121)
        assert 59 <= len(bench.hub.samples[HEARTBEAT]) <= 64
        assert 4 <= len(bench.hub.samples[DURATION_A]) <= 6
        before = len(bench.hub.samples[UP_A])
        bench.a.set(Tier.STATE, TARGET_UP, 0)
        bench.pusher.urge({"a"})
        await asyncio.sleep(0.1)
        assert bench.hub.last(UP_A) == 0
        assert len(bench.hub.samples[UP_A]) == before + 1
        assert len(bench.hub.samples[UP_B]) == before
        await bench.stop()

    virtual.run(main)


def test_first_request_asks_the_time_and_carries_nothing() -> None:
    async def main() -> None:
        bench = Bench()
        await asyncio.sleep(10)
        assert decode(bench.hub.bodies[0][1]) == []
        assert decode(bench.hub.bodies[1][1]) != []
        assert bench.hub.bodies[1][0] - bench.hub.bodies[0][0] < 0.5
        await bench.stop()

    virtual.run(main)


@pytest.mark.parametrize("off", [3600.0, -3600.0, 0.5, 86400.0 * 40])
def test_samples_carry_the_hubs_time_whatever_the_machine_thinks(off: float) -> None:
    async def main() -> None:
        bench = Bench(wall_off=off)
        await asyncio.sleep(60)
        for at, body in bench.hub.bodies:
            for _, samples in decode(body):
                assert all(abs(ms / 1000 - (EPOCH + at)) < 1.2 for _, ms in samples)
        assert abs(bench.hub.last(HEARTBEAT) - (EPOCH + virtual.now())) < 3.2
        await bench.stop()

    virtual.run(main)


def test_nothing_is_pushed_while_the_hub_does_not_tell_its_time() -> None:
    async def main() -> None:
        bench = Bench()
        bench.hub.result = Result.UNREACHABLE
        bench.pusher.urge()
        await asyncio.sleep(60)
        assert all(decode(body) == [] for _, body in bench.hub.bodies)
        guard = [
            value for series, value in bench.itself.points(Tier.DETAIL) if series.name.endswith("clock_guard")
        ]
        assert guard == [1.0]
        bench.hub.result = Result.OK
        await asyncio.sleep(4)
        assert UP_A in bench.hub.samples
        await bench.stop()

    virtual.run(main)


def test_series_that_ends_gets_a_stale_marker_once() -> None:
    async def main() -> None:
        bench = Bench()
        bench.pusher.urge()
        await asyncio.sleep(35)
        bench.a.set(Tier.STATE, TARGET_UP, None)
        bench.pusher.urge({"a"})
        await asyncio.sleep(1)
        assert math.isnan(bench.hub.last(UP_A))
        count = len(bench.hub.samples[UP_A])
        bench.pusher.urge()
        await asyncio.sleep(1)
        assert len(bench.hub.samples[UP_A]) == count
        assert bench.hub.last(UP_B) == 1
        del bench.groups["b"]
        bench.pusher.urge()
        await asyncio.sleep(35)
        assert math.isnan(bench.hub.last(UP_B))
        assert math.isnan(bench.hub.last("__name__=probe_duration_seconds target=b"))
        await bench.stop()

    virtual.run(main)


def test_last_word_ends_every_series_after_its_last_value() -> None:
    async def main() -> None:
        bench = Bench()
        bench.pusher.urge()
        await asyncio.sleep(40)
        await bench.pause()
        bench.a.set(Tier.STATE, TARGET_UP, 0)
        await bench.pusher.last_word()
        by_time = {key: sorted(found, key=lambda one: one[0]) for key, found in bench.hub.samples.items()}
        assert all(math.isnan(samples[-1][1]) for samples in by_time.values())
        assert by_time[UP_A][-2][1] == 0
        for samples in by_time.values():
            assert len({at for at, _ in samples}) == len(samples)
        await bench.stop()

    virtual.run(main)


def test_counter_born_later_than_its_group_begins_at_zero() -> None:
    """Else increase() would miss its first increment; those that were there at first need nothing."""

    async def main() -> None:
        bench = Bench()
        bench.a.set(Tier.STATE, PROBE_RESULTS, 7, result="ok")
        bench.pusher.urge()
        await asyncio.sleep(5)
        bench.a.set(Tier.STATE, PROBE_RESULTS, 1, result="timeout")
        bench.pusher.urge({"a"})
        await asyncio.sleep(1)
        name = "__name__=thongsuot_probe_results_total"
        assert bench.hub.samples[f"{name} result=ok target=a"][0][1] == 7
        born = bench.hub.samples[f"{name} result=timeout target=a"]
        assert [value for _, value in born] == [0, 1]
        assert born[0][0] < born[1][0]
        await bench.stop()

    virtual.run(main)


def test_what_waited_follows_behind_live_data_newest_first() -> None:
    async def main() -> None:
        bench = Bench()
        await asyncio.sleep(5)
        bench.hub.result = Result.UNREACHABLE
        for second in range(60):
            bench.a.set(Tier.STATE, PROBE_SUCCESS, second)
            bench.pusher.urge()
            await asyncio.sleep(5)
        bench.hub.result = Result.OK
        bench.a.set(Tier.STATE, PROBE_SUCCESS, 99)
        bench.pusher.urge()
        await asyncio.sleep(30)
        values = [value for _, value in bench.hub.samples["__name__=probe_success target=a"]]
        assert values[0] in {59, 99}
        starts = [value for before, value in itertools.pairwise(values[1:]) if value < before]
        assert len(starts) >= 4
        assert starts == sorted(starts, reverse=True), "newest minute first"
        assert sorted(values) == [*range(60), 99], "none lost, none twice"
        beats = sorted(bench.hub.times(HEARTBEAT))
        assert max(later - earlier for earlier, later in itertools.pairwise(beats)) < 2.5
        assert not +bench.itself.dropped
        await bench.stop()

    virtual.run(main)


def test_many_changes_are_few_requests() -> None:
    async def main() -> None:
        bench = Bench()
        await asyncio.sleep(5)
        before = len(bench.hub.bodies)
        for number in range(1000):
            await asyncio.sleep(0.01)
            bench.pusher.urge({"ab"[number % 2]})
        assert 30 <= len(bench.hub.bodies) - before <= 60
        await bench.stop()

    virtual.run(main)


def test_unreachable_hub_is_not_stormed_before_its_time_is_known() -> None:
    async def main() -> None:
        bench = Bench()
        bench.hub.result, bench.hub.delay = Result.UNREACHABLE, 0.001
        for _ in range(1000):
            await asyncio.sleep(0.01)
            bench.pusher.urge({"a"})
        assert len(bench.hub.bodies) <= 60
        await bench.stop()

    virtual.run(main)


def test_what_is_under_way_when_the_push_is_replaced_follows() -> None:
    async def main() -> None:
        bench = Bench()
        await asyncio.sleep(5)
        bench.hub.delay = 10
        bench.a.set(Tier.STATE, TARGET_UP, 0)
        bench.pusher.urge({"a"})
        await asyncio.sleep(1)
        await bench.pause()
        bench.hub.delay = 0.05
        after = bench.make()
        after.follow(bench.pusher)
        bench.pusher, bench.tasks[0] = after, asyncio.create_task(after.run())
        del bench.groups["b"]
        after.urge()
        await asyncio.sleep(70)
        assert [value for _, value in bench.hub.samples[UP_A]].count(0) == 2
        assert math.isnan(bench.hub.last(UP_B))
        assert not +bench.itself.dropped
        await bench.stop()

    virtual.run(main)


def test_failure_is_logged_once_and_so_is_recovery(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    async def main() -> None:
        bench = Bench()
        await asyncio.sleep(5)
        bench.hub.result = Result.UNREACHABLE
        await asyncio.sleep(60)
        bench.hub.result = Result.OK
        await asyncio.sleep(60)
        await bench.stop()

    virtual.run(main)
    assert [record.getMessage() for record in caplog.records] == ["push: unreachable", "push: ok"]


def test_times_of_one_series_never_repeat_when_the_clock_is_slewed_back() -> None:
    async def main() -> None:
        bench = Bench()
        await asyncio.sleep(5)
        stamps = []
        for _ in range(20):
            bench.clock._epoch -= 0.04
            stamps.append(bench.pusher._collector._stamp())
        assert stamps == sorted(set(stamps))
        await bench.stop()

    virtual.run(main)


def fill(bench: Bench, groups: int, series: int) -> None:
    """Give the agent of ``bench`` more targets, with details only."""
    site = Site("21040", "21040")
    for number in range(groups):
        group = Fake(site, f"more-{number}")
        for place in range(series):
            group.set(Tier.DETAIL, PROBE_DURATION, place, phase=str(place))
        bench.groups[group.key] = group


def test_much_goes_in_several_requests() -> None:
    async def main() -> None:
        bench = Bench()
        fill(bench, 300, 40)
        await asyncio.sleep(65)
        longest = max(len(decode(body)) for _, body in bench.hub.bodies)
        assert MAX_SERIES <= longest < MAX_SERIES + 40
        keys = [key for key in bench.hub.samples if "target=more-" in key]
        assert len(keys) == 300 * 40
        assert {len(bench.hub.samples[key]) for key in keys} <= {2, 3}
        await bench.stop()

    virtual.run(main)


def test_what_follows_a_request_that_failed_waits_untried() -> None:
    async def main() -> None:
        bench = Bench()
        fill(bench, 300, 40)
        await asyncio.sleep(65)
        bench.hub.result = Result.UNREACHABLE
        before, dropped = len(bench.hub.bodies), sum(bench.itself.dropped.values())
        await asyncio.sleep(31)
        tried = len(bench.hub.bodies) - before
        assert tried <= 31 / 2 + 2, "one request a heartbeat, however much is due"
        bench.hub.result = Result.OK
        await asyncio.sleep(20)
        keys = [key for key in bench.hub.samples if "target=more-" in key]
        times = [bench.hub.times(key) for key in keys]
        assert len(times) == 300 * 40
        assert all(len(set(mine)) == len(mine) == len(times[0]) for mine in times), "none lost, none twice"
        assert sum(bench.itself.dropped.values()) - dropped <= tried, "heartbeats only"
        await bench.stop()

    virtual.run(main)


def test_what_was_begun_before_the_hub_told_its_time_is_not_sent_as_it_is() -> None:
    async def main() -> None:
        bench = Bench(wall_off=-7200.0)
        bench.hub.result = Result.UNREACHABLE
        collector = bench.pusher._collector
        collect = collector.collect

        async def slow(*args: Any, **more: Any) -> list[Piece]:
            pieces = await collect(*args, **more)
            if not bench.clock.trusted and virtual.now() > 1010:  # the answer comes between two slices
                bench.clock.observe(virtual.now(), virtual.now(), EPOCH + virtual.now())
                bench.hub.result = Result.OK
            return pieces

        collector.collect = slow  # type: ignore[method-assign]
        await asyncio.sleep(130)
        for key, there in bench.hub.samples.items():
            assert all(EPOCH + 1000 <= at <= EPOCH + virtual.now() + 1 for at, _ in there), key
        assert min(bench.hub.times(HEARTBEAT)) < EPOCH + 1005, "it follows, dated anew"
        await bench.stop()

    virtual.run(main)


def test_a_collection_that_is_cancelled_keeps_what_it_has() -> None:
    async def main() -> None:
        bench = Bench()
        await asyncio.sleep(5)
        await bench.pause()
        fill(bench, 20, 40)
        pieces: list[Piece] = []
        work = [(Tier.DETAIL, {f"more-{number}" for number in range(20)})]
        collecting = asyncio.create_task(bench.pusher._collector.collect(list(work), pieces.append))
        await asyncio.sleep(0)
        collecting.cancel()
        await asyncio.gather(collecting, return_exceptions=True)
        assert 0 < sum(piece.samples for piece in pieces) < 20 * 40
        await bench.stop()

    virtual.run(main)


def test_pieces_are_closed_when_full() -> None:
    pieces = Pieces(lambda: Piece(b"", 0, 0, 0.0))
    assert pieces.taken() == []
    for _ in range(3):
        pieces.add([b"\x0a\x00"] * (MAX_SERIES - 1), MAX_SERIES - 1)
    found = pieces.taken()
    assert [piece.samples for piece in found] == [2 * (MAX_SERIES - 1), MAX_SERIES - 1]
    assert [piece.first for piece in found] == [True, False]
    assert pieces.taken() == []
