"""Answers, bodies and URLs: pure parsing, fed by strangers."""

import gzip
import zlib
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.httpio.answer import MAX_HEADER_BYTES, Answer
from exporters.httpio.body import Body
from exporters.httpio.url import Url, parse_url, redirected
from exporters.net.failure import Failure
from inventory.names import Reason

LIMIT = 10_000
T = TypeVar("T")


def read(*parts: bytes, method: str = "GET") -> Answer:
    """Feed ``parts`` and then the end of the connection."""
    answer = Answer(method, LIMIT, LIMIT)
    for part in parts:
        answer.feed(part)
        if answer.complete:
            return answer
    answer.end()
    return answer


def reason(*parts: bytes) -> Reason:
    with pytest.raises(Failure) as failed:
        read(*parts)
    assert failed.value.evidence
    return failed.value.reason


def attempt(act: Callable[[], T]) -> tuple[T | None, Reason | None]:
    """Return what ``act`` returns, or the reason of its failure."""
    try:
        return act(), None
    except Failure as failure:
        return None, failure.reason


def feed_all(body: Body, data: bytes) -> None:
    body.feed(data)
    body.finish()


def head(*fields: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *fields, "", ""]).encode()


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param((head("Content-Length: 5"), b"hello"), id="length"),
        pytest.param((head("Transfer-Encoding: chunked"), b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), id="chunked"),
        pytest.param((head(), b"hello"), id="until the end"),
        pytest.param((b"HTTP/1.0 200 OK\r\n\r\nhello",), id="1.0"),
        pytest.param((head(status="100 Continue"), head("Content-Length: 5"), b"hello"), id="interim"),
        pytest.param((head(status="103 Early Hints") + head("Content-Length: 5") + b"hello",), id="hints"),
        pytest.param((head("Content-Length: 5"), b"hello and what nobody asked for"), id="more"),
        pytest.param((head("Content-Encoding: gzip"), gzip.compress(b"hello")), id="gzip"),
        pytest.param((head("Content-Encoding: deflate"), zlib.compress(b"hello")), id="deflate"),
        pytest.param((head("Content-Encoding: deflate"), zlib.compress(b"hello")[2:-4]), id="bare deflate"),
        pytest.param((head("Content-Encoding: GZIP "), gzip.compress(b"hello")), id="case"),
    ],
)
def test_bodies_come_out_the_same_however_they_are_sent(parts: tuple[bytes, ...]) -> None:
    answer = read(*parts)
    assert (answer.status, answer.text()) == (200, "hello")
    assert answer.body is not None
    assert answer.body.length == 5
    one_by_one = [bytes([byte]) for part in parts for byte in part]
    assert read(*one_by_one).text() == "hello"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((b"",), Reason.RESET),
        ((b"HTTP/1.1 200 OK\r\nServer: x",), Reason.RESET),
        ((b"HTTP/1.1 200 OK",), Reason.RESET),
        ((head("Content-Length: 5"), b"hell"), Reason.RESET),
        ((head("Transfer-Encoding: chunked"), b"5\r\nhello\r\n"), Reason.RESET),
        ((b"SSH-2.0-OpenSSH_9.2\r\n",), Reason.PROTOCOL),
        ((b"\x15\x03\x01\x00\x02\x02",), Reason.PROTOCOL),
        ((b"HTTP/9.9 OK OK\r\n\r\n",), Reason.PROTOCOL),
        ((head("Content-Length: five"),), Reason.PROTOCOL),
        ((head("Content-Length: 5", "Content-Length: 6"),), Reason.PROTOCOL),
        ((head("Transfer-Encoding: chunked"), b"xyz\r\nhello\r\n"), Reason.PROTOCOL),
        ((head("Transfer-Encoding: chunked"), b"-5\r\nhello\r\n"), Reason.PROTOCOL),
        ((head("Transfer-Encoding: chunked"), b"ffffffffffffffffff\r\n"), Reason.PROTOCOL),
        ((head("bad header\x00: x"),), Reason.PROTOCOL),
        ((head("Content-Encoding: gzip"), b"this is no gzip"), Reason.PROTOCOL),
        ((head("Content-Encoding: gzip"), gzip.compress(b"hello")[:-9]), Reason.PROTOCOL),
        ((head("Content-Encoding: br"), b"x"), Reason.PROTOCOL),
        ((head("Content-Length: 10001"), b"x" * 10001), Reason.TOO_LARGE),
        ((head(), b"x" * 10001), Reason.TOO_LARGE),
        ((head("Content-Encoding: gzip"), gzip.compress(bytes(10_000_000))), Reason.TOO_LARGE),
        ((head(*[f"X-{number}: {'x' * 1000}" for number in range(70)]),), Reason.TOO_LARGE),
        ((b"HTTP/1.1 200 OK\r\nX: " + b"x" * (MAX_HEADER_BYTES + 1),), Reason.TOO_LARGE),
        ((head(), *[b"x" * 100] * 200), Reason.TOO_LARGE),
        (
            (head("Transfer-Encoding: chunked"), *[b"1;" + b"x" * 20000 + b"\r\na\r\n"] * 10),
            Reason.TOO_LARGE,
        ),
    ],
)
def test_what_is_wrong_with_an_answer_has_a_reason(parts: tuple[bytes, ...], expected: Reason) -> None:
    assert reason(*parts) is expected


