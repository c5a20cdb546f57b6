"""Traces through real routers, in network namespaces."""

from typing import Any

import pytest

from exporters.base import Outcome, Target
from exporters.probes import trace
from inventory.names import (
    TRACE_HOPS,
    TRACE_LAST_HOP,
    TRACE_PATH_CHANGES,
    TRACE_PATH_HASH,
    TRACE_REACHED,
    Metric,
)
from tests.exporters.chain import HUB4, HUB6, Chain, run

pytestmark = pytest.mark.lab

Told = dict[str, Any]


def told(outcome: Outcome) -> Told:
    """Return an outcome as it crosses the border of a process."""

    def of(metric: Metric) -> float | None:
        return next((sample.value for sample in outcome.samples if sample.metric is metric), None)

    last = [dict(s.labels)["address"] for s in outcome.samples if s.metric is TRACE_LAST_HOP]
    return {
        "reason": outcome.reason.value,
        "evidence": outcome.evidence,
        "hops": of(TRACE_HOPS),
        "reached": of(TRACE_REACHED),
        "hash": of(TRACE_PATH_HASH),
        "changes": of(TRACE_PATH_CHANGES),
        "last": last,
    }


def routers(evidence: str) -> list[str]:
    """Return the addresses in an evidence, or ``*``."""
    return [part.split()[1] for part in evidence.split(", ")]


async def measure(address: str, protocol: str = "icmp", source: str | None = None) -> Told:
    target = Target(name="trace", address=address, timeout_seconds=5, source=source)
    config = trace.Config(protocol=protocol)  # type: ignore[arg-type]  # a literal, by parameter
    return told(await trace.probe(target, config))


class Same:
    """One target measured again and again: what is kept of it lasts as long as this."""

    def __init__(self, address: str = HUB4, **options: Any) -> None:
        self._target = Target(name="trace", address=address, timeout_seconds=5)
        self._config = trace.Config(**options)

    async def measure(self) -> Told:
        return told(await trace.probe(self._target, self._config))


async def both_protocols(_: Chain) -> Any:
    return [
        await measure(address, protocol, source)
        for address in (HUB4, HUB6)
        for protocol in ("icmp", "udp")
        for source in (None, "on")
    ] + [await measure(HUB4, source="10.99.1.2"), await measure(HUB6, "udp", source="fd99:1::2")]


@pytest.mark.parametrize("groups", ["0 2147483647", "1 0"])
def test_every_router_is_named(groups: str) -> None:
    measured = run(both_protocols, groups)
    four, six = ["10.99.1.1", "10.99.2.1", HUB4], ["fd99:1::1", "fd99:2::1", HUB6]
    assert [routers(each["evidence"]) for each in measured] == [four] * 4 + [six] * 4 + [four, six]
    for each in measured:
        assert (each["reason"], each["hops"], each["reached"], each["changes"]) == ("ok", 3, 1, 0)
        assert each["last"] in ([HUB4], [HUB6])


async def outage(chain: Chain) -> Any:
    same = Same()
    before = await same.measure()
    chain.nft(2, "drop")
    cut = await same.measure()
    chain.nft(2, "accept")
    chain.at(2, f"ip route add unreachable {HUB4}")
    refused = await same.measure()
    chain.at(2, f"ip route del unreachable {HUB4}")
    return [before, cut, refused, await same.measure()]


def test_an_outage_ends_the_trace_at_the_last_router_and_is_no_change_of_path() -> None:
    before, cut, refused, after = run(outage)
    assert cut["reason"] == "timeout"
    assert cut["evidence"].startswith("1 10.99.1.1 ")
    assert cut["evidence"].endswith("ms, nothing beyond")
    assert (cut["hops"], cut["reached"], cut["last"]) == (2, 0, ["10.99.2.1"])
    assert refused["reason"] == "unreachable"
    assert refused["evidence"].startswith("host unreachable, says 10.99.2.1; 1 10.99.1.1 ")
    assert refused["reached"] == 0
    assert {each["hash"] for each in (before, cut, refused, after)} == {before["hash"]}
    assert [each["changes"] for each in (before, cut, refused, after)] == [0, 0, 0, 0]


async def silence(chain: Chain) -> Any:
    same = Same()
    chain.nft(1, "icmp type time-exceeded drop", "output")
    silent = await same.measure()
    chain.nft(1, "accept")
    return [silent, await same.measure(), await Same(HUB4, max_hops=2).measure()]


def test_a_silent_router_is_a_star_and_its_first_word_no_change() -> None:
    silent, spoken, short = run(silence)
    assert routers(silent["evidence"]) == ["*", "10.99.2.1", HUB4]
    assert routers(spoken["evidence"]) == ["10.99.1.1", "10.99.2.1", HUB4]
    assert (silent["hash"], silent["changes"]) == (spoken["hash"], spoken["changes"])
    assert (short["reason"], short["hops"]) == ("timeout", 2)


async def detour(chain: Chain) -> Any:
    same = Same()
    measured = [await same.measure()]
    for gateway in ("10.98.1.1", "10.99.2.1"):
        chain.at(1, f"ip route replace {HUB4} via {gateway}")
        measured += [await same.measure(), await same.measure()]
    return measured


def test_another_way_is_a_change_and_the_way_back_has_the_old_number() -> None:
    measured = run(detour)
    assert routers(measured[1]["evidence"]) == ["10.99.1.1", "10.98.1.1", HUB4]
    assert [each["changes"] for each in measured] == [0, 1, 0, 1, 0]
    one, other = measured[0]["hash"], measured[1]["hash"]
    assert one != other
    assert [each["hash"] for each in measured] == [one, other, other, one, one]


async def balanced(chain: Chain) -> Any:
    """Router 1 spreads flows over both ways by addresses and ports."""
    chain.at(1, "echo 1 > /proc/sys/net/ipv4/fib_multipath_hash_policy")
    chain.at(1, f"ip route replace {HUB4} nexthop via 10.99.2.1 nexthop via 10.98.1.1")
    same = Same(HUB4, protocol="udp")
    of_one = [await same.measure() for _ in range(8)]
    of_many = [
        told(await trace.probe(Target(name=f"trace {n}", address=HUB4, timeout_seconds=5), same._config))
        for n in range(24)
    ]
    return [[routers(each["evidence"])[1] for each in group] for group in (of_one, of_many)]


def test_load_spread_over_two_ways_does_not_look_like_changes() -> None:
    of_one, of_many = run(balanced)
    assert len(set(of_one)) == 1
    assert set(of_many) == {"10.99.2.1", "10.98.1.1"}  # the routers do spread: another target, another port
