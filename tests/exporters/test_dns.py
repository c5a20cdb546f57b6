"""The dns probe: the resolver that fails is told apart from the name that fails."""

from collections.abc import Iterable
from typing import Any

import pytest

from common.yaml.problems import Refused
from exporters.base import Outcome, Target
from exporters.dnsio.client import Server
from exporters.dnsio.message import NXDOMAIN, REFUSED, SERVFAIL, Message, parse
from exporters.dnsio.names import encode_name, name_of
from exporters.dnsio.system import ResolvConf, System
from exporters.net.literal import literal
from exporters.probes import dns
from exporters.registry import convert_options, kinds
from inventory.names import (
    DNS_RCODE,
    DNS_RESOLVER_UP,
    DNS_TTL,
    PROBE_DNS_ANSWERS,
    PROBE_DNS_SERIAL,
    PROBE_DNS_SUCCEEDED,
    Reason,
)
from tests.exporters.dns_server import Answering, a, name_server, record, respond, silent, soa
from tests.exporters.servers import closed_port

NAME = "portal.example"


async def measure(at: str, within: float = 10.0, **options: Any) -> Outcome:
    target = Target(name="t", address=at, timeout_seconds=within)
    return await kinds()["dns"].probe(target, convert_options("dns", options))


async def ask(answering: Answering, within: float = 10.0, name: str = NAME, **options: Any) -> Outcome:
    async with name_server(answering) as port:
        return await measure(f"{name}@127.0.0.1:{port}", within, **options)


def saying(*answers: bytes, rcode: int = 0, **more: Any) -> Answering:
    return lambda query, _: [respond(query, *answers, rcode=rcode, **more)]


def values(outcome: Outcome) -> dict[str, float]:
    """Return the samples without labels of their own."""
    return {sample.metric.name: sample.value for sample in outcome.samples if not sample.labels}


def by_resolver(outcome: Outcome) -> list[float]:
    return [sample.value for sample in outcome.samples if sample.metric is DNS_RESOLVER_UP]


GOOD = saying(a(NAME, "192.0.2.7", 60), a(NAME, "192.0.2.8", 90))


async def test_an_answer_as_expected() -> None:
    outcome = await ask(GOOD, expected_answers=["192.0.2.8", "192.0.2.7"], min_answers=2, max_answers=2)
    assert (outcome.reason, outcome.evidence) == (Reason.OK, "")
    found = values(outcome)
    assert (found[PROBE_DNS_ANSWERS.name], found[DNS_TTL.name], found[DNS_RCODE.name]) == (2, 60, 0)
    assert found[PROBE_DNS_SUCCEEDED.name] == 1
    assert PROBE_DNS_SERIAL.name not in found
    assert by_resolver(outcome) == [1]
    phases = {dict(s.labels)["phase"]: s.value for s in outcome.samples if dict(s.labels).get("phase")}
    assert set(phases) == {"resolve", "connect", "request"}
    assert 0 < phases["request"] <= outcome.duration_seconds
    assert phases["connect"] == 0


async def test_over_tcp_connecting_is_told_apart() -> None:
    outcome = await ask(GOOD, transport="tcp")
    connecting = [s.value for s in outcome.samples if dict(s.labels).get("phase") == "connect"]
    assert outcome.ok
    assert 0 < connecting[0] < outcome.duration_seconds


@pytest.mark.parametrize(
    ("answering", "reason", "rcode", "words"),
    [
        (saying(rcode=SERVFAIL), Reason.STATUS, 2, ": servfail"),
        (saying(rcode=REFUSED), Reason.STATUS, 5, ": refused"),
        (saying(flags=0x8000), Reason.STATUS, 0, ": noerror"),  # a referral
        (silent, Reason.TIMEOUT, None, ": no answer within"),
        (lambda query, _: [query[:2] + b"\x81\x80\xff"], Reason.PROTOCOL, None, "shorter than a header"),
    ],
)
async def test_the_resolver_fails(
    answering: Answering, reason: Reason, rcode: int | None, words: str
) -> None:
    outcome = await ask(answering, within=0.2 if reason is Reason.TIMEOUT else 10.0)
    assert outcome.reason is reason
    assert words in outcome.evidence
    found = values(outcome)
    assert found.get(DNS_RCODE.name) == rcode
    assert found[PROBE_DNS_SUCCEEDED.name] == 0
    assert by_resolver(outcome) == [0]


