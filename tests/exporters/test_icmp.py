"""The icmp probe and its socket, on loopback."""

import asyncio
import socket
import time

import pytest

from exporters.base import Outcome, Target
from exporters.icmpio import pinger as pinger_module
from exporters.icmpio.errors import IcmpError
from exporters.icmpio.packet import encode_request, parse_echo, strip_ipv4_header
from exporters.icmpio.pinger import Pinger, Reply, pinger_for
from exporters.net.resolve import literal
from exporters.probes import icmp
from inventory.names import Reason


async def ping(address: str, source: str | None = None, within: float = 5.0, **options: object) -> Outcome:
    target = Target(name="t", address=address, timeout_seconds=within, source=source)
    return await icmp.probe(target, icmp.Config(**options))  # type: ignore[arg-type]  # options by name


def value(outcome: Outcome, name: str, phase: str | None = None) -> float:
    labels = (("phase", phase),) if phase else ()
    [found] = [s.value for s in outcome.samples if (s.metric.name, s.labels) == (name, labels)]
    return found


@pytest.mark.parametrize(("address", "version"), [("127.0.0.1", 4), ("::1", 6), ("127.77.1.2", 4)])
async def test_loopback_answers(address: str, version: int) -> None:
    outcome = await ping(address)
    assert outcome.reason is Reason.OK
    assert value(outcome, "probe_ip_protocol") == version
    assert value(outcome, "probe_icmp_reply_hop_limit") == 64
    assert 0 < value(outcome, "probe_icmp_duration_seconds", "rtt") <= outcome.duration_seconds


@pytest.mark.parametrize("payload_bytes", [8, 9, 56, 1400])
async def test_any_size_of_payload(payload_bytes: int) -> None:
    assert (await ping("127.0.0.1", payload_bytes=payload_bytes)).ok
    assert (await ping("::1", payload_bytes=payload_bytes)).ok


async def test_it_leaves_by_the_source_that_is_asked_for() -> None:
    assert (await ping("127.0.0.1", source="127.9.9.9")).ok
    assert (await ping("127.0.0.1", source="lo")).ok


async def test_the_version_asked_for_is_used() -> None:
    assert value(await ping("localhost", ip_version=4), "probe_ip_protocol") == 4
    refused = await ping("127.0.0.1", ip_version=6)
    assert refused.reason is Reason.LOCAL
    assert (await ping("::1", source="127.0.0.1")).reason is Reason.LOCAL


async def test_one_socket_serves_all_targets() -> None:
    family = socket.AF_INET
    before = pinger_for(family, None)
    await asyncio.gather(*(ping(f"127.0.0.{last}") for last in range(1, 100)))
    assert pinger_for(family, None) is before
    assert before.socket.fileno() >= 0


async def test_a_socket_whose_source_went_away_is_opened_again() -> None:
    first = pinger_for(socket.AF_INET, "127.0.0.1")
    first.broken = True
    assert (await ping("127.0.0.1", source="127.0.0.1")).ok
    assert pinger_for(socket.AF_INET, "127.0.0.1") is not first
    assert first.socket.fileno() == -1


async def test_a_step_of_the_wall_clock_while_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Stepping:
        """The time module, whose wall clock jumps an hour between two readings."""

        monotonic_ns = staticmethod(time.monotonic_ns)
        steps = 0

        @classmethod
        def time_ns(cls) -> int:
            cls.steps += 3600
            return time.time_ns() + cls.steps * 1_000_000_000

    await ping("127.0.0.1")
    monkeypatch.setattr(pinger_module, "time", Stepping)
    outcome = await ping("127.0.0.1")
    assert outcome.ok
    assert 0 < value(outcome, "probe_icmp_duration_seconds", "rtt") <= outcome.duration_seconds


