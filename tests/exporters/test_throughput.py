"""Whole tests against a real hub on loopback: what they say, what they cost, and when they do not happen."""

import asyncio
import contextlib
import math
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters import latest
from exporters.base import Outcome, Target
from exporters.demand import FORCED
from exporters.net.failure import Failure
from exporters.probes import throughput
from exporters.registry import convert_options
from exporters.throughputhub.leases import Limits
from exporters.throughputio import child, lease, load, place, pump
from exporters.throughputio.allowance import ECHOES
from exporters.throughputio.config import Config
from exporters.throughputio.deferred import Deferred
from exporters.throughputio.ledger import Ledger
from exporters.throughputio.measure import measure
from exporters.throughputio.pump import NICENESS
from exporters.throughputio.stream import Broken
from exporters.throughputio.transfer import MOST_POINTS, Spent, Transfer
from inventory.names import Reason
from tests.exporters.pki import Pki
from tests.exporters.servers import answering, page, serve
from tests.exporters.throughput import OTHER, Hub, hub

NOON = "2026-11-22T12:00:00+07:00"
EVENING = "2026-11-30T23:59:00+07:00"
LINE = "line:21040/main"


@pytest.fixture(autouse=True)
def _evening(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throughput, "_now", lambda _: datetime.fromisoformat(EVENING))


def options(at: Hub, directory: Path, **more: Any) -> dict[str, Any]:
    """What the inventory would render, for a line of 16 Mbit/s."""
    return {
        "token_file": str(at.token_file),
        "line": LINE,
        "segments": ["pop:binh-son"],
        "contracted_down_mbps": 16,
        "contracted_up_mbps": 16,
        "budget_gigabytes_per_month": 1,
        "state_directory": str(directory / "state"),
        "streams": 2,
        **more,
    }


async def probe(at: Hub, directory: Path, timeout_seconds: float = 20, **more: Any) -> Outcome:
    target = Target(name="throughput/main", address=at.url, timeout_seconds=timeout_seconds)
    config = convert_options("throughput", options(at, directory, **more))
    assert isinstance(config, Config)
    return await throughput.probe(target, config)


def samples(outcome: Outcome) -> dict[str, float]:
    return {
        sample.metric.name.removeprefix("thongsuot_throughput_")
        + "".join(f" {value}" for _, value in sample.labels): sample.value
        for sample in outcome.samples
    }


def booked(directory: Path) -> int:
    return Ledger(directory / "state", "throughput/main").read().spent.get("2026-11", 0)


def children() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "throughputio.pump" in " ".join(one.cmdline())]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what must come; where it does not, the suite's timeout ends the test."""
    while not condition():  # noqa: ASYNC110 - it happens in another process, which sets no event
        await asyncio.sleep(0.01)


# --- whole tests ----------------------------------------------------------------------------------
async def test_a_test_tells_the_line_and_pays_for_it(tmp_path: Path) -> None:
    async with hub(tmp_path) as at:
        outcome = await probe(at, tmp_path)
        assert outcome.reason is Reason.OK, outcome.evidence
        moved, found = at.moved, samples(outcome)
        assert (at.count("tests_total"), at.count("leases")) == (1, 0)
    assert found["bytes_total"] == booked(tmp_path) == 10**9 - found["budget_remaining_bytes"]
    assert moved / 2 < found["bytes_total"] - ECHOES < 3 * moved
    for direction in ("down", "up"):
        rate = found[f"goodput_bytes_per_second {direction}"]
        low, high = (
            found[f"goodput_bound_bytes_per_second {direction} {bound}"] for bound in ("low", "high")
        )
        assert 0 <= low <= rate <= high
        assert 0 < rate <= 6e6  # the hub gives 4
        assert found[f"rtt_seconds {direction}"] > 0
    assert found["measured_timestamp_seconds"] == datetime.fromisoformat(EVENING).timestamp()
    assert "Mbit/s [" in outcome.evidence
    assert "grade" in outcome.evidence
    assert children() == []


async def test_over_tls_with_the_province_s_own_authority(
    tmp_path: Path, pki: Pki, server_tls: ssl.SSLContext
) -> None:
    async with hub(tmp_path, tls=server_tls) as at:
        outcome = await probe(at, tmp_path, ca_file=str(pki.ca))
        assert outcome.reason is Reason.OK, outcome.evidence
        before = booked(tmp_path)
        refused = await probe(at, tmp_path)
        assert (refused.reason, booked(tmp_path)) == (Reason.TLS, before)
        assert samples(refused)["bytes_total"] == 0


