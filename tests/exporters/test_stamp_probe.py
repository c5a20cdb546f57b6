"""The ``stamp`` probe against reflectors: our own, foreign ones, and those that lie."""

import asyncio
import contextlib
import gc
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.base import Outcome, Target
from exporters.probes import stamp
from exporters.registry import convert_options
from exporters.stampio import clock, listen, packet, places, session
from exporters.stampio.clock import ClockError, Reading, Timeline
from exporters.stampio.clockword import ErrorEstimate, encode_error, ntp_of
from exporters.stampio.reflector import Rules, Verdict
from inventory.names import Reason
from tests.exporters.foreign import Foreign, listening

KEY = b"0123456789abcdef"
FAST = {"packets_per_second": 100, "train_seconds": 0.2}
VOUCHING = encode_error(0.0005, synchronised=True)


def at(address: str, timeout_seconds: float = 10.0) -> Target:
    return Target(name="stamp/main", address=address, timeout_seconds=timeout_seconds)


async def train(target: Target, **options: object) -> Outcome:
    config = convert_options("stamp", {**FAST, **options})
    assert isinstance(config, stamp.Config)
    return await stamp.probe(target, config)


def values(outcome: Outcome) -> dict[str, float]:
    """Return samples by name, short, and labels: ``lost up``."""
    return {
        " ".join([s.metric.name.removeprefix("thongsuot_stamp_"), *(value for _, value in s.labels)]): s.value
        for s in outcome.samples
    }


def lost(outcome: Outcome) -> list[float]:
    got = values(outcome)
    return [got[f"packets_lost_total {way}"] for way in ("up", "down", "unknown")]


# --- what leaves ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("key", "octets", "padding"), [(None, 44, 0), (None, 144, 100), (KEY, 112, 0), (KEY, 120, 8)]
)
async def test_packets_as_rfc_8762_wants_them(
    tmp_path: Path, key: bytes | None, octets: int, padding: int
) -> None:
    options: dict[str, object] = {"padding_octets": padding or None}
    if key is not None:
        (tmp_path / "key").write_bytes(key)
        options["key_file"] = str(tmp_path / "key")
    foreign = Foreign(key=key, octets=octets)
    async with listening(foreign) as address:
        outcome = await train(at(address), **options)
    assert outcome.reason is Reason.OK
    assert {len(data) for data in foreign.got} == {octets}
    assert [struct.unpack("!I", data[:4])[0] for data in foreign.got] == list(range(20))
    session_at, base = (14, 44) if key is None else (26, 112)
    identifiers = {data[session_at : session_at + 2] for data in foreign.got}
    assert len(identifiers) == 1
    assert identifiers != {b"\0\0"}
    assert all(not any(data[session_at + 2 : base - (16 if key else 0)]) for data in foreign.got)
    if padding:
        assert {data[base : base + 4] for data in foreign.got} == {struct.pack("!BBH", 0x80, 1, padding - 4)}


async def test_a_session_goes_on_from_train_to_train() -> None:
    foreign = Foreign()
    async with listening(foreign) as address:
        target = at(address)
        for _ in range(3):
            assert (await train(target)).ok
        assert [struct.unpack("!I", data[:4])[0] for data in foreign.got] == list(range(60))
        assert len({data[14:16] for data in foreign.got}) == 1
        await train(target, dscp=10)
    assert struct.unpack("!I", foreign.got[60][:4])[0] == 0


async def test_packets_leave_at_even_distances() -> None:
    foreign = Foreign()
    async with listening(foreign) as address:
        outcome = await train(at(address), train_seconds=0.5)
    first, last = (int.from_bytes(foreign.got[n][4:12], "big") / 2**32 for n in (0, -1))
    assert len(foreign.got) == 50
    assert last - first >= 0.48
    assert values(outcome)["packets_sent_total"] == 50


