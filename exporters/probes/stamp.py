"""``stamp``: a line per direction, by test packets that a reflector answers (RFC 8762).

``address`` is ``host:port`` of a reflector: ``thongsuot reflect``, or a foreign one of RFC 8762 or of
TWAMP Light (RFC 5357, Appendix I). Each call sends one train of packets and waits for stragglers; the
session goes on from call to call, so that a packet lost at the end of a train is told apart by the next.

``up`` is from here to the reflector. Loss is told apart where the reflector counts its answers (is
stateful); where it does not, and while a line is silent, it is ``unknown``. Round trips leave out the
time that the reflector took. One-way delays appear only while both clocks vouch for themselves, with
the bound on their error. ``timeout``: no answer at all; ``refused``: the machine is there and no
reflector; ``auth``: answers came, none with the HMAC of our key. Sample exposition::

    probe_ip_protocol 4
    thongsuot_stamp_packets_sent_total 10
    thongsuot_stamp_packets_lost_total{direction="up"} 0
    thongsuot_stamp_packets_lost_total{direction="down"} 0
    thongsuot_stamp_packets_lost_total{direction="unknown"} 0
    thongsuot_stamp_loss_ratio{direction="up"} 0
    thongsuot_stamp_loss_ratio{direction="down"} 0
    thongsuot_stamp_loss_ratio{direction="unknown"} 0
    thongsuot_stamp_rtt_seconds{stat="min"} 0.0119
    thongsuot_stamp_rtt_seconds{stat="mean"} 0.0124
    thongsuot_stamp_rtt_seconds{stat="max"} 0.0151
    thongsuot_stamp_rtt_seconds{stat="p50"} 0.0123
    thongsuot_stamp_rtt_seconds{stat="p95"} 0.0144
    thongsuot_stamp_jitter_seconds{direction="up"} 0.0002
    thongsuot_stamp_jitter_seconds{direction="down"} 0.0004
    thongsuot_stamp_delay_variation_seconds{direction="up",stat="mean"} 0.0002
    thongsuot_stamp_delay_variation_seconds{direction="up",stat="max"} 0.0011
    thongsuot_stamp_delay_variation_seconds{direction="up",stat="p50"} 0.0001
    thongsuot_stamp_delay_variation_seconds{direction="up",stat="p95"} 0.0009
    thongsuot_stamp_delay_variation_seconds{direction="down",stat="mean"} 0.0003
    thongsuot_stamp_delay_variation_seconds{direction="down",stat="max"} 0.0029
    thongsuot_stamp_delay_variation_seconds{direction="down",stat="p50"} 0.0002
    thongsuot_stamp_delay_variation_seconds{direction="down",stat="p95"} 0.0018
    thongsuot_stamp_one_way_delay_seconds{direction="up"} 0.0061
    thongsuot_stamp_one_way_delay_seconds{direction="down"} 0.0062
    thongsuot_stamp_clock_error_seconds 0.0008
"""

import asyncio
import errno
import os
from pathlib import Path
from time import monotonic
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from exporters.base import Outcome, ProbeConfig, Target
from exporters.kept import Kept
from exporters.net.address import host_port_of, split_host_port, version_for
from exporters.net.failure import Failure
from exporters.net.literal import IpVersion
from exporters.net.phases import Phases
from exporters.net.resolve import resolve
from exporters.stampio import report
from exporters.stampio.keys import KeyUnusable, read_key
from exporters.stampio.ledger import Losses
from exporters.stampio.pace import pace
from exporters.stampio.session import Manner, Session, Train
from exporters.stampio.statistics import peer_clock
from inventory.names import DNS_ANSWER_STALE, PROBE_IP_PROTOCOL, Reason

KIND: Final = "stamp"
JUDGES: Final = False
METRICS: Final = (PROBE_IP_PROTOCOL, DNS_ANSWER_STALE, *report.METRICS)
SENDING_SHARE: Final = 0.7
"""Of the time for a measurement; what is left is for stragglers."""
BARREN_TRAINS: Final = 3
"""After so many without an answer the next train is a new session's: a new port, and whatever address
this machine has by then."""


class Config(ProbeConfig, frozen=True, kw_only=True):
    """``train_seconds``: how long packets are sent in each call; as long as the interval, they never
    pause. ``dscp``: class of service, 0 to 63. ``padding_octets`` lengthen a packet of 44 or, with the
    key in ``key_file``, 112 octets. ``ip_version``: 4 or 6 to use only that."""

    packets_per_second: Annotated[float, Meta(ge=0.2, le=100)] = 10
    train_seconds: Annotated[float, Meta(ge=0.1, le=50)] = 1
    dscp: Annotated[int, Meta(ge=0, le=63)] = 0
    padding_octets: Annotated[int, Meta(ge=4, le=1300)] | None = None
    key_file: str | None = None
    ip_version: IpVersion | None = None


