"""From a name to addresses: through name servers that answer, fail, lie and are silent, and dnsmasq."""

import asyncio
import contextlib
import socket
import subprocess
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deploy import debian
from exporters.dnsio import order, stub
from exporters.dnsio.client import Manner, Server, ask
from exporters.dnsio.failures import NoSuchName
from exporters.dnsio.message import NXDOMAIN, REFUSED, SERVFAIL, Question, encode_query, parse
from exporters.dnsio.names import name_of, text_of
from exporters.dnsio.order import best_first
from exporters.dnsio.rdata import TYPES
from exporters.dnsio.stub import Stub
from exporters.dnsio.system import ResolvConf, System
from exporters.net.failure import Failure
from exporters.net.literal import Address, IpVersion
from inventory.names import Reason
from tests.exporters.dns_server import Answering, a, name_server, respond, silent, soa
from tests.exporters.servers import closed_port, serve

LOOP = Address(socket.AF_INET, "127.0.0.1")
HUB = Question(name_of("hub.example"), TYPES["A"])
MANY = b"\x81\x80\0\1\xff\xff\0\0\0\0"
"""The rest of a header that announces 65,535 records."""
HOSTS = {"hub.example": "192.0.2.7", "hub.ba-to.vn": "192.0.2.8"}


def at(port: int) -> Server:
    return Server(LOOP, port)


async def asked(
    answering: Answering, within: float = 10.0, tcp: bool = False, random_case: bool = True
) -> list[str]:
    """Return the values of the answers of a server that answers so."""
    async with name_server(answering) as port:
        reply = await ask(at(port), HUB, Manner(tcp=tcp, random_case=random_case), within)
    assert reply.request_seconds > 0
    assert reply.over_tcp == bool(reply.connect_seconds)
    return [one.value for one in reply.message.answers]


def answer(query: bytes) -> bytes:
    return respond(query, a("hub.example", "192.0.2.7"))


# --- one question --------------------------------------------------------------------------------


@pytest.mark.parametrize("tcp", [False, True])
async def test_a_question_and_its_answer(tcp: bool) -> None:
    assert await asked(lambda query, _: [answer(query)], tcp=tcp) == ["192.0.2.7"]


async def test_every_question_has_an_identifier_and_a_case_of_its_own() -> None:
    seen: set[bytes] = set()

    def answering(query: bytes, _tcp: bool) -> list[bytes]:
        seen.add(query)
        return [answer(query)]

    async with name_server(answering) as port:
        for _ in range(20):
            await ask(at(port), HUB, Manner(), 10)
    assert len({query[:2] for query in seen}) > 15
    assert len({parse(query).questions[0].name for query in seen}) > 10
    assert {text_of(parse(query).questions[0].name) for query in seen} == {"hub.example"}


async def test_forged_and_late_answers_are_not_counted() -> None:
    def answering(query: bytes, _tcp: bool) -> Iterable[bytes]:
        lie = respond(query, a("hub.example", "198.51.100.66"))
        yield bytes((query[0] ^ 1,)) + lie[1:]  # another identifier
        yield query  # no answer
        yield b""
        yield lie[:2]
        other = encode_query(int.from_bytes(query[:2], "big"), Question(name_of("else.example"), 1))
        yield respond(other, a("else.example", "198.51.100.66"))  # another question
        yield answer(query)
        yield lie  # too late

    assert await asked(answering) == ["192.0.2.7"]


async def test_an_answer_from_elsewhere_never_arrives() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
    ):
        server.bind(("127.0.0.1", 0))
        stranger.bind(("127.0.0.2", 0))
        server.setblocking(False)
        loop = asyncio.get_running_loop()
        running = asyncio.ensure_future(ask(at(server.getsockname()[1]), HUB, Manner(), 10))
        query, client = await loop.sock_recvfrom(server, 2000)
        stranger.sendto(respond(query, a("hub.example", "198.51.100.66")), client)
        server.sendto(answer(query), client)
        reply = await running
    assert [one.value for one in reply.message.answers] == ["192.0.2.7"]


async def test_an_answer_in_another_case_is_checked_over_tcp() -> None:
    overs: list[bool] = []

    def answering(query: bytes, tcp: bool) -> list[bytes]:
        overs.append(tcp)
        asked = parse(query)
        lowered = Question(tuple(x.lower() for x in asked.questions[0].name), asked.questions[0].type)
        plain = encode_query(asked.ident, lowered)
        return [respond(plain, a("hub.example", "192.0.2.7" if tcp else "198.51.100.66"))]

    # One case in 1,024 is all lower by chance, and is then a plain answer.
    values = await asked(answering)
    assert (values, overs) in ((["192.0.2.7"], [False, True]), (["198.51.100.66"], [False]))
    overs.clear()
    assert await asked(answering, random_case=False) == ["198.51.100.66"]
    assert overs == [False]


