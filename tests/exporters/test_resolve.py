"""What the agent remembers of names: for how long, what serves while name servers fail, who waits."""

import asyncio
import socket
import threading

import pytest

from exporters.dnsio import libc
from exporters.dnsio.failures import NoSuchName
from exporters.dnsio.stub import Resolved, Stub
from exporters.net import resolve
from exporters.net.failure import Failure
from exporters.net.literal import Address, IpVersion
from exporters.net.resolve import Names
from inventory.names import DNS_ANSWER_STALE, Reason

V4 = Address(socket.AF_INET, "127.0.0.1")
OTHER = Address(socket.AF_INET, "127.0.0.2")
V6 = Address(socket.AF_INET6, "::1")
TTL = 300.0
BROKEN = Failure(Reason.DNS, "h: 10.0.0.53: servfail")


class Servers(Stub):
    """Stands in for the name servers; answers once ``free`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.answer: Resolved | Failure = Resolved((V4,), TTL)
        self.asked = 0
        self.free = asyncio.Event()
        self.free.set()

    async def look_up(self, host: str, version: IpVersion | None) -> Resolved:
        self.asked += 1
        await self.free.wait()
        if isinstance(self.answer, Failure):
            raise self.answer
        return self.answer


class Clock:
    """A monotonic clock that stands still."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
async def servers() -> Servers:
    return Servers()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(resolve, "time", clock)
    return clock


async def test_lookups_are_shared_and_kept_for_the_time_to_live(servers: Servers, clock: Clock) -> None:
    names = Names(servers)
    answers = await asyncio.gather(*(names.addresses("h", None, 30) for _ in range(10)))
    assert answers == [[V4]] * 10
    assert servers.asked == 1
    clock.now += TTL - 1
    servers.answer = Resolved((OTHER,), TTL)
    assert await names.addresses("h", None, 30) == [V4]
    clock.now += 2
    found = await names.addresses("h", None, 30)
    assert (found, found.stale, servers.asked) == ([OTHER], "", 2)


async def test_a_time_to_live_of_nought_is_kept_for_nobody(servers: Servers, clock: Clock) -> None:
    names = Names(servers)
    servers.answer = Resolved((V4,), 0)
    for asked in (1, 2, 3):
        found = await names.addresses("h", None, 30)
        assert (found, found.stale, servers.asked) == ([V4], "", asked)


async def test_a_long_time_to_live_has_an_end(servers: Servers, clock: Clock) -> None:
    names = Names(servers)
    servers.answer = Resolved((V4,), 2**31 - 1)
    await names.addresses("h", None, 30)
    clock.now += resolve.MAX_TTL_SECONDS + 1
    await names.addresses("h", None, 30)
    assert servers.asked == 2


async def test_an_old_answer_serves_and_says_so_while_name_servers_fail(
    servers: Servers, clock: Clock
) -> None:
    names = Names(servers)
    await names.addresses("h", None, 30)
    servers.answer = BROKEN
    clock.now += TTL + 100
    for _ in range(3):  # asked once: the others do not even wait
        found = await names.addresses("h", None, 30)
        assert found == [V4]
        assert found.stale == "h: 10.0.0.53: servfail; used the answer of 400 s ago"
        assert [(s.metric, s.value, s.labels) for s in found.samples()] == [(DNS_ANSWER_STALE, 1.0, ())]
    assert servers.asked == 2
    clock.now += resolve.RETRY_SECONDS + 1
    servers.answer = Resolved((OTHER,), TTL)
    found = await names.addresses("h", None, 30)
    assert (found, found.stale) == ([OTHER], "")
    assert [sample.value for sample in found.samples()] == [0.0]


async def test_an_answer_is_too_old_after_a_day(servers: Servers, clock: Clock) -> None:
    names = Names(servers)
    await names.addresses("h", None, 30)
    servers.answer = BROKEN
    clock.now += resolve.STALE_SECONDS - 1
    assert await names.addresses("h", None, 30) == [V4]
    clock.now += resolve.RETRY_SECONDS + 1
    with pytest.raises(Failure, match="servfail"):
        await names.addresses("h", None, 30)


async def test_a_name_that_is_gone_is_gone(servers: Servers, clock: Clock) -> None:
    names = Names(servers)
    await names.addresses("h", None, 30)
    servers.answer = NoSuchName(Reason.DNS, "h: no such name", 10.0)
    clock.now += TTL
    for _ in range(3):
        with pytest.raises(Failure, match="no such name"):
            await names.addresses("h", None, 30)
    assert servers.asked == 2  # and remembered for as long as the zone says
    clock.now += 10
    servers.answer = BROKEN
    with pytest.raises(Failure, match="servfail"):  # nothing old comes back
        await names.addresses("h", None, 30)


async def test_absence_is_not_remembered_for_long(servers: Servers, clock: Clock) -> None:
    names = Names(servers)
    servers.answer = NoSuchName(Reason.DNS, "h: no such name", 86400.0)
    with pytest.raises(Failure):
        await names.addresses("h", None, 30)
    clock.now += resolve.ABSENT_SECONDS
    servers.answer = Resolved((V4,), TTL)
    assert await names.addresses("h", None, 30) == [V4]


