"""The http probe against real servers, well-behaved and hostile."""

import asyncio
import gzip
import os
import ssl
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.base import Outcome, Target
from exporters.httpio.config import Config
from exporters.probes import http
from exporters.registry import convert_options
from inventory.names import Reason
from tests.exporters.conftest import server_context
from tests.exporters.pki import Pki
from tests.exporters.servers import Handler, answering, closed_port, page, serve, then_silent

HELLO = page(b"<title>hello</title>")


async def get(url: str, within: float = 10.0, **options: object) -> Outcome:
    config = convert_options("http", options)
    assert isinstance(config, Config)
    return await http.probe(Target(name="t", address=url, timeout_seconds=within), config)


async def get_from(handler: Handler, path: str = "/", within: float = 10.0, **options: object) -> Outcome:
    async with serve(handler) as port:
        return await get(f"http://127.0.0.1:{port}{path}", within, **options)


def value(outcome: Outcome, name: str) -> float | None:
    found = [sample.value for sample in outcome.samples if sample.metric.name == name]
    return found[0] if found else None


def phases(outcome: Outcome) -> list[str]:
    return [v for s in outcome.samples for _, v in s.labels]


async def test_an_answer_and_its_phases() -> None:
    outcome = await get_from(answering(HELLO))
    assert outcome.ok
    assert phases(outcome) == ["resolve", "connect", "processing", "transfer"]
    assert value(outcome, "probe_http_status_code") == 200
    assert value(outcome, "probe_http_uncompressed_body_length") == 20
    assert sum(s.value for s in outcome.samples if s.labels) <= outcome.duration_seconds


async def test_ipv6_and_names() -> None:
    async with serve(answering(HELLO), host="::1") as port:
        assert (await get(f"http://[::1]:{port}/")).ok
        refused = await get(f"http://localhost:{port}/", ip_version=4)
        assert refused.reason is Reason.REFUSED
    assert (await get("http://no-such-name.invalid/")).reason is Reason.DNS


async def test_the_request_is_as_configured(tmp_path: Path) -> None:
    seen: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(6))
        writer.write(HELLO)
        await writer.drain()

    token = tmp_path / "token"
    token.write_text("Bearer abc\n")
    async with serve(handle) as port:
        outcome = await get(
            f"http://127.0.0.1:{port}/a?b=c",
            method="POST",
            body="hồ s",
            headers={"Host": "portal.example", "X-Y": "z", "Accept": "application/json"},
            header_files={"Authorization": str(token)},
        )
    assert outcome.ok
    lines = seen[0].decode().split("\r\n")
    assert lines[0] == "POST /a?b=c HTTP/1.1"
    assert lines.count("Host: portal.example") == 1
    assert {"X-Y: z", "Accept: application/json", "Authorization: Bearer abc", "Connection: close"} <= set(
        lines
    )
    assert not any(line.startswith(("Host: 127", "Accept: *")) for line in lines)


@pytest.mark.parametrize("content", [None, "", "a\nb", "\xff" * 5000])
async def test_a_secret_that_cannot_be_read_is_local_and_stays_secret(
    tmp_path: Path, content: str | None
) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_text(content)
    outcome = await get("http://127.0.0.1:9/", header_files={"Authorization": str(token)})
    assert outcome.reason is Reason.LOCAL
    assert "token" in outcome.evidence
    assert not content or content not in outcome.evidence


# --- answers that are not health -----------------------------------------------------------------

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        pytest.param(answering(), Reason.RESET, id="closes at once"),
        pytest.param(answering(b"HTTP/1.1 200"), Reason.RESET, id="half a line"),
        pytest.param(answering(HELLO[:-1]), Reason.RESET, id="length too long"),
        pytest.param(answering(CHUNKED, b"zz\r\n"), Reason.PROTOCOL, id="bad chunk"),
        pytest.param(answering(b"220 smtp ready\r\n"), Reason.PROTOCOL, id="smtp"),
        pytest.param(answering(bytes(range(256)) * 100), Reason.PROTOCOL, id="noise"),
        pytest.param(answering(page(b"", "503 x")), Reason.STATUS, id="503"),
        pytest.param(answering(page("<h1>Hệ thống đang bảo trì".encode())), Reason.MAINTENANCE, id="planned"),
        pytest.param(
            answering(b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n" * 1000] * 20), Reason.TOO_LARGE, id="header"
        ),
        pytest.param(
            answering(page(gzip.compress(bytes(1 << 24)), "200 OK", "Content-Encoding: gzip")),
            Reason.TOO_LARGE,
            id="bomb",
        ),
    ],
)
async def test_each_fault_has_its_reason(handler: Handler, reason: Reason) -> None:
    outcome = await get_from(handler)
    assert outcome.reason is reason
    assert outcome.evidence


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param((), id="accepts and says nothing"),
        pytest.param((b"HTTP/1.1 200 OK\r\nX",), id="header that stops"),
        pytest.param((HELLO[:-1],), id="body that stops"),
        pytest.param((CHUNKED, b"5\r\nhello\r\n"), id="chunks that stop"),
    ],
)
async def test_an_answer_that_never_ends_is_stalled(parts: tuple[bytes, ...]) -> None:
    outcome = await get_from(then_silent(*parts), within=0.1)
    assert outcome.reason is Reason.STALLED
    assert "no complete answer within 0.1 s" in outcome.evidence


