"""``dns``: what a name server says about a name, and whether it is the server or the name that fails.

``address`` is ``name`` (this machine's name servers are asked, all of them at once) or
``name@resolver``, the resolver as ``host`` or ``host:port``. The name is taken as it stands, without
search domains; an IP address with ``record_type: PTR`` is turned into its reverse name.

The **resolver** fails: ``timeout``, ``stalled``, ``refused`` (nothing listens), ``unreachable``,
``protocol``, ``too_large``, ``status`` (it says servfail, refused, ...). The **name** fails: ``dns`` (no
such name, or no record of this type), ``body`` (another answer than the one expected). Sample exposition::

    probe_ip_protocol 4
    probe_dns_duration_seconds{phase="resolve"} 0.000004
    probe_dns_duration_seconds{phase="connect"} 0
    probe_dns_duration_seconds{phase="request"} 0.0021
    probe_dns_answer_rrs 2
    probe_dns_authority_rrs 0
    probe_dns_additional_rrs 0
    probe_dns_query_succeeded 1
    probe_dns_serial 2026112201
    thongsuot_dns_rcode 0
    thongsuot_dns_answer_ttl_seconds 300
    thongsuot_dns_resolver_up{...} 1

``resolver`` is the address of a name server, with its port unless that is 53. ``probe_dns_serial`` comes
with an SOA answer, the time to live with any record.
"""

import asyncio
from collections.abc import Sequence
from time import perf_counter
from typing import Final

from common.i18n import t
from exporters.base import Outcome, Sample, Target
from exporters.dnsio.answer import Answer, answer, failed
from exporters.dnsio.client import PORT, Manner, Reply, Server, ask
from exporters.dnsio.judge import Config, judge
from exporters.dnsio.message import Question
from exporters.dnsio.names import Name, name_of
from exporters.dnsio.rdata import TYPES
from exporters.dnsio.system import load
from exporters.net.address import check_host, split_host_maybe_port, version_for
from exporters.net.failure import Failure
from exporters.net.literal import literal
from exporters.net.phases import Phases
from exporters.net.resolve import resolve
from inventory.names import (
    DNS_ANSWER_STALE,
    DNS_RCODE,
    DNS_RESOLVER_UP,
    DNS_TTL,
    PROBE_DNS_ADDITIONALS,
    PROBE_DNS_ANSWERS,
    PROBE_DNS_AUTHORITIES,
    PROBE_DNS_DURATION,
    PROBE_DNS_SERIAL,
    PROBE_DNS_SUCCEEDED,
    PROBE_IP_PROTOCOL,
    Label,
    Reason,
)

__all__ = ["KIND", "METRICS", "Config", "check_address", "probe"]

KIND: Final = "dns"
METRICS: Final = (
    PROBE_IP_PROTOCOL,
    DNS_ANSWER_STALE,
    PROBE_DNS_DURATION,
    PROBE_DNS_ANSWERS,
    PROBE_DNS_AUTHORITIES,
    PROBE_DNS_ADDITIONALS,
    PROBE_DNS_SUCCEEDED,
    PROBE_DNS_SERIAL,
    DNS_RCODE,
    DNS_TTL,
    DNS_RESOLVER_UP,
)
OTHERS_SECONDS: Final = 1.0
"""How much longer than for the first good answer to wait for the other name servers."""
_Said = Reply | Failure


def check_address(address: str) -> None:
    """Raise ValueError unless ``address`` is ``name`` or ``name@resolver``."""
    split(address)


def split(address: str) -> tuple[str, tuple[str, int] | None]:
    """Return the name, and host and port of the resolver if one is given. Raises ValueError.

    >>> split("hub.example@10.0.0.53")
    ('hub.example', ('10.0.0.53', 53))
    """
    name, at, resolver = address.partition("@")
    try:
        check_host(name)
        return name, split_host_maybe_port(resolver, PORT) if at else None
    except ValueError:
        raise ValueError(t("probes.expected_dns")) from None


async def probe(target: Target, config: Config) -> Outcome:
    """Ask, compare. Never raises for what a network or a peer does."""
    phases = Phases(PROBE_DNS_DURATION)
    phases.note(PROBE_DNS_SUCCEEDED, 0)
    deadline = perf_counter() + target.timeout_seconds
    try:
        question = Question(_name(target.address, config.record_type), TYPES[config.record_type])
        phases.enter("resolve")
        async with asyncio.timeout(target.timeout_seconds):
            servers = await _servers(target, config, phases)
        phases.leave()
        manner = Manner(
            source=target.source,
            tcp=config.transport == "tcp",
            recursion=config.recursion_desired,
            random_case=config.random_case,
        )
        said = await _ask_all(servers, question, manner, deadline)
        evidence = _conclude(servers, said, question, config, phases)
    except Failure as failure:
        return phases.outcome(failure.reason, failure.evidence)
    except TimeoutError:
        within = f"within {target.timeout_seconds:g} s"
        return phases.outcome(Reason.DNS, f"the resolver's own name: no answer {within}")
    return phases.outcome(Reason.OK, evidence)


