"""What the reflector answers, and to whom it never does."""

import asyncio
import ipaddress
import os
import random
import socket
import struct
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.stampio import listen, packet, places
from exporters.stampio.ancillary import tell
from exporters.stampio.clock import ClockError, Reading, Timeline
from exporters.stampio.clockword import decode_error, unix_ns_of
from exporters.stampio.packet import Sent
from exporters.stampio.reflector import GROWN_PER_SECOND, Arrival, Reflector, Rules, Verdict, looks_reflected
from exporters.stampio.sessions import NEWCOMERS, Sessions

KEY = b"0123456789abcdef"
SECOND = 10**9
WALL = 1_795_305_600 * SECOND


class Clock:
    """Both clocks, by hand."""

    def __init__(self) -> None:
        self.wall_ns, self.monotonic_ns = WALL, 77 * SECOND

    def __call__(self) -> Reading:
        return Reading(self.wall_ns, self.monotonic_ns)

    def go_on(self, ns: int) -> None:
        self.wall_ns, self.monotonic_ns = self.wall_ns + ns, self.monotonic_ns + ns


def made(rules: Rules | None = None, clock: Clock | None = None) -> Reflector:
    timeline = Timeline(clock or Clock(), lambda: ClockError(True, 0.001))
    reflector = Reflector(rules or Rules(), timeline)
    reflector.own_ports = {9999}
    return reflector


def ask(
    reflector: Reflector, data: bytes, host: str = "192.0.2.1", port: int = 40000, hop_limit: int = 61
) -> bytes | None:
    now = reflector.timeline.now()
    return reflector.answer(data, Arrival(host, port, hop_limit, now.wall_ns), now)


def sent(sequence: int = 0, session: int = 9, key: bytes | None = None) -> bytes:
    return packet.encode_sent(Sent(sequence, 1 << 60, 0x8F84, session), key)


# --- answers -------------------------------------------------------------------------------------
@pytest.mark.parametrize("key", [None, KEY])
def test_an_answer_repeats_the_packet_and_adds_times(key: bytes | None) -> None:
    clock = Clock()
    reflector = made(Rules(key=key), clock)
    now = reflector.timeline.now()
    clock.go_on(250_000)
    answer = reflector.answer(sent(7, key=key), Arrival("192.0.2.1", 40000, 61, WALL - 50_000), now)
    assert answer is not None
    assert len(answer) == len(sent(key=key))
    got = packet.parse_reflected(answer, key)
    assert got is not None
    assert (got.sender_sequence, got.sender_stamp, got.sender_error) == (7, 1 << 60, 0x8F84)
    assert (got.session, got.hop_limit) == (9, 61)
    assert unix_ns_of(got.received, WALL) == WALL - 50_000
    assert unix_ns_of(got.stamp, WALL) == WALL + 250_000
    estimate = decode_error(got.error)
    assert (estimate.synchronised, estimate.ptp) == (True, False)
    assert estimate.seconds == pytest.approx(0.001, rel=0.01)


def test_each_session_is_counted_by_itself() -> None:
    reflector = made()

    def number(port: int, session: int) -> int:
        answer = ask(reflector, sent(session=session), port=port)
        assert answer is not None
        return int.from_bytes(answer[:4], "big")

    assert [number(40000, 9) for _ in range(3)] == [0, 1, 2]
    assert [number(40001, 9), number(40000, 8), number(40000, 9)] == [0, 0, 3]


def test_random_padding_of_twamp_light_makes_no_session_of_each_packet() -> None:
    reflector = made()
    for number in range(3):
        answer = ask(reflector, struct.pack("!IQH", number, 5, 6) + os.urandom(40))
        assert answer is not None
        assert int.from_bytes(answer[:4], "big") == number
        assert answer[14:16] == b"\0\0"


@settings(max_examples=300)
@given(
    data=st.binary(max_size=150) | st.binary(max_size=60).map(lambda tail: sent() + tail),
    key=st.sampled_from([None, KEY]),
    symmetric=st.booleans(),
)
def test_an_answer_is_as_long_as_the_packet_or_41_octets(
    data: bytes, key: bytes | None, symmetric: bool
) -> None:
    answer = ask(made(Rules(key=key, symmetric=symmetric)), data)
    if answer is not None:
        assert len(answer) == max(len(data), 41)
        assert len(answer) == len(data) or not symmetric


def test_padding_of_twamp_light_goes_back_as_it_came() -> None:
    padding = bytes(range(1, 101))
    answer = ask(made(), struct.pack("!IQH", 1, 5, 6) + padding)
    assert answer is not None
    assert answer[44:] == padding[30:]


