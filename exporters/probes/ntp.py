"""``ntp``: how far a time server's clock is from this machine's, and how good a source it is.

``address`` is ``host`` or ``host:port``. One SNTP request (RFC 4330, RFC 5905) with a random cookie in
place of our time; answers that do not bring it back are not counted. Offset and delay by four
timestamps, ours by the kernel's receive stamp. ``status`` means that the server refuses (the kiss code
is in the evidence) or is not synchronised itself, ``body`` that the offset is over ``max_offset_seconds``;
whose clock is wrong then, two clocks alone cannot tell. Sample exposition::

    probe_ip_protocol 4
    thongsuot_ntp_offset_seconds -0.00031
    thongsuot_ntp_delay_seconds 0.0124
    thongsuot_ntp_stratum 2
    thongsuot_ntp_leap_indicator 0
    thongsuot_ntp_root_delay_seconds 0.0041
    thongsuot_ntp_root_dispersion_seconds 0.0007
    thongsuot_ntp_reference_age_seconds 37.2
"""

import asyncio
import os
import time
from typing import Annotated, Final

from msgspec import Meta

from exporters.base import Outcome, ProbeConfig, Target
from exporters.icmpio.pinger import round_trip_ns
from exporters.net.address import host_port_of, split_host_maybe_port, version_for
from exporters.net.datagram import Datagrams
from exporters.net.failure import Failure
from exporters.net.literal import Address
from exporters.net.phases import Phases
from exporters.net.resolve import IpVersion, resolve
from exporters.ntpio.packet import (
    MAX_STRATUM,
    MODE_SERVER,
    UNSYNCHRONISED,
    Measured,
    Packet,
    difference_seconds,
    encode_request,
    measure,
    parse,
)
from inventory.names import (
    DNS_ANSWER_STALE,
    NTP_DELAY,
    NTP_LEAP,
    NTP_OFFSET,
    NTP_REFERENCE_AGE,
    NTP_ROOT_DELAY,
    NTP_ROOT_DISPERSION,
    NTP_STRATUM,
    PROBE_IP_PROTOCOL,
    Reason,
)

KIND: Final = "ntp"
PORT: Final = 123
METRICS: Final = (
    PROBE_IP_PROTOCOL,
    DNS_ANSWER_STALE,
    NTP_OFFSET,
    NTP_DELAY,
    NTP_STRATUM,
    NTP_LEAP,
    NTP_ROOT_DELAY,
    NTP_ROOT_DISPERSION,
    NTP_REFERENCE_AGE,
)
MAX_STRANGE: Final = 100
DELAY_TOLERANCE_SECONDS: Final = 0.001
"""By how much a delay may come out below nothing: clocks are read in steps."""


class Config(ProbeConfig, frozen=True, kw_only=True):
    """What is expected of the source; nothing given is not judged.

    - ``max_offset_seconds``: between its clock and ours, in either direction.
    - ``max_stratum``: how far from a primary source it may be.
    - ``max_root_distance_seconds``: half its root delay plus its root dispersion, the error it admits to.
    """

    max_offset_seconds: Annotated[float, Meta(gt=0, le=86400)] | None = None
    max_stratum: Annotated[int, Meta(ge=1, le=MAX_STRATUM)] = MAX_STRATUM
    max_root_distance_seconds: Annotated[float, Meta(gt=0, le=65536)] | None = None
    ip_version: IpVersion | None = None


def check_address(address: str) -> None:
    """Raise ValueError unless ``address`` is ``host`` or ``host:port``."""
    split_host_maybe_port(address, PORT)


async def probe(target: Target, config: Config) -> Outcome:
    """Ask once. Never raises for what a network or a peer does."""
    phases = Phases(None)
    phases.enter("resolve")
    try:
        async with asyncio.timeout(target.timeout_seconds):
            host, port = host_port_of(target.address, PORT)
            version = version_for(target.source, config.ip_version)
            address = phases.resolved(await resolve(host, version, target.timeout_seconds))
            phases.enter("request")
            packet, measured = await _exchange(address, port, target.source)
        _note(packet, measured, phases)
        _judge(packet, measured, config)
    except Failure as failure:
        return phases.outcome(failure.reason, failure.evidence)
    except TimeoutError:
        reason = Reason.DNS if phases.current == "resolve" else Reason.TIMEOUT
        return phases.outcome(reason, f"{target.address}: no answer within {target.timeout_seconds:g} s")
    return phases.outcome(Reason.OK)


async def _exchange(address: Address, port: int, source: str | None) -> tuple[Packet, Measured | None]:
    """Return the answer, and what it says about the clocks unless it is a refusal. Raises Failure."""
    cookie = int.from_bytes(os.urandom(8), "big")
    with Datagrams(address, port, source, stamped=True) as socket:
        sent = time.time_ns(), time.monotonic_ns()
        socket.send(encode_request(cookie))
        for _ in range(MAX_STRANGE):
            data, stamp = await socket.receive()
            now = time.time_ns(), time.monotonic_ns()
            packet = _answer(data, cookie)
            if packet is not None:
                if not packet.stratum:
                    return packet, None
                received_ns = sent[0] + round_trip_ns(sent, stamp, now)
                return packet, measure(sent[0], packet, received_ns)
    raise Failure(Reason.PROTOCOL, f"{address.host}: {MAX_STRANGE} datagrams, none of which is the answer")


def _answer(data: bytes, cookie: int) -> Packet | None:
    """Return the answer to our request, None for what is late, forged or no answer at all."""
    try:
        packet = parse(data)
    except ValueError:
        return None
    return packet if packet.mode == MODE_SERVER and packet.origin == cookie else None


def _note(packet: Packet, measured: Measured | None, phases: Phases) -> None:
    phases.note(NTP_STRATUM, packet.stratum)
    phases.note(NTP_LEAP, packet.leap)
    if measured is None:
        return
    phases.note(NTP_OFFSET, measured.offset_seconds)
    phases.note(NTP_DELAY, max(measured.delay_seconds, 0.0))
    phases.note(NTP_ROOT_DELAY, packet.root_delay_seconds)
    phases.note(NTP_ROOT_DISPERSION, packet.root_dispersion_seconds)
    if packet.reference:
        phases.note(NTP_REFERENCE_AGE, difference_seconds(packet.transmit, packet.reference))


def _judge(packet: Packet, measured: Measured | None, config: Config) -> None:
    """Raise Failure: status, protocol or body."""
    if measured is None:
        raise Failure(Reason.STATUS, f"refused: kiss code {packet.kiss_code!r}")
    if packet.leap == UNSYNCHRONISED or packet.stratum > MAX_STRATUM:
        raise Failure(Reason.STATUS, f"not synchronised: leap {packet.leap}, stratum {packet.stratum}")
    if not packet.transmit or not packet.receive or measured.delay_seconds < -DELAY_TOLERANCE_SECONDS:
        raise Failure(Reason.PROTOCOL, f"impossible times: a delay of {measured.delay_seconds:.6f} s")
    if packet.stratum > config.max_stratum:
        raise Failure(Reason.BODY, f"stratum {packet.stratum}, at most {config.max_stratum} expected")
    distance, most = (
        packet.root_delay_seconds / 2 + packet.root_dispersion_seconds,
        config.max_root_distance_seconds,
    )
    if most is not None and distance > most:
        raise Failure(Reason.BODY, f"root distance {distance:.3f} s, at most {most:g} s expected")
    offset, most = measured.offset_seconds, config.max_offset_seconds
    if most is not None and abs(offset) > most:
        raise Failure(Reason.BODY, f"its clock minus ours is {offset:+.6f} s, at most {most:g} s expected")