async def test_a_wrong_token_is_refused_and_in_no_evidence(tmp_path: Path) -> None:
    async with hub(tmp_path) as at:
        at.token_file.write_text("not-the-token-at-all\n")
        outcome = await probe(at, tmp_path)
        assert (outcome.reason, booked(tmp_path)) == (Reason.AUTH, 0)
        assert "401" in outcome.evidence
        assert "not-the-token" not in outcome.evidence
        for text in ("", "two words", "ỷ"):
            at.token_file.write_text(text)
            assert (await probe(at, tmp_path)).reason is Reason.LOCAL
        assert (await probe(at, tmp_path, token_file=str(tmp_path / "none"))).reason is Reason.LOCAL
        os.mkfifo(tmp_path / "pipe")
        refused = await probe(at, tmp_path, token_file=str(tmp_path / "pipe"))
        assert (refused.reason, refused.evidence) == (Reason.LOCAL, f"{tmp_path / 'pipe'}: Not a plain file")


async def test_a_hub_that_hangs_up_midway_costs_what_was_moved(tmp_path: Path) -> None:
    async with hub(tmp_path, Limits(bytes_per_second=4e6, request_seconds=1.7)) as at:
        outcome = await probe(at, tmp_path)
        assert outcome.reason is Reason.RESET, outcome.evidence
        assert 0 < booked(tmp_path) == samples(outcome)["bytes_total"] <= 2 * at.moved + ECHOES
        assert at.count("leases") == 0
    assert children() == []


async def test_cancelled_in_the_middle_nothing_goes_on(tmp_path: Path) -> None:
    async with hub(tmp_path) as at:
        task = asyncio.create_task(probe(at, tmp_path))
        await until(lambda: at.moved > 0)
        (pump,) = children()
        assert os.getpgid(pump.pid) == pump.pid  # a Ctrl-C is the agent's alone
        assert os.getsid(pump.pid) == os.getsid(0)  # else its niceness means nothing
        assert pump.nice() == min(19, os.nice(0) + NICENESS)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert children() == []
        assert at.count("leases") == 0
        assert 0 < booked(tmp_path) < 100e6


PARENT = """
import asyncio, sys
from exporters.throughputio.config import Config
from exporters.throughputio.measure import measure
asyncio.run(measure(sys.argv[1], Config(token_file=sys.argv[2], max_seconds=25)))
"""


async def test_the_pump_dies_with_a_killed_agent(tmp_path: Path) -> None:
    async with hub(tmp_path) as at:
        words = [sys.executable, "-c", PARENT, at.url, str(at.token_file)]
        agent = await asyncio.create_subprocess_exec(*words)
        await until(lambda: at.moved > 0)
        pumps = psutil.Process(agent.pid).children()
        os.kill(agent.pid, signal.SIGKILL)
        await agent.wait()
        await until(lambda: not any(one.is_running() for one in pumps))
        assert pumps


def test_the_pump_needs_nothing_but_python() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import exporters.throughputio.pump; print(*sys.modules)"
    )
    root = str(Path(pump.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, root], capture_output=True, text=True, timeout=60, check=True
    )
    loaded = set(done.stdout.split())
    assert loaded & {"msgspec", "aiohttp", "asyncio", "exporters.base", "common"} == set()


# --- not now --------------------------------------------------------------------------------------
async def test_what_another_tests_is_left_alone(tmp_path: Path) -> None:
    async with hub(tmp_path) as at:
        foreign = tmp_path / "foreign"
        foreign.write_text(OTHER)
        config = Config(token_file=str(foreign))
        there = await place.find(await place.prepare(at.url, config), None, 5)
        for line, segments in (("line:1/main", ["pop:binh-son"]), (LINE, [])):
            async with lease.held(there, line, segments, 1000, lambda: None):
                outcome = await probe(at, tmp_path)
            assert outcome.reason is Reason.DEFERRED
            assert "is being tested" in outcome.evidence
        assert (at.moved, booked(tmp_path)) == (0, 0)


async def test_a_full_hub_defers(tmp_path: Path) -> None:
    async with hub(tmp_path, Limits(tests=0)) as at:
        outcome = await probe(at, tmp_path)
    assert (outcome.reason, outcome.evidence) == (Reason.DEFERRED, "the hub tests enough lines now")