def test_answers_longer_than_the_packet_are_few_whoever_asks() -> None:
    clock = Clock()
    reflector = made(clock=clock)
    short = struct.pack("!IQH", 1, 5, 6)
    answers = [ask(reflector, short, host=f"192.0.2.{n % 250}", port=30000 + n) for n in range(500)]
    assert sum(answer is not None for answer in answers) == GROWN_PER_SECOND
    clock.go_on(SECOND // 2)
    answers = [ask(reflector, short, port=30000 + n) for n in range(500)]
    assert sum(answer is not None for answer in answers) == GROWN_PER_SECOND // 2
    assert ask(reflector, sent()) is not None
    assert reflector.results[Verdict.SHORT] == 1000 - GROWN_PER_SECOND * 3 // 2


# --- refusals ------------------------------------------------------------------------------------
@pytest.mark.parametrize("port", [7, 13, 19, 53, 123, 862, 1023, 1900, 5353, 9462, 9999, 11211])
def test_ports_that_would_answer_are_not_answered(port: int) -> None:
    reflector = made()
    assert ask(reflector, sent(), port=port) is None
    assert reflector.results[Verdict.PORT] == 1
    assert len(reflector.sessions) == 0


@pytest.mark.parametrize("key", [None, KEY])
def test_two_reflectors_set_on_each_other_stop_at_once(key: bytes | None) -> None:
    one, other = made(Rules(key=key)), made(Rules(key=key))
    answer = ask(one, sent(key=key), port=20000)
    assert answer is not None
    assert looks_reflected(answer, authenticated=key is not None)
    assert ask(other, answer, port=30000) is None
    assert other.results[Verdict.LOOP] == 1


@given(st.binary(min_size=14, max_size=120))
def test_a_senders_padding_is_not_taken_for_an_answer(padding: bytes) -> None:
    now = struct.pack("!IQH", 1, (WALL // SECOND + 2_208_988_800) << 32, 6)
    assert not looks_reflected(now + padding, authenticated=False)


def test_only_allowed_networks_are_answered() -> None:
    networks = (ipaddress.ip_network("10.51.0.0/16"), ipaddress.ip_network("fe80::/10"))
    reflector = made(Rules(networks=networks))
    hosts = ("10.51.3.4", "10.52.0.1", "fe80::1%eth0", "fd00::1", "10.51.3.4")
    assert [ask(reflector, sent(), host=host) is not None for host in hosts] == [
        True,
        False,
        True,
        False,
        True,
    ]
    assert reflector.results[Verdict.NETWORK] == 2


def test_with_a_key_only_authentic_packets_are_answered() -> None:
    reflector = made(Rules(key=KEY))
    assert ask(reflector, sent(key=KEY)) is not None
    assert ask(reflector, sent()) is None
    assert ask(reflector, sent(key=b"another key, as long")) is None
    assert ask(reflector, sent(key=KEY)[:-1]) is None
    assert (reflector.results[Verdict.HMAC], reflector.results[Verdict.SHORT]) == (1, 2)
    assert len(reflector.sessions) == 1


# --- clocks --------------------------------------------------------------------------------------
@pytest.mark.parametrize("step", [3600 * SECOND, -3600 * SECOND, SECOND // 10, -SECOND // 10])
def test_a_clock_that_is_set_makes_no_dwell_time(step: int) -> None:
    clock = Clock()
    timeline = Timeline(clock, lambda: ClockError(True, 0.001))
    timeline.now()
    stamp = clock.wall_ns + 1000
    clock.go_on(2000)
    clock.wall_ns += step
    now = timeline.now()
    received = timeline.received_ns(stamp, now)
    assert 0 <= now.wall_ns - received <= 2000
    clock.go_on(30_000)
    clock.wall_ns -= step
    assert timeline.since(now) - now.wall_ns == 30_000


def test_the_kernels_stamp_is_believed_otherwise() -> None:
    clock = Clock()
    timeline = Timeline(clock, lambda: ClockError(False, None))
    now = timeline.now()
    assert timeline.received_ns(WALL - 40_000, now) == WALL - 40_000
    assert timeline.received_ns(None, now) == WALL
    assert timeline.received_ns(WALL + 40_000, now) == WALL
    assert timeline.received_ns(WALL - 2 * SECOND, now) == WALL


def test_the_kernel_is_asked_for_its_error_now_and_then() -> None:
    clock, asked = Clock(), [0]

    def error() -> ClockError:
        asked[0] += 1
        return ClockError(True, 0.5)

    timeline = Timeline(clock, error)
    for _ in range(100):
        assert decode_error(timeline.error_bits(timeline.now())).synchronised
        clock.go_on(SECOND)
    assert asked == [10]


# --- many ----------------------------------------------------------------------------------------
def test_ten_thousand_sessions_keep_their_counts_through_garbage() -> None:
    sessions = Sessions()
    real = [(f"10.{n >> 8}.{n & 255}.1", 40000, n) for n in range(10_000)]
    for turn in range(2):  # a newcomer proves itself by sending on
        assert [sessions.next_sequence(key, float(turn)) for key in real] == [turn] * 10_000
    chance = random.Random(3)
    for number in range(100_000):
        garbage = (f"192.0.2.{number & 255}", chance.randrange(1024, 65536), number)
        sessions.next_sequence(garbage, 1.5)
        sessions.next_sequence(garbage, 1.5)
    assert [sessions.next_sequence(key, 2.0) for key in real] == [2] * 10_000
    assert len(sessions) == 10_000 + NEWCOMERS
    assert sessions.evicted == 100_000 - NEWCOMERS


def test_silent_sessions_are_forgotten_and_full_rooms_give_up_the_most_silent() -> None:
    sessions = Sessions(kept=2, newcomers=2)
    for name in ("a", "b", "c"):
        for now in (0.0, 1.0):
            sessions.next_sequence((name, 1, 1), now)
    assert [sessions.next_sequence((name, 1, 1), 2.0) for name in ("b", "c", "a")] == [2, 2, 0]
    sessions.expire(901.5)
    assert len(sessions) == 3
    sessions.expire(902.5)
    assert len(sessions) == 0


def test_a_count_goes_round_after_32_bits() -> None:
    sessions = Sessions()
    key = ("h", 1, 1)
    sessions.next_sequence(key, 0.0)
    sessions._newcomers[key].count = 2**32 - 1
    assert [sessions.next_sequence(key, 0.0) for _ in range(2)] == [2**32 - 1, 0]


def test_a_second_of_garbage_leaves_nothing_behind() -> None:
    """50,000 packets of random octets and senders, by count: memory is that of full tables, no more."""
    reflector = made()
    chance = random.Random(5)

    def flood(packets: int) -> None:
        for _ in range(packets):
            host = str(ipaddress.IPv4Address(chance.getrandbits(32)))
            ask(reflector, chance.randbytes(chance.randrange(0, 120)), host, chance.randrange(1, 65536))

    flood(60_000)
    tracemalloc.start()
    flood(50_000)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(reflector.sessions) == NEWCOMERS
    assert grown < 12_000_000  # newcomers that replaced others, and remembered addresses


# --- sockets -------------------------------------------------------------------------------------
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 60), st.binary(max_size=40)), max_size=4))
def test_any_control_message_is_understood_or_left_out(ancillary: list[tuple[int, int, bytes]]) -> None:
    told = tell(ancillary)
    assert 0 <= told.hop_limit <= 255
    assert 0 <= told.traffic_class <= 255


def place(host: str = "127.0.0.1", rules: Rules | None = None) -> listen.Chosen:
    return listen.Chosen((places.Place(host, 0),), rules or Rules())


async def exchange(sock: socket.socket, to: tuple[str, int], data: bytes) -> tuple[bytes, tuple[str, int]]:
    loop = asyncio.get_running_loop()
    sock.setblocking(False)
    await loop.sock_sendto(sock, data, to)
    async with asyncio.timeout(10):
        return await loop.sock_recvfrom(sock, 2000)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_an_answer_over_a_socket(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with listen.reflecting(place(host)) as reflector, socket.socket(family, socket.SOCK_DGRAM) as sock:
        port = next(iter(reflector.own_ports))
        if family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 33)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 33)
        before = time.time_ns()
        data, _ = await exchange(sock, (host, port), sent())
        after = time.time_ns()
    got = packet.parse_reflected(data, None)
    assert got is not None
    assert got.hop_limit == 33
    received, stamp = unix_ns_of(got.received, before), unix_ns_of(got.stamp, before)
    assert before <= received <= stamp <= after
    assert reflector.results[Verdict.REFLECTED] == 1