async def test_a_truncated_answer_is_fetched_over_tcp() -> None:
    def answering(query: bytes, tcp: bool) -> list[bytes]:
        return [answer(query) if tcp else respond(query, flags=0x8380)]

    assert await asked(answering) == ["192.0.2.7"]


async def test_a_server_older_than_edns_is_asked_in_its_own_words() -> None:
    def answering(query: bytes, _tcp: bool) -> list[bytes]:
        if parse(query).edns:
            return [query[:2] + b"\x80\x01" + bytes(8)]  # formerr, and not even the question
        return [answer(query)]

    assert await asked(answering) == ["192.0.2.7"]


@pytest.mark.parametrize(
    ("answering", "tcp", "reason"),
    [
        (silent, False, Reason.TIMEOUT),
        (silent, True, Reason.STALLED),
        (lambda query, _: [query[:2] + b"\x81\x80garbage"], False, Reason.PROTOCOL),
        (lambda query, _: [b"garbage"], True, Reason.PROTOCOL),
        (lambda query, _: [respond(encode_query(7, Question((b"x",), 1)))], True, Reason.PROTOCOL),
        (lambda query, _: [b"\xff" + query] * 200, False, Reason.PROTOCOL),
        (lambda query, _: [query[:2] + MANY + query[12:]], False, Reason.TOO_LARGE),
    ],
)
async def test_a_server_that_fails(answering: Answering, tcp: bool, reason: Reason) -> None:
    with pytest.raises(Failure) as failed:
        await asked(answering, within=0.3 if reason in (Reason.TIMEOUT, Reason.STALLED) else 10.0, tcp=tcp)
    assert failed.value.reason is reason
    assert failed.value.evidence.startswith("127.0.0.1:")


async def test_a_server_that_is_not_there() -> None:
    with closed_port() as port:
        for manner in (Manner(), Manner(tcp=True)):
            with pytest.raises(Failure) as failed:
                await ask(at(port), HUB, manner, 10)
            assert failed.value.reason is Reason.REFUSED
    with pytest.raises(Failure) as failed:
        await ask(at(port), HUB, Manner(source="192.0.2.77"), 10)
    assert failed.value.reason is Reason.LOCAL


async def test_a_server_that_closes_before_its_answer_is_complete() -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"\0\x40half")
        await writer.drain()
        writer.close()

    async with serve(half) as port:
        with pytest.raises(Failure) as failed:
            await ask(at(port), HUB, Manner(tcp=True), 10)
    assert failed.value.reason is Reason.RESET


# --- from a name to addresses --------------------------------------------------------------------


def knowing(query: bytes, _tcp: bool) -> list[bytes]:
    """Answer for HOSTS, and that there is no such name for the others."""
    question = parse(query).questions[0]
    address = HOSTS.get(text_of(question.name))
    if address is None:
        return [respond(query, rcode=NXDOMAIN, authorities=(soa("vn", minimum=20),))]
    if question.type != TYPES["A"]:
        return [respond(query, authorities=(soa("vn", minimum=20),))]
    return [respond(query, a(question.name, address, ttl_seconds=90))]


def saying(rcode: int) -> Answering:
    return lambda query, _: [respond(query, rcode=rcode)]


@asynccontextmanager
async def servers(*behaviours: Answering) -> AsyncIterator[tuple[Server, ...]]:
    async with contextlib.AsyncExitStack() as stack:
        ports = [await stack.enter_async_context(name_server(one)) for one in behaviours]
        yield tuple(map(at, ports))


async def look_up(
    host: str, *behaviours: Answering, version: IpVersion | None = None, **conf: object
) -> tuple[list[str], float]:
    async with servers(*behaviours) as found:
        system = System(conf=ResolvConf(servers=found, **conf))  # type: ignore[arg-type]  # by name
        resolved = await Stub().look_up_as(system, host, version)
    return [address.host for address in resolved.addresses], resolved.ttl_seconds


async def test_addresses_and_how_long_they_hold() -> None:
    assert await look_up("hub.example", knowing) == (["192.0.2.7"], 90)
    assert await look_up("hub.example", knowing, version=4) == (["192.0.2.7"], 90)


async def test_a_name_is_looked_for_in_the_search_domains() -> None:
    assert await look_up("hub", knowing, search=("else.vn", "ba-to.vn")) == (["192.0.2.8"], 90)
    assert await look_up("hub.example", knowing, search=("ba-to.vn",), ndots=2) == (["192.0.2.7"], 90)


