"""Traces: what is asked, what is made of answers, and when a path has changed."""

import asyncio
import socket
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters import evidence
from exporters.base import Target
from exporters.icmpio.errors import IcmpError
from exporters.icmpio.packet import checksum
from exporters.net.resolve import literal
from exporters.probes import trace
from exporters.registry import kinds
from exporters.traceio.courier import COOKIE_BYTES, Answer, Courier
from exporters.traceio.path import MAX_PATHS, MAX_TEXT, Hop, Paths, Trace, describe
from exporters.traceio.walk import SILENT_IN_A_ROW, TRIES, WINDOW, Question, Walk
from inventory.names import Reason

REFUSAL = IcmpError(4, 3, 1, "10.0.0.3")


# --- the walk -----------------------------------------------------------------------------------------
def ask_all(walk: Walk, now: float = 0.0) -> list[Question]:
    asked = []
    while (question := walk.due()) is not None:
        walk.sent(question, now)
        asked.append(question)
    return asked


def test_a_window_of_distances_is_asked_at_once_and_moves_on() -> None:
    walk = Walk(30, 1.0)
    assert [question.ttl for question in ask_all(walk)] == list(range(1, WINDOW + 1))
    walk.passed_on(Question(1, 0), "10.0.0.1", 0.25)
    assert ask_all(walk) == [Question(WINDOW + 1, 0)]
    assert walk.trace() == Trace((Hop(1, "10.0.0.1", 0.25),), reached=False)


def test_the_target_ends_the_walk_at_its_nearest_answer() -> None:
    walk = Walk(30, 1.0)
    ask_all(walk)
    walk.arrived(Question(5, 0), "10.0.0.9", 0.1)
    walk.arrived(Question(3, 0), "10.0.0.9", 0.1)
    walk.arrived(Question(4, 0), "10.0.0.9", 0.1)
    before = walk.over
    walk.passed_on(Question(1, 0), "10.0.0.1", 0.1)
    walk.passed_on(Question(2, 0), None, 0.1)
    assert (before, walk.over) == (False, True)
    found = walk.trace()
    assert (found.reached, [hop.address for hop in found.hops]) == (True, ["10.0.0.1", None, "10.0.0.9"])


def test_who_stays_silent_is_asked_once_more() -> None:
    walk = Walk(1, 1.0)
    assert ask_all(walk) == [Question(1, 0)]
    walk.expire(0.5)
    assert (walk.due(), walk.wakes) == (None, 1.0)
    walk.expire(1.0)
    assert ask_all(walk, 1.0) == [Question(1, 1)]
    walk.passed_on(Question(1, 0), "10.0.0.1", 1.5)  # the answer to the first: its own time counts
    assert walk.trace().hops == (Hop(1, "10.0.0.1", 1.5),)
    assert walk.over


def test_silence_ends_the_walk_far_before_the_limit() -> None:
    walk, now, asked = Walk(30, 1.0), 0.0, 0
    while not walk.over:
        asked += len(ask_all(walk, now))
        now += 1.0
        walk.expire(now)
    assert (asked, now) == (SILENT_IN_A_ROW * TRIES, 2.0)
    assert walk.trace() == Trace((), reached=False)


def test_who_refuses_ends_the_walk_and_the_target_has_the_last_word() -> None:
    walk = Walk(30, 1.0)
    ask_all(walk)
    for ttl in (4, 3, 5):
        walk.refused(Question(ttl, 0), REFUSAL, 0.1)
    walk.passed_on(Question(1, 0), "10.0.0.1", 0.1)
    walk.passed_on(Question(2, 0), "10.0.0.2", 0.1)
    assert walk.over
    found = walk.trace()
    assert (len(found.hops), found.refused, found.reached) == (3, REFUSAL, False)
    walk.arrived(Question(6, 0), "10.0.0.9", 0.1)
    assert (walk.trace().reached, walk.trace().refused) == (True, None)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["passed_on", "arrived", "refused"]), st.integers(0, 255), st.integers(0, 255)
        ),
        max_size=60,
    ),
    st.integers(1, 64),
)
def test_no_answers_however_strange_keep_a_walk_from_ending(
    answers: list[tuple[str, int, int]], most: int
) -> None:
    walk, now, waiting = Walk(most, 1.0), 0.0, list(answers)
    for _ in range(400):
        if walk.over:
            break
        ask_all(walk, now)
        for kind, ttl, attempt in waiting[:3]:
            question = Question(ttl, attempt)
            if kind == "refused":
                walk.refused(question, REFUSAL, now)
            else:
                getattr(walk, kind)(question, "10.0.0.1", now)
        waiting = waiting[3:]
        now += 0.5
        walk.expire(now)
    assert walk.over
    found = walk.trace()
    assert [hop.ttl for hop in found.hops] == list(range(1, len(found.hops) + 1))
    assert len(found.hops) <= most