async def test_the_answer_leaves_from_the_address_that_was_asked_with_its_dscp_and_full_ttl() -> None:
    with (
        listen.reflecting(place("0.0.0.0")) as reflector,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
    ):
        sock.bind(("127.0.0.1", 0))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 46 << 2 | 2)
        sock.setsockopt(socket.IPPROTO_IP, 13, 1)  # IP_RECVTOS
        sock.setsockopt(socket.IPPROTO_IP, 12, 1)  # IP_RECVTTL
        sock.settimeout(10)
        sock.sendto(sent(), ("127.9.8.7", next(iter(reflector.own_ports))))
        await asyncio.to_thread(sock.recv, 10, socket.MSG_PEEK)
        _, ancillary, _, sender = sock.recvmsg(2000, 200)
    told = tell(ancillary)
    assert sender[0] == "127.9.8.7"
    assert (told.traffic_class, told.hop_limit) == (46 << 2, 255)


async def test_a_packet_that_is_longer_than_any_is_dropped() -> None:
    with listen.reflecting(place()) as reflector, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        to = ("127.0.0.1", next(iter(reflector.own_ports)))
        sock.sendto(sent() + bytes(20_000), to)
        await exchange(sock, to, sent())
    assert reflector.results[Verdict.LONG] == 1


async def test_nothing_is_left_of_a_reflector() -> None:
    before = set(os.listdir("/proc/self/fd"))
    with listen.reflecting(place()):
        pass
    assert set(os.listdir("/proc/self/fd")) == before
