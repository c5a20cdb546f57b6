"""DNS messages: vectors, round trips, and whatever bytes a stranger sends."""

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.dnsio.answer import answer, failed
from exporters.dnsio.message import (
    MAX_RECORDS,
    NXDOMAIN,
    SERVFAIL,
    Message,
    Question,
    TooMany,
    encode_query,
    parse,
)
from exporters.dnsio.names import (
    MAX_POINTERS,
    Malformed,
    Name,
    decode_name,
    encode_name,
    name_of,
    same,
    text_of,
    with_random_case,
)
from exporters.dnsio.rdata import TYPES
from tests.exporters.dns_server import a, record, respond, soa

HUB = name_of("hub.example")
A, AAAA, CNAME = TYPES["A"], TYPES["AAAA"], TYPES["CNAME"]
LABEL = st.binary(min_size=1, max_size=63)
NAMES = st.lists(LABEL, max_size=5).map(tuple).filter(lambda name: sum(len(x) + 1 for x in name) < 255)

# RFC 1035, 4.1.4: F.ISI.ARPA at 20, FOO.F.ISI.ARPA at 40, ARPA at 64 and the root at 92.
COMPRESSED = bytearray(93)
COMPRESSED[20:32] = b"\1F\3ISI\4ARPA\0"
COMPRESSED[40:46] = b"\3FOO\xc0\x14"
COMPRESSED[64:66] = b"\xc0\x1a"


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "name", "behind"),
    [
        (20, (b"F", b"ISI", b"ARPA"), 32),
        (40, (b"FOO", b"F", b"ISI", b"ARPA"), 46),
        (64, (b"ARPA",), 66),
        (92, (), 93),
    ],
)
def test_the_names_of_rfc_1035(at: int, name: Name, behind: int) -> None:
    assert decode_name(bytes(COMPRESSED), at) == (name, behind)