# --- paths --------------------------------------------------------------------------------------------
def seen(*addresses: str | None, reached: bool = True, refused: IcmpError | None = None) -> Trace:
    hops = tuple(Hop(ttl, address) for ttl, address in enumerate(addresses, 1))
    return Trace(hops, reached, refused)


def taken(*traces: Trace) -> tuple[list[bool], list[int | None]]:
    paths = Paths()
    told = [(paths.take(each), paths.number) for each in traces]
    return [changed for changed, _ in told], [number for _, number in told]


def test_silence_and_outages_are_no_change() -> None:
    changed, numbers = taken(
        seen("a", None, "c", "t"),
        seen("a", "b", "c", "t"),
        seen(None, None, None, "t"),
        seen("a", reached=False),
        seen("a", "b", "b", reached=False, refused=REFUSAL),
        seen(reached=False),
        seen("a", "b", "c", "t"),
    )
    assert changed == [False] * 7
    assert len(set(numbers)) == 1
    assert numbers[0] is not None


@pytest.mark.parametrize(
    "other",
    [seen("a", "x", "c", "t"), seen("a", "b", "t"), seen("a", "b", "c", "d", "t"), seen("x", reached=False)],
)
def test_another_router_or_length_is_a_change_and_the_way_back_has_the_old_number(other: Trace) -> None:
    usual = seen("a", "b", "c", "t")
    changed, numbers = taken(usual, other, other, usual)
    assert changed == [False, True, False, True]
    assert numbers[0] == numbers[3] != numbers[1] == numbers[2]


def test_a_path_first_seen_in_an_outage_gets_its_number_when_it_is_complete() -> None:
    changed, numbers = taken(seen("a", reached=False), seen("a", "b", "t"), seen("a", "b", "t"))
    assert changed == [False] * 3
    assert numbers[0] is None
    assert numbers[1] == numbers[2] is not None


def test_the_number_is_that_of_the_routers_alone() -> None:
    timed = Trace((Hop(1, "a", 0.5), Hop(2, "t", 0.7)), reached=True)
    assert taken(timed)[1] == taken(seen("a", "t"))[1]
    assert taken(seen("a", "t"))[1] != taken(seen("b", "t"))[1]


def test_only_some_paths_are_remembered() -> None:
    usual = seen("a", "t")
    others = [seen(f"x{n}", "t") for n in range(MAX_PATHS + 5)]
    paths = Paths()
    for each in (usual, *others):
        paths.take(each)
    assert len(paths._paths) == MAX_PATHS + 1
    assert paths.take(usual)


# --- words ----------------------------------------------------------------------------------------------
ADDRESSES = st.one_of(st.none(), st.ip_addresses().map(str))


@given(st.lists(ADDRESSES, max_size=64))
def test_any_path_is_one_line_of_bounded_length_that_keeps_its_end(addresses: list[str | None]) -> None:
    text = describe([Hop(ttl, address, 0.0123) for ttl, address in enumerate(addresses, 1)])
    assert len(text) <= MAX_TEXT
    assert "\n" not in text
    if addresses and addresses[-1]:
        assert f"{len(addresses)} {addresses[-1]}" in text
    if addresses and addresses[0]:
        assert text.startswith(f"1 {addresses[0]}")


def test_what_is_too_long_loses_its_times_first() -> None:
    hops = [Hop(ttl, f"192.168.100.{ttl}", 0.1) for ttl in range(1, 17)]
    assert describe(hops[:10]).count(" ms") == 10
    assert describe(hops) == ", ".join(f"{hop.ttl} {hop.address}" for hop in hops)


# --- packets ------------------------------------------------------------------------------------------
class Sent:
    """Stands where the socket of a courier stands."""

    def __init__(self, real: socket.socket) -> None:
        self._real, self.packets = real, list[bytes]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def sendto(self, data: bytes, _to: object) -> int:
        self.packets.append(data)
        return len(data)


