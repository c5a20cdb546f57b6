"""The icmp probe and its socket, on loopback."""

import asyncio
import contextlib
import errno
import socket
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.yaml.problems import Refused
from exporters.base import Outcome, Target
from exporters.icmpio import pinger as pinger_module
from exporters.icmpio.burst import BURSTS_REMEMBERED, Afterwards, Answers, Shape
from exporters.icmpio.errors import IcmpError
from exporters.icmpio.packet import encode_request, strip_ipv4_header
from exporters.icmpio.pinger import Pinger, pinger_for
from exporters.icmpio.sockets import Manner
from exporters.net.failure import Failure
from exporters.net.resolve import literal
from exporters.probes import icmp
from exporters.registry import convert_options
from inventory.names import Reason


async def ping(address: str, source: str | None = None, within: float = 5.0, **options: object) -> Outcome:
    target = Target(name="t", address=address, timeout_seconds=within, source=source)
    config = icmp.Config(**{"gap_seconds": 0.001} | options)  # type: ignore[arg-type]  # options by name
    return await icmp.probe(target, config)


def values(outcome: Outcome, name: str, **labels: str) -> list[float]:
    wanted = tuple(labels.items())
    return [s.value for s in outcome.samples if (s.metric.name, s.labels) == (name, wanted)]


def value(outcome: Outcome, name: str, phase: str | None = None) -> float:
    [found] = values(outcome, name, phase=phase) if phase else values(outcome, name)
    return found


@pytest.mark.parametrize(("address", "version"), [("127.0.0.1", 4), ("::1", 6), ("127.77.1.2", 4)])
async def test_loopback_answers(address: str, version: int) -> None:
    outcome = await ping(address)
    assert outcome.reason is Reason.OK
    assert value(outcome, "probe_ip_protocol") == version
    assert value(outcome, "probe_icmp_reply_hop_limit") == 64
    assert 0 < value(outcome, "probe_icmp_duration_seconds", "rtt") <= outcome.duration_seconds


@pytest.mark.parametrize("payload_bytes", [8, 9, 56, 1472])
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
    before = pinger_for(Manner(family))
    await asyncio.gather(*(ping(f"127.0.0.{last}") for last in range(1, 100)))
    assert pinger_for(Manner(family)) is before
    assert before.socket.fileno() >= 0


async def test_a_socket_whose_source_went_away_is_opened_again() -> None:
    first = pinger_for(Manner(socket.AF_INET, "127.0.0.1"))
    first.broken = True
    assert (await ping("127.0.0.1", source="127.0.0.1")).ok
    assert pinger_for(Manner(socket.AF_INET, "127.0.0.1")) is not first
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


async def test_a_burst_tells_loss_times_and_their_spread() -> None:
    outcome = await ping("127.0.0.1", packets=5)
    assert values(outcome, "thongsuot_icmp_packets_sent_total") == [5]
    assert values(outcome, "thongsuot_icmp_packets_lost_total") == [0]
    assert values(outcome, "thongsuot_icmp_loss_ratio") == [0]
    observed = values(outcome, "thongsuot_icmp_rtt_distribution_seconds")
    assert len(observed) == 5
    [least], [most] = (values(outcome, "thongsuot_icmp_rtt_seconds", stat=stat) for stat in ("min", "max"))
    assert (least, most) == (min(observed), max(observed))
    median = values(outcome, "thongsuot_icmp_rtt_seconds", stat="p50")
    assert median == values(outcome, "probe_icmp_duration_seconds", phase="rtt") == [sorted(observed)[2]]
    assert len(values(outcome, "thongsuot_icmp_jitter_seconds", method="mean")) == 1


async def test_one_packet_has_no_spread_and_no_histogram_unless_asked() -> None:
    outcome = await ping("::1", packets=1, histogram=False)
    assert values(outcome, "thongsuot_icmp_packets_sent_total") == [1]
    assert values(outcome, "thongsuot_icmp_rtt_distribution_seconds") == []
    assert values(outcome, "thongsuot_icmp_jitter_seconds", method="mean") == []
    assert values(outcome, "thongsuot_icmp_jitter_seconds", method="rfc3550") == [0]


