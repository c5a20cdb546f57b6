"""Whatever bytes a router sends: no exception, a closed reason, and the next poll is as good as ever."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from exporters.base import Outcome, Target
from exporters.collectors import traffic
from exporters.net.failure import Failure
from exporters.snmpio.message import Codec, Question
from exporters.snmpio.options import Secrets, Snmp
from exporters.snmpio.session import MAX_REFUSED
from exporters.snmpio.v2c import V2c
from exporters.snmpio.v3 import V3
from inventory.names import Reason
from tests.exporters.snmp_agent import COMMUNITY, Mangle, interface, router, running

QUESTION = Question(oids=((1, 3, 6, 1, 2, 1, 1, 3, 0),))
ROUTERS_FAULT = {Reason.PROTOCOL, Reason.BODY, Reason.STATUS, Reason.TOO_LARGE, Reason.AUTH}
SOME = st.binary(max_size=300)


@pytest.fixture(scope="module")
def v3() -> V3:
    snmp = Snmp(version="3", user="giam-sat", auth_key_file="a", privacy_key_file="p")
    return V3(snmp, Secrets(auth_key=b"xac-thuc-1", privacy_key=b"ma-hoa-12"))


def mutated(message: bytes, changes: list[tuple[int, int]], cut: int) -> bytes:
    """``message`` with some bytes replaced, and cut."""
    found = bytearray(message)
    for at, value in changes:
        found[at % len(found)] = value
    return bytes(found[: len(found) - cut])


CHANGES = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 255)), max_size=4)


def take(codec: Codec, datagram: bytes) -> None:
    """Only a Failure may come out, with a reason that speaks of the router."""
    codec.ask(QUESTION)
    problem = Failure(Reason.PROTOCOL, "none")
    try:
        codec.take(datagram)
    except Failure as failure:
        problem = failure
    assert problem.reason in (Reason.PROTOCOL, Reason.AUTH)
    assert problem.evidence
    assert len(codec.more()) <= 1
    codec.forget()


@given(SOME)
@example(b"")
@example(b"\x30\x80" * 100)
@example(b"\x30\x84\xff\xff\xff\xff")
def test_v2c_takes_any_bytes(datagram: bytes) -> None:
    take(V2c(b"public"), datagram)


@given(CHANGES, st.integers(0, 40))
def test_v2c_takes_damaged_messages(changes: list[tuple[int, int]], cut: int) -> None:
    codec = V2c(b"public")
    take(codec, mutated(codec.ask(QUESTION), changes, cut))


@given(SOME)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_v3_takes_any_bytes(v3: V3, datagram: bytes) -> None:
    take(v3, datagram)


@given(CHANGES, st.integers(0, 40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_v3_takes_damaged_messages(v3: V3, changes: list[tuple[int, int]], cut: int) -> None:
    take(v3, mutated(v3.ask(QUESTION), changes, cut))


def test_v3_answers_nobody(v3: V3) -> None:
    """A request sent to us, as by whoever wants us to answer a third party, is not answered."""
    other = V3(Snmp(version="3", user="ai-do"), Secrets())
    v3.ask(QUESTION)
    assert v3.take(other.ask(QUESTION)) is None
    assert v3.more() == []
    v3.forget()


def test_v3_without_its_keys_is_local() -> None:
    short = Secrets(auth_key=b"", privacy_key=b"")
    snmp = Snmp(version="3", user="giam-sat", auth_key_file="a", privacy_key_file="p")
    with pytest.raises(Failure) as refused:
        V3(snmp, short).ask(QUESTION)
    assert refused.value.reason is Reason.LOCAL


@given(st.lists(st.one_of(SOME, st.tuples(CHANGES, st.integers(0, 40))), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_a_poll_ends_with_a_reason(answers: list[Any]) -> None:
    """Through the real socket and deadline: the agent answers with these, over and over."""

    def mangle(answer: bytes) -> list[bytes]:
        sent = [found if isinstance(found, bytes) else mutated(answer, *found) for found in answers]
        return [datagram or b"\0" for datagram in sent] * MAX_REFUSED

    with tempfile.TemporaryDirectory() as folder:
        community = Path(folder, "community")
        community.write_text(COMMUNITY)
        config = traffic.Config(interface="wan0", snmp=Snmp(community_file=str(community)))
        outcome = asyncio.run(_poll(mangle, config))
    assert outcome.reason in {
        Reason.OK,
        Reason.PROTOCOL,
        Reason.BODY,
        Reason.STATUS,
        Reason.TOO_LARGE,
        Reason.AUTH,
    }
    assert bool(outcome.evidence) is not outcome.ok
    assert "\n" not in outcome.evidence


async def _poll(mangle: Mangle, config: traffic.Config) -> Outcome:
    async with running(router(interface(1, "wan0")), mangle) as (_, address):
        target = Target(name="fuzz", address=address, timeout_seconds=30.0)
        return await traffic.probe(target, config)