def courier(protocol: Any, heard: list[Answer], host: str = "127.0.0.1") -> tuple[Courier, Sent]:
    address = literal(host)
    assert address is not None
    made = Courier(address, None, protocol, "a trace", heard.append)
    sent = Sent(made._socket)
    made._socket = sent  # type: ignore[assignment]  # stands in for it
    return made, sent


QUESTIONS = [Question(1, 0), Question(2, 0), Question(30, 1), Question(64, 1)]


async def test_all_echo_requests_have_one_checksum_today_and_tomorrow() -> None:
    sums = set()
    for _ in range(5):  # a cookie of its own each time
        made, sent = courier("icmp", [])
        with made:
            for question in QUESTIONS:
                made.send(question)
        sums |= {checksum(b"\x08\0\0\0" + b"\x12\x34" + packet[6:]) for packet in sent.packets}
        assert len({packet[6:16] for packet in sent.packets}) == len(QUESTIONS)
    assert len(sums) == 1


@pytest.mark.parametrize("protocol", ["icmp", "udp"])
async def test_what_routers_quote_is_matched_by_sequence_and_cookie(protocol: str) -> None:
    heard: list[Answer] = []
    made, sent = courier(protocol, heard)
    error = IcmpError(4, 11, 0, "10.0.0.1")
    with made:
        for question in QUESTIONS:
            made.send(question)
        for packet in sent.packets:
            made.take_error(packet, error)
    assert heard == [Answer(question, "10.0.0.1", error) for question in QUESTIONS]
    heard.clear()
    forged = sent.packets[0].replace(made._cookie, bytes(COOKIE_BYTES))
    made.take_error(forged, error)
    assert heard == []
    made.take_error(sent.packets[0][: 8 if protocol == "icmp" else 0], error)  # the least (RFC 792)
    assert heard == [Answer(QUESTIONS[0] if protocol == "icmp" else None, "10.0.0.1", error)]


async def test_only_the_target_can_reply_and_only_with_the_cookie() -> None:
    heard: list[Answer] = []
    made, sent = courier("icmp", heard)
    with made:
        made.send(QUESTIONS[1])
    header = (b"\x45" + bytes(19)) if made._raw else b""
    reply = header + b"\0" + sent.packets[0][1:]
    made.take_reply(reply, "127.0.0.2")
    made.take_reply(reply.replace(made._cookie, bytes(COOKIE_BYTES)), "127.0.0.1")
    made.take_reply(reply[:-30], "127.0.0.1")
    assert heard == []
    made.take_reply(reply, "127.0.0.1")
    assert heard == [Answer(QUESTIONS[1], "127.0.0.1")]


def test_no_bytes_break_a_courier() -> None:
    async def all_of(data: bytes) -> None:
        for protocol in ("icmp", "udp"):
            heard: list[Answer] = []
            made, _ = courier(protocol, heard)
            with made:
                made.take_reply(data, "127.0.0.1")
                made.take_error(data, IcmpError(4, 11, 0, None))
                made.take_error(made._cookie + data, IcmpError(4, 11, 0, None))
            assert all(answer.by is None for answer in heard)

    @settings(max_examples=60, deadline=None)
    @given(st.binary(max_size=120))
    def fuzzed(data: bytes) -> None:
        asyncio.run(all_of(data))

    fuzzed()


# --- the kind -------------------------------------------------------------------------------------------
def test_a_trace_judges_nobody_and_is_alone() -> None:
    kind = kinds()["trace"]
    assert (kind.judges, kind.exclusive) == (False, True)


async def test_a_port_that_was_taken_does_not_stop_a_trace() -> None:
    taken_ports = [courier("udp", [])[0] for _ in range(10)]
    try:
        target = Target(name="a trace", address="127.0.0.1", timeout_seconds=5)
        outcome = await trace.probe(target, trace.Config(protocol="udp"))
        assert outcome.reason is Reason.OK
    finally:
        for each in taken_ports:
            each._socket.close()


async def test_whoever_asks_sees_every_hop() -> None:
    target = Target(name="t", address="::1", timeout_seconds=5)
    with evidence.collecting() as notes:
        outcome = await trace.probe(target, trace.Config())
    assert notes.lines == [("hop", outcome.evidence)]
    assert outcome.evidence.startswith("1 ::1 ")