async def test_without_details_there_are_three_series() -> None:
    outcome = await ping("127.0.0.1", packets=2, details=False)
    assert {(s.metric.name, s.labels) for s in outcome.samples} == {
        ("thongsuot_icmp_packets_sent_total", ()),
        ("thongsuot_icmp_packets_lost_total", ()),
        ("probe_icmp_duration_seconds", (("phase", "rtt"),)),
    }
    failed = await ping("127.0.0.1", source="192.0.2.77", details=False)
    assert [s.value for s in failed.samples] == [0, 0]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_replies_to_others_do_not_wake_anybody(host: str) -> None:
    address = literal(host)
    assert address is not None
    pinger, other = Pinger(Manner(address.family)), Pinger(Manner(address.family))
    pinger._pause(asyncio.get_running_loop())
    with contextlib.suppress(BlockingIOError):  # from before it had its filter
        while True:
            pinger.socket.recvmsg(2048)
    answers = await other.burst(address, Shape(packets=3), 30.0, Afterwards())
    assert len(answers.arrivals) == 3
    with pytest.raises(BlockingIOError):
        pinger.socket.recvmsg(2048)
    own = asyncio.create_task(pinger.burst(address, Shape(packets=3), 30.0, Afterwards()))
    assert len((await own).arrivals) == 3
    pinger.close()
    other.close()


async def test_no_packet_is_counted_that_did_not_leave() -> None:
    outcome = await ping("127.0.0.1", source="192.0.2.77")
    assert outcome.reason is Reason.LOCAL
    assert values(outcome, "thongsuot_icmp_packets_sent_total") == [0]
    assert values(outcome, "thongsuot_icmp_packets_lost_total") == [0]
    assert values(outcome, "thongsuot_icmp_loss_ratio") == []


async def test_a_way_out_that_goes_away_in_mid_burst_is_local(wire: "Wire") -> None:
    wire.refuse_after = 2
    answers, sent, _ = await start(wire, packets=5)
    await asyncio.sleep(0)  # the third is refused
    time_is_up(wire)
    result = await answers
    assert len(sent) == 2
    assert result.rtts_ns == (None, None)
    assert str(result.unsent) == "[Errno 101] Network is unreachable"


async def test_loss_is_what_was_sent_and_not_answered_by_the_deadline(wire: "Wire") -> None:
    wire.wanted = 4
    under_way = asyncio.create_task(ping("192.0.2.9", within=30, packets=4, gap_seconds=0.001))
    await wire.there.wait()
    time_is_up(wire)
    silent = await under_way
    assert silent.reason is Reason.TIMEOUT
    assert values(silent, "thongsuot_icmp_loss_ratio") == [1]
    assert values(silent, "thongsuot_icmp_packets_sent_total") == [4]
    assert values(silent, "thongsuot_icmp_packets_lost_total") == [4]
    assert not silent.partial
    assert values(silent, "thongsuot_icmp_rtt_distribution_seconds") == []


@pytest.mark.parametrize(
    "wrong",
    [{"packets": 0}, {"packets": 101}, {"gap_seconds": 0}, {"payload_bytes": 7}, {"dscp": 64}, {"dscp": -1}],
)
def test_options_out_of_bounds_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(Refused) as refused:
        convert_options("icmp", wrong)
    assert [problem.key for problem in refused.value.problems] == list(wrong)


class Wire:
    """Stands where the kernel's socket stands: sees what a pinger sends and hands it what we like."""

    def __init__(self, pinger: Pinger) -> None:
        self.pinger = pinger
        self.sent: list[bytes] = []
        self.refuse_after = 1_000_000
        self.wanted, self.there = 0, asyncio.Event()

    def sendto(self, data: bytes, _to: object) -> int:
        if len(self.sent) >= self.refuse_after:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        self.sent.append(data)
        if len(self.sent) == self.wanted:
            self.there.set()
        return len(data)

    def recvmsg(self, *_: object) -> object:
        raise BlockingIOError

    def reply(self, data: bytes, sender: str = "192.0.2.9") -> None:
        """Hand over an echo reply as it comes from the kernel."""
        header = b"\x45" + bytes(7) + b"\x40" + bytes(11)
        raw = self.pinger.is_raw
        self.pinger.take((header if raw else b"") + b"\0" + data[1:], [], sender)


@pytest.fixture
async def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    pinger = pinger_for(Manner(socket.AF_INET))
    wire = Wire(pinger)
    monkeypatch.setattr(pinger, "socket", wire)
    return wire


def time_is_up(wire: Wire) -> None:
    """Have the deadline of what is on its way come now."""
    loop = asyncio.get_running_loop()
    for burst in list(wire.pinger._by_cookie.values()):
        if burst.due is not None:
            burst.deadline = loop.time()
            wire.pinger._agenda.put(burst, burst.deadline)
    wire.pinger._turn(loop)


