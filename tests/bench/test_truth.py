"""How the bench reads the truth out of a release log: it judges others, so it is held to examples itself."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.lab.impair import Fate, Record
from tests.bench import _text
from tests.bench._rows import claims, row
from tests.bench._truth import echoes, in_order_of_arrival, jitter_rfc3550
from tests.bench.truth_line import Window, busy, pings
from tests.bench.truth_stamp import Pair, pairs

SIZE = 84


def request(key: int, at: float, fate: Fate = Fate.RELEASED) -> Record:
    return Record(0, fate, 1, 8, SIZE, key, at, at + 0.01 if fate is not Fate.LOST else 0.0)


def reply(key: int, at: float, fate: Fate = Fate.RELEASED) -> Record:
    return Record(1, fate, 1, 0, SIZE, key, at - 0.01, at if fate is not Fate.LOST else 0.0)


def test_round_trips_run_from_request_to_first_reply() -> None:
    log = [request(1, 1.0), request(2, 1.02), reply(1, 1.05), reply(1, 1.06, Fate.COPY), reply(2, 1.08)]
    found = echoes(log, SIZE)
    assert found.sent == 2
    assert [rtt for rtt in found.rtts if rtt is not None] == pytest.approx([0.05, 0.06])
    assert None not in found.rtts
    assert (found.lost, found.copies, found.overtaken) == (0, 1, 0)


def test_lost_either_way_is_lost() -> None:
    log = [request(1, 1.0, Fate.LOST), request(2, 1.02), reply(2, 1.05, Fate.LOST), request(3, 1.04)]
    found = echoes([*log, reply(3, 1.09)], SIZE)
    assert (found.sent, found.lost, len(found.answered)) == (3, 2, 1)
    assert found.rtts[:2] == (None, None)


def test_a_reply_after_one_to_a_later_request_was_overtaken() -> None:
    log = [request(n, 1 + n * 0.01) for n in range(4)]
    log += [reply(0, 1.1), reply(2, 1.11), reply(1, 1.12), reply(3, 1.13)]
    found = echoes(log, SIZE)
    assert found.arrivals == (0, 2, 1, 3)
    assert found.overtaken == 1


def test_only_what_the_tool_sent_in_the_window_counts() -> None:
    log = [request(1, 1.0), request(2, 2.0), request(3, 3.0)]
    log += [Record(0, Fate.RELEASED, 1, 8, SIZE + 4, 9, 2.0, 2.1), reply(2, 2.5), reply(3, 3.5)]
    found = echoes(log, SIZE, 1.5, 2.5)
    assert found.sent == 1
    assert found.answered == pytest.approx([0.5])


def test_jitter_by_hand() -> None:
    assert jitter_rfc3550([0.1, 0.116, 0.1]) == pytest.approx(0.001 + (0.016 - 0.001) / 16)
    assert jitter_rfc3550([0.1]) == 0.0


@given(st.permutations(range(6)))
def test_order_of_arrival_has_every_answer_once(order: list[int]) -> None:
    log = [request(n, n * 0.001) for n in range(6)]
    log += [reply(key, 1 + place * 0.001) for place, key in enumerate(order)]
    found = echoes(log, SIZE)
    assert list(found.arrivals) == order
    assert len(in_order_of_arrival(found)) == 6
    assert (found.overtaken == 0) == (order == sorted(order))


def udp(direction: int, key: int, start: float, end: float) -> Record:
    return Record(direction, Fate.RELEASED, 17, 0, 72, key, start, end)


def test_the_nth_answer_is_to_the_nth_request_that_arrived() -> None:
    log = [udp(0, 10, 1.0, 1.2), udp(0, 12, 1.1, 1.3), udp(1, 0, 1.21, 1.25), udp(1, 1, 1.31, 1.33)]
    assert [p.up_seconds for p in pairs(log)] == pytest.approx([0.2, 0.2])
    assert [p.down_seconds for p in pairs(log)] == pytest.approx([0.04, 0.02])
    (first,) = pairs(log[:3])
    assert msgspec.structs.astuple(first) == pytest.approx(msgspec.structs.astuple(Pair(1.0, 0.2, 0.04)))


def test_busy_is_the_longest_time_at_the_rate_without_its_beginning() -> None:
    readings, sent = [], 0
    for step in range(500):
        at = step * 0.02
        sent += 25_000 if 2.0 <= at < 6.0 or 7.0 <= at < 8.0 else 0  # 10 Mbit/s
        readings.append((at, 0, sent))
    window = busy(readings, 2, 10e6)
    assert window.start == pytest.approx(3.0, abs=0.2)
    assert window.end == pytest.approx(6.0, abs=0.2)


def test_pings_of_the_window() -> None:
    said = "[10.5] 64 bytes time=20.0 ms\n[11.5] 64 bytes time=40.0 ms\n[12.9] 64 bytes time=90.0 ms\n"
    assert pings(said, Window(11.0, 12.0)) == 40.0


def test_limits_are_judged() -> None:
    good = row("a", "ms", 10.0, 10.05, by="probe", limit=0.1)
    bad = row("b", "ms", 100.0, 104.0, by="probe", relative=0.03)
    missing = row("c", "ms", 1.0, None, by="probe", limit=0)
    told = row("d", "ms", None, 3.0, by="probe")
    assert (good["held"], bad["held"], missing["held"], told["held"]) == (True, False, False, None)
    assert list(claims([good, bad, missing, told]).values()) == [True, False, False]


def test_metrics_are_read() -> None:
    body = b'# HELP a_total x\na_total{x="1",y="a\\"b"} 3.0\na_total{x="2"} 4.0\nb 1.5\n'
    assert _text.total(body, "a_total") == 7.0
    assert _text.total(body, "a_total", x="2") == 4.0
    assert _text.values(body, "b") == [({}, 1.5)]
    histogram = b'h_bucket{le="0.1"} 3.0\nh_bucket{le="+Inf"} 4.0\nh_count 4.0\n'
    assert _text.share_within(histogram, "h", 0.1) == 0.75
    assert math.isclose(_text.share_within(b"", "h", 0.1), 0.0)