# --- whom it understands -------------------------------------------------------------------------
@pytest.mark.parametrize(
    "foreign",
    [
        Foreign(),
        Foreign(echo_session=False),
        Foreign(octets=41),
        Foreign(stateful=False),
        Foreign(ptp=True),
        Foreign(error=0),
        Foreign(skew_seconds=-3600 * 24 * 365),
    ],
    ids=["rfc8762", "no-session", "twamp-light", "stateless", "ptp", "no-error-estimate", "a-year-behind"],
)
async def test_foreign_reflectors(foreign: Foreign) -> None:
    async with listening(foreign) as address:
        outcome = await train(at(address))
    got = values(outcome)
    assert (outcome.reason, outcome.evidence) == (Reason.OK, "")
    assert lost(outcome) == [0, 0, 0]
    assert 0 < got["rtt_seconds min"] <= got["rtt_seconds p50"] <= got["rtt_seconds max"] < 1
    for way in ("up", "down"):
        assert 0 <= got[f"jitter_seconds {way}"] < 1
        assert 0 <= got[f"delay_variation_seconds {way} p50"] <= got[f"delay_variation_seconds {way} max"] < 1
        assert f"one_way_delay_seconds {way}" not in got  # this machine's clock is nobody's


async def test_losses_of_a_foreign_reflector_are_told_apart() -> None:
    foreign = Foreign(lose=lambda n: "u" if n in (3, 7, 8) else "d" if n in (11, 21) else ".")
    async with listening(foreign) as address:
        target = at(address, 1.0)
        first, second = await train(target), await train(target)
    assert lost(first) == [3, 1, 0]
    assert lost(second) == [0, 1, 0]
    assert values(first)["loss_ratio up"] == pytest.approx(3 / 20)
    assert values(first)["loss_ratio down"] == pytest.approx(1 / 17)


async def test_a_reflector_is_asked_for_a_sign_only_once_packets_are_missing() -> None:
    foreign = Foreign(lose=lambda n: "d" if n in (5, 6) else ".")
    async with listening(foreign) as address:
        target = at(address, 1.0)
        first, second = await train(target), await train(target)
    assert (lost(first), lost(second)) == ([0, 0, 0], [0, 2, 0])
    assert values(first)["loss_ratio unknown"] == pytest.approx(2 / 20)
    numbers = [struct.unpack("!I", data[:4])[0] for data in foreign.got]
    assert numbers == [*range(20), 20, *range(20, 40)]
    assert values(second)["packets_sent_total"] == 21


async def test_losses_of_a_stateless_reflector_are_unknown() -> None:
    foreign = Foreign(stateful=False, lose=lambda n: "d" if n in (5, 6, 30) else ".")
    async with listening(foreign) as address:
        target = at(address, 1.0)
        outcomes = [await train(target) for _ in range(3)]
    assert [sum(column) for column in zip(*map(lost, outcomes), strict=True)] == [0, 0, 3]


async def test_our_own_reflector_with_a_key(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(KEY)
    chosen = listen.Chosen((places.Place("127.0.0.1", 0),), Rules(key=KEY))
    with listen.reflecting(chosen) as reflector:
        target = at(reflector.addresses[0], 0.5)
        good = await train(target, key_file=str(tmp_path / "key"), padding_octets=40)
        bad = await train(target)
    assert (good.reason, bad.reason) == (Reason.OK, Reason.TIMEOUT)
    assert reflector.results[Verdict.SHORT] > 0


async def test_dwell_time_is_not_of_the_line() -> None:
    class Slow(Foreign):
        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            received = self.clock()
            time.sleep(0.003)  # what takes its time here is the reflector, on its own clock
            self.sender = addr
            self.send(self.answer(data, received))

    async with listening(Slow()) as address:
        outcome = await train(at(address), packets_per_second=20)
    assert values(outcome)["rtt_seconds min"] < 0.003


# --- clocks --------------------------------------------------------------------------------------
async def test_one_way_delays_need_two_clocks_that_vouch_for_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "Timeline", lambda: Timeline(clock.read, lambda: ClockError(True, 0.0004)))
    async with listening(Foreign(error=VOUCHING)) as address:
        got = values(await train(at(address)))
    assert got["clock_error_seconds"] == pytest.approx(0.0009, rel=0.02)
    both = got["one_way_delay_seconds up"] + got["one_way_delay_seconds down"]
    assert both == pytest.approx(got["rtt_seconds p50"], rel=0.9)
    for error in (VOUCHING & 0x7FFF, 0x8000):
        async with listening(Foreign(error=error)) as address:
            assert "clock_error_seconds" not in values(await train(at(address)))


async def test_a_clock_that_vouches_and_is_wrong_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "Timeline", lambda: Timeline(clock.read, lambda: ClockError(True, 0.0004)))
    for skew in (3600.0, -0.5):
        async with listening(Foreign(error=VOUCHING, skew_seconds=skew)) as address:
            assert "one_way_delay_seconds up" not in values(await train(at(address)))


