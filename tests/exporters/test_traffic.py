"""``traffic``: how a router is asked, and what becomes of wrong answers."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pysnmp.proto.api import v2c  # type: ignore[import-untyped]  # it ships no types

from common.yaml.options import convert_options
from common.yaml.problems import Refused
from exporters.base import Outcome, Target
from exporters.collectors import traffic
from exporters.net.failure import Failure
from exporters.nicio.counters import Field
from exporters.registry import check_module
from exporters.snmpio import interfaces, poller, session
from exporters.snmpio.message import Question
from exporters.snmpio.options import Secrets, Snmp
from exporters.snmpio.session import MAX_REFUSED
from exporters.snmpio.v2c import V2c
from inventory.names import Reason
from tests.exporters.snmp_agent import COMMUNITY, IF, IFX, UPTIME, interface, router, running

FULL = 2**32
KINDS = {"traffic": check_module(traffic)}


# --- a router ----------------------------------------------------------------------------------------
@pytest.fixture
def options(tmp_path: Path) -> dict[str, Any]:
    community = tmp_path / "community"
    community.write_text(COMMUNITY + "\n")
    return {"interface": "wan0", "snmp": {"community_file": str(community)}}


class Polling:
    """Polls a router as the harness does: one target, again and again."""

    def __init__(self, address: str, options: dict[str, Any], timeout_seconds: float = 5.0) -> None:
        self.target = Target(name="traffic/main", address=address, timeout_seconds=timeout_seconds)
        config = convert_options("traffic", KINDS, options)
        assert isinstance(config, traffic.Config)
        self.config = config

    async def poll(self) -> Outcome:
        return await traffic.probe(self.target, self.config)

    async def counted(self) -> dict[str, float]:
        outcome = await self.poll()
        assert (outcome.reason, outcome.evidence) == (Reason.OK, "")
        return named(outcome)


def named(outcome: Outcome) -> dict[str, float]:
    """Values by ``bytes up``, ``packets down``, ..., ``speed``."""
    found = {}
    for sample in outcome.samples:
        what = sample.metric.name.removeprefix("thongsuot_traffic_").removesuffix("_total")
        found[" ".join((what, *(value for _, value in sample.labels)))] = sample.value
    return found


ZEROS = {f"{what} {way}": 0.0 for what in Field for way in ("up", "down")}
SPEED = {"interface_speed_bytes_per_second": 125e6}


async def test_a_router_is_asked_for_one_interface(options: dict[str, Any]) -> None:
    mib = router(interface(1, "lan0"), interface(2, "wan0"))
    async with running(mib) as (_, address):
        polling = Polling(address, options)
        assert await polling.counted() == ZEROS | SPEED
        mib |= interface(2, "wan0", (1_000 + 70_000, 2_000 + 500))
        mib[*IFX, 7, 2] = v2c.Counter64(30 + 60)
        mib[*IF, 14, 2] = v2c.Counter32(3 + 5)  # ifInErrors
        mib[*IF, 19, 2] = v2c.Counter32(2 + 6)  # ifOutDiscards
        changed = {"bytes down": 70_000, "bytes up": 500, "packets down": 60, "errors down": 5, "drops up": 6}
        assert await polling.counted() == ZEROS | SPEED | changed


async def test_an_interface_towards_the_lan_counts_the_other_way_round(options: dict[str, Any]) -> None:
    mib = router(interface(2, "wan0"))
    async with running(mib) as (_, address):
        polling = Polling(address, options | {"facing": "in"})
        await polling.poll()
        mib |= interface(2, "wan0", (1_000 + 70_000, 2_000 + 500))
        assert await polling.counted() == ZEROS | SPEED | {"bytes up": 70_000, "bytes down": 500}


@pytest.mark.parametrize("name", ["wan0", "descr of wan0", "alias of wan0"])
async def test_an_interface_is_known_by_name_description_or_alias(name: str, options: dict[str, Any]) -> None:
    many = [interface(index, f"vlan{index}") for index in range(3, 40)]
    async with running(router(interface(41, "wan0"), *many)) as (_, address):
        assert await Polling(address, options | {"interface": name}).counted() == ZEROS | SPEED


async def test_32_bit_counters_where_there_are_no_others(options: dict[str, Any]) -> None:
    mib = router(interface(2, "wan0", (FULL - 100, 50), wide=False))
    async with running(mib) as (_, address):
        polling = Polling(address, options)
        await polling.poll()
        mib |= interface(2, "wan0", (FULL + 900, 60), wide=False)
        assert await polling.counted() == ZEROS | SPEED | {"bytes down": 1000, "bytes up": 10}


async def test_64_bit_counters_that_come_later_are_used(options: dict[str, Any]) -> None:
    mib = router(interface(2, "wan0", wide=False))
    async with running(mib) as (agent, address):
        polling = Polling(address, options)
        await polling.poll()
        for oid in [oid for oid in mib if oid[:9] == IF and oid[9] in (10, 16)]:
            del mib[oid]
        mib |= {oid: value for oid, value in interface(2, "wan0").items() if oid[:10] == IFX}
        assert await polling.counted() == ZEROS | SPEED
        mib |= interface(2, "wan0", (1005, 2000))
        assert (await polling.counted())["bytes down"] == 5
        assert (*IFX, 6, 2) in agent.asked[-1]


async def test_indexes_dealt_anew_are_found_again_and_count_nothing_between(options: dict[str, Any]) -> None:
    mib = router(interface(1, "lan0"), interface(2, "wan0"))
    async with running(mib) as (_, address):
        polling = Polling(address, options)
        await polling.poll()
        mib |= interface(1, "wan0", (500_000, 500_000)) | interface(2, "lan0", (900_000, 900_000))
        assert await polling.counted() == ZEROS | SPEED
        mib |= interface(1, "wan0", (500_007, 500_000))
        assert (await polling.counted())["bytes down"] == 7


@pytest.mark.parametrize("oid", [UPTIME, (*IFX, 19, 2)], ids=["restart", "discontinuity"])
async def test_counters_that_began_anew_count_nothing(oid: tuple[int, ...], options: dict[str, Any]) -> None:
    mib = router(interface(2, "wan0"))
    async with running(mib) as (_, address):
        polling = Polling(address, options)
        await polling.poll()
        mib |= interface(2, "wan0", (999_999, 999_999)) | {oid: v2c.TimeTicks(50)}
        assert await polling.counted() == ZEROS | SPEED
        mib |= interface(2, "wan0", (1_000_000, 999_999)) | {oid: v2c.TimeTicks(50)}
        assert (await polling.counted())["bytes down"] == 1


async def test_a_speed_that_is_not_told_is_absent(options: dict[str, Any]) -> None:
    mib = router(interface(2, "wan0")) | {(*IFX, 15, 2): v2c.Gauge32(0)}
    async with running(mib) as (_, address):
        assert await Polling(address, options).counted() == ZEROS


# --- a router that is wrong --------------------------------------------------------------------------
async def test_an_interface_that_the_router_does_not_have(options: dict[str, Any]) -> None:
    async with running(router(interface(1, "lan0"), interface(2, "wan1"))) as (_, address):
        outcome = await Polling(address, options).poll()
    assert outcome.reason is Reason.BODY
    assert outcome.evidence.startswith("the router has no interface 'wan0'; it has 'lan0 wan1 descr of")


async def test_an_interface_that_is_there_twice(options: dict[str, Any]) -> None:
    async with running(router(interface(1, "wan0"), interface(2, "wan0"))) as (_, address):
        outcome = await Polling(address, options).poll()
    assert (outcome.reason, outcome.evidence) == (
        Reason.BODY,
        "ifName 'wan0' is not one interface but [1, 2]",
    )


@pytest.mark.parametrize("status", [2, 6, 7])
async def test_the_one_that_runs_is_taken_of_two(status: int, options: dict[str, Any]) -> None:
    """A router may show an interface that went for minutes, beside the one made in its place."""
    mib = router(interface(2, "wan0", (10, 10)))
    async with running(mib) as (_, address):
        polling = Polling(address, options)
        await polling.poll()
        mib[*IF, 8, 2] = v2c.Integer32(status)
        assert await polling.counted() == ZEROS | SPEED
        mib |= interface(9, "wan0", (500, 500))
        assert await polling.counted() == ZEROS | SPEED
        mib |= interface(9, "wan0", (503, 500))
        assert (await polling.counted())["bytes down"] == 3
        mib[*IF, 8, 9] = v2c.Integer32(status)
        mib |= {oid: value for oid, value in interface(9, "wan0", (504, 500)).items() if oid != (*IF, 8, 9)}
        assert (await polling.counted())["bytes down"] == 1


@pytest.mark.parametrize(
    ("value", "reason", "words"),
    [
        (v2c.Integer32(7), Reason.PROTOCOL, "is of type Integer32, not a counter"),
        (v2c.OctetString("7"), Reason.PROTOCOL, "is of type OctetString, not a counter"),
        (v2c.IpAddress("10.0.0.1"), Reason.PROTOCOL, "is of type other, not a counter"),
        (v2c.NoSuchInstance(""), Reason.BODY, "keeps no octet counters of 'wan0'"),
        (v2c.NoSuchObject(""), Reason.BODY, "keeps no octet counters of 'wan0'"),
        (v2c.EndOfMibView(""), Reason.BODY, "keeps no octet counters of 'wan0'"),
    ],
)
async def test_octets_that_are_no_counter(
    value: Any, reason: Reason, words: str, options: dict[str, Any]
) -> None:
    mib = router(interface(2, "wan0", wide=False)) | {(*IF, 10, 2): value}
    async with running(mib) as (_, address):
        outcome = await Polling(address, options).poll()
    assert outcome.reason is reason
    assert words in outcome.evidence


async def test_counters_that_the_router_does_not_keep_are_zero(options: dict[str, Any]) -> None:
    mib = router(interface(2, "wan0"))
    for column in (13, 14, 19, 20):
        del mib[*IF, column, 2]
    async with running(mib) as (_, address):
        assert await Polling(address, options).counted() == ZEROS | SPEED


@pytest.mark.parametrize(
    ("error", "reason", "name"),
    [
        (1, Reason.TOO_LARGE, "tooBig"),
        (5, Reason.STATUS, "genErr"),
        (6, Reason.AUTH, "noAccess"),
        (16, Reason.AUTH, "authorizationError"),
    ],
)
async def test_errors_of_the_router(error: int, reason: Reason, name: str, options: dict[str, Any]) -> None:
    async with running(router(interface(2, "wan0"))) as (agent, address):
        agent.error = error
        outcome = await Polling(address, options).poll()
    assert (outcome.reason, outcome.evidence) == (reason, f"the router answers {name} at variable 1")


def _other_request(answer: bytes) -> bytes:
    at = answer.index(b"\xa2") + 4
    while answer[at - 2] != 2:  # the tag of the request id
        at += 1
    return answer[:at] + bytes([answer[at] ^ 1]) + answer[at + 1 :]


@pytest.mark.parametrize(
    ("mangle", "words"),
    [
        (lambda answer: b"\0", "not an SNMP message"),
        (lambda answer: answer[:-1], "not an SNMP message"),
        (lambda answer: answer + b"\0", "not a response of this version and community"),
        (lambda answer: b"\x30" * 3000, "over 2048 bytes"),
        (_other_request, "answers another request"),
        (lambda answer: answer.replace(b"to-doc", b"khac00"), "not a response of this version and community"),
        (lambda answer: answer.replace(b"\xa2", b"\xa0", 1), "not a response of this version and community"),
    ],
    ids=["tiny", "cut", "longer", "huge", "other-request", "other-community", "a-request"],
)
async def test_answers_that_are_none(
    mangle: Callable[[bytes], bytes], words: str, options: dict[str, Any]
) -> None:
    mib = router(interface(2, "wan0"))
    async with running(mib, lambda answer: [mangle(answer)] * MAX_REFUSED) as (_, address):
        outcome = await Polling(address, options).poll()
    assert outcome.reason is Reason.PROTOCOL
    assert outcome.evidence.startswith(f"{MAX_REFUSED} datagrams that answer nothing; the last: {words}")


async def test_silence(options: dict[str, Any]) -> None:
    async with running(router(), lambda _: []) as (_, address):
        outcome = await Polling(address, options, timeout_seconds=0.2).poll()
    assert (outcome.reason, outcome.evidence) == (Reason.TIMEOUT, "no answer within 0.2 s")


async def test_a_right_answer_after_wrong_ones_counts(options: dict[str, Any]) -> None:
    def mangle(answer: bytes) -> list[bytes]:
        return [b"\xff", _other_request(answer), answer, answer]

    async with running(router(interface(2, "wan0")), mangle) as (_, address):
        assert await Polling(address, options).counted() == ZEROS | SPEED


async def test_a_question_that_was_lost_is_asked_again(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "RETRY_SECONDS", 0.05)
    lost: Iterator[int] = iter(range(2))

    def mangle(answer: bytes) -> list[bytes]:
        return [] if next(lost, None) is not None else [answer]

    async with running(router(interface(2, "wan0")), mangle) as (agent, address):
        assert await Polling(address, options).counted() == ZEROS | SPEED
    assert agent.asked[0] == agent.asked[1] == agent.asked[2]


async def test_a_stranger_is_not_heard(options: dict[str, Any]) -> None:
    """Datagrams from another port than the router's never reach the codec."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        where: list[Any] = []

        def mangle(answer: bytes) -> list[bytes]:
            for _ in range(MAX_REFUSED):
                stranger.sendto(b"x", where[0])
            return [answer]

        async with running(router(interface(2, "wan0")), mangle) as (agent, address):
            received = agent.datagram_received

            def note(data: bytes, addr: Any) -> None:
                where[:] = [addr]
                received(data, addr)

            agent.datagram_received = note  # type: ignore[method-assign]  # to know the asking port
            assert await Polling(address, options).counted() == ZEROS | SPEED


