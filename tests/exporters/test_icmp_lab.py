"""Bursts against a truth that routers impose: what they drop, delay, repeat and overtake, and count."""

import asyncio
import socket
import struct
from itertools import count
from typing import Any

import pytest

from exporters.base import Outcome, Target
from exporters.icmpio.packet import checksum
from exporters.probes import icmp
from inventory.names import (
    ICMP_DUPLICATE,
    ICMP_LATE,
    ICMP_LOSS,
    ICMP_LOST,
    ICMP_PATH_MTU,
    ICMP_REORDERED,
    ICMP_RTT_DISTRIBUTION,
    ICMP_SENT,
    PROBE_ICMP_HOP_LIMIT,
    Metric,
)
from tests.exporters.chain import HUB4, HUB6, Chain, run

pytestmark = pytest.mark.lab


def of(outcome: Outcome, metric: Metric) -> list[float]:
    return [sample.value for sample in outcome.samples if sample.metric is metric]


_numbers = count()


class Same:
    """One target measured again and again: what is kept of it lasts as long as this."""

    def __init__(self, address: str = HUB4, timeout_seconds: float = 1.0, **options: Any) -> None:
        name = f"target {next(_numbers)}"  # equal targets would share what is kept
        self._target = Target(name=name, address=address, timeout_seconds=timeout_seconds)
        self._config = icmp.Config(**{"gap_seconds": 0.001} | options)

    async def measure(self) -> Outcome:
        return await icmp.probe(self._target, self._config)


def counts(outcomes: list[Outcome]) -> dict[str, float]:
    """Return the sum of each counter over outcomes, and how many answers the histogram has."""
    metrics = {
        "sent": ICMP_SENT, "lost": ICMP_LOST, "late": ICMP_LATE, "duplicate": ICMP_DUPLICATE,
        "reordered": ICMP_REORDERED,
    }  # fmt: skip
    sums = {name: sum(sum(of(outcome, metric)) for outcome in outcomes) for name, metric in metrics.items()}
    return sums | {"answered": sum(len(of(outcome, ICMP_RTT_DISTRIBUTION)) for outcome in outcomes)}


# --- loss ---------------------------------------------------------------------------------------------
async def lossy(chain: Chain) -> Any:
    passed = "icmp type echo-request counter; icmpv6 type echo-request counter"
    chain.nft(2, f"meta l4proto {{ icmp, icmpv6 }} numgen random mod 100 < 30 counter drop; {passed}")
    outcomes = []
    for _ in range(2):
        measured = (Same(address, packets=20) for address in (HUB4, HUB6) for _ in range(12))
        outcomes += await asyncio.gather(*(same.measure() for same in measured))
    dropped, *passing = chain.counters(2)
    ratios = [of(outcome, ICMP_LOSS)[0] for outcome in outcomes]
    return counts(outcomes) | {"dropped": dropped, "passing": passing, "ratios": ratios}


@pytest.mark.parametrize("groups", ["0 2147483647", "1 0"])
def test_loss_is_what_the_router_dropped(groups: str) -> None:
    told = run(lossy, groups)
    assert told["sent"] == 960
    assert told["lost"] == told["dropped"]
    assert 200 < told["dropped"] < 650  # both directions of 30 %: that it was imposed at all
    assert told["answered"] == 960 - told["lost"]
    assert sum(told["ratios"]) * 20 == pytest.approx(told["lost"])
    assert told["late"] == told["duplicate"] == told["reordered"] == 0


async def cut(chain: Chain) -> Any:
    chain.nft(2, "icmp type echo-request counter drop")
    outcomes = await asyncio.gather(*(Same(timeout_seconds=0.3).measure() for _ in range(10)))
    return counts(list(outcomes)) | {
        "dropped": chain.counters(2)[0],
        "reasons": sorted({outcome.reason.value for outcome in outcomes}),
        "ratios": sorted({of(outcome, ICMP_LOSS)[0] for outcome in outcomes}),
    }


def test_a_black_hole_is_a_timeout_with_everything_lost() -> None:
    told = run(cut)
    assert (told["reasons"], told["ratios"]) == (["timeout"], [1])
    assert told["sent"] == told["lost"] == told["dropped"] == 100


async def refusing(chain: Chain) -> Any:
    chain.nft(2, "icmp type echo-request numgen inc mod 2 < 1 counter reject with icmp type host-unreachable")
    half = await Same(timeout_seconds=5).measure()
    rejected = chain.counters(2)[0]
    chain.nft(2, "icmp type echo-request counter reject with icmp type admin-prohibited")
    all_of_them = await Same(timeout_seconds=5).measure()
    return {
        "half": [half.reason.value, of(half, ICMP_LOST)[0], rejected],
        "all": [all_of_them.reason.value, all_of_them.evidence, of(all_of_them, ICMP_LOST)[0]],
    }


def test_refusals_of_some_packets_are_loss_and_of_all_the_reason() -> None:
    told = run(refusing)
    assert told["half"] == ["ok", 5, 5]
    says = f"{HUB4}: communication prohibited by a filter, says 10.99.2.1"
    assert told["all"] == ["unreachable", says, 10]


