"""``smtp``: whether a mail server greets, and puts on TLS with a certificate to be trusted.

``address`` is ``host`` or ``host:port`` (25 by default; 587 for submission; 465 with ``tls: true``). The
conversation is banner, EHLO, STARTTLS, EHLO, QUIT; no mail is sent. ``status`` means that the server
said no (421 too busy, 554 not for you), ``tls`` that it does not offer STARTTLS or that the handshake or
the certificate was refused, ``body`` that the banner is not the expected one. Sample exposition::

    probe_ip_protocol 4
    thongsuot_smtp_reply_code 221
    thongsuot_smtp_duration_seconds{phase="resolve"} 0.000012
    thongsuot_smtp_duration_seconds{phase="connect"} 0.0137
    thongsuot_smtp_duration_seconds{phase="banner"} 0.0214
    thongsuot_smtp_duration_seconds{phase="ehlo"} 0.0142
    thongsuot_smtp_duration_seconds{phase="starttls"} 0.0139
    thongsuot_smtp_duration_seconds{phase="tls"} 0.0281
    thongsuot_smtp_duration_seconds{phase="quit"} 0.0138
    probe_ssl_earliest_cert_expiry 1798761599
    probe_ssl_last_chain_expiry_timestamp_seconds 1798761599
    probe_ssl_last_chain_info{...} 1
    probe_tls_version_info{version="TLSv1.3"} 1
    probe_tls_cipher_info{cipher="TLS_AES_256_GCM_SHA384"} 1
    thongsuot_tls_certificate_expiry_timestamp_seconds{position="0"} 1798761599
"""

import asyncio
import contextlib
from typing import Annotated, Final

from msgspec import Meta

from common.i18n import t
from exporters.base import Outcome, Target
from exporters.httpio.options import check_pattern
from exporters.httpio.patterns import TooSlow, budget, find
from exporters.net.address import host_port_of, split_host_maybe_port, version_for
from exporters.net.failure import Failure
from exporters.net.phases import Phases
from exporters.net.resolve import resolve
from exporters.net.wire import Wire, connect
from exporters.smtpio.reply import Replies, Reply
from exporters.tlsio import shown
from exporters.tlsio.config import TlsConfig, context_of
from inventory.names import DNS_ANSWER_STALE, PROBE_IP_PROTOCOL, SMTP_CODE, SMTP_DURATION, Reason

KIND: Final = "smtp"
PORT: Final = 25
QUIT_SECONDS: Final = 1.0
METRICS: Final = (PROBE_IP_PROTOCOL, DNS_ANSWER_STALE, SMTP_DURATION, SMTP_CODE, *shown.METRICS)
_EHLO_NAME: Final = r"^(?:\[[0-9A-Za-z:.]{1,60}\]|[0-9A-Za-z_](?:[0-9A-Za-z_.-]{0,251}[0-9A-Za-z_])?)$"


class Config(TlsConfig, frozen=True, kw_only=True):
    """``starttls``: whether to put on TLS after EHLO; ``tls``: TLS from the first byte instead;
    ``ehlo_name``: who we say we are, our own address in brackets by default (RFC 5321, 4.1.3);
    ``banner_regex``: what the greeting must hold."""

    starttls: bool | None = None
    tls: bool = False
    ehlo_name: Annotated[str, Meta(pattern=_EHLO_NAME, extra={"say": "probes.smtp_name"})] | None = None
    banner_regex: str | None = None

    def __post_init__(self) -> None:
        check_pattern("banner_regex", self.banner_regex)
        if self.tls and self.starttls:
            raise ValueError(f"starttls: {t('probes.smtp_tls_twice')}")

    @property
    def starts_tls(self) -> bool:
        """Whether STARTTLS is part of the conversation: by default it is, unless TLS is on already."""
        return not self.tls if self.starttls is None else self.starttls


def check_address(address: str) -> None:
    """Raise ValueError unless ``address`` is ``host`` or ``host:port``."""
    split_host_maybe_port(address, PORT)


async def probe(target: Target, config: Config) -> Outcome:
    """Connect, be greeted, put on TLS, leave. Never raises for what a network or a peer does."""
    phases = _begin()
    try:
        if config.tls or config.starts_tls:
            await context_of(config)  # known from now on: the time to read our own files is not the server's
            phases = _begin()
        async with asyncio.timeout(target.timeout_seconds):
            await _measure(target, config, phases)
    except Failure as failure:
        return phases.outcome(failure.reason, failure.evidence)
    except TimeoutError:
        if phases.current != "quit":
            said = f"{phases.current}: no answer within {target.timeout_seconds:g} s"
            return phases.outcome(_timed_out(phases.current), said)
    return phases.outcome(Reason.OK)