Started = tuple["asyncio.Task[Answers]", list[bytes], Afterwards]


async def start(wire: Wire, within: float = 30.0, **shape: object) -> Started:
    """Begin a burst, and return it, its packets once all have left, and what comes of stragglers."""
    address = literal("192.0.2.9")
    assert address is not None
    afterwards, before = Afterwards(), len(wire.sent)
    made = Shape(**{"gap_seconds": 0.0} | shape)  # type: ignore[arg-type]  # fields by name
    wire.wanted, wire.there = before + min(made.packets, wire.refuse_after), asyncio.Event()
    task = asyncio.create_task(wire.pinger.burst(address, made, within, afterwards))
    all_left = asyncio.create_task(wire.there.wait())
    await asyncio.wait((task, all_left), return_when=asyncio.FIRST_COMPLETED)
    if not all_left.done():  # ended before
        all_left.cancel()
        await task
    return task, wire.sent[before:], afterwards


async def test_a_reply_counts(wire: Wire) -> None:
    task, [sent], _ = await start(wire)
    wire.reply(sent)
    assert (await task).arrivals == (0,)


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
    wire.pinger.sequence = 41
    task, [sent], afterwards = await start(wire)
    data, sender = forge(sent)  # type: ignore[operator]  # a lambda, as pytest hands it over
    wire.reply(data, sender)
    await asyncio.sleep(0)
    assert not task.done()
    wire.reply(sent)
    assert (await task).arrivals == (0,)
    wire.reply(data, sender)
    assert afterwards.take() == (0, 0)


async def test_a_reply_to_a_packet_that_has_not_left_yet_does_not_count(wire: Wire) -> None:
    task, [first], _ = await start(wire, packets=1)
    ahead = first[:6] + ((int.from_bytes(first[6:8], "big") + 1) & 0xFFFF).to_bytes(2, "big") + first[8:]
    wire.reply(ahead)
    await asyncio.sleep(0)
    assert not task.done()
    wire.reply(first)
    assert len((await task).rtts_ns) == 1


async def test_what_comes_late_or_again_is_told_with_the_next_burst(wire: Wire) -> None:
    late, [old], afterwards = await start(wire)
    time_is_up(wire)
    assert (await late).rtts_ns == (None,)
    wire.reply(old)
    assert afterwards.take() == (0, 1)
    wire.reply(old)
    assert afterwards.take() == (1, 0)
    task, [sent], afterwards = await start(wire)
    wire.reply(old)
    await asyncio.sleep(0)
    assert not task.done()
    wire.reply(sent)
    wire.reply(sent)
    assert (await task).arrivals == (0,)
    wire.reply(sent)
    assert afterwards.take() == (2, 0)
    assert afterwards.take() == (0, 0)


async def test_order_of_arrival_and_losses_are_kept(wire: Wire) -> None:
    task, sent, afterwards = await start(wire, packets=4)
    for position in (2, 0, 3, 0):
        wire.reply(sent[position])
    time_is_up(wire)
    answers = await task
    assert answers.arrivals == (2, 0, 3)
    assert [rtt is None for rtt in answers.rtts_ns] == [False, True, False, False]
    assert afterwards.take() == (1, 0)


async def test_a_burst_ends_with_its_last_reply(wire: Wire) -> None:
    task, sent, _ = await start(wire, packets=3, within=600.0)
    for data in sent:
        wire.reply(data)
    assert len((await task).arrivals) == 3


async def test_bursts_to_one_host_whose_sequences_meet_are_told_apart(wire: Wire) -> None:
    wire.pinger.sequence = 0xFFFD
    first, [one, *_], _ = await start(wire, packets=5)
    wire.pinger.sequence = 0xFFFD
    second, [two, *rest], _ = await start(wire, packets=5)
    assert one[6:8] == two[6:8]
    wire.reply(two)
    for data in rest:
        wire.reply(data)
    assert len((await second).arrivals) == 5
    assert not first.done()
    first.cancel()


async def test_an_icmp_error_ends_the_burst_that_it_is_about(wire: Wire) -> None:
    error = IcmpError(4, 3, 1, "198.51.100.1")
    task, [sent], _ = await start(wire)
    for quoted, to in ((sent, "192.0.2.10"), (sent[:8] + bytes(8), "192.0.2.9"), (b"x", "192.0.2.9")):
        wire.pinger.take_error(quoted, to, error)
    await asyncio.sleep(0)
    assert not task.done()
    wire.pinger.take_error(sent[:8], "192.0.2.9", error)  # the least that a router quotes (RFC 792)
    assert (await task).error == error