async def test_a_header_that_drips_is_stalled() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X: y\r\n")
            await writer.drain()
            await asyncio.sleep(0.005)

    assert (await get_from(drip, within=0.1)).reason is Reason.STALLED


async def test_ten_megabytes_cost_bounded_memory_and_end_at_once() -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
        piece = bytes(100_000)
        for _ in range(1000):
            writer.write(piece)
            await writer.drain()
            sent += len(piece)

    async with serve(flood) as port:
        await get(f"http://127.0.0.1:{port}/")
        sent = 0
        tracemalloc.start()
        try:
            outcome = await get(f"http://127.0.0.1:{port}/")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert outcome.reason is Reason.TOO_LARGE
    assert outcome.evidence == "body over 1048576 bytes"
    assert peak < 4_000_000
    assert sent < 50_000_000


async def test_nobody_listens() -> None:
    with closed_port() as port:
        outcome = await get(f"http://127.0.0.1:{port}/")
    assert outcome.reason is Reason.REFUSED
    assert value(outcome, "probe_http_status_code") == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=4), st.booleans())
def test_whatever_a_server_sends_is_a_reason(parts: list[bytes], well_begun: bool) -> None:
    begin = (b"HTTP/1.1 200 OK\r\n",) if well_begun else ()
    outcome = asyncio.run(get_from(answering(*begin, *parts)))
    assert outcome.reason in {Reason.OK, Reason.RESET, Reason.PROTOCOL, Reason.STATUS, Reason.TOO_LARGE}


# --- redirects -----------------------------------------------------------------------------------


