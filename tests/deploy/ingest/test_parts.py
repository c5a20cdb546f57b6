"""The gateway's smaller parts: permits over time, buckets, what an engine says, the queue."""

import asyncio
import threading
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from agent.load import loads_config
from deploy.ingest import engine, permits
from deploy.ingest import gateway as gateway_module
from deploy.ingest.configs import Config
from deploy.ingest.engine import About, Answer
from deploy.ingest.forward import Busy, Forwarder, Slow
from deploy.ingest.gateway import Gateway, Province
from deploy.ingest.judge import Verdict
from deploy.ingest.limits import AgentLimits, Limits, Patience, ServerLimits
from deploy.ingest.meters import Meters
from deploy.ingest.permits import Known, Target
from deploy.ingest.rates import Bucket, Rates
from deploy.ingest.service import KNOWN_FILE, province
from tests.deploy.ingest.bodies import OTHER, OWN, UNIX
from tests.deploy.ingest.bodies import province as small

A: Target = ("system:a", "", "http")
B: Target = ("system:b", "", "http")
DAY = 86400.0


# --- permits -----------------------------------------------------------------------------------------
def test_what_left_the_inventory_is_permitted_as_long_as_a_spool_may_hold_it() -> None:
    first = permits.remember(Known(), {OWN: (A, B)}, UNIX, 15 * DAY)
    second = permits.remember(first, {OWN: (A,)}, UNIX + DAY, 15 * DAY)
    assert permits.permits(second, UNIX + 15 * DAY)[OWN].targets == {A, B}
    assert permits.permits(second, UNIX + 16 * DAY)[OWN].targets == {A}
    third = permits.remember(second, {OWN: (A,)}, UNIX + 10 * DAY, 15 * DAY)
    assert third == second, "another reload does not prolong it"
    assert permits.remember(second, {OWN: (A,)}, UNIX + 17 * DAY, 15 * DAY).retired == ()


def test_what_came_back_is_not_retired() -> None:
    known = Known()
    for targets in ((A, B), (A,), (A, B)):
        known = permits.remember(known, {OWN: targets}, UNIX, DAY)
    assert known == Known({OWN: (A, B)}, ())


def test_a_commune_that_left_has_no_permit_and_gets_it_back() -> None:
    gone = permits.remember(Known({OWN: (A,)}), {}, UNIX, DAY)
    assert permits.permits(gone, UNIX) == {}
    back = permits.remember(gone, {OWN: (B,)}, UNIX + 1, DAY)
    assert permits.permits(back, UNIX + 1)[OWN].targets == {A, B}


def test_every_target_of_a_rendered_configuration_is_permitted(tmp_path: Path) -> None:
    made = province(small(), tmp_path)
    for code, permit in made.permits.items():
        config = loads_config(made.configs[code].body, "rendered")
        assert {(item.target, item.line, item.probe) for item in config.targets} == permit.targets


@pytest.mark.parametrize("content", [b"", b"{", b'{"targets": 5}', b"\xff" * 100])
def test_a_damaged_memory_is_forgotten(content: bytes, tmp_path: Path) -> None:
    (tmp_path / KNOWN_FILE).write_bytes(content)
    assert OWN in province(small(), tmp_path).permits
    assert province(small(), tmp_path).permits


# --- rates -------------------------------------------------------------------------------------------
@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 50)), max_size=60))
def test_a_bucket_never_gives_more_than_its_rate_and_burst(steps: list[tuple[float, float]]) -> None:
    bucket, now, given_out = Bucket(2.0, 20.0), 0.0, 0.0
    for seconds, amount in steps:
        now += seconds
        wait = bucket.wait_seconds(amount, now)
        assert wait >= 0
        if wait == 0:
            given_out += min(amount, 20.0)
            assert given_out <= 20.0 + 2.0 * now + 1e-6
        else:
            assert bucket.wait_seconds(amount, now + wait + 1e-6) == 0
            given_out += min(amount, 20.0)
            now += wait + 1e-6


def test_a_clock_that_steps_back_does_not_fill_a_bucket() -> None:
    bucket = Bucket(1.0, 1.0)
    assert bucket.wait_seconds(1, 100) == 0
    assert bucket.wait_seconds(1, 50) == 1.0


def test_an_agent_has_so_many_pushes_under_way() -> None:
    rates = Rates(AgentLimits(waiting=1))
    assert rates.wait_seconds(10, 0) == 0
    rates.under_way = 1
    assert rates.wait_seconds(10, 0) == 1.0


# --- the engine --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("page", "said"),
    [
        (b"process_start_time_seconds 1.79500012345e+09\n", About(1795000123.45, None)),
        (b"# x\nprocess_start_time_seconds 1795000000\nprometheus_tsdb_head_max_time_seconds 1.795e+09\n",
         About(1795000000.0, 1.795e9)),
        (b"prometheus_tsdb_head_max_time_seconds -9.223372036854776e+15\n", About()),
        (b"process_start_time_seconds 1e5\n", About()),
        (b"process_start_time_seconds 1-+e.\n", About()),
        (b"process_start_time_seconds{a=\"b\"} 1795000000\n", About()),
        (b"", About()),
    ],
)  # fmt: skip
def test_what_an_engine_says_of_itself(page: bytes, said: About) -> None:
    assert engine.parse(page) == said