async def test_hours_are_kept_unless_a_person_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throughput, "_now", lambda _: datetime.fromisoformat(NOON))
    async with hub(tmp_path, Limits(tests=0)) as at:
        outcome = await probe(at, tmp_path, hours="22:00-05:00")
        assert (outcome.reason, outcome.evidence) == (Reason.DEFERRED, "only within 22:00-05:00")
        assert not (tmp_path / "state").exists()
        token = FORCED.set(True)
        try:
            outcome = await probe(at, tmp_path, hours="22:00-05:00")
            assert "the hub tests enough" in outcome.evidence  # so it was asked
            outcome = await probe(at, tmp_path, hours="22:00-05:00", budget_gigabytes_per_month=0)
            assert "budget" in outcome.evidence  # which holds for people too
        finally:
            FORCED.reset(token)


async def test_a_line_that_its_router_says_is_busy_is_left_alone(tmp_path: Path) -> None:
    async with hub(tmp_path) as at:
        latest.note_rates("traffic/busy", down=1e6, up=0)
        outcome = await probe(at, tmp_path, traffic="traffic/busy")
        assert outcome.reason is Reason.DEFERRED
        assert outcome.evidence == "the line carries 8.0 of 16 Mbit/s down already"
        assert at.count("tests_total") == 0


def test_old_rates_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    latest.note_rates("traffic/x", 1, 2)
    seen = latest.rates("traffic/x", 30)
    assert seen is not None
    assert (seen.down, seen.up) == (1, 2)
    monkeypatch.setattr(latest, "monotonic", lambda: seen.at + 31)
    assert latest.rates("traffic/x", 30) is None
    assert latest.rates("traffic/y", 30) is None
    for number in range(2 * latest.MAX_NAMES):
        latest.note_rates(f"traffic/{number}", 1, 2)
    assert len(latest._known) <= latest.MAX_NAMES


# --- while it runs --------------------------------------------------------------------------------
@pytest.fixture
def counters(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[load.Octets]]:
    """What the interface's counters say at the next looks."""
    queue = [load.Octets(0, 0, 0.0)]
    monkeypatch.setattr(load, "octets", lambda _: queue.pop(0))
    return iter([queue])


WATCHED = Config(interface="eth0", contracted_down_mbps=80, contracted_up_mbps=80)


def test_what_others_send_meanwhile_ends_the_test(counters: Iterator[list[load.Octets]]) -> None:
    (queue,) = counters
    watch = load.Watch(WATCHED, "down")
    queue += [load.Octets(11_000_000, 400_000, 1.0), load.Octets(22_000_000, 4_000_000, 2.0)]
    watch.look(10_000_000, [])
    with pytest.raises(Deferred, match="up already"):
        watch.look(20_000_000, [])


def test_the_test_itself_disturbs_nobody(counters: Iterator[list[load.Octets]]) -> None:
    (queue,) = counters
    watch = load.Watch(WATCHED, "up")
    for second in range(1, 6):
        queue.append(load.Octets(second * 300_000, second * 10_400_000, float(second)))
        watch.look(second * 10_000_000, [(second, 0.4)] * 10)


def test_a_second_is_waited_for_before_judging(counters: Iterator[list[load.Octets]]) -> None:
    (queue,) = counters
    watch = load.Watch(WATCHED, "down")
    queue += [load.Octets(10**9, 10**9, 0.5)]
    watch.look(0, [])