def routes(seen: list[str], **answers: bytes) -> Handler:
    """Serve ``answers`` by path ("a" for /a); note the requests."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        seen.append(request)
        writer.write(answers[request.split(" ")[1].strip("/") or "root"])
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    return handle


def redirect(to: str, status: str = "302 Found") -> bytes:
    return page(b"", status, f"Location: {to}")


async def test_redirects_are_followed_and_counted() -> None:
    seen: list[str] = []
    outcome = await get_from(routes(seen, root=redirect("/a"), a=redirect("b", "307 x"), b=HELLO))
    assert outcome.ok
    assert value(outcome, "probe_http_redirects") == 2
    assert [request.split(" ")[1] for request in seen] == ["/", "/a", "/b"]
    assert phases(outcome) == ["resolve", "connect", "processing", "transfer"]


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        ("303 x", "POST", "GET"),
        ("302 x", "POST", "GET"),
        ("307 x", "POST", "POST"),
        ("303 x", "HEAD", "HEAD"),
    ],
)
async def test_the_method_after_a_redirect(status: str, method: str, then: str) -> None:
    seen: list[str] = []
    assert (await get_from(routes(seen, root=redirect("/a", status), a=HELLO), method=method)).ok
    assert [request.split(" ")[0] for request in seen] == [method, then]


async def test_too_many_redirects() -> None:
    seen: list[str] = []
    outcome = await get_from(routes(seen, root=redirect("/")), max_redirects=3)
    assert outcome.reason is Reason.REDIRECT
    assert len(seen) == 4


async def test_a_redirect_may_be_what_is_expected() -> None:
    handler = routes([], root=redirect("/login"))
    assert (await get_from(handler, expected_status=[302])).ok
    assert (await get_from(handler, max_redirects=0)).reason is Reason.STATUS


async def test_secrets_stay_with_the_first_origin(tmp_path: Path) -> None:
    token, seen = tmp_path / "token", list[str]()
    token.write_text("secret")
    async with (
        serve(routes(seen, root=HELLO)) as other,
        serve(routes(seen, root=redirect(f"http://127.0.0.1:{other}/"))) as port,
    ):
        outcome = await get(
            f"http://127.0.0.1:{port}/",
            header_files={"X-Key": str(token)},
            headers={"Host": "first", "X-Open": "1"},
        )
    assert outcome.ok
    assert ["secret" in request for request in seen] == [True, False]
    assert ["Host: first" in request for request in seen] == [True, False]
    assert all("X-Open: 1" in request for request in seen)


# --- TLS -----------------------------------------------------------------------------------------


async def get_tls(context: ssl.SSLContext, **options: object) -> Outcome:
    async with serve(answering(HELLO), tls=context) as port:
        return await get(f"https://127.0.0.1:{port}/", 10.0, **options)


async def test_https(pki: Pki, server_tls: ssl.SSLContext) -> None:
    outcome = await get_tls(server_tls, ca_file=str(pki.ca))
    assert outcome.ok
    assert phases(outcome) == ["resolve", "connect", "tls", "processing", "transfer"]
    assert value(outcome, "probe_ssl_earliest_cert_expiry") == ssl.cert_time_to_seconds(
        "Jan  1 00:00:00 2038 GMT"
    )


async def test_the_expiry_is_that_of_the_first_in_the_chain(pki: Pki) -> None:
    context = server_context(pki.host("below", issuer="intermediate"))
    trusting: dict[str, object] = {"ca_file": str(pki.ca)}
    for options in (trusting, {"insecure_skip_verify": True}):
        outcome = await get_tls(context, **options)
        assert outcome.ok
        expiry = value(outcome, "probe_ssl_earliest_cert_expiry")
        assert expiry == ssl.cert_time_to_seconds("Jan  1 00:00:00 2035 GMT")


async def test_a_certificate_that_is_not_trusted(pki: Pki, server_tls: ssl.SSLContext) -> None:
    outcome = await get_tls(server_tls)
    assert outcome.reason is Reason.TLS
    assert "unable to get local issuer" in outcome.evidence
    expired = server_context(pki.host("expired", expires="20210101000000Z"))
    outcome = await get_tls(expired, ca_file=str(pki.ca))
    assert outcome.reason is Reason.TLS
    assert "expired" in outcome.evidence
    assert (await get_tls(expired, insecure_skip_verify=True)).ok
    other = server_context(pki.host("other", san="DNS:other.example"))
    assert (await get_tls(other, ca_file=str(pki.ca))).reason is Reason.TLS
    assert (await get_tls(other, ca_file=str(pki.ca), server_name="other.example")).ok


async def test_a_certificate_of_our_own(pki: Pki, server_pem: Path, tmp_path: Path) -> None:
    mine = pki.host("mine")
    context = server_context(server_pem)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(pki.ca)
    options: dict[str, object] = {"ca_file": str(pki.ca)}
    assert (await get_tls(context, **options, cert_file=str(mine))).ok
    assert (await get_tls(context, **options, cert_file=str(mine), key_file=str(pki.key_of("mine")))).ok
    refused = await get_tls(context, **options)
    assert refused.reason in {Reason.TLS, Reason.RESET}
    os.mkfifo(tmp_path / "pipe")  # whoever opens one waits for the other end
    for wrong in (tmp_path / "none", tmp_path, tmp_path / "pipe"):
        outcome = await get_tls(context, cert_file=str(wrong))
        assert outcome.reason is Reason.LOCAL
        assert "TLS files" in outcome.evidence


async def test_what_is_not_tls() -> None:
    hello_cut_short = b"\x16\x03\x03\x00\x04\x02\x00\x00\x00"
    for handler in (then_silent(HELLO), then_silent(hello_cut_short)):
        async with serve(handler) as port:
            outcome = await get(f"https://127.0.0.1:{port}/")
        assert outcome.reason is Reason.TLS
        assert outcome.evidence.startswith("handshake: ")


async def test_a_connection_closed_in_the_handshake() -> None:
    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write_eof()
        await asyncio.Event().wait()

    async with serve(close) as port:
        outcome = await get(f"https://127.0.0.1:{port}/", within=2.0)
    assert outcome.reason is Reason.TLS
    assert outcome.evidence == "handshake: the connection was closed"


async def test_from_https_never_back_to_plain(pki: Pki, server_tls: ssl.SSLContext) -> None:
    async with serve(answering(redirect("http://127.0.0.1:9/")), tls=server_tls) as port:
        outcome = await get(f"https://127.0.0.1:{port}/", ca_file=str(pki.ca))
    assert outcome.reason is Reason.REDIRECT


async def test_a_large_answer_under_tls(pki: Pki, server_tls: ssl.SSLContext) -> None:
    async with serve(answering(page(b"x" * 900_000)), tls=server_tls) as port:
        outcome = await get(f"https://127.0.0.1:{port}/", ca_file=str(pki.ca))
    assert outcome.ok
    assert value(outcome, "probe_http_uncompressed_body_length") == 900_000