# --- marks, sizes ---------------------------------------------------------------------------------------
async def marked(chain: Chain) -> Any:
    chain.nft(
        3,
        "icmp type echo-request ip dscp ef counter; icmp type echo-request ip dscp cs0 counter;"
        "icmpv6 type echo-request ip6 dscp af41 counter; icmp type echo-request ip length 1028 counter",
        "input",
    )
    outcomes = [
        await Same(HUB4, dscp=46).measure(),
        await Same(HUB4, payload_bytes=1000, packets=3).measure(),
        await Same(HUB6, dscp=34, packets=7).measure(),
    ]
    return {
        "counters": chain.counters(3),
        "hops": [of(outcome, PROBE_ICMP_HOP_LIMIT)[0] for outcome in outcomes],
    }


@pytest.mark.parametrize("groups", ["0 2147483647", "1 0"])
def test_packets_have_the_class_of_service_and_the_size_that_were_asked_for(groups: str) -> None:
    told = run(marked, groups)
    assert told["counters"] == [10, 3, 7, 3]
    assert told["hops"] == [62, 62, 62]


async def narrow(chain: Chain) -> Any:
    for router, device in ((2, "on"), (3, "back")):
        chain.at(router, f"ip link set {device} mtu 1400")
    told = [of(await Same(address, 3, path_mtu=True).measure(), ICMP_PATH_MTU) for address in (HUB4, HUB6)]
    chain.nft(2, "icmp type destination-unreachable drop; icmpv6 type packet-too-big drop", "output")
    silent = []
    for address in (HUB4, HUB6):
        same, found = Same(address, 3, path_mtu=True), []
        for _ in range(10):
            found = of(await same.measure(), ICMP_PATH_MTU)
            if found:
                break
        silent.append(found)
    chain.nft(2, "accept")
    for router, device in ((2, "on"), (3, "back")):
        chain.at(router, f"ip link set {device} mtu 1500")
    wide = [of(await Same(address, 3, path_mtu=True).measure(), ICMP_PATH_MTU) for address in (HUB4, HUB6)]
    unasked = of(await Same(HUB4).measure(), ICMP_PATH_MTU)
    return [told, silent, wide, unasked]


@pytest.mark.parametrize("groups", ["0 2147483647", "1 0"])
def test_the_path_mtu_is_found_whether_routers_tell_it_or_not(groups: str) -> None:
    assert run(narrow, groups) == [[[1400], [1400]], [[1400], [1400]], [[1500], [1500]], []]


async def narrow_at_home(chain: Chain) -> Any:
    interface = "ip link set on mtu 1380"
    await (await asyncio.create_subprocess_exec(*interface.split())).wait()
    return [of(await Same(address, 3, path_mtu=True).measure(), ICMP_PATH_MTU) for address in (HUB4, HUB6)]


def test_the_own_interface_may_be_the_narrowest() -> None:
    assert run(narrow_at_home) == [[1380], [1380]]


# --- repeated, overtaken, late: a peer in user space answers as it likes --------------------------------
class Peer:
    """Answers echo requests of the packet's position in its burst by a rule: at once, twice, later."""

    def __init__(self) -> None:
        self._socket = socket.socket(
            socket.AF_INET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.IPPROTO_ICMP
        )
        self._seen: list[tuple[bytes, str]] = []
        self.answer: Any = None
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._take)

    def _take(self) -> None:
        packet, sender = self._socket.recvfrom(2048)
        message = packet[20:]
        if message[0] == 8:
            self._seen.append((message, sender[0]))
            self.answer(self, len(self._seen) - 1)

    def forget(self) -> None:
        self._seen = []

    def reply(self, position: int, to: str | None = None) -> None:
        message, sender = self._seen[position]
        blank = b"\0\0\0\0" + message[4:]
        reply = blank[:2] + struct.pack("!H", checksum(blank)) + blank[4:]
        self._socket.sendto(reply, (to or sender, 0))


async def played(_: Chain) -> Any:
    """Ping our own loopback, whose kernel answers no echo: the peer does."""
    with open("/proc/sys/net/ipv4/icmp_echo_ignore_all", "w", encoding="ascii") as setting:  # noqa: ASYNC230 - it does not wait
        setting.write("1")
    peer, same = Peer(), Same("127.0.0.1", 0.5, packets=6)

    def twice(peer: Peer, position: int) -> None:
        peer.reply(position)
        if position in {1, 3}:
            peer.reply(position)

    def swapped(peer: Peer, position: int) -> None:
        if position % 2:
            peer.reply(position)
            peer.reply(position - 1)

    def held(peer: Peer, position: int) -> None:
        if position != 2:
            peer.reply(position)

    told = []
    for rule in (twice, swapped, held):
        peer.forget()
        peer.answer = rule
        told.append(counts([await same.measure()]))
    peer.reply(2)  # after its deadline
    peer.reply(3)  # once more
    peer.forget()
    peer.answer = lambda peer, position: peer.reply(position)
    await asyncio.sleep(0)
    told.append(counts([await same.measure()]))
    return told


@pytest.mark.parametrize("groups", ["0 2147483647", "1 0"])
def test_what_is_repeated_overtaken_or_late_is_counted_exactly(groups: str) -> None:
    twice, swapped, held, after = run(played, groups)
    nothing = {"sent": 6, "lost": 0, "late": 0, "duplicate": 0, "reordered": 0, "answered": 6}
    assert twice == nothing | {"duplicate": 2}
    assert swapped == nothing | {"reordered": 3}
    assert held == nothing | {"lost": 1, "answered": 5}
    assert after == nothing | {"late": 1, "duplicate": 1}
