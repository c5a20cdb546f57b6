"""``tcp``: whether a port accepts connections, and how long that takes.

``address`` is ``host:port`` or ``[v6]:port``. ``ok`` means that the three-way handshake completed
(RFC 9293); ``refused`` that the machine answers and nothing listens; ``timeout`` that nothing came
back; ``unreachable`` that a router said so. Sample exposition::

    probe_ip_protocol 4
    probe_tcp_duration_seconds{phase="resolve"} 0.000012
    probe_tcp_duration_seconds{phase="connect"} 0.0137
"""

import asyncio
from typing import Final

from exporters.base import Outcome, ProbeConfig, Target
from exporters.net.address import host_port_of, split_host_port, version_for
from exporters.net.failure import Failure
from exporters.net.phases import Phases
from exporters.net.resolve import IpVersion, resolve
from exporters.net.wire import connect
from inventory.names import PROBE_IP_PROTOCOL, PROBE_TCP_DURATION, Reason

KIND: Final = "tcp"
METRICS: Final = (PROBE_IP_PROTOCOL, PROBE_TCP_DURATION)


class Config(ProbeConfig, frozen=True, kw_only=True):
    """``ip_version``: 4 or 6 to use only that; otherwise the system's order of preference."""

    ip_version: IpVersion | None = None


def check_address(address: str) -> None:
    """Raise ValueError unless ``address`` is ``host:port``."""
    split_host_port(address)


async def probe(target: Target, config: Config) -> Outcome:
    """Connect and close. Never raises for what a network or a peer does."""
    phases = Phases(PROBE_TCP_DURATION)
    try:
        async with asyncio.timeout(target.timeout_seconds):
            await _measure(target, config, phases)
    except Failure as failure:
        return phases.outcome(failure.reason, failure.evidence)
    except TimeoutError:
        reason = Reason.DNS if phases.current == "resolve" else Reason.TIMEOUT
        return phases.outcome(reason, f"{phases.current}: no answer within {target.timeout_seconds:g} s")
    return phases.outcome(Reason.OK)


async def _measure(target: Target, config: Config, phases: Phases) -> None:
    host, port = host_port_of(target.address)
    phases.enter("resolve")
    version = version_for(target.source, config.ip_version)
    address = (await resolve(host, version, target.timeout_seconds))[0]
    phases.note(PROBE_IP_PROTOCOL, address.version)
    phases.enter("connect")
    sock = await connect(address, port, target.source)
    phases.leave()
    sock.close()
