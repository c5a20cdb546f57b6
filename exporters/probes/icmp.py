"""``icmp``: one echo request (RFC 792, RFC 4443), its round-trip time and the reply's hop limit.

``address`` is an IPv4 or IPv6 address or a name. ``timeout`` means that nothing came back;
``unreachable`` that a router, named in the evidence, said so; ``local`` that the packet could not
leave this machine. Sample exposition::

    probe_ip_protocol 4
    probe_icmp_duration_seconds{phase="resolve"} 0.000004
    probe_icmp_duration_seconds{phase="rtt"} 0.0124
    probe_icmp_reply_hop_limit 61
"""

from time import perf_counter
from typing import Annotated, Final

from msgspec import Meta

from exporters.base import Outcome, ProbeConfig, Sample, Target
from exporters.icmpio.errors import IcmpError
from exporters.icmpio.pinger import COOKIE_BYTES, Reply, pinger_for
from exporters.net.address import check_host, version_for
from exporters.net.failure import Failure
from exporters.net.phases import one_line
from exporters.net.resolve import Address, IpVersion, literal, resolve
from inventory.names import PROBE_ICMP_DURATION, PROBE_ICMP_HOP_LIMIT, PROBE_IP_PROTOCOL, Label, Reason

KIND: Final = "icmp"
METRICS: Final = (PROBE_IP_PROTOCOL, PROBE_ICMP_DURATION, PROBE_ICMP_HOP_LIMIT)
_RESOLVE: Final = ((str(Label.PHASE), "resolve"),)
_RTT: Final = ((str(Label.PHASE), "rtt"),)


class Config(ProbeConfig, frozen=True, kw_only=True):
    """``payload_bytes`` besides 8 bytes of ICMP header; ``ip_version`` 4 or 6 to use only that."""

    payload_bytes: Annotated[int, Meta(ge=COOKIE_BYTES, le=1400)] = 56
    ip_version: IpVersion | None = None


def check_address(address: str) -> None:
    """Raise ValueError unless ``address`` is an IP address or a host name."""
    check_host(address)


async def probe(target: Target, config: Config) -> Outcome:
    """Ping once. Never raises for what a network or a peer does."""
    started = perf_counter()
    samples: tuple[Sample, ...] = ()
    try:
        address = literal(target.address)
        if address is None or config.ip_version or target.source:
            version = version_for(target.source, config.ip_version)
            address = (await resolve(target.address, version, target.timeout_seconds))[0]
        resolved = perf_counter()
        samples = _resolved(address, resolved - started)
        left = target.timeout_seconds - (resolved - started)
        pinger = pinger_for(address.family, target.source)
        result = await pinger.ping(address, config.payload_bytes, left)
    except Failure as failure:
        reason, evidence = failure.reason, failure.evidence
    else:
        if isinstance(result, Reply):
            return _replied(result, samples, perf_counter() - started)
        reason, evidence = _refused(result, address, target.timeout_seconds)
    return Outcome(
        reason=reason,
        duration_seconds=perf_counter() - started,
        samples=samples,
        evidence=one_line(evidence),
    )


def _resolved(address: Address, seconds: float) -> tuple[Sample, ...]:
    return (
        Sample(PROBE_IP_PROTOCOL, float(address.version)),
        Sample(PROBE_ICMP_DURATION, seconds, _RESOLVE),
    )


def _replied(reply: Reply, samples: tuple[Sample, ...], duration: float) -> Outcome:
    samples += (Sample(PROBE_ICMP_DURATION, reply.rtt_seconds, _RTT),)
    if reply.hop_limit is not None:
        samples += (Sample(PROBE_ICMP_HOP_LIMIT, float(reply.hop_limit)),)
    return Outcome(reason=Reason.OK, duration_seconds=duration, samples=samples)


def _refused(result: IcmpError | None, address: Address, timeout: float) -> tuple[Reason, str]:
    if result is None:
        return Reason.TIMEOUT, f"{address.host}: no echo reply within {timeout:g} s"
    return Reason.UNREACHABLE, f"{address.host}: {result}"