async def test_nothing_listens_at_the_resolver() -> None:
    with closed_port() as port:
        outcome = await measure(f"{NAME}@127.0.0.1:{port}")
    assert outcome.reason is Reason.REFUSED
    assert by_resolver(outcome) == [0]


@pytest.mark.parametrize(
    ("answering", "reason", "rcode", "evidence"),
    [
        (saying(rcode=NXDOMAIN), Reason.DNS, 3, "nxdomain, says 127.0.0.1:"),
        (saying(authorities=(soa("example"),)), Reason.DNS, 0, "no A record, says 127.0.0.1:"),
        (saying(a(NAME, "192.0.2.66")), Reason.BODY, 0, "without 192.0.2.7; 127.0.0.1:"),
        (saying(a(NAME, "192.0.2.7"), a(NAME, "192.0.2.9")), Reason.BODY, 0, "192.0.2.9 not expected"),
    ],
)
async def test_the_name_fails(answering: Answering, reason: Reason, rcode: int, evidence: str) -> None:
    outcome = await ask(answering, expected_answers=["192.0.2.7"])
    assert outcome.reason is reason
    assert outcome.evidence.startswith(f"{NAME}: {evidence}")
    assert values(outcome)[DNS_RCODE.name] == rcode
    assert values(outcome)[PROBE_DNS_SUCCEEDED.name] == 1
    assert by_resolver(outcome) == [1]


@pytest.mark.parametrize(
    ("options", "reason", "words"),
    [
        ({"other_answers_allowed": True, "expected_answers": ["192.0.2.7"]}, Reason.OK, ""),
        ({"min_answers": 3}, Reason.BODY, "2 records, at least 3 expected"),
        ({"max_answers": 1}, Reason.BODY, "2 records, at most 1 expected"),
        ({"answer_regex": r"\.8$"}, Reason.OK, ""),
        ({"answer_regex": r"\.9$"}, Reason.BODY, "in none"),
        ({"forbidden_answer_regex": [r"^10\.", r"\.8$"]}, Reason.BODY, "is forbidden"),
        ({"forbidden_answer_regex": [r"^10\."]}, Reason.OK, ""),
        ({"expected_rcode": "nxdomain"}, Reason.BODY, "noerror and not nxdomain"),
        ({"answer_regex": r"(1|1|9)*(.|.)*(2|2|9)*x"}, Reason.BODY, "in none"),
    ],
)
async def test_what_is_expected(options: dict[str, Any], reason: Reason, words: str) -> None:
    outcome = await ask(GOOD, **options)
    assert outcome.reason is reason
    assert words in outcome.evidence


async def test_a_name_that_must_not_exist() -> None:
    assert (await ask(saying(rcode=NXDOMAIN), expected_rcode="nxdomain")).ok
    assert (await ask(saying(), min_answers=0)).ok


async def test_a_pattern_that_takes_too_long_is_ours() -> None:
    text = record(NAME, "TXT", b"\xff" + b"a" * 255)
    outcome = await ask(saying(text), record_type="TXT", answer_regex="(a|a)*$b")
    assert outcome.reason is Reason.LOCAL


@pytest.mark.parametrize(
    ("type_", "data", "expected"),
    [
        ("AAAA", bytes.fromhex("20010db8") + bytes(11) + b"\7", "2001:DB8:0::7"),
        ("MX", b"\0\x0a" + encode_name(name_of("mail.example")), "10  Mail.example."),
        ("NS", encode_name(name_of("NS.example")), "ns.Example"),
        ("TXT", b"\x06v=Spf1", "v=Spf1"),
        ("CAA", b"\0\5issueca.example", '0 issue "ca.example"'),
    ],
)
async def test_values_are_compared_as_people_write_them(type_: str, data: bytes, expected: str) -> None:
    outcome = await ask(saying(record(NAME, type_, data)), record_type=type_, expected_answers=[expected])
    assert (outcome.reason, outcome.evidence) == (Reason.OK, "")


