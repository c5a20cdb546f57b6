"""Time servers: arithmetic, refusals, forgeries, and chronyd."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy import debian
from exporters.base import Outcome, Target
from exporters.ntpio.packet import (
    MODE_SERVER,
    Packet,
    difference_seconds,
    encode_request,
    measure,
    parse,
    timestamp_of,
)
from exporters.registry import convert_options, kinds
from inventory.names import NTP_DELAY, NTP_LEAP, NTP_OFFSET, NTP_REFERENCE_AGE, NTP_STRATUM, Reason
from tests.exporters.ntp_server import reply, time_server
from tests.exporters.servers import closed_port

SECOND = 1 << 32
ERA = 1 << 64
# An answer of a stratum 1 server with a GPS reference, put together by hand from RFC 5905, figure 8.
GPS = bytes.fromhex(
    "24 01 06 e9 00008000 00000a3d 47505300"  # LI 0, VN 4, mode 4; 2**-23; half a second; GPS
    "ed1f6d80 00000000  0123456789abcdef  ed1f6d81 80000000  ed1f6d81 c0000000"
)


async def measure_at(port: int, within: float = 10.0, **options: Any) -> Outcome:
    target = Target(name="t", address=f"127.0.0.1:{port}", timeout_seconds=within)
    return await kinds()["ntp"].probe(target, convert_options("ntp", options))


async def ask(answering: Callable[[bytes], Iterable[bytes]], within: float = 10.0, **options: Any) -> Outcome:
    async with time_server(answering) as port:
        return await measure_at(port, within, **options)


def values(outcome: Outcome) -> dict[str, float]:
    return {sample.metric.name: sample.value for sample in outcome.samples}


# --- packets and arithmetic ----------------------------------------------------------------------


def test_what_a_packet_says() -> None:
    assert parse(GPS) == Packet(
        leap=0, version=4, mode=MODE_SERVER, stratum=1, precision=-23, root_delay_seconds=0.5,
        root_dispersion_seconds=2621 / 65536, reference_id=b"GPS\0", reference=0xED1F6D80 << 32,
        origin=0x0123456789ABCDEF, receive=0xED1F6D81_80000000, transmit=0xED1F6D81_C0000000,
    )  # fmt: skip


def test_a_request_tells_nothing_but_its_cookie() -> None:
    assert encode_request(0x0123456789ABCDEF).hex() == "23" + "00" * 39 + "0123456789abcdef"


@pytest.mark.parametrize(
    ("unix_seconds", "timestamp"),
    [  # RFC 5905, figure 4, and the day on which the counter begins anew
        (0, 2_208_988_800),
        (63_072_000, 2_272_060_800),
        (2_085_978_495, 4_294_967_295),
        (2_085_978_496, 0),
    ],
)
def test_timestamps(unix_seconds: int, timestamp: int) -> None:
    assert timestamp_of(unix_seconds * 10**9) == timestamp << 32


@given(
    sent=st.integers(0, 2**34 * 10**9),
    offset=st.integers(-(10**18), 10**18),
    there=st.integers(0, 10**10),
    back=st.integers(0, 10**10),
    inside=st.integers(0, 10**10),
)
def test_four_timestamps(sent: int, offset: int, there: int, back: int, inside: int) -> None:
    """Whatever the clocks say and whatever era it is, offset is off by half the difference of the ways."""
    packet = replaced(parse(GPS), sent + there + offset, sent + there + inside + offset)
    measured = measure(sent, packet, sent + there + inside + back)
    assert measured.delay_seconds == pytest.approx((there + back) / 1e9, abs=1e-6)
    assert measured.offset_seconds == pytest.approx((offset + (there - back) / 2) / 1e9, abs=1e-6)


def replaced(packet: Packet, receive_ns: int, transmit_ns: int) -> Packet:
    return msgspec.structs.replace(
        packet, receive=timestamp_of(receive_ns), transmit=timestamp_of(transmit_ns)
    )


@given(st.integers(0, ERA - 1), st.integers(-(2**63) + 1, 2**63 - 1))
def test_a_difference_knows_no_era(earlier: int, units: int) -> None:
    assert difference_seconds((earlier + units) % ERA, earlier) == units / SECOND


@given(st.binary(max_size=200))
def test_any_bytes_are_a_packet_or_a_value_error(data: bytes) -> None:
    try:
        packet = parse(data)
    except ValueError:
        assert len(data) < 48
        return
    assert packet.kiss_code.isprintable()
    measured = measure(0, packet, 10**9)
    assert abs(measured.offset_seconds) < 2**32


# --- the probe -----------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [0.0, 3600.0, -3600.0])
async def test_the_offset_of_a_clock(ahead: float) -> None:
    outcome = await ask(lambda request: [reply(request, ahead_seconds=ahead)])
    assert (outcome.reason, outcome.evidence) == (Reason.OK, "")
    found = values(outcome)
    # The truth lies within half the delay (RFC 5905, 8), and the loopback's own delay is small.
    assert abs(found[NTP_OFFSET.name] - ahead) <= found[NTP_DELAY.name] / 2 + 1e-5
    assert 0 <= found[NTP_DELAY.name] <= outcome.duration_seconds
    assert (found[NTP_STRATUM.name], found[NTP_LEAP.name]) == (2, 0)
    assert found[NTP_REFERENCE_AGE.name] == 0


async def test_the_cookie_is_never_the_same() -> None:
    seen: set[bytes] = set()

    def answering(request: bytes) -> list[bytes]:
        seen.add(request[40:48])
        return [reply(request)]

    async with time_server(answering) as port:
        for _ in range(5):
            assert (await measure_at(port)).ok
    assert len(seen) == 5


async def test_forged_and_late_answers_are_not_counted() -> None:
    def answering(request: bytes) -> Iterable[bytes]:
        yield reply(request, ahead_seconds=99, origin=bytes(8))
        yield reply(request, ahead_seconds=99, mode=5)
        yield request  # a mirror
        yield b""
        yield reply(request)[:47]
        yield reply(request)
        yield reply(request, ahead_seconds=99)

    outcome = await ask(answering)
    assert outcome.ok
    assert abs(values(outcome)[NTP_OFFSET.name]) < 10


@pytest.mark.parametrize(
    ("answering", "options", "reason", "words"),
    [
        (lambda r: [reply(r, stratum=0, reference_id=b"RATE")], {}, Reason.STATUS, "kiss code 'RATE'"),
        (lambda r: [reply(r, stratum=0, reference_id=b"\n\xff\0A")], {}, Reason.STATUS, "kiss code '???A'"),
        (lambda r: [reply(r, leap=3)], {}, Reason.STATUS, "not synchronised: leap 3, stratum 2"),
        (lambda r: [reply(r, stratum=16)], {}, Reason.STATUS, "not synchronised: leap 0, stratum 16"),
        (lambda r: [reply(r, stratum=4)], {"max_stratum": 3}, Reason.BODY, "stratum 4, at most 3"),
        (lambda r: [reply(r)], {"max_root_distance_seconds": 0.5}, Reason.BODY, "root distance 1.000 s"),
        (lambda r: [reply(r, ahead_seconds=-9)], {"max_offset_seconds": 5}, Reason.BODY, "at most 5 s"),
        (lambda r: [reply(r)[:32] + bytes(16)], {}, Reason.PROTOCOL, "impossible times"),
        (lambda r: [reply(r)[:40] + reply(r, ahead_seconds=9)[40:]], {}, Reason.PROTOCOL, "impossible times"),
        (lambda r: [b"garbage"] * 150, {}, Reason.PROTOCOL, "100 datagrams, none of which is the answer"),
        (lambda r: [], {}, Reason.TIMEOUT, "no answer within"),
    ],
)
async def test_what_is_wrong_with_a_source(
    answering: Callable[[bytes], Iterable[bytes]], options: dict[str, Any], reason: Reason, words: str
) -> None:
    outcome = await ask(answering, within=0.2 if reason is Reason.TIMEOUT else 10.0, **options)
    assert outcome.reason is reason
    assert words in outcome.evidence


async def test_nothing_listens() -> None:
    with closed_port() as port:
        assert (await measure_at(port)).reason is Reason.REFUSED


async def test_a_step_of_our_own_clock_changes_no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour forward between request and answer: the server's clock did not move, nor does the delay."""
    stepped = False

    def time_ns() -> int:
        return time.clock_gettime_ns(time.CLOCK_REALTIME) + (3600 * 10**9 if stepped else 0)

    def answering(request: bytes) -> list[bytes]:
        nonlocal stepped
        answer = reply(request)
        stepped = True
        return [answer]

    monkeypatch.setattr(time, "time_ns", time_ns)
    outcome = await ask(answering)
    assert outcome.ok
    assert 0 <= values(outcome)[NTP_DELAY.name] <= outcome.duration_seconds
    assert abs(values(outcome)[NTP_OFFSET.name]) < 10