@pytest.mark.parametrize(("host", "version"), [("gone.example", None), ("hub.example", 6)])
async def test_no_such_name_is_an_answer(host: str, version: IpVersion | None) -> None:
    with pytest.raises(NoSuchName) as failed:
        await look_up(host, knowing, version=version)
    assert (failed.value.reason, failed.value.ttl_seconds) == (Reason.DNS, 20)
    assert failed.value.evidence == f"{host}: no such name, or none with an address"


@pytest.mark.parametrize("bad", [saying(SERVFAIL), saying(REFUSED), lambda query, _: [b"\xff" * 40]])
async def test_a_second_server_answers_where_the_first_fails(bad: Answering) -> None:
    assert await look_up("hub.example", bad, knowing, timeout_seconds=1) == (["192.0.2.7"], 90)


async def test_when_all_fail_each_is_named_and_nothing_is_said_of_the_name() -> None:
    with pytest.raises(Failure) as failed:
        await look_up("hub.example", saying(SERVFAIL), saying(REFUSED))
    assert not isinstance(failed.value, NoSuchName)
    assert failed.value.reason is Reason.DNS
    assert ": servfail; 127.0.0.1:" in failed.value.evidence
    assert failed.value.evidence.endswith(": refused")


async def test_a_name_that_could_not_be_asked_for_everywhere_may_exist() -> None:
    def answering(query: bytes, tcp: bool) -> list[bytes]:
        outside = text_of(parse(query).questions[0].name).endswith("ba-to.vn")
        return saying(SERVFAIL)(query, tcp) if outside else knowing(query, tcp)  # type: ignore[return-value]  # lists

    with pytest.raises(Failure) as failed:
        await look_up("gone", answering, search=("ba-to.vn",))
    assert not isinstance(failed.value, NoSuchName)


async def test_a_server_that_is_silent_costs_its_delay_once() -> None:
    heard: list[str] = []

    def quiet(query: bytes, _tcp: bool) -> tuple[()]:
        heard.append(text_of(parse(query).questions[0].name))
        return ()

    async with servers(quiet, knowing) as found:
        system = System(conf=ResolvConf(servers=found, attempts=1))
        resolver = Stub()
        await resolver.look_up_as(system, "hub.example", 4)
        assert heard == ["hub.example"]
        assert resolver.preferred == found[1]
        await resolver.look_up_as(system, "hub.ba-to.vn", 4)
    assert heard == ["hub.example"]


async def test_aaaa_that_is_never_answered_holds_nothing_up() -> None:
    def no_aaaa(query: bytes, tcp: bool) -> list[bytes]:
        return knowing(query, tcp) if parse(query).questions[0].type == TYPES["A"] else []

    assert await look_up("hub.example", no_aaaa) == (["192.0.2.7"], 90)
    with pytest.raises(Failure) as failed:  # that there is no A address does not settle it
        await look_up("gone.example", no_aaaa, timeout_seconds=1, attempts=1)
    assert not isinstance(failed.value, NoSuchName)
    assert await look_up("hub.example", no_aaaa, wants_ipv6=False) == (["192.0.2.7"], 90)


async def test_a_hosts_file_comes_first_and_libc_where_it_must() -> None:
    resolver = Stub()
    system = System(hosts={"hub": (LOOP,)})
    found = await resolver.look_up_as(system, "hub", None)
    assert (found.addresses, found.ttl_seconds) == ((LOOP,), stub.HOSTS_SECONDS)
    found = await resolver.look_up_as(System(modules=("nis",)), "localhost", 4)
    assert (found.addresses, found.ttl_seconds) == ((LOOP,), stub.LIBC_SECONDS)


async def test_what_is_no_name_is_not_asked_for() -> None:
    for host in ("a" * 64, "x..y"):
        with pytest.raises(Failure, match="is not a domain name"):
            await look_up(host, silent)


async def test_a_lookup_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async with servers(silent) as found:
        system = System(conf=ResolvConf(servers=found))
        monkeypatch.setattr(stub, "load", lambda: system)
        monkeypatch.setattr(stub, "LOOKUP_SECONDS", 0.05)
        with pytest.raises(Failure, match=r"no answer within 0\.05 s"):
            await Stub().look_up("hub.example", None)


async def test_cancelling_a_lookup_leaves_nothing_behind() -> None:
    async with servers(silent, silent) as found:
        before = asyncio.all_tasks()
        system = System(conf=ResolvConf(servers=found))
        running = asyncio.create_task(Stub().look_up_as(system, "hub.example", None))
        for _ in range(5):
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        for _ in range(5):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == before


# --- the order of addresses ----------------------------------------------------------------------


SOURCES = {"192.0.2.7": "10.0.0.5", "2001:db8::7": "2001:db8::5", "fe80::7": "fe80::5", "fd00::7": "fd00::5"}


