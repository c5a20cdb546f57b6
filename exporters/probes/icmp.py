"""``icmp``: a burst of echo requests (RFC 792, RFC 4443): loss, round-trip time and how it varies.

``address`` is an IPv4 or IPv6 address or a name. One reply is success; ``timeout`` means that nothing
came back; ``unreachable`` that nothing did and a router, named in the evidence, said so; ``local`` that
no packet could leave this machine. A reply that comes later than the target's ``timeout_seconds`` after
the first packet is lost, and told as late with the next outcome. Sample exposition::

    probe_ip_protocol 4
    probe_icmp_duration_seconds{phase="resolve"} 0.000004
    probe_icmp_duration_seconds{phase="rtt"} 0.0124
    probe_icmp_reply_hop_limit 61
    thongsuot_icmp_loss_ratio 0.1
    thongsuot_icmp_rtt_seconds{stat="min"} 0.0119
    thongsuot_icmp_rtt_seconds{stat="mean"} 0.0131
    thongsuot_icmp_rtt_seconds{stat="max"} 0.0188
    thongsuot_icmp_rtt_seconds{stat="p50"} 0.0124
    thongsuot_icmp_rtt_seconds{stat="p95"} 0.0171
    thongsuot_icmp_jitter_seconds{method="rfc3550"} 0.0009
    thongsuot_icmp_jitter_seconds{method="mean"} 0.0011
    thongsuot_icmp_packets_sent_total 10
    thongsuot_icmp_packets_lost_total 1
    thongsuot_icmp_packets_late_total 0
    thongsuot_icmp_packets_duplicate_total 0
    thongsuot_icmp_packets_reordered_total 0
    thongsuot_icmp_rtt_distribution_seconds 0.0124
    thongsuot_icmp_path_mtu_bytes 1492
    thongsuot_dns_answer_stale 0
"""

import asyncio
from time import perf_counter
from typing import Annotated, Final

from msgspec import Meta

from exporters.base import Outcome, ProbeConfig, Sample, Target
from exporters.icmpio import report
from exporters.icmpio.burst import Afterwards, Answers, Shape
from exporters.icmpio.mtu_finder import MtuFinder
from exporters.icmpio.pinger import COOKIE_BYTES, pinger_for
from exporters.icmpio.sockets import Manner
from exporters.icmpio.statistics import Jitter
from exporters.kept import Kept
from exporters.net import failure
from exporters.net.address import check_host, version_for
from exporters.net.failure import Failure
from exporters.net.phases import one_line
from exporters.net.resolve import Address, IpVersion, literal, resolve
from inventory.names import (
    DNS_ANSWER_STALE,
    ICMP_LOST,
    ICMP_PATH_MTU,
    ICMP_SENT,
    PROBE_ICMP_DURATION,
    PROBE_IP_PROTOCOL,
    Label,
    Reason,
)

KIND: Final = "icmp"
METRICS: Final = (PROBE_IP_PROTOCOL, DNS_ANSWER_STALE, *report.METRICS, ICMP_PATH_MTU)
PROMPT: Final = (ICMP_SENT, ICMP_LOST)
LOSS_ALLOWING_SEARCH: Final = 0.2
"""More loss than this, and silence says too little about the size of a packet."""
_RESOLVE: Final = ((str(Label.PHASE), "resolve"),)


class Config(ProbeConfig, frozen=True, kw_only=True):
    """``packets`` requests ``gap_seconds`` apart, of ``payload_bytes`` besides 8 bytes of ICMP header and
    the IP header, marked with ``dscp`` (RFC 2474); ``ip_version`` 4 or 6 to use only that; ``histogram``
    keeps the distribution of round-trip times; ``path_mtu`` looks once an hour for the largest packet
    that passes undivided. Without ``details`` only the packets sent and lost and the median are told,
    and what the path MTU is: for an agent of thousands of targets."""

    packets: Annotated[int, Meta(ge=1, le=100)] = 10
    gap_seconds: Annotated[float, Meta(ge=0.001, le=1)] = 0.02
    payload_bytes: Annotated[int, Meta(ge=COOKIE_BYTES, le=1472)] = 56
    dscp: Annotated[int, Meta(ge=0, le=63)] = 0
    ip_version: IpVersion | None = None
    histogram: bool = True
    details: bool = True
    path_mtu: bool = False