# --- a real server -------------------------------------------------------------------------------


@pytest.fixture
def chronyd(tmp_path: Path) -> Iterator[int]:
    """Debian's chronyd serving this machine's clock; yields its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    conf = tmp_path / "chrony.conf"
    conf.write_text(
        f"local stratum 3\nallow 127.0.0.1\nbindaddress 127.0.0.1\nport {port}\n"
        f"cmdport 0\nbindcmdaddress /\npidfile {tmp_path}/pid\n",
        encoding="utf-8",
    )
    words = [str(debian.find("chronyd")), "-d", "-x", "-u", "root", "-f", str(conf)]  # -x: sets no clock
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=debian.environment())
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if "Running" in line or "Disabled control" in line:
                break
        else:
            raise AssertionError("chronyd did not start")
        yield port
    finally:
        process.terminate()
        process.communicate(timeout=10)


async def test_chronyd_serves_this_machines_own_clock(chronyd: int) -> None:
    outcome = await measure_at(chronyd, max_offset_seconds=0.1)
    while outcome.reason is Reason.REFUSED:  # its socket is not open yet
        outcome = await measure_at(chronyd, max_offset_seconds=0.1)
    assert (outcome.reason, outcome.evidence) == (Reason.OK, "")
    found = values(outcome)
    assert (found[NTP_STRATUM.name], found[NTP_LEAP.name]) == (3, 0)
    assert abs(found[NTP_OFFSET.name]) <= found[NTP_DELAY.name] / 2 + 1e-5