async def test_the_serial_number_of_a_zone() -> None:
    outcome = await ask(saying(soa(NAME, serial=2026112201)), record_type="SOA")
    assert values(outcome)[PROBE_DNS_SERIAL.name] == 2026112201


async def test_an_address_has_a_reverse_name() -> None:
    heard: list[Message] = []

    def answering(query: bytes, _tcp: bool) -> Iterable[bytes]:
        heard.append(parse(query))
        yield respond(query, record(heard[-1].questions[0].name, "PTR", encode_name(name_of(NAME))))

    outcome = await ask(answering, name="192.0.2.7", record_type="PTR", random_case=False)
    assert outcome.ok
    assert heard[0].questions[0].name == name_of("7.2.0.192.in-addr.arpa")
    assert (await measure("192.0.2.7@127.0.0.1", record_type="A")).reason is Reason.LOCAL


# --- this machine's own name servers -------------------------------------------------------------


async def from_system(
    monkeypatch: pytest.MonkeyPatch, *behaviours: Answering, within: float = 10.0
) -> Outcome:
    """Measure by name servers on loopback in place of this machine's."""
    here = literal("127.0.0.1")
    assert here is not None
    async with name_server(behaviours[0]) as first, name_server(behaviours[1]) as second:
        servers = Server(here, first), Server(here, second)
        monkeypatch.setattr(dns, "load", lambda: System(conf=ResolvConf(servers=servers)))
        return await measure(NAME, within)


async def test_each_of_this_machines_servers_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = await from_system(monkeypatch, saying(rcode=SERVFAIL), GOOD)
    assert outcome.ok
    assert outcome.evidence.endswith(": servfail")
    assert by_resolver(outcome) == [0, 1]
    assert values(outcome)[DNS_RCODE.name] == 0


async def test_a_silent_one_holds_nothing_up_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns, "OTHERS_SECONDS", 0.05)
    outcome = await from_system(monkeypatch, GOOD, silent)
    assert outcome.ok
    assert outcome.evidence.endswith("no answer within 0.05 s of another server's")
    assert by_resolver(outcome) == [1, 0]
    assert outcome.duration_seconds < 5


async def test_when_all_fail_all_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = await from_system(monkeypatch, silent, saying(rcode=REFUSED), within=0.2)
    assert outcome.reason is Reason.STATUS  # one was reached: that says more than a silence
    assert "no answer" in outcome.evidence
    assert outcome.evidence.endswith(": refused")
    assert by_resolver(outcome) == [0, 0]


async def test_no_server_of_the_version_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns, "load", System)
    assert (await measure(NAME, ip_version=6)).reason is Reason.LOCAL


# --- configuration -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("a.example", ("a.example", None)),
        ("a.example@dns.example", ("a.example", ("dns.example", 53))),
        ("_sip._tcp.example@10.0.0.53:5353", ("_sip._tcp.example", ("10.0.0.53", 5353))),
        ("a.example@2001:db8::53", ("a.example", ("2001:db8::53", 53))),
        ("a.example@[2001:db8::53]:5353", ("a.example", ("2001:db8::53", 5353))),
        ("192.0.2.7", ("192.0.2.7", None)),
    ],
)
def test_addresses(address: str, parts: tuple[str, tuple[str, int] | None]) -> None:
    dns.check_address(address)
    assert dns.split(address) == parts


@pytest.mark.parametrize(
    "address", ["@10.0.0.53", "a.example@", "a.example@x:0", "a@b@c", "a.example:53", "a..b"]
)
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(ValueError, match=r"such as portal\.example"):
        dns.check_address(address)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"record_type": "ANY"}, "record_type"),
        ({"expected_answers": ["portal.example"]}, "is not an address of type A"),
        ({"record_type": "AAAA", "expected_answers": ["192.0.2.7"]}, "is not an address of type AAAA"),
        ({"answer_regex": "("}, "answer_regex"),
        ({"forbidden_answer_regex": ["("]}, "forbidden_answer_regex"),
        ({"min_answers": 3, "max_answers": 2}, "min_answers must not be over max_answers"),
    ],
)
def test_options_that_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused) as refused:
        convert_options("dns", options)
    assert words in str(refused.value)