def _begin() -> Phases:
    phases = Phases(SMTP_DURATION)
    phases.note(SMTP_CODE, 0)
    return phases


def _timed_out(phase: str) -> Reason:
    if phase == "resolve":
        return Reason.DNS
    return Reason.TIMEOUT if phase in ("", "connect") else Reason.STALLED


async def _measure(target: Target, config: Config, phases: Phases) -> None:
    host, port = host_port_of(target.address, PORT)
    phases.enter("resolve")
    version = version_for(target.source, config.ip_version)
    address = phases.resolved(await resolve(host, version, target.timeout_seconds))
    phases.enter("connect")
    with Wire(await connect(address, port, target.source)) as wire:
        talk = _Talk(wire, phases)
        if config.tls:
            await talk.secure(config, host)
        phases.enter("banner")
        _judge_banner(await talk.good_reply("banner"), config)
        hello = f"EHLO {config.ehlo_name or _bracketed(wire.own_host)}"
        extensions = await talk.order("ehlo", hello)
        if config.starts_tls:
            if not extensions.offers("STARTTLS"):
                raise Failure(Reason.TLS, "STARTTLS is not offered")
            await talk.order("starttls", "STARTTLS")
            talk.check_nothing_left()
            await talk.secure(config, host)
            await talk.order("ehlo", hello)
        # The server has shown all that was wanted: how it says goodbye, if at all, is its own affair.
        with contextlib.suppress(Failure, TimeoutError):
            async with asyncio.timeout(QUIT_SECONDS):
                await talk.order("quit", "QUIT")
        phases.leave()


def _judge_banner(banner: Reply, config: Config) -> None:
    if banner.code != 220:
        raise Failure(Reason.STATUS, f"banner: {banner}")
    pattern = config.banner_regex
    if pattern is None:
        return
    try:
        with budget():
            found = any(find(pattern, line) is not None for line in banner.lines)
    except TooSlow:
        raise Failure(Reason.LOCAL, "banner_regex takes too much CPU time: simplify it") from None
    if not found:
        raise Failure(Reason.BODY, f"{pattern[:80]!r} is not in the banner: {banner}")


def _bracketed(host: str) -> str:
    return f"[IPv6:{host.partition('%')[0]}]" if ":" in host else f"[{host}]"


class _Talk:
    """Orders and replies over one connection."""

    def __init__(self, wire: Wire, phases: Phases) -> None:
        self._wire, self._phases = wire, phases
        self._replies = Replies()

    async def order(self, phase: str, words: str) -> Reply:
        """Send an order and return the good reply to it. Raises Failure."""
        self._phases.enter(phase)
        await self._wire.send(words.encode("ascii") + b"\r\n")
        return await self.good_reply(phase)

    async def good_reply(self, phase: str) -> Reply:
        """Return the next reply. Raises Failure: status, protocol, reset or tls."""
        try:
            while (reply := self._replies.next()) is None:
                more = await self._wire.receive()
                if not more:
                    raise Failure(Reason.RESET, f"{phase}: the connection was closed")
                self._replies.feed(more)
        except ValueError as error:
            raise Failure(Reason.PROTOCOL, f"{phase}: {error}") from None
        self._phases.note(SMTP_CODE, reply.code)
        if not reply.good:
            raise Failure(Reason.STATUS, f"{phase}: {reply}")
        return reply

    def check_nothing_left(self) -> None:
        """Raise Failure(protocol) for words behind the reply to STARTTLS (CVE-2011-0411)."""
        if not self._replies.nothing_left:
            raise Failure(Reason.PROTOCOL, "starttls: more was said before TLS began")

    async def secure(self, config: Config, host: str) -> None:
        """Put on TLS, note what it shows and judge it. Raises Failure."""
        context = await context_of(config)
        self._phases.enter("tls")
        await self._wire.handshake(context, config.server_name or host)
        self._phases.leave()
        if self._wire.tls is not None:
            for sample in shown.samples(self._wire.tls):
                self._phases.add(sample)
            shown.judge(self._wire.tls, config)