def test_a_queue_that_grows_beyond_bounds_ends_the_test() -> None:
    watch = load.Watch(Config(max_loaded_rtt_seconds=1), "down")
    watch.look(0, [(0.0, 5.0)] * (load.LATEST_ECHOES // 2))
    with pytest.raises(Deferred, match=r"5\.00 s"):
        watch.look(0, [(0.0, 5.0)] * load.LATEST_ECHOES)


def test_counters_of_interfaces() -> None:
    found = load.octets("lo")
    assert found is not None
    assert min(found.down, found.up, found.at) >= 0
    assert load.octets("nosuch0") is None


def report(at: float, count: int, rtts: int = 0) -> child.Report:
    return child.Report(at=at, points=[(at, count)], moved=count, rtts=[(at, 0.05)] * rtts)


def test_a_steady_transfer_ends_early_and_a_restless_one_does_not() -> None:
    steady = Transfer(0.02, load.Watch(Config(), "down"), Spent())
    seen = [steady.see(report(n / 10, n * 100_000)) for n in range(60)]
    assert seen.index(True) == 21  # two seconds, and a second look
    restless, count = Transfer(0.02, load.Watch(Config(), "down"), Spent()), 0
    for n in range(60):
        count += 180_000 if n % 7 < 3 else 20_000
        assert not restless.see(report(n / 10, count))


def test_a_flood_of_counts_is_thinned_and_keeps_its_end() -> None:
    transfer = Transfer(0.02, load.Watch(Config(), "down"), Spent())
    points = [(n / 10000, n * 10) for n in range(20000)]
    for begin in range(0, len(points), 1000):
        transfer.see(child.Report(points=points[begin : begin + 1000]))
    assert len(transfer._points) <= 20 * MOST_POINTS
    assert transfer._points[-1] == points[-1]
    assert transfer.estimate().rate == pytest.approx(100_000)


def test_transfers_add_up_what_they_moved() -> None:
    spent = Spent()
    for before in (0, 500):
        transfer = Transfer(0.02, load.Watch(Config(), "down"), spent)
        transfer.see(report(0.0, 100))
        transfer.see(report(0.1, 500))
        assert spent.bytes == before + 500


def test_round_trips_count_from_the_end_of_slow_start() -> None:
    transfer = Transfer(0.02, load.Watch(Config(), "down"), Spent())
    transfer.see(child.Report(rtts=[(0.0, 9.0), (0.05, 9.0), (0.4, 0.2), (0.5, 0.1), (0.6, 0.3)]))
    assert transfer.rtt_seconds(3) == 0.2
    with pytest.raises(Failure, match="no echo"):
        transfer.rtt_seconds(30)
    with pytest.raises(Failure, match="only 0 tenths"):
        transfer.estimate()


# --- hostile hubs ---------------------------------------------------------------------------------
LEASE = msgspec.json.encode({"lease": "abc", "bytes": 10**9, "ttl_seconds": 15})


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", Reason.RESET),
        (b"220 smtp.example ESMTP\r\n", Reason.PROTOCOL),
        (b"HTTP/1.1 xyz\r\n\r\n", Reason.PROTOCOL),
        (page(b"nothing", "500 Internal Server Error"), Reason.STATUS),
        (page(b"nothing"), Reason.PROTOCOL),
        (page(b"[" * 9000), Reason.PROTOCOL),
        (page(b"x" * 20000), Reason.TOO_LARGE),
        (page(LEASE.replace(b"abc", b"a\\r\\nX: y")), Reason.PROTOCOL),
        (page(LEASE.replace(b"15", b"-1")), Reason.PROTOCOL),
        (page(b"\xff" * 90, "409 Conflict"), Reason.DEFERRED),
    ],
)
async def test_a_hub_that_answers_nonsense(tmp_path: Path, answer: bytes, reason: Reason) -> None:
    own = tmp_path / "token"
    own.write_text("a-token-for-tests-0123456789")
    async with serve(answering(answer)) as port:
        target = Target(name="x", address=f"http://127.0.0.1:{port}/", timeout_seconds=10)
        outcome = await throughput.probe(target, Config(token_file=str(own), streams=1))
    assert outcome.reason is reason, outcome.evidence
    assert outcome.evidence.isprintable()


async def test_a_hub_that_gives_a_lease_and_then_nonsense() -> None:
    async with serve(answering(page(LEASE))) as port:
        target = Target(name="x", address=f"http://127.0.0.1:{port}/", timeout_seconds=10)
        outcome = await throughput.probe(target, Config(streams=1))
    assert outcome.reason in {Reason.RESET, Reason.PROTOCOL}, outcome.evidence  # whichever is seen first


@given(st.binary(max_size=300))
def test_any_bytes_are_an_answer_or_a_reason(data: bytes) -> None:
    for parse in (place.parse_answer, lease.parse, child.parse):
        with contextlib.suppress(Failure):
            parse(data)
    with contextlib.suppress(Broken):
        at, count = pump._report(data)
        assert math.isfinite(at)
        assert count >= 0


async def test_measuring_by_hand_needs_no_budget(tmp_path: Path) -> None:
    """What the bench calls."""
    async with hub(tmp_path) as at:
        spent = Spent()
        config = Config(token_file=str(at.token_file), streams=1, precision=0.2)
        result = await measure(at.url, config, timeout_seconds=20, spent=spent)
        assert result.down.estimate.rate > 0
        assert result.up.estimate.rate > 0
        assert spent.bytes > at.moved / 2