def _name(address: str, record_type: str) -> Name:
    host = address.partition("@")[0]
    ip = literal(host)
    if ip is not None and record_type != "PTR":
        raise Failure(Reason.LOCAL, f"{host} is an address: only a PTR record belongs to it")
    try:
        split(address)
        return name_of(host if ip is None else ip.reverse_name)
    except ValueError:
        raise Failure(Reason.LOCAL, f"{address[:200]!r} is not name or name@resolver") from None


async def _servers(target: Target, config: Config, phases: Phases) -> Sequence[Server]:
    """Return the name servers to ask, those of another IP version than asked for left out."""
    version = version_for(target.source, config.ip_version)
    _, given = split(target.address)
    if given is not None:
        host, port = given
        return (Server(phases.resolved(await resolve(host, version, target.timeout_seconds)), port),)
    conf = (await asyncio.to_thread(load)).conf
    servers = [server for server in conf.servers if version in (None, server.address.version)]
    if not servers:
        raise Failure(Reason.LOCAL, f"this machine has no name server over IPv{version}")
    return servers


async def _ask_all(
    servers: Sequence[Server], question: Question, manner: Manner, deadline: float
) -> list[_Said]:
    """Return what each of the servers said, in their order."""
    left = max(deadline - perf_counter(), 0.001)
    tasks = [asyncio.ensure_future(_ask(server, question, manner, left)) for server in servers]
    pending = set(tasks)
    try:
        while pending:
            good = any(task.done() and _good(task.result()) for task in tasks)
            wait = min(OTHERS_SECONDS, left) if good else None
            done, pending = await asyncio.wait(pending, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                break
    finally:
        for task in tasks:
            task.cancel()
    silent = f"no answer within {OTHERS_SECONDS:g} s of another server's"
    return [
        task.result() if task not in pending else Failure(Reason.TIMEOUT, f"{server}: {silent}")
        for server, task in zip(servers, tasks, strict=True)
    ]


async def _ask(server: Server, question: Question, manner: Manner, seconds: float) -> _Said:
    try:
        return await ask(server, question, manner, seconds)
    except Failure as failure:
        return failure


def _good(said: _Said) -> bool:
    return isinstance(said, Reply) and not failed(said.message)


def _conclude(
    servers: Sequence[Server], said: list[_Said], question: Question, config: Config, phases: Phases
) -> str:
    """Note what the best of the answers holds, and judge it. Raises Failure; returns who failed."""
    faults = []
    for server, one in zip(servers, said, strict=True):
        phases.add(Sample(DNS_RESOLVER_UP, float(_good(one)), ((str(Label.RESOLVER), str(server)),)))
        if isinstance(one, Failure):
            faults.append(one.evidence)
        elif failed(one.message):
            faults.append(f"{server}: {one.message.rcode_name}")
    chosen = next((n for n, one in enumerate(said) if _good(one)), None)
    replied = next((n for n, one in enumerate(said) if isinstance(one, Reply)), None)
    at = chosen if chosen is not None else replied
    if at is None:
        failure = said[0]
        raise Failure(failure.reason if isinstance(failure, Failure) else Reason.STATUS, "; ".join(faults))
    reply = said[at]
    assert isinstance(reply, Reply)  # noqa: S101 - for the type checker: ``at`` points to one
    found = answer(reply.message, question)
    _note(servers[at], reply, found, phases)
    if chosen is None:
        raise Failure(Reason.STATUS, "; ".join(faults))
    phases.note(PROBE_DNS_SUCCEEDED, 1)
    judge(str(servers[at]), reply.message, question, found, config)
    return "; ".join(faults)


def _note(server: Server, reply: Reply, found: Answer, phases: Phases) -> None:
    message = reply.message
    phases.note(PROBE_IP_PROTOCOL, server.address.version)
    phases.note(DNS_RCODE, message.rcode)
    phases.note(PROBE_DNS_ANSWERS, len(message.answers))
    phases.note(PROBE_DNS_AUTHORITIES, len(message.authorities))
    phases.note(PROBE_DNS_ADDITIONALS, len(message.additionals))
    for phase, seconds in (("connect", reply.connect_seconds), ("request", reply.request_seconds)):
        phases.add(Sample(PROBE_DNS_DURATION, seconds, ((str(Label.PHASE), phase),)))
    if found.records:
        phases.note(DNS_TTL, found.ttl_seconds)
        if (numbers := found.records[0].soa) is not None:
            phases.note(PROBE_DNS_SERIAL, numbers[0])
