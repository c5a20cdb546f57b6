"""The push in virtual time, against a hub that judges every byte with protobuf."""

import asyncio
import math
from collections.abc import Iterable

import pytest

from agent.clock import HubClock
from agent.config import Push
from agent.expose import Group, Point, Series, Site, Tier
from agent.itself import Itself
from agent.push import MAX_SERIES, Batch, Batches, Pusher, Waiting
from agent.transport import Reply, Result
from inventory.names import PROBE_DURATION, PROBE_RESULTS, PROBE_SUCCESS, TARGET_UP, Metric
from tests.agent import virtual
from tests.agent.oracle import decode

IDENTITY = {"job", "instance", "site", "commune"}
EPOCH = 1_795_000_000.0


class Hub:
    """Takes requests; ``result`` says what it answers; ``off`` its clock minus true time."""

    def __init__(self) -> None:
        self.result, self.delay, self.off = Result.OK, 0.05, 0.0
        self.bodies: list[tuple[float, bytes]] = []
        self.samples: dict[str, list[tuple[float, float]]] = {}

    async def send(self, body: bytes, timeout_seconds: float | None = None) -> Reply:
        sent = virtual.now()
        self.bodies.append((sent, body))
        await asyncio.sleep(self.delay)
        if self.result is Result.OK:
            self._take(body)
        date = (
            None if self.result is Result.UNREACHABLE else float(math.floor(EPOCH + virtual.now() + self.off))
        )
        return Reply(self.result, sent, virtual.now(), date)

    async def close(self) -> None:
        """Nothing to close."""

    def _take(self, body: bytes) -> None:
        for labels, samples in decode(body):
            assert labels == sorted(labels)
            assert ("job", "thongsuot-agent") in labels
            key = " ".join(f"{name}={value}" for name, value in labels if name not in IDENTITY)
            self.samples.setdefault(key, []).extend((ms / 1000, value) for value, ms in samples)

    def times(self, key: str) -> list[float]:
        return [at for at, _ in self.samples[key]]

    def last(self, key: str) -> float:
        return self.samples[key][-1][1]


class Fake:
    """A group with values set by hand."""

    def __init__(self, site: Site, key: str) -> None:
        self._site, self.key = site, key
        self.series: dict[tuple[Tier, str], Series] = {}
        self.values: dict[tuple[Tier, str], float] = {}

    def set(self, tier: Tier, metric: Metric, value: float | None, **labels: str) -> None:
        at = tier, metric.name + str(labels)
        if value is None:
            self.values.pop(at)
            return
        if at not in self.series:
            self.series[at] = self._site.series(metric, {"target": self.key, **labels})
            self.series[at].from_zero = metric is PROBE_RESULTS
        self.values[at] = value

    def points(self, tier: Tier) -> Iterable[Point]:
        return [(self.series[at], value) for at, value in self.values.items() if at[0] is tier]


class Bench:
    def __init__(self, wall_off: float = 0.0) -> None:
        self.hub = Hub()
        self.clock = HubClock(virtual.now, lambda: EPOCH + virtual.now() - wall_off)
        site = Site("21040", "21040")
        self.itself = Itself(site, self.clock, "0")
        self.itself.pushing = True
        self.a, self.b = Fake(site, "a"), Fake(site, "b")
        self.groups: dict[str, Group] = {"agent": self.itself, "a": self.a, "b": self.b}
        for group in (self.a, self.b):
            group.set(Tier.STATE, TARGET_UP, 1)
            group.set(Tier.DETAIL, PROBE_DURATION, 0.5)
        push = Push(url="http://hub/api/v1/write", heartbeat_seconds=2, detail_seconds=30)
        self.pusher = Pusher(push, self.clock, self.groups, self.itself, self.hub)
        self.task = asyncio.create_task(self.pusher.run())

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


HEARTBEAT = "__name__=thongsuot_agent_heartbeat_timestamp_seconds"
UP_A, UP_B = "__name__=thongsuot_target_up target=a", "__name__=thongsuot_target_up target=b"
DURATION_A = "__name__=probe_duration_seconds target=a"