class _Current:
    """The session that goes on; None before the first, and after one that was given up."""

    def __init__(self) -> None:
        self.session: Session | None = None


_kept: Final = Kept(_Current)


def check_address(address: str) -> None:
    """Raise ValueError unless ``address`` is ``host:port``."""
    split_host_port(address)


async def probe(target: Target, config: Config) -> Outcome:
    """Send one train. Never raises for what a network or a peer does."""
    phases, ends = Phases(None), monotonic() + target.timeout_seconds
    try:
        async with asyncio.timeout(target.timeout_seconds):
            manner = await _manner(target, config, phases)
    except Failure as failure:
        return _unmeasured(phases, failure)
    except TimeoutError:
        words = f"the name servers did not answer within {target.timeout_seconds:g} s"
        return _unmeasured(phases, Failure(Reason.DNS, words))
    current = _kept.of(target)
    try:
        return await _measure(current, manner, config, phases, ends)
    except Failure as failure:
        return _unmeasured(phases, failure)


def _unmeasured(phases: Phases, failure: Failure) -> Outcome:
    for sample in report.lost(Losses()):
        phases.add(sample)
    return phases.outcome(failure.reason, failure.evidence)


async def _manner(target: Target, config: Config, phases: Phases) -> Manner:
    """Resolve the name and read the key. Raises Failure."""
    host, port = host_port_of(target.address)
    key = await _key(config.key_file) if config.key_file else None
    version = version_for(target.source, config.ip_version)
    address = phases.resolved(await resolve(host, version, target.timeout_seconds))
    return Manner(address, port, target.source, config.dscp, key, config.padding_octets or 0)


async def _key(path: str) -> bytes:
    try:
        return await asyncio.to_thread(read_key, Path(path))
    except KeyUnusable as error:
        raise Failure(Reason.LOCAL, error.evidence) from None


def _session(current: _Current, manner: Manner) -> tuple[Session, Losses]:
    """Return the session to go on with, and what was left of one that is replaced. Raises Failure."""
    session = current.session
    if session is not None and session.manner == manner and session.barren < BARREN_TRAINS:
        return session, Losses()
    current.session, left = None, session.close() if session is not None else Losses()
    current.session = Session(manner)
    return current.session, left


async def _measure(current: _Current, manner: Manner, config: Config, phases: Phases, ends: float) -> Outcome:
    session, left = _session(current, manner)
    with session.train() as train:
        try:
            failed = await _send(session, train, config, ends)
            await _await_stragglers(train, ends)
        except asyncio.CancelledError:
            if current.session is session:
                current.session = None  # nobody will ask for what it still waits for
            raise
    losses = session.settle()
    losses.unknown += left.unknown
    losses.sent += left.sent
    session.barren = 0 if train.answered else session.barren + 1
    for sample in report.samples(session, train, losses):
        phases.add(sample)
    if train.answered:
        return msgspec.structs.replace(phases.outcome(Reason.OK), peer_clock=peer_clock(train.times))
    failure = failed or _why(session, train)
    return phases.outcome(failure.reason, failure.evidence)


async def _send(session: Session, train: Train, config: Config, ends: float) -> Failure | None:
    """Send the train on time. Returns what kept it from being sent whole, or None."""
    seconds = min(config.train_seconds, (ends - monotonic()) * SENDING_SHARE)
    count = max(1, round(seconds * config.packets_per_second))
    try:
        await pace(count, 1 / config.packets_per_second, lambda: session.send(train))
    except Failure as failure:
        session.barren = BARREN_TRAINS
        return failure
    return None


async def _await_stragglers(train: Train, ends: float) -> None:
    if not train.open:
        return
    try:
        async with asyncio.timeout(ends - monotonic()):
            await train.complete.wait()
    except TimeoutError:
        return


def _why(session: Session, train: Train) -> Failure:
    """Return why nothing was answered."""
    where = f"{session.manner.to.host} port {session.manner.port}"
    if train.forged and session.manner.key is not None:
        return Failure(Reason.AUTH, f"{where}: {train.forged} packets without the HMAC of our key")
    if train.forged or train.wrong:
        return Failure(
            Reason.PROTOCOL, f"{where}: {train.forged + train.wrong} packets are no answers of ours"
        )
    if train.error is not None and train.error.errno == errno.ECONNREFUSED:
        return Failure(Reason.REFUSED, f"{where}: nobody listens there")
    if train.error is not None:
        number = train.error.errno or 0
        return Failure(Reason.LOCAL, f"{where}: {os.strerror(number)}")
    return Failure(Reason.TIMEOUT, f"{where}: none of {train.sent} packets was answered in time")