@pytest.mark.parametrize("skew", [0.0, 3600.0, -86400.0 * 300])
async def test_a_reflector_that_vouches_tells_its_clock_whatever_ours_shows(
    skew: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = lambda: Timeline(clock.read, lambda: ClockError(False, None))  # noqa: E731 - too small for a name
    monkeypatch.setattr(session, "Timeline", unknown)
    async with listening(Foreign(error=VOUCHING, skew_seconds=skew)) as address:
        outcome = await train(at(address))
    true = time.time() - time.monotonic() + skew
    assert outcome.peer_clock is not None
    assert outcome.peer_clock.low_seconds <= true <= outcome.peer_clock.high_seconds
    least = values(outcome)["rtt_seconds min"]
    assert outcome.peer_clock.high_seconds - outcome.peer_clock.low_seconds <= least + 0.0011


@pytest.mark.parametrize(
    "error",
    [VOUCHING & 0x7FFF, 0x8000, encode_error(None, synchronised=True), encode_error(20, synchronised=True)],
)
async def test_a_reflector_that_does_not_vouch_tells_nothing_of_its_clock(error: int) -> None:
    async with listening(Foreign(error=error)) as address:
        assert (await train(at(address))).peer_clock is None


@pytest.mark.parametrize("step", [3600.0, -3600.0])
async def test_setting_the_reflectors_clock_changes_no_duration(step: float) -> None:
    foreign = Foreign()

    def lose(number: int) -> str:
        foreign.skew_seconds = step if number >= 10 else 0.0
        return "."

    foreign.lose = lose
    foreign.error = VOUCHING
    async with listening(foreign) as address:
        target = at(address)
        outcomes = [await train(target), await train(target)]
    assert [outcome.peer_clock is None for outcome in outcomes] == [True, False]
    for outcome in outcomes:
        assert max(value for name, value in values(outcome).items() if "seconds" in name) < 1


@pytest.mark.parametrize("step_ns", [3600 * 10**9, -3600 * 10**9])
async def test_setting_our_clock_changes_no_duration(step_ns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    readings = [0]

    def stepping() -> Reading:
        readings[0] += 1
        now = clock.read()
        return Reading(now.wall_ns + (step_ns if readings[0] > 15 else 0), now.monotonic_ns)

    monkeypatch.setattr(session, "Timeline", lambda: Timeline(stepping, lambda: ClockError(True, 0.0004)))
    async with listening(Foreign(error=VOUCHING)) as address:
        outcome = await train(at(address))
    got = values(outcome)
    assert readings[0] > 30
    assert "one_way_delay_seconds up" not in got
    assert min(value for name, value in got.items() if name.startswith("rtt")) > 0
    assert max(value for name, value in got.items() if "seconds" in name) < 1


# --- liars ---------------------------------------------------------------------------------------
Lie = Callable[[Foreign, bytes], list[bytes]]


class Liar(Foreign):
    """Sends what ``lie`` makes of a true answer."""

    def __init__(self, lie: Lie, key: bytes | None = None) -> None:
        super().__init__(key=key)
        self.lie = lie

    def send(self, answer: bytes) -> None:
        for data in self.lie(self, answer):
            self.transport.sendto(data, self.sender)


def put(answer: bytes, place: int, data: bytes) -> bytes:
    return answer[:place] + data + answer[place + len(data) :]


@pytest.mark.parametrize(
    "lie",
    [
        lambda _, answer: [put(answer, 28, bytes(8))],  # another time stamp
        lambda _, answer: [put(answer, 24, b"\xff\xff\xff\xff")],  # a number never sent
        lambda _, answer: [put(answer, 14, bytes((answer[14] ^ 1,)))],  # another session
        lambda _, answer: [answer[:40]],
        lambda _, answer: [b"", os.urandom(44), b"\0" * 44],
        lambda foreign, _: [foreign.got[-1]],  # an echo
    ],
    ids=["time", "number", "session", "short", "noise", "echo"],
)
async def test_what_is_no_answer_is_not_counted(lie: Lie) -> None:
    async with listening(Liar(lie)) as address:
        outcome = await train(at(address, 0.4))
    assert outcome.reason in {Reason.PROTOCOL, Reason.TIMEOUT}
    assert outcome.evidence
    assert values(outcome)["loss_ratio unknown"] == 1
    assert not any(name.startswith("rtt") for name in values(outcome))


async def test_an_answer_without_our_hmac_is_not_counted(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(KEY)
    async with listening(Foreign(key=b"another key, as long")) as address:
        outcome = await train(at(address, 0.4), key_file=str(tmp_path / "key"))
    assert outcome.reason is Reason.AUTH
    assert "HMAC" in outcome.evidence
    assert KEY.decode() not in outcome.evidence


async def test_replays_and_late_answers_are_not_counted() -> None:
    kept: list[bytes] = []

    def replay(_: Foreign, answer: bytes) -> list[bytes]:
        kept.append(answer)
        return kept[:]

    async with listening(Liar(replay)) as address:
        target = at(address)
        outcomes = [await train(target) for _ in range(3)]
    for outcome in outcomes:
        assert lost(outcome) == [0, 0, 0]
        assert values(outcome)["rtt_seconds max"] < 1


async def test_somebody_else_who_knows_everything_but_the_address_is_not_heard() -> None:
    foreign = Foreign(lose=lambda _: "d")
    other = Foreign()
    async with listening(foreign) as address, listening(other):

        def send_from_elsewhere(number: int) -> str:
            data = foreign.got[-1]
            other.transport.sendto(foreign.answer(data, foreign.clock()), foreign.sender)
            return "d"

        foreign.lose = send_from_elsewhere
        outcome = await train(at(address, 0.4))
    assert len(foreign.got) > 10
    assert outcome.reason is Reason.TIMEOUT


@given(
    sent=st.integers(0, 2**62), whole=st.integers(0, 10**10), error=st.integers(0, 2**16 - 1),
    received=st.integers(0, 2**64 - 1), stamp=st.integers(0, 2**64 - 1), own=st.booleans(),
)  # fmt: skip
def test_any_time_stamps_give_sane_times_or_none(
    sent: int, whole: int, error: int, received: int, stamp: int, own: bool
) -> None:
    answer = packet.Reflected(0, stamp, error, 1, received, 0, ntp_of(sent), 0x8001, 64)
    times = session.timed(Reading(sent, 5), whole, answer, ErrorEstimate(own, False, 0.001))
    if times is not None:
        assert 0 <= times.rtt_ns <= whole
        assert times.up_ns + times.down_ns == times.rtt_ns
        assert (times.one_way_up_ns is None) or (own and error & 0x8000)


# --- failing -------------------------------------------------------------------------------------
async def test_where_nobody_listens() -> None:
    async with listening(Foreign()) as address:
        pass
    outcome = await train(at(address, 0.4))
    assert outcome.reason is Reason.REFUSED
    assert values(outcome)["loss_ratio unknown"] == 1


async def test_a_key_that_cannot_be_read_is_local(tmp_path: Path) -> None:
    outcome = await train(at("127.0.0.1:9"), key_file=str(tmp_path / "none"))
    assert outcome.reason is Reason.LOCAL
    assert "No such file" in outcome.evidence
    assert lost(outcome) == [0, 0, 0]


async def test_after_three_trains_in_vain_a_new_session_begins() -> None:
    foreign = Foreign(lose=lambda _: "u")
    async with listening(foreign) as address:
        target = at(address, 0.3)
        outcomes = [await train(target, train_seconds=0.1) for _ in range(3)]
        senders = {(foreign.sender, data[14:16]) for data in foreign.got}
        foreign.lose = lambda _: "."
        outcomes.append(await train(target))
    assert len(senders) == 1
    assert foreign.got[-1][14:16] not in {identifier for _, identifier in senders}
    sent = sum(values(outcome)["packets_sent_total"] for outcome in outcomes[:3])
    assert sum(lost(outcome)[2] for outcome in outcomes) == sent


def sockets() -> set[str]:
    """Return the sockets of this process by inode."""
    found = set()
    for entry in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found.add(os.readlink(f"/proc/self/fd/{entry}"))
    return {name for name in found if name.startswith("socket:")}


async def test_nothing_is_left_when_a_target_goes() -> None:
    before = sockets()
    async with listening(Foreign()) as address:
        beside = sockets()
        target = at(address)
        assert (await train(target)).ok
        (own,) = sockets() - beside
    del target
    gc.collect()
    await asyncio.sleep(0)  # the other side's socket closes in the loop's next round
    assert own not in sockets()
    assert sockets() <= before