@pytest.mark.parametrize(
    ("given", "wanted", "without"),
    [
        ("192.0.2.7 2001:db8::7", "2001:db8::7 192.0.2.7", ()),  # rule 6: native IPv6
        ("2001:db8::7 192.0.2.7", "192.0.2.7 2001:db8::7", ("2001:db8::7",)),  # rule 1: no route
        ("2001:db8::7 fe80::7", "fe80::7 2001:db8::7", ()),  # rule 8: the smaller scope
        ("fd00::7 192.0.2.7", "192.0.2.7 fd00::7", ()),  # rule 6: local addresses after IPv4
        ("198.51.100.2 198.51.100.1", "198.51.100.2 198.51.100.1", ()),  # the order of the answer
    ],
)
def test_which_address_comes_first(
    given: str, wanted: str, without: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def source(address: Address) -> str | None:
        return None if address.host in without else SOURCES.get(address.host, "10.0.0.5")

    monkeypatch.setattr(order, "_source", source)
    addresses = [Address(socket.AF_INET6 if ":" in host else socket.AF_INET, host) for host in given.split()]
    assert " ".join(address.host for address in best_first(addresses)) == wanted


def test_the_source_is_that_of_the_route() -> None:
    assert order._source(LOOP) == "127.0.0.1"
    assert order._source(Address(socket.AF_INET6, "fe80::1")) is None  # no interface given: no route


# --- a real server -------------------------------------------------------------------------------


def port_free_for_both() -> int:
    """Return a port on which nobody listens by UDP or TCP, as dnsmasq needs both."""
    for _ in range(50):
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            try:
                udp.bind(tcp.getsockname())
            except OSError:
                continue
            return int(tcp.getsockname()[1])
    raise AssertionError("no port is free for both")


@pytest.fixture(scope="module")
def dnsmasq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Debian's dnsmasq with a small zone; yields its port."""
    port = port_free_for_both()
    directory = tmp_path_factory.mktemp("dnsmasq")
    many = "".join(f"txt-record=many.example,{'x' * 200}{n}\n" for n in range(30))
    conf = Path(directory) / "dnsmasq.conf"
    conf.write_text(
        f"port={port}\nlisten-address=127.0.0.1\nbind-interfaces\nlocal-ttl=77\nneg-ttl=9\nauth-ttl=55\n"
        "host-record=hub.example,192.0.2.7,2001:db8::7\ncname=portal.example,hub.example\n"
        "mx-host=example,mail.example,10\nsrv-host=_sip._tcp.example,hub.example,5060\n"
        f"ptr-record=7.2.0.192.in-addr.arpa,hub.example\nlocal=/example/\n{many}",
        encoding="utf-8",
    )
    words = [
        str(debian.find("dnsmasq")),
        "--no-daemon",
        "--conf-file=" + str(conf),
        "--no-resolv",
        "--no-hosts",
    ]
    words += ["--pid-file", "--user="]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=debian.environment())
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if "started" in line:
                break
        else:
            raise AssertionError("dnsmasq did not start")
        yield port
    finally:
        process.terminate()
        process.communicate(timeout=10)


async def test_dnsmasq_is_understood(dnsmasq: int) -> None:
    system = System(conf=ResolvConf(servers=(at(dnsmasq),), search=("example",)))
    resolver = Stub()
    for host in ("hub.example", "Portal.Example.", "hub"):
        found = await resolver.look_up_as(system, host, 4)
        assert ([one.host for one in found.addresses], found.ttl_seconds) == (["192.0.2.7"], 77)
    found = await resolver.look_up_as(system, "hub.example", None)
    assert {one.host for one in found.addresses} == {"192.0.2.7", "2001:db8::7"}
    with pytest.raises(NoSuchName):
        await resolver.look_up_as(system, "gone.example", None)


@pytest.mark.parametrize(
    ("name", "type_", "values"),
    [
        ("example", "MX", ["10 mail.example"]),
        ("_sip._tcp.example", "SRV", ["0 0 5060 hub.example"]),
        ("7.2.0.192.in-addr.arpa", "PTR", ["hub.example"]),
        ("portal.example", "AAAA", ["hub.example", "2001:db8::7"]),
        ("many.example", "TXT", [f"{'x' * 200}{n}" for n in range(30)]),  # truncated over UDP
    ],
)
async def test_dnsmasq_answers_every_type(dnsmasq: int, name: str, type_: str, values: list[str]) -> None:
    reply = await ask(at(dnsmasq), Question(name_of(name), TYPES[type_]), Manner(), 10)
    assert sorted(one.value for one in reply.message.answers) == sorted(values)
    assert reply.over_tcp == (name == "many.example")