async def test_a_table_that_runs_backwards_ends(options: dict[str, Any]) -> None:
    def mangle(answer: bytes) -> list[bytes]:
        return [answer]

    async with running(router(interface(2, "wan0")), mangle) as (agent, address):
        agent._bulk = lambda after, repetitions: iter([((*IFX, 1, 5), v2c.OctetString("a"))] * 2)  # type: ignore[method-assign]  # a broken agent
        outcome = await Polling(address, options).poll()
    assert (outcome.reason, outcome.evidence) == (
        Reason.PROTOCOL,
        "the router's table of interfaces runs backwards",
    )


async def test_a_table_without_end_is_too_large(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interfaces, "MAX_INTERFACES", 30)
    many = [interface(index, f"vlan{index}") for index in range(1, 60)]
    async with running(router(*many)) as (_, address):
        outcome = await Polling(address, options).poll()
    assert outcome.reason is Reason.TOO_LARGE


async def test_nobody_listens(options: dict[str, Any]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    outcome = await Polling(f"127.0.0.1:{port}", options).poll()
    assert (outcome.reason, outcome.evidence) == (Reason.REFUSED, "SNMP: Connection refused")


async def test_the_poll_after_a_bad_one_is_good_again(options: dict[str, Any]) -> None:
    answers: list[list[bytes]] = [[b"x"] * MAX_REFUSED]

    def mangle(answer: bytes) -> list[bytes]:
        return answers.pop() if answers else [answer]

    mib = router(interface(2, "wan0"))
    async with running(mib, mangle) as (_, address):
        polling = Polling(address, options)
        assert (await polling.poll()).reason is Reason.PROTOCOL
        await polling.poll()
        answers.append([b"x"] * MAX_REFUSED)
        assert (await polling.poll()).reason is Reason.PROTOCOL
        mib |= interface(2, "wan0", (1_500, 2_000))
        assert (await polling.counted())["bytes down"] == 500


# --- secrets -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file"), (b"", "holds no secret"), (b"\n", "holds no secret"), (b"x" * 1025, "holds no")],
)
async def test_a_file_without_a_secret(
    content: bytes | None, words: str, options: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "other"
    if content is not None:
        path.write_bytes(content)
    changed = options | {"snmp": {"community_file": str(path)}}
    outcome = await Polling("127.0.0.1:161", changed).poll()
    assert outcome.reason is Reason.LOCAL
    assert outcome.evidence.startswith(f"{path}: ")
    assert words in outcome.evidence


async def test_a_pipe_in_place_of_a_secret_does_not_hold_the_loop(
    options: dict[str, Any], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    changed = options | {"snmp": {"community_file": str(tmp_path / "pipe")}}
    outcome = await Polling("127.0.0.1:161", changed).poll()
    assert (outcome.reason, outcome.evidence) == (Reason.LOCAL, f"{tmp_path}/pipe: Not a plain file")


async def test_a_changed_community_is_used_at_once(options: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "community"
    path.write_text("khac")
    async with running(router(interface(2, "wan0"))) as (agent, address):
        polling = Polling(address, options)
        unheard = asyncio.create_task(polling.poll())
        await agent.stranger.wait()
        unheard.cancel()
        await asyncio.gather(unheard, return_exceptions=True)
        path.write_text(COMMUNITY)
        assert await polling.counted() == ZEROS | SPEED


async def test_changed_options_are_used_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reload that changes nothing but options makes a target equal to the old one, and its keys are the
    same too."""
    made: list[str | None] = []

    class Mute(V2c):
        def ask(self, question: Question) -> bytes:
            raise Failure(Reason.LOCAL, f"made for {made[-1]}")

    def make(snmp: Snmp, _: Secrets) -> V2c:
        made.append(snmp.auth_protocol)
        return Mute(b"")

    monkeypatch.setattr(poller, "make_codec", make)
    (tmp_path / "key").write_text("khoa-rat-dai")
    polls, seen = [], []
    for protocol in ("sha", "sha", "sha256"):
        snmp = {
            "version": "3",
            "user": "u",
            "auth_key_file": str(tmp_path / "key"),
            "auth_protocol": protocol,
        }
        polls.append(Polling("127.0.0.1:161", {"interface": "wan", "snmp": snmp}))
        seen.append((await polls[-1].poll()).evidence)
    assert made == ["sha", "sha256"]
    assert seen == ["made for sha", "made for sha", "made for sha256"]


async def test_no_evidence_and_no_text_holds_a_secret(options: dict[str, Any]) -> None:
    secrets = Secrets(community=b"bi-mat", auth_key=b"bi-mat", privacy_key=b"bi-mat")
    assert "bi-mat" not in f"{secrets} {secrets!r}"
    async with running(router(interface(2, "wan0")), lambda answer: [answer * 2] * MAX_REFUSED) as (
        _,
        address,
    ):
        outcome = await Polling(address, options).poll()
    assert outcome.evidence
    assert COMMUNITY not in outcome.evidence


# --- options and addresses ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("snmp", "key"),
    [
        ({}, "snmp.community_file"),
        ({"community_file": "c", "user": "u"}, "snmp.user"),
        ({"community_file": "c", "auth_protocol": "sha"}, "snmp.auth_protocol"),
        ({"version": "3"}, "snmp.user"),
        ({"version": "3", "user": "u", "community_file": "c"}, "snmp.community_file"),
        ({"version": "3", "user": "u", "auth_protocol": "sha"}, "snmp.auth_key_file"),
        (
            {"version": "3", "user": "u", "auth_key_file": "k", "privacy_protocol": "aes"},
            "snmp.privacy_key_file",
        ),
        ({"version": "3", "user": "u", "privacy_key_file": "k"}, "snmp.auth_key_file"),
        ({"version": "1", "community_file": "c"}, "snmp.version"),
        ({"community": "public"}, "snmp.community"),
    ],
)
def test_combinations_that_make_no_sense(snmp: dict[str, Any], key: str) -> None:
    with pytest.raises(Refused) as refused:
        convert_options("traffic", KINDS, {"interface": "wan0", "snmp": snmp})
    assert [problem.key for problem in refused.value.problems] == [key]


def test_a_router_needs_the_name_of_an_interface() -> None:
    for wrong in ({"interface": "wan0"}, {"snmp": {"community_file": "c"}}):
        with pytest.raises(Refused) as refused:
            convert_options("traffic", KINDS, wrong)
        assert [problem.key for problem in refused.value.problems] == ["interface"]


@pytest.mark.parametrize(
    "address", ["eth0", "3g-wan", "br-lan.100", "10.0.0.1:161", "[fd00::1]:161", "gw:1161"]
)
def test_addresses(address: str) -> None:
    traffic.check_address(address)


@pytest.mark.parametrize("address", ["", "12", "a/b", "x" * 16, ".", "..", "10.0.0.1", "[::1]", "gw:0"])
def test_wrong_addresses(address: str) -> None:
    with pytest.raises(ValueError, match="such as eth0"):
        traffic.check_address(address)


async def test_a_router_without_options_for_it() -> None:
    outcome = await traffic.probe(
        Target(name="x", address="127.0.0.1:161", timeout_seconds=1), traffic.Config()
    )
    assert (outcome.reason, outcome.evidence) == (Reason.LOCAL, "127.0.0.1:161: without options for SNMP")


async def test_polls_leave_nothing_open(options: dict[str, Any]) -> None:
    async with running(router(interface(2, "wan0"))) as (_, address):
        polling = Polling(address, options)
        await polling.poll()
        before = set(os.listdir("/proc/self/fd"))
        for _ in range(20):
            await polling.poll()
        assert set(os.listdir("/proc/self/fd")) == before
        assert len(asyncio.all_tasks()) == 1