@given(st.binary(max_size=300))
def test_any_page_is_read(page: bytes) -> None:
    assert isinstance(engine.parse(page), About)
    assert isinstance(engine.parse(b"process_start_time_seconds " + page), About)


# --- the queue ---------------------------------------------------------------------------------------
class Gate:
    """A writer that waits until it is let go."""

    def __init__(self) -> None:
        self.free, self.most, self.now = asyncio.Event(), 0, 0

    async def write(self, body: bytes) -> Answer:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.free.wait()
        finally:
            self.now -= 1
        return Answer(204)


async def turn() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_few_are_handed_over_at_once_and_what_is_too_much_is_put_off() -> None:
    gate = Gate()
    limits = ServerLimits(forwards=3, backlog_forwards=1, waiting_bytes=100, waiting_backlog_bytes=20)
    forwarder = Forwarder(gate, limits, Patience())
    tasks = [asyncio.create_task(forwarder.send(b"x" * 10, backlog=True)) for _ in range(3)]
    await turn()
    assert (gate.now, forwarder.waiting_bytes) == (1, 20)
    live = [asyncio.create_task(forwarder.send(b"x" * 30, backlog=False)) for _ in range(4)]
    await turn()
    assert gate.now == 3, "one of backlog, two live; the rest waits"
    gate.free.set()
    results = await asyncio.gather(*tasks, *live, return_exceptions=True)
    assert [type(result) for result in results] == [Answer, Answer, Busy, Answer, Answer, Answer, Busy]
    assert (forwarder.waiting_bytes, gate.most) == (0, 3)


async def test_one_that_is_larger_than_the_queue_still_passes_when_it_is_empty() -> None:
    gate = Gate()
    gate.free.set()
    forwarder = Forwarder(gate, ServerLimits(waiting_bytes=5), Patience())
    assert await forwarder.send(b"x" * 10, backlog=False) == Answer(204)


async def test_who_waits_too_long_is_told_so_and_leaves_nothing_behind() -> None:
    gate = Gate()
    forwarder = Forwarder(gate, ServerLimits(forwards=1), Patience(forward_seconds=0.01))
    results = await asyncio.gather(
        *(forwarder.send(b"x", backlog=late) for late in (False, True)), return_exceptions=True
    )
    assert [type(result) for result in results] == [Slow, Slow]
    gate.free.set()
    assert await forwarder.send(b"x", backlog=True) == Answer(204)
    assert forwarder.waiting_bytes == 0


# --- entity tags -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("field", "same"),
    [(None, False), ("", False), ('"v"', True), ('W/"v"', True), ('"x", "v"', True), ("*", True),
     ("v", False), ('"V"', False), ('"v",' * 500, False)],
)  # fmt: skip
def test_entity_tags(field: str | None, same: bool) -> None:
    assert Config("v", b"").matches(field) is same


def test_storage_decides_how_long_things_stay_permitted(tmp_path: Path) -> None:
    inventory = small()
    before = province(inventory, tmp_path).permits[OWN].targets
    after = province(replace(inventory, systems=inventory.systems[1:]), tmp_path).permits[OWN].targets
    assert after == before


# --- turns -------------------------------------------------------------------------------------------
class _Unused:
    async def write(self, body: bytes) -> Answer:
        raise AssertionError(body)


async def test_a_queue_of_backlog_keeps_no_live_push_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Backlog is decoded one push at a time; a live push of anybody is begun meanwhile."""
    begun: asyncio.Queue[bytes] = asyncio.Queue()
    loop, go_on = asyncio.get_running_loop(), threading.Event()

    def work(judge: object, body: bytes, unix: float, limits: Limits) -> tuple[Verdict, bytes]:
        loop.call_soon_threadsafe(begun.put_nowait, body[:1])
        assert go_on.wait(30)
        return Verdict([], 0, Counter()), b""

    monkeypatch.setattr(gateway_module, "_work", work)
    limits = Limits()
    forwarder = Forwarder(_Unused(), limits.server, limits.patience)
    gateway = Gateway(forwarder, Meters(CollectorRegistry()), limits)
    permit = permits.permits(permits.Known({OWN: (A,), OTHER: (A,)}), UNIX)
    gateway.take(Province(permit))
    pushes = [gateway.push(OTHER, b"b" * 9000, backlog=True) for _ in range(5)]
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for push in (*pushes, gateway.push(OWN, b"b" * 9000, backlog=True)):
            group.create_task(push)
        assert await begun.get() == b"b"
        group.create_task(gateway.push(OWN, b"l" * 9000, backlog=False))
        assert await begun.get() == b"l"
        go_on.set()
    assert begun.qsize() == 5