def test_an_answer_to_head_has_no_body() -> None:
    assert read(head("Content-Length: 500"), method="HEAD").complete


def test_a_bomb_is_never_unpacked_whole() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    body = Body("gzip", LIMIT, LIMIT)
    with pytest.raises(Failure, match="over 10000 bytes"):
        body.feed(bomb)
    assert body.length == LIMIT + 1


def test_only_the_beginning_is_kept() -> None:
    body = Body("", LIMIT, 10)
    for _ in range(100):
        body.feed(b"0123456")
    assert (body.text(""), body.length) == ("0123456012", 700)


@pytest.mark.parametrize(
    ("content_type", "data", "text"),
    [
        ("text/html", "Hệ thống".encode(), "Hệ thống"),
        ('text/html; charset="UTF-16"', "Hệ".encode("utf-16"), "Hệ"),
        ("text/html; charset=iso-8859-1", b"\xe0", "à"),
        ("text/html; charset=punycode", b"abc", "abc"),
        ("text/html; charset=no-such", b"\xff", "�"),
    ],
)
def test_text_is_decoded_as_declared_where_that_is_safe(content_type: str, data: bytes, text: str) -> None:
    body = Body("", LIMIT, LIMIT)
    body.feed(data)
    assert body.text(content_type) == text


PIECES = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 304 x\r\n",
        b"HTTP/1.1 101 x\r\n",
        b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n",
        b"Content-Encoding: deflate\r\n", b"Connection: upgrade\r\nUpgrade: h2c\r\n", b"\r\n", b"abc",
        b"3\r\nabc\r\n",
        b"0\r\n\r\n", gzip.compress(b"abc"), zlib.compress(b"abc"), b"\0", b": ", b"\n", b" x\r\n",
    ]
)  # fmt: skip


@given(st.lists(st.one_of(PIECES, st.binary(max_size=50)), max_size=12))
def test_any_bytes_give_an_answer_or_a_reason(parts: list[bytes]) -> None:
    answer, said = attempt(lambda: read(*parts))
    assert said in {None, Reason.PROTOCOL, Reason.TOO_LARGE, Reason.RESET}
    if answer is not None:
        assert answer.complete
        assert 200 <= answer.status <= 999 or answer.status == 101
        assert isinstance(answer.text(), str)


@given(st.binary(max_size=2000), st.sampled_from(["", "gzip", "deflate", "br", "x-gzip", "gzip, gzip"]))
def test_any_body_in_any_coding_is_bounded(data: bytes, coding: str) -> None:
    body = Body(coding, 1000, 100)
    _, said = attempt(lambda: feed_all(body, data))
    assert said in {None, Reason.PROTOCOL, Reason.TOO_LARGE}
    assert body.length <= 2000
    assert len(body.text("")) <= 100


# --- URLs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://h", Url("http", "h", 80, "/")),
        ("https://h:444/a?b=c", Url("https", "h", 444, "/a?b=c")),
        ("http://[2001:db8::1]:80/x", Url("http", "2001:db8::1", 80, "/x")),
        ("https://h/a#fragment", Url("https", "h", 443, "/a")),
        ("http://h?q=Hồ sơ", Url("http", "h", 80, "/?q=H%E1%BB%93%20s%C6%A1")),
        ("http://tỉnh.example/", Url("http", "xn--tnh-dlz.example", 80, "/")),
    ],
)
def test_urls_are_read(text: str, url: Url) -> None:
    assert parse_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "", "h", "ftp://h/", "http://", "http:///x", "http://user:secret@h/", "http://h:0/", "http://h:99999/",
        "http://h:x/", "http://a b/", "http://[::1", "file:///etc/passwd", "http://" + "a" * 2000,
    ],
)  # fmt: skip
def test_other_urls_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="an http:// or https:// URL"):
        parse_url(text)


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_urls(text: str) -> None:
    for candidate in (text, f"http://{text}", f"https://h/{text}"):
        try:
            url = parse_url(candidate)
        except ValueError:
            continue
        line = f"{url.target} {url.authority}"
        assert line.isascii()
        assert not any(letter < " " for letter in line)
        assert " " not in url.target
        assert parse_url(str(url)) == url


@pytest.mark.parametrize(
    ("base", "location", "leads_to"),
    [
        ("http://h/a/b", "/c", "http://h/c"),
        ("http://h/a/b", "c?d", "http://h/a/c?d"),
        ("http://h/", "https://other/x", "https://other/x"),
        ("https://h/", "//other/x", "https://other/x"),
    ],
)
def test_redirects_lead_on(base: str, location: str, leads_to: str) -> None:
    assert str(redirected(parse_url(base), location)) == leads_to


@pytest.mark.parametrize(
    "location", ["", "ftp://h/", "http://h/", "javascript:x", "/a\r\nX: y", "https://a@b/"]
)
def test_other_redirects_do_not(location: str) -> None:
    with pytest.raises(Failure) as failed:
        redirected(parse_url("https://h/"), location)
    assert failed.value.reason is Reason.REDIRECT