class Wire:
    """Stands where the kernel's socket stands: sees what a pinger sends and hands it what we like."""

    def __init__(self, pinger: Pinger) -> None:
        self.pinger = pinger
        self.sent: list[bytes] = []

    def sendto(self, data: bytes, _to: object) -> int:
        self.sent.append(data)
        return len(data)

    def reply(self, data: bytes, sender: str) -> None:
        """Hand over an echo reply as it comes from the kernel."""
        header = b"\x45" + bytes(7) + b"\x40" + bytes(11)
        raw = self.pinger.is_raw
        self.pinger.take((header if raw else b"") + b"\0" + data[1:], [], sender)


@pytest.fixture
async def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    pinger = pinger_for(socket.AF_INET, None)
    wire = Wire(pinger)
    monkeypatch.setattr(pinger, "socket", wire)
    return wire


async def start(wire: Wire, within: float = 30.0) -> tuple["asyncio.Task[object]", bytes]:
    address = literal("192.0.2.9")
    assert address is not None
    task: asyncio.Task[object] = asyncio.create_task(wire.pinger.ping(address, 56, within))
    await asyncio.sleep(0)
    return task, wire.sent[-1]


async def test_a_reply_counts(wire: Wire) -> None:
    task, sent = await start(wire)
    wire.reply(sent, "192.0.2.9")
    assert isinstance(await task, Reply)


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda sent: (sent, "192.0.2.10"), id="another sender"),
        pytest.param(lambda sent: (sent[:8] + bytes(56), "192.0.2.9"), id="another cookie"),
        pytest.param(lambda sent: (sent[:15], "192.0.2.9"), id="half a cookie"),
        pytest.param(lambda sent: (sent[:6] + b"\xff\xff" + sent[8:], "192.0.2.9"), id="another sequence"),
        pytest.param(lambda sent: (sent[:1] + b"\x01" + sent[2:], "192.0.2.9"), id="another code"),
        pytest.param(lambda sent: (b"", "192.0.2.9"), id="nothing"),
    ],
)
async def test_a_forged_reply_does_not(wire: Wire, forge: "object") -> None:
    task, sent = await start(wire)
    data, sender = forge(sent)  # type: ignore[operator]  # a lambda, as pytest hands it over
    wire.reply(data, sender)
    await asyncio.sleep(0)
    assert not task.done()
    wire.reply(sent, "192.0.2.9")
    assert isinstance(await task, Reply)


async def test_late_and_repeated_replies_find_nobody(wire: Wire) -> None:
    late, old = await start(wire, within=0.001)
    assert await late is None
    wire.reply(old, "192.0.2.9")
    task, sent = await start(wire)
    wire.reply(old, "192.0.2.9")
    await asyncio.sleep(0)
    assert not task.done()
    wire.reply(sent, "192.0.2.9")
    wire.reply(sent, "192.0.2.9")
    assert isinstance(await task, Reply)


async def test_sequences_in_use_are_not_used_again(wire: Wire) -> None:
    wire.pinger.sequence = 0xFFFD
    started = [await start(wire) for _ in range(5)]
    echoes = [parse_echo(sent) for _, sent in started]
    assert len({echo.sequence for echo in echoes if echo}) == 5
    for task, sent in started:
        wire.reply(sent, "192.0.2.9")
        assert isinstance(await task, Reply)


async def test_an_icmp_error_ends_the_ping_it_is_about(wire: Wire) -> None:
    error = IcmpError(4, 3, 1, "198.51.100.1")
    task, sent = await start(wire)
    for quoted, to in ((sent, "192.0.2.10"), (sent[:8] + bytes(8), "192.0.2.9"), (b"x", "192.0.2.9")):
        wire.pinger.take_error(quoted, to, error)
    await asyncio.sleep(0)
    assert not task.done()
    wire.pinger.take_error(sent[:8], "192.0.2.9", error)  # the least that a router quotes (RFC 792)
    assert await task == error


def test_a_sent_packet_is_an_echo_request() -> None:
    sent = encode_request(8, 1, 2, b"cookie..", with_checksum=True)
    header = b"\x45" + bytes(19)
    assert strip_ipv4_header(header + sent) == (0, sent)
