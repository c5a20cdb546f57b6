"""``trace``: the routers on the way to a target, by packets with a rising time to live.

``address`` is an IPv4 or IPv6 address or a name. ``ok`` means that the target itself answered; the
routers that did are in the evidence, and silence (``*``) is no failure. ``timeout``: nothing came from
beyond the last hop told; ``unreachable``: a router said that it passes nothing on. Sample exposition::

    probe_ip_protocol 4
    thongsuot_trace_hops 7
    thongsuot_trace_reached 1
    thongsuot_trace_path_hash 2910475832
    thongsuot_trace_path_changes_total 0
    thongsuot_trace_last_hop_info{address="127.0.0.1"} 1
    thongsuot_dns_answer_stale 0
"""

import asyncio
from time import perf_counter
from typing import Annotated, Final

from msgspec import Meta

from exporters import evidence
from exporters.base import Outcome, ProbeConfig, Sample, Target
from exporters.kept import Kept
from exporters.net.address import check_host, version_for
from exporters.net.failure import Failure
from exporters.net.phases import one_line
from exporters.net.resolve import Address, IpVersion, resolve
from exporters.traceio.courier import Answer, Courier, Protocol
from exporters.traceio.path import Paths, Trace, describe
from exporters.traceio.walk import Walk
from inventory.names import (
    DNS_ANSWER_STALE,
    PROBE_IP_PROTOCOL,
    TRACE_HOPS,
    TRACE_LAST_HOP,
    TRACE_PATH_CHANGES,
    TRACE_PATH_HASH,
    TRACE_REACHED,
    Reason,
)

KIND: Final = "trace"
JUDGES: Final = False
EXCLUSIVE: Final = True
METRICS: Final = (
    PROBE_IP_PROTOCOL, DNS_ANSWER_STALE, TRACE_HOPS, TRACE_REACHED, TRACE_PATH_HASH, TRACE_PATH_CHANGES,
    TRACE_LAST_HOP,
)  # fmt: skip
PATIENCE_SECONDS: Final = 1.0
"""How long a router has to answer before it is asked once more."""


class Config(ProbeConfig, frozen=True, kw_only=True):
    """``protocol``: ``icmp`` echo requests, which the target answers anyway when it is pinged, or ``udp``
    datagrams to port 33434; ``max_hops`` after which the target is too far; ``ip_version`` 4 or 6 to use
    only that."""

    protocol: Protocol = "icmp"
    max_hops: Annotated[int, Meta(ge=1, le=64)] = 30
    ip_version: IpVersion | None = None


_kept: Final = Kept(Paths)


def check_address(address: str) -> None:
    """Raise ValueError unless ``address`` is an IP address or a host name."""
    check_host(address)


async def probe(target: Target, config: Config) -> Outcome:
    """Trace once. Never raises for what a network or a peer does."""
    started = perf_counter()
    paths = _kept.of(target)
    samples: tuple[Sample, ...] = ()
    try:
        version = version_for(target.source, config.ip_version)
        found = await resolve(target.address, version, target.timeout_seconds)
        address = found[0]
        samples = (Sample(PROBE_IP_PROTOCOL, float(address.version)), *found.samples())
        trace = await _trace(target, config, address, target.timeout_seconds - (perf_counter() - started))
    except Failure as problem:
        samples += (Sample(TRACE_PATH_CHANGES, 0.0),)
        reason, said = problem.reason, problem.evidence
    else:
        samples += _samples(trace, paths)
        reason, said = _judge(trace, target.timeout_seconds)
        _note(trace)
    return Outcome(
        reason=reason, duration_seconds=perf_counter() - started, samples=samples, evidence=one_line(said)
    )


async def _trace(target: Target, config: Config, to: Address, left: float) -> Trace:
    """Ask distance after distance until the walk is over, or the time. Raises Failure(local)."""
    loop = asyncio.get_running_loop()
    walk = Walk(config.max_hops, min(PATIENCE_SECONDS, left / 2))
    news = asyncio.Event()

    def heard(answer: Answer) -> None:
        _tell(walk, answer, to.host, loop.time())
        news.set()

    until = loop.time() + left
    with Courier(to, target.source, config.protocol, target.name, heard) as courier:
        while not walk.over and loop.time() < until and _ask(walk, courier, loop):
            wakes = walk.wakes
            try:
                async with asyncio.timeout_at(until if wakes is None else min(until, wakes)):
                    await news.wait()
            except TimeoutError:
                walk.expire(loop.time())
            news.clear()
    return walk.trace()


def _ask(walk: Walk, courier: Courier, loop: asyncio.AbstractEventLoop) -> bool:
    """Send what is due; returns whether that went well. Raises Failure(local) before anything is known."""
    while (question := walk.due()) is not None:
        walk.sent(question, loop.time())
        try:
            courier.send(question)
        except Failure:
            if walk.trace().last is None:
                raise
            return False
    return True


def _tell(walk: Walk, answer: Answer, target: str, now: float) -> None:
    question, error = answer.question or walk.only_out(), answer.error
    if question is None:
        return
    if error is None or answer.by == target or error.is_port_unreachable:
        walk.arrived(question, answer.by or target, now)
    elif error.is_time_exceeded:
        walk.passed_on(question, answer.by, now)
    else:
        walk.refused(question, error, now)


def _samples(trace: Trace, paths: Paths) -> tuple[Sample, ...]:
    last = trace.last
    changed = paths.take(trace)
    samples = [
        Sample(TRACE_HOPS, float(last.ttl if last else 0)),
        Sample(TRACE_REACHED, float(trace.reached)),
        Sample(TRACE_PATH_CHANGES, float(changed)),
    ]
    if paths.number is not None:
        samples.append(Sample(TRACE_PATH_HASH, float(paths.number)))
    if last is not None and last.address is not None:
        samples.append(Sample(TRACE_LAST_HOP, 1.0, (("address", last.address),)))
    return tuple(samples)


def _judge(trace: Trace, timeout: float) -> tuple[Reason, str]:
    path = describe(trace.hops)
    if trace.reached:
        return Reason.OK, path
    if trace.refused is not None:
        return Reason.UNREACHABLE, f"{trace.refused}; {path}"
    if trace.last is None:
        return Reason.TIMEOUT, f"no router answered within {timeout:g} s"
    return Reason.TIMEOUT, f"{path}, nothing beyond"


def _note(trace: Trace) -> None:
    if (notes := evidence.asked()) is not None:
        for hop in trace.hops:
            notes.add("hop", describe((hop,)))