async def test_silent_name_servers_are_not_waited_for(servers: Servers, clock: Clock) -> None:
    names = Names(servers)
    servers.free.clear()
    for _ in range(2):
        with pytest.raises(Failure, match="did not answer within") as failed:
            await names.addresses("h", None, 0.01)
        assert failed.value.reason is Reason.DNS
    assert servers.asked == 1  # the lookup that hangs is not joined by a second
    servers.free.set()
    assert await names.addresses("h", None, 30) == [V4]


async def test_a_lookup_that_hangs_goes_on_behind_an_old_answer(servers: Servers, clock: Clock) -> None:
    names = Names(servers)
    await names.addresses("h", None, 30)
    clock.now += TTL
    servers.free.clear()
    servers.answer = Resolved((OTHER,), TTL)
    found = await names.addresses("h", None, 0.04)
    assert found == [V4]
    assert "did not answer within 0.01 s" in found.stale  # the rest is for the measurement
    servers.free.set()
    await asyncio.gather(*names.under_way())
    assert await names.addresses("h", None, 30) == [OTHER]
    assert servers.asked == 2


async def test_lookups_under_way_are_bounded(servers: Servers, clock: Clock) -> None:
    names = Names(servers)
    servers.free.clear()
    outcomes = await asyncio.gather(
        *(names.addresses(f"h{n}", None, 0.05) for n in range(resolve.MAX_LOOKUPS + 5)),
        return_exceptions=True,
    )
    assert servers.asked == resolve.MAX_LOOKUPS
    assert all(isinstance(outcome, Failure) and outcome.reason is Reason.DNS for outcome in outcomes)
    servers.free.set()


async def test_names_remembered_are_bounded(servers: Servers, clock: Clock) -> None:
    names = Names(servers)
    for number in range(resolve.MAX_NAMES + 1):
        await names.addresses(f"h{number}", None, 30)
    await names.addresses(f"h{resolve.MAX_NAMES}", None, 30)
    assert servers.asked == resolve.MAX_NAMES + 1
    await names.addresses("h0", None, 30)
    assert servers.asked == resolve.MAX_NAMES + 2


async def test_cancelling_one_that_waits_leaves_the_others(servers: Servers, clock: Clock) -> None:
    names = Names(servers)
    servers.free.clear()
    first, second = (asyncio.create_task(names.addresses("h", None, 30)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    servers.free.set()
    assert await second == [V4]
    assert servers.asked == 1


async def test_the_order_follows_the_routes_of_the_moment(
    servers: Servers, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names(servers)
    servers.answer = Resolved((V6, V4), TTL)
    assert await names.addresses("h", None, 30) == [V6, V4]
    monkeypatch.setattr(resolve, "best_first", lambda addresses: tuple(reversed(addresses)))
    assert await names.addresses("h", None, 30) == [V6, V4]
    clock.now += resolve.REORDER_SECONDS + 1
    assert await names.addresses("h", None, 30) == [V4, V6]


async def test_an_address_needs_no_name_server() -> None:
    found = await resolve.resolve("127.0.0.1")
    assert (found, found.samples()) == ([V4], ())
    with pytest.raises(Failure) as failed:
        await resolve.resolve("127.0.0.1", 6)
    assert failed.value.reason is Reason.LOCAL


async def test_this_machine_is_asked() -> None:
    assert V4 in await resolve.resolve("localhost", 4, 30)
    with pytest.raises(Failure) as failed:
        await resolve.resolve("a" * 64 + ".invalid", None, 30)
    assert failed.value.reason is Reason.DNS


# --- the system's own resolver -------------------------------------------------------------------


async def test_the_systems_resolver_answers_or_says_that_it_is_sure() -> None:
    assert V4 in await libc.look_up("localhost", 4)
    with pytest.raises(NoSuchName):
        libc.blocking("127.0.0.1", 6)
    with pytest.raises(Failure):
        await libc.look_up("a" * 64 + ".invalid", None)


async def test_threads_that_hang_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = threading.Event()

    def hang(_host: str, _version: IpVersion | None) -> tuple[Address, ...]:
        answers.wait(30)
        return (V4,)

    monkeypatch.setattr(libc, "blocking", hang)
    waiting = [asyncio.ensure_future(libc.look_up(f"h{n}", None)) for n in range(libc.MAX_THREADS)]
    await asyncio.sleep(0)
    with pytest.raises(Failure, match="32 lookups wait"):
        await libc.look_up("one too many", None)
    answers.set()
    assert await asyncio.gather(*waiting) == [(V4,)] * libc.MAX_THREADS


async def test_no_more_threads_is_this_machines_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        for _ in range(libc.MAX_THREADS + 1):  # each gives back the place that it took
            with pytest.raises(Failure) as failed:
                await libc.look_up("h", None)
            assert failed.value.reason is Reason.LOCAL