def test_tiers_keep_their_pace_and_states_go_when_urged() -> None:
    async def main() -> None:
        bench = Bench()
        await asyncio.sleep(121)
        assert 59 <= len(bench.hub.samples[HEARTBEAT]) <= 62
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
        await bench.stop()
        bench.a.set(Tier.STATE, TARGET_UP, 0)
        await bench.pusher.last_word()
        assert all(math.isnan(samples[-1][1]) for samples in bench.hub.samples.values())
        assert bench.hub.samples[UP_A][-2][1] == 0
        for samples in bench.hub.samples.values():
            times = [at for at, _ in samples]
            assert times == sorted(set(times))

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
        for second in range(12):
            bench.a.set(Tier.STATE, PROBE_SUCCESS, second)
            bench.pusher.urge()
            await asyncio.sleep(5)
        cut_end = EPOCH + virtual.now()
        bench.hub.result = Result.OK
        bench.a.set(Tier.STATE, PROBE_SUCCESS, 99)
        bench.pusher.urge()
        await asyncio.sleep(20)
        values = [value for _, value in bench.hub.samples["__name__=probe_success target=a"]]
        assert values[0] == 99
        assert values[1:] == sorted(values[1:], reverse=True)
        assert set(values) == {*range(12), 99}
        assert bench.itself.dropped["passed"] >= 10  # heartbeats that passed are not sent again
        assert not [
            at for at in bench.hub.times(HEARTBEAT) if cut_end - 55 < at < cut_end - 3 and at % 30 > 3
        ]
        await bench.stop()

    virtual.run(main)


def test_refused_request_is_given_up_and_counted() -> None:
    async def main() -> None:
        bench = Bench()
        await asyncio.sleep(5)
        bench.hub.result = Result.REFUSED
        bench.pusher.urge()
        await asyncio.sleep(1)
        bench.hub.result = Result.OK
        sent = len(bench.hub.bodies)
        await asyncio.sleep(1.9)
        assert len(bench.hub.bodies) <= sent + 1
        assert bench.itself.dropped["refused"] >= 2
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


def test_what_is_under_way_when_the_push_is_replaced_is_kept_or_counted() -> None:
    async def main() -> None:
        bench = Bench()
        await asyncio.sleep(5)
        bench.hub.delay = 10
        bench.a.set(Tier.STATE, TARGET_UP, 0)
        bench.pusher.urge({"a"})
        await asyncio.sleep(1)
        await bench.stop()
        bench.hub.delay = 0.05
        push = Push(url="http://hub/api/v1/write")
        after = Pusher(push, bench.clock, bench.groups, bench.itself, bench.hub)
        after.follow(bench.pusher)
        bench.pusher, bench.task = after, asyncio.create_task(after.run())
        del bench.groups["b"]
        after.urge()
        await asyncio.sleep(5)
        assert bench.hub.samples[UP_A][-2:][0][1] == bench.hub.last(UP_A) == 0
        assert math.isnan(bench.hub.last(UP_B))
        assert not sum(bench.itself.dropped.values()) - bench.itself.dropped["passed"]
        await bench.stop()

    virtual.run(main)


def test_what_waits_is_bounded_and_the_oldest_goes_first() -> None:
    waiting = Waiting(limit_bytes=100)
    assert [waiting.put(Batch(bytes(40), number, True)) for number in range(1, 5)] == [0, 0, 1, 2]
    kept = [waiting.newest(), waiting.newest(), waiting.newest()]
    assert [batch.samples if batch else None for batch in kept] == [4, 3, None]


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
            stamps.append(bench.pusher._stamp())
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


def test_a_request_that_is_refused_does_not_hold_up_the_next() -> None:
    async def main() -> None:
        bench = Bench()
        fill(bench, 300, 40)
        await asyncio.sleep(40)
        bench.hub.result = Result.REFUSED
        before = len(bench.hub.bodies)
        await asyncio.sleep(31)
        sizes = [len(decode(body)) for _, body in bench.hub.bodies[before:]]
        assert sum(sizes) >= 300 * 40
        assert bench.itself.dropped["refused"] == sum(sizes)
        await bench.stop()

    virtual.run(main)


def test_a_collection_that_is_cancelled_keeps_what_it_has() -> None:
    async def main() -> None:
        bench = Bench()
        await asyncio.sleep(5)
        bench.task.cancel()
        await asyncio.gather(bench.task, return_exceptions=True)
        fill(bench, 20, 40)
        bench.pusher.urge({f"more-{number}" for number in range(20)}, whole=True)
        collecting = asyncio.create_task(bench.pusher._collect())
        await asyncio.sleep(0)
        collecting.cancel()
        await asyncio.gather(collecting, return_exceptions=True)
        kept = bench.pusher._waiting.newest()
        assert kept is not None
        assert 0 < kept.samples < 20 * 40

    virtual.run(main)


def test_requests_are_closed_when_full() -> None:
    batches = Batches()
    assert batches.taken() == []
    for _ in range(3):
        batches.add([b"\x0a\x00"] * (MAX_SERIES - 1))
    assert [batch.samples for batch in batches.taken()] == [2 * (MAX_SERIES - 1), MAX_SERIES - 1]
    assert batches.taken() == []