@pytest.mark.parametrize(
    "data",
    [
        b"\xc0\x00",  # itself
        b"\1a\xc0\x00",  # the name that it is part of
        b"\xc0\x02\xc0\x00",  # forwards
        b"\x3fabc",  # a label cut off
        b"\1a",  # no end
        b"\xc0",  # half a pointer
        b"\x80a",  # a type of label that there is not
        b"",
        b"\x3f" + b"a" * 63 + (b"\x3f" + b"b" * 63) * 3 + b"\0",  # 257 octets
    ],
)
def test_a_name_that_is_none(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode_name(data, 0)


def test_pointers_to_pointers_are_bounded() -> None:
    chain = b"\0\0" + b"".join(struct.pack(">H", 0xC000 | at) for at in range(0, 200, 2))
    assert decode_name(chain, 2 * MAX_POINTERS) == ((), 2 * MAX_POINTERS + 2)
    with pytest.raises(Malformed):
        decode_name(chain, 2 * MAX_POINTERS + 2)


@pytest.mark.parametrize(
    ("written", "labels"),
    [
        ("Hub.Example.", (b"Hub", b"Example")),
        ("_sip._tcp.example", (b"_sip", b"_tcp", b"example")),
        ("tỉnh.example", (b"xn--tnh-dlz", b"example")),
    ],
)
def test_a_name_that_a_person_wrote(written: str, labels: Name) -> None:
    assert name_of(written) == labels


@pytest.mark.parametrize(
    "written", ["", ".", "a..b", "a" * 64, ".".join(["a" * 49] * 6), "ỉ" * 64, "a.\ud800"]
)
def test_what_is_no_name(written: str) -> None:
    with pytest.raises(ValueError, match="is not a domain name"):
        name_of(written)


@given(NAMES)
def test_names_come_back(name: Name) -> None:
    encoded = encode_name(name)
    assert decode_name(b"\0\0" + encoded, 2) == (name, len(encoded) + 2)
    assert text_of(name).isprintable()


@given(NAMES, st.integers())
def test_another_case_is_the_same_name(name: Name, seed: int) -> None:
    other = with_random_case(name, random.Random(seed))
    assert same(name, other)
    assert text_of(name) == text_of(other)


def test_every_letter_may_be_of_either_case() -> None:
    seen = {with_random_case((b"ab-1",), random.Random(seed)) for seed in range(200)}
    assert seen == {(b"ab-1",), (b"Ab-1",), (b"aB-1",), (b"AB-1",)}


# --- messages ------------------------------------------------------------------------------------


def test_a_query_on_the_wire() -> None:
    asked = Question(name_of("a.vn"), A)
    assert encode_query(0x1234, asked, edns=False).hex() == "123401000001000000000000016102766e0000010001"
    with_edns = encode_query(0x1234, asked, recursion=False)
    assert with_edns.hex() == "123400000001000000000001016102766e000001000100002904d0000000000000"


def test_an_answer_as_servers_send_it() -> None:
    """An alias and an address, names compressed, EDNS behind."""
    data = bytes.fromhex(
        "beef81800001000200000001"  # header
        "03687562076578616d706c650000010001"  # hub.example A
        "c00c00050001000000780006036c6762c010"  # hub.example CNAME lgb.example, 120 s
        "c029000100010000003c0004c0000207"  # lgb.example A 192.0.2.7, 60 s
        "0000290200000000000000"
    )
    message = parse(data)
    assert (message.ident, message.rcode_name, message.truncated, message.edns) == (
        0xBEEF,
        "noerror",
        False,
        True,
    )
    assert message.questions == (Question(HUB, A),)
    assert [(text_of(r.name), r.type, r.ttl_seconds, r.value) for r in message.answers] == [
        ("hub.example", CNAME, 120, "lgb.example"),
        ("lgb.example", A, 60, "192.0.2.7"),
    ]
    assert message.additionals == ()
    found = answer(message, message.questions[0])
    assert ([r.value for r in found.records], found.ttl_seconds) == (["192.0.2.7"], 60)


@pytest.mark.parametrize(
    ("type_", "data", "value"),
    [
        ("AAAA", bytes(15) + b"\1", "::1"),
        ("NS", b"\2NS\7example\0", "ns.example"),
        ("PTR", b"\3a.b\0", "a\\.b"),
        ("MX", b"\0\x0a\4mail\7example\0", "10 mail.example"),
        ("SRV", b"\0\0\0\5\1\xbb\1h\0", "0 5 443 h"),
        ("TXT", b"\3v=s\5pf1 \xff", "v=spf1 \ufffd"),
        ("TXT", b"", ""),
        ("CAA", b"\0\5issueca.example", '0 issue "ca.example"'),
        ("SOA", b"\2ns\0\1r\0" + struct.pack(">5I", 7, 2, 3, 4, 5), "ns r 7 2 3 4 5"),
        ("TLSA", b"\3\1\1\xab", "\\# 4 030101ab"),
        (65280, b"", "\\# 0"),
    ],
)
def test_what_a_record_says(type_: str | int, data: bytes, value: str) -> None:
    [found] = parse(respond(encode_query(1, Question(HUB, A)), record(HUB, type_, data))).answers
    assert found.value == value


@pytest.mark.parametrize(
    ("type_", "data"),
    [
        ("A", b"\1\2\3"),
        ("A", bytes(16)),
        ("AAAA", b"\1\2\3\4"),
        ("CNAME", b"\1a\0more"),
        ("MX", b"\0\x0a"),
        ("SRV", b"\0\0\0\5\1\xbb"),
        ("TXT", b"\5pf1"),
        ("CAA", b"\0\x20issue"),
        ("SOA", b"\2ns\0\1r\0" + bytes(19)),
    ],
)
def test_data_that_is_not_of_its_type(type_: str, data: bytes) -> None:
    with pytest.raises(Malformed):
        parse(respond(encode_query(1, Question(HUB, A)), record(HUB, type_, data)))


def test_records_are_bounded() -> None:
    query = encode_query(1, Question(HUB, A), edns=False)
    most = [record((), 65280, b"")] * (MAX_RECORDS - 1)
    assert len(parse(respond(query, *most)).answers) == MAX_RECORDS - 1
    with pytest.raises(TooMany):
        parse(respond(query, *most, record((), 65280, b"")))


def test_of_a_truncated_answer_only_the_question_is_read() -> None:
    data = respond(encode_query(1, Question(HUB, A)), a(HUB, "192.0.2.1"), flags=0x8380)
    message = parse(data[:-3])
    assert message.truncated
    assert (message.questions, message.answers) == ((Question(HUB, A),), ())


def test_a_response_code_may_be_extended() -> None:
    opt = b"\0" + struct.pack(">2HIH", 41, 1232, 1 << 24, 0)
    message = parse(respond(encode_query(1, Question(HUB, A), edns=False), additionals=(opt,)))
    assert (message.rcode, message.rcode_name) == (16, "badvers")


@given(st.binary(max_size=600))
def test_any_bytes_are_a_message_or_malformed(data: bytes) -> None:
    read(data)


@given(
    st.lists(st.tuples(NAMES, st.sampled_from(sorted(TYPES.values())), st.binary(max_size=40)), max_size=4),
    st.integers(0, 10_000),
    st.binary(max_size=4),
)
def test_a_damaged_answer_is_a_message_or_malformed(
    records: list[tuple[Name, int, bytes]], at: int, damage: bytes
) -> None:
    good = bytearray(
        respond(
            encode_query(1, Question(HUB, A)), *(record(name, type_, data) for name, type_, data in records)
        )
    )
    at %= len(good)
    good[at : at + len(damage)] = damage
    for data in (bytes(good), bytes(good[:at])):
        read(data)


def read(data: bytes) -> None:
    """Read a message as an answer; whatever it is, only Malformed may come of it."""
    try:
        message = parse(data)
    except Malformed:
        return
    assert isinstance(failed(message), bool)
    for question in (*message.questions, Question(HUB, A)):
        found = answer(message, question)
        assert found.ttl_seconds >= 0
        assert all(one.value.encode("utf-8", "surrogatepass") is not None for one in found.records)


# --- answers -------------------------------------------------------------------------------------


def message_of(*answers: bytes, **more: object) -> Message:
    return parse(respond(encode_query(1, Question(HUB, A)), *answers, **more))  # type: ignore[arg-type]  # by name


def alias(name: str, to: str, ttl_seconds: int) -> bytes:
    return record(name, "CNAME", encode_name(name_of(to)), ttl_seconds)


def test_the_shortest_time_to_live_of_the_way_counts() -> None:
    message = message_of(
        a("c.example", "192.0.2.2", 50),
        alias("HUB.example", "b.example", 90),
        alias("b.example", "c.example", 40),
        a("c.example", "192.0.2.1", 70),
        a("else.example", "192.0.2.9", 1),
    )
    found = answer(message, Question(HUB, A))
    assert ([r.value for r in found.records], found.ttl_seconds) == (["192.0.2.2", "192.0.2.1"], 40)


def test_aliases_that_lead_nowhere() -> None:
    circle = message_of(alias("hub.example", "b.example", 90), alias("b.example", "hub.example", 90))
    assert answer(circle, Question(HUB, A)).records == ()
    hanging = message_of(alias("hub.example", "b.example", 90))
    assert answer(hanging, Question(HUB, A)).records == ()


def test_absence_is_remembered_as_the_zone_says() -> None:
    message = message_of(rcode=NXDOMAIN, authorities=(soa("example", ttl_seconds=60, minimum=30),))
    assert answer(message, Question(HUB, A)).ttl_seconds == 30
    assert answer(message_of(rcode=NXDOMAIN), Question(HUB, A)).ttl_seconds == 0


def test_a_time_to_live_with_the_highest_bit_is_nought() -> None:
    [found] = message_of(record(HUB, "A", b"\1\2\3\4", ttl_seconds=2**31)).answers
    assert found.ttl_seconds == 0


@pytest.mark.parametrize(
    ("message", "is_failure"),
    [
        (message_of(rcode=SERVFAIL), True),
        (message_of(rcode=5), True),
        (message_of(rcode=NXDOMAIN), False),
        (message_of(), False),
        (message_of(flags=0x8000), True),  # a referral: no recursion, no authority, nothing
        (message_of(flags=0x8400), False),
        (message_of(a(HUB, "192.0.2.1"), flags=0x8000), False),
    ],
)
def test_a_server_that_fails_says_nothing_of_the_name(message: Message, is_failure: bool) -> None:
    assert failed(message) is is_failure