async def test_an_error_about_one_packet_does_not_outvote_replies_to_others(wire: Wire) -> None:
    error = IcmpError(4, 3, 1, "198.51.100.1")
    task, sent, _ = await start(wire, packets=3, within=600.0)
    wire.pinger.take_error(sent[0], "192.0.2.9", error)
    wire.reply(sent[1])
    await asyncio.sleep(0)
    assert not task.done()
    wire.reply(sent[2])
    answers = await task
    assert (answers.arrivals, answers.error) == ((1, 2), error)


async def test_an_error_that_is_noticed_while_sending_ends_what_one_answer_ends(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = IcmpError(4, 3, 1, "198.51.100.1")

    def noticed() -> None:
        wire.pinger.take_error(wire.sent[0], "192.0.2.9", error)

    monkeypatch.setattr(wire.pinger, "_receive_errors", noticed)
    wire.refuse_after = 1
    task, _, afterwards = await start(wire, packets=3, within=600.0, one_suffices=True)
    answers = await task
    assert (answers.rtts_ns, answers.error, answers.unsent) == ((None,), error, None)
    wire.reply(wire.sent[0])
    assert afterwards.take() == (0, 1)


async def test_after_a_refusal_silence_does_not_wait_for_the_whole_deadline(wire: Wire) -> None:
    error = IcmpError(4, 3, 1, "198.51.100.1")
    task, sent, _ = await start(wire, packets=3, within=600.0)
    wire.pinger.take_error(sent[0], "192.0.2.9", error)  # routers limit how many they send
    answers = await task
    assert (answers.arrivals, answers.error) == ((), error)


def test_no_bytes_break_a_pinger() -> None:
    async def all_of(data: bytes) -> None:
        address = literal("127.0.0.1")
        assert address is not None
        pinger = pinger_for(Manner(socket.AF_INET))
        burst = asyncio.create_task(pinger.burst(address, Shape(packets=2), 0.002, Afterwards()))
        await asyncio.sleep(0)
        pinger.take(data, [(1, 35, data), (0, 2, data)], "127.0.0.1")
        pinger.take_error(data, "127.0.0.1", IcmpError(4, 3, 1, None))
        pinger.close()
        assert (await burst).arrivals == ()

    @settings(max_examples=60, deadline=None)
    @given(st.binary(max_size=120))
    def fuzzed(data: bytes) -> None:
        asyncio.run(all_of(data))

    fuzzed()


async def test_what_is_under_way_is_bounded(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinger_module, "MAX_BURSTS", 2)
    running = [await start(wire) for _ in range(2)]
    with pytest.raises(Failure, match="2 bursts of pings are on their way already"):
        await start(wire)
    for task, [sent], _ in running:
        wire.reply(sent)
        await task
    assert (await start(wire))[0].cancel()


async def test_stragglers_of_a_target_are_remembered_for_its_last_bursts_only(wire: Wire) -> None:
    address, afterwards, sent = literal("192.0.2.9"), Afterwards(), []
    assert address is not None
    for _ in range(BURSTS_REMEMBERED + 1):
        task = asyncio.create_task(wire.pinger.burst(address, Shape(), 30.0, afterwards))
        await asyncio.sleep(0)
        sent.append(wire.sent[-1])
        wire.reply(sent[-1])
        await task
    for data in sent:
        wire.reply(data)
    assert afterwards.take() == (BURSTS_REMEMBERED, 0)


async def test_stragglers_are_remembered_for_some_bursts_only(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pinger_module, "MAX_STRAGGLING", 2)
    ended = []
    for _ in range(3):
        task, [sent], afterwards = await start(wire)
        wire.reply(sent)
        await task
        ended.append((sent, afterwards))
    for sent, _ in ended:
        wire.reply(sent)
    assert [afterwards.take() for _, afterwards in ended] == [(0, 0), (1, 0), (1, 0)]


def test_a_sent_packet_is_an_echo_request() -> None:
    sent = encode_request(8, 1, 2, b"cookie..", with_checksum=True)
    header = b"\x45" + bytes(19)
    assert strip_ipv4_header(header + sent) == (0, sent)
