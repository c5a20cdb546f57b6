r"""``tcp``: whether a port accepts connections, says what it should, and how long that takes.

``address`` is ``host:port`` or ``[v6]:port``. Without ``steps``, ``ok`` means that the three-way
handshake completed (RFC 9293); ``refused`` that the machine answers and nothing listens; ``timeout``
that nothing came back; ``unreachable`` that a router said so. With steps, ``body`` means that another
line came than the one expected before the connection ended, ``stalled`` that none came in time.
Sample exposition::

    probe_ip_protocol 4
    probe_tcp_duration_seconds{phase="resolve"} 0.000012
    probe_tcp_duration_seconds{phase="connect"} 0.0137
    probe_tcp_duration_seconds{phase="tls"} 0.0281
    probe_tcp_duration_seconds{phase="exchange"} 0.0031

and under TLS what the ``tls`` kind has.
"""

import asyncio
from typing import Annotated, Final

from msgspec import Meta

from exporters.base import Outcome, Target
from exporters.net.address import host_port_of, split_host_port, version_for
from exporters.net.conversation import Conversation, Step, check_steps, secrets_of
from exporters.net.failure import Failure
from exporters.net.phases import Phases
from exporters.net.resolve import resolve
from exporters.net.wire import Wire, connect
from exporters.tlsio import shown
from exporters.tlsio.config import TlsConfig, context_of
from inventory.names import DNS_ANSWER_STALE, PROBE_IP_PROTOCOL, PROBE_TCP_DURATION, Reason

KIND: Final = "tcp"
METRICS: Final = (PROBE_IP_PROTOCOL, DNS_ANSWER_STALE, PROBE_TCP_DURATION, *shown.METRICS)
MAX_STEPS: Final = 32


class Config(TlsConfig, frozen=True, kw_only=True):
    """``steps``: what to expect and to send after connecting, in turn
    (:class:`exporters.net.conversation.Step`); ``tls``: speak TLS from the first byte;
    ``max_received_bytes``: beyond it the probe fails as ``too_large``."""

    tls: bool = False
    steps: Annotated[tuple[Step, ...], Meta(max_length=MAX_STEPS)] = ()
    max_received_bytes: Annotated[int, Meta(ge=1, le=1048576)] = 65536

    def __post_init__(self) -> None:
        check_steps(self.steps)


def check_address(address: str) -> None:
    """Raise ValueError unless ``address`` is ``host:port``."""
    split_host_port(address)


async def probe(target: Target, config: Config) -> Outcome:
    """Connect, talk, close. Never raises for what a network or a peer does."""
    phases = Phases(PROBE_TCP_DURATION)
    try:
        secrets = await secrets_of(config.steps)
        if config.tls or any(step.starttls for step in config.steps):
            await context_of(config)  # known from now on
        phases = Phases(PROBE_TCP_DURATION)  # the time to read our own files is not the server's
        async with asyncio.timeout(target.timeout_seconds):
            await _measure(target, config, secrets, phases)
    except Failure as failure:
        return phases.outcome(failure.reason, failure.evidence)
    except TimeoutError:
        return phases.outcome(
            _timed_out(phases.current),
            f"{phases.current}: no answer within {target.timeout_seconds:g} s",
        )
    return phases.outcome(Reason.OK)


def _timed_out(phase: str) -> Reason:
    if phase == "resolve":
        return Reason.DNS
    return Reason.TIMEOUT if phase in ("", "connect") else Reason.STALLED


async def _measure(target: Target, config: Config, secrets: list[bytes], phases: Phases) -> None:
    phases.enter("resolve")
    host, port = host_port_of(target.address)
    version = version_for(target.source, config.ip_version)
    address = phases.resolved(await resolve(host, version, target.timeout_seconds))
    phases.enter("connect")
    with Wire(await connect(address, port, target.source)) as wire:
        if config.tls:
            await _secure(wire, config, host, phases)
        conversation = Conversation(wire, config.max_received_bytes, secrets)
        for number, step in enumerate(config.steps):
            phases.enter("exchange")
            await conversation.take(number, step, secrets[number])
            if step.starttls:
                conversation.nothing_left(number)
                await _secure(wire, config, host, phases)
        phases.leave()


async def _secure(wire: Wire, config: Config, host: str, phases: Phases) -> None:
    context = await context_of(config)
    phases.enter("tls")
    await wire.handshake(context, config.server_name or host)
    phases.leave()
    if wire.tls is not None:
        for sample in shown.samples(wire.tls):
            phases.add(sample)
        shown.judge(wire.tls, config)