class _State:
    """What is kept of a target from burst to burst."""

    def __init__(self) -> None:
        self.afterwards, self.jitter, self.mtu = Afterwards(), Jitter(), MtuFinder()


_kept: Final = Kept(_State)


def check_address(address: str) -> None:
    """Raise ValueError unless ``address`` is an IP address or a host name."""
    check_host(address)


async def probe(target: Target, config: Config) -> Outcome:
    """Send one burst. Never raises for what a network or a peer does."""
    started = perf_counter()
    state = _kept.of(target)
    samples: tuple[Sample, ...] = ()
    try:
        address, samples = await _address(target, config)
        resolving = perf_counter() - started
        if config.details:
            samples += _resolved(address, resolving)
        shape = Shape(
            packets=config.packets, gap_seconds=config.gap_seconds, payload_bytes=config.payload_bytes
        )
        manner = Manner(address.family, target.source, config.dscp)
        left = target.timeout_seconds - resolving
        until = asyncio.get_running_loop().time() + left
        answers = await pinger_for(manner).burst(address, shape, left, state.afterwards)
        if not answers.rtts_ns:
            raise _nothing_left(answers, address)
        duration = perf_counter() - started
        samples += tuple(_told(answers, state, config))
        if config.path_mtu:
            await _search(state.mtu, address, manner, answers, until)
    except Failure as problem:
        return Outcome(
            reason=problem.reason,
            duration_seconds=perf_counter() - started,
            samples=(*samples, *report.counted(state.afterwards, details=config.details)),
            evidence=one_line(problem.evidence),
        )
    if config.path_mtu and state.mtu.known_bytes is not None:
        samples += (Sample(ICMP_PATH_MTU, float(state.mtu.known_bytes)),)
    reason, evidence = _judge(answers, address, target.timeout_seconds)
    return Outcome(
        reason=reason,
        duration_seconds=duration,
        samples=samples,
        evidence=one_line(evidence),
        partial=0 < len(answers.arrivals) < len(answers.rtts_ns),
    )


async def _address(target: Target, config: Config) -> tuple[Address, tuple[Sample, ...]]:
    address = literal(target.address)
    if address is not None and not config.ip_version and not target.source:
        return address, ()
    version = version_for(target.source, config.ip_version)
    found = await resolve(target.address, version, target.timeout_seconds)
    return found[0], found.samples()


def _resolved(address: Address, seconds: float) -> tuple[Sample, ...]:
    return (
        Sample(PROBE_IP_PROTOCOL, float(address.version)),
        Sample(PROBE_ICMP_DURATION, seconds, _RESOLVE),
    )


def _told(answers: Answers, state: _State, config: Config) -> list[Sample]:
    if not config.details:
        return report.brief(answers, state.afterwards)
    return report.report(answers, state.afterwards, state.jitter, histogram=config.histogram)


def _judge(answers: Answers, address: Address, timeout: float) -> tuple[Reason, str]:
    if answers.arrivals:
        return Reason.OK, ""
    if answers.error is not None:
        return Reason.UNREACHABLE, f"{address.host}: {answers.error}"
    if answers.unsent is not None:  # our own way out went away midway
        return Reason.LOCAL, _nothing_left(answers, address).evidence
    return Reason.TIMEOUT, f"{address.host}: no reply to {len(answers.rtts_ns)} packets within {timeout:g} s"


def _nothing_left(answers: Answers, address: Address) -> Failure:
    if answers.unsent is None:
        return Failure(Reason.TIMEOUT, f"{address.host}: no time was left to ping")
    return failure.local(answers.unsent, f"ping {address.host}")


async def _search(mtu: MtuFinder, to: Address, manner: Manner, answers: Answers, until: float) -> None:
    """Use what is left of the probe's time for the path MTU, while the line is well."""
    answered = len(answers.arrivals)
    if answered < len(answers.rtts_ns) * (1 - LOSS_ALLOWING_SEARCH) or not answered:
        return
    slowest = max(rtt for rtt in answers.rtts_ns if rtt is not None)
    try:
        await mtu.go_on(to, manner, slowest / 1e9, until)
    except Failure:  # no socket for it: next time
        return
