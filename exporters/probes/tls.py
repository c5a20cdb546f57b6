"""``tls``: whether a server that speaks TLS from the first byte shows a certificate to be trusted.

``address`` is ``host:port`` of any such service (HTTPS, LDAPS, IMAPS, a broker). ``tls`` means that the
handshake failed, the certificate is not trusted, not for this name, expired or about to, or the version
is below the floor; the network path works then. Expiry is told for every certificate that was
presented, trusted or not; ``probe_ssl_last_chain_info`` has fingerprint, subject, issuer, names and serial
number of the server's own. Sample exposition::

    probe_ip_protocol 4
    probe_ssl_earliest_cert_expiry 1798761599
    probe_ssl_last_chain_expiry_timestamp_seconds 1798761599
    probe_ssl_last_chain_info{...} 1
    probe_tls_version_info{version="TLSv1.3"} 1
    probe_tls_cipher_info{cipher="TLS_AES_256_GCM_SHA384"} 1
    thongsuot_tls_certificate_expiry_timestamp_seconds{position="0"} 1798761599
    probe_tcp_duration_seconds{phase="resolve"} 0.000012
    probe_tcp_duration_seconds{phase="connect"} 0.0137
    probe_tcp_duration_seconds{phase="tls"} 0.0281
"""

import asyncio
import contextlib
import ssl
from time import monotonic
from typing import Final

from exporters.base import Outcome, Target
from exporters.httpio.chain import note_certificates
from exporters.net.address import host_port_of, split_host_port, version_for
from exporters.net.failure import Failure
from exporters.net.literal import Address
from exporters.net.phases import Phases
from exporters.net.resolve import resolve
from exporters.net.wire import NotTrusted, Wire, connect
from exporters.tlsio import hello, shown
from exporters.tlsio.config import TlsConfig, context_of
from inventory.names import DNS_ANSWER_STALE, PROBE_IP_PROTOCOL, PROBE_TCP_DURATION, Reason

KIND: Final = "tls"
METRICS: Final = (PROBE_IP_PROTOCOL, DNS_ANSWER_STALE, PROBE_TCP_DURATION, *shown.METRICS)
_OLDER: Final = "older version"


class Config(TlsConfig, frozen=True, kw_only=True):
    """``refuse_older``: a server that would also settle on the version below ``min_tls_version`` fails
    as ``tls``; this takes a second connection."""

    refuse_older: bool = False


def check_address(address: str) -> None:
    """Raise ValueError unless ``address`` is ``host:port``."""
    split_host_port(address)


async def probe(target: Target, config: Config) -> Outcome:
    """Connect, shake hands, judge. Never raises for what a network or a peer does."""
    phases, started = Phases(PROBE_TCP_DURATION), monotonic()
    try:
        context = await context_of(config)
        # What this machine needs to read its own files is not the server's time.
        phases, started = Phases(PROBE_TCP_DURATION), monotonic()
        async with asyncio.timeout(target.timeout_seconds):
            await _measure(target, config, context, phases)
    except NotTrusted as failure:
        with contextlib.suppress(Failure, TimeoutError):
            async with asyncio.timeout(target.timeout_seconds - (monotonic() - started)):
                await _look_again(target, config, phases)
        return phases.outcome(failure.reason, failure.evidence)
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
    return Reason.STALLED if phase in ("tls", _OLDER) else Reason.TIMEOUT


async def _measure(target: Target, config: Config, context: ssl.SSLContext, phases: Phases) -> None:
    phases.enter("resolve")
    host, port = host_port_of(target.address)
    version = version_for(target.source, config.ip_version)
    address = phases.resolved(await resolve(host, version, target.timeout_seconds))
    phases.enter("connect")
    with Wire(await connect(address, port, target.source)) as wire:
        phases.enter("tls")
        await wire.handshake(context, config.server_name or host)
        phases.leave()
        _note(wire, phases)
        if wire.tls is not None:
            shown.judge(wire.tls, config)
    if config.refuse_older:
        phases.enter(_OLDER)  # and never left: how long this takes says nothing
        await _refuse_older(target, config, address)


async def _look_again(target: Target, config: Config, phases: Phases) -> None:
    """Shake hands trusting nothing: OpenSSL forgets a chain that it refused, and its dates are wanted."""
    host, port = host_port_of(target.address)
    context = await context_of(config, verify=False)
    version = version_for(target.source, config.ip_version)
    address = (await resolve(host, version, target.timeout_seconds))[0]
    with Wire(await connect(address, port, target.source)) as wire:
        await wire.handshake(context, config.server_name or host)
        _note(wire, phases)


def _note(wire: Wire, phases: Phases) -> None:
    if wire.tls is not None:
        note_certificates(wire.tls)
        for sample in shown.samples(wire.tls):
            phases.add(sample)


async def _refuse_older(target: Target, config: Config, address: Address) -> None:
    older = hello.OLDER[config.min_tls_version]
    host, port = host_port_of(target.address)
    with Wire(await connect(address, port, target.source)) as wire:
        settled = await hello.settles_on(wire, older, config.server_name or host)
    if settled is not None:
        raise Failure(Reason.TLS, f"also settles on {settled}, at least {config.min_tls_version} wanted")
