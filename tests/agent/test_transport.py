"""Requests against a real HTTP server on loopback: headers, answers, credentials, one connection."""

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from agent.config import Push
from agent.transport import (
    Reply,
    Result,
    Transport,
    meaning,
    parse_count,
    parse_retry_after,
    parse_unix,
)
from exporters.dnsio import libc, stub
from exporters.dnsio.stub import Resolved, Stub
from exporters.dnsio.system import System
from exporters.net.literal import Address, IpVersion

Handler = Callable[[web.Request], Coroutine[Any, Any, web.StreamResponse]]


@asynccontextmanager
async def hub(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/api/v1/write", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/api/v1/write"
    finally:
        await runner.cleanup()


async def send(url: str, body: bytes = b"\x00", **options: Any) -> Reply:
    transport = Transport(Push(url=url, **{"timeout_seconds": 2, **options}), monotonic, "1.2")
    try:
        return await transport.send(body)
    finally:
        await transport.close()


def answers(status: int, text: str = "", headers: dict[str, str] | None = None) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text, headers=headers)

    return handler


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (200, Result.OK),
        (204, Result.OK),
        (302, Result.UNEXPECTED),
        (400, Result.REFUSED),
        (401, Result.UNAUTHORISED),
        (403, Result.UNAUTHORISED),
        (404, Result.UNEXPECTED),
        (413, Result.REFUSED),
        (422, Result.REFUSED),
        (429, Result.BUSY),
        (500, Result.SERVER_ERROR),
        (503, Result.SERVER_ERROR),
    ],
)
async def test_every_answer_has_a_meaning_and_a_date(status: int, result: Result) -> None:
    assert meaning(status) is result
    async with hub(answers(status, headers={"Location": "/elsewhere"} if status == 302 else None)) as url:
        reply = await send(url)
    assert reply.result is result
    assert reply.date_unix is not None
    assert reply.sent_seconds <= reply.received_seconds


@pytest.mark.parametrize(
    ("status", "said", "result"),
    [
        (500, "too old sample", Result.TOO_OLD),  # Prometheus 2.42
        (500, "out of bounds", Result.TOO_OLD),
        (
            400,
            "the sample has been rejected because its timestamp is too old (err-sample-too-old)",
            Result.TOO_OLD,
        ),
        (500, 'label name "a" is not unique: invalid sample', Result.REFUSED),  # Prometheus 2.42
        (400, "duplicate sample for timestamp", Result.REFUSED),  # Prometheus 2.42
        (409, "out of order", Result.REFUSED),
        (500, "disk full", Result.SERVER_ERROR),
        (401, "your token is too old", Result.UNAUTHORISED),
        (429, "too old", Result.BUSY),
        (200, "too old", Result.OK),
    ],
)
def test_words_decide_where_a_status_does_not(status: int, said: str, result: Result) -> None:
    assert meaning(status, said) is result


async def test_what_the_hub_says_of_itself() -> None:
    said = {"X-Thongsuot-Hub-Start": "1795000000.125", "Retry-After": "17", "X-Thongsuot-Left-Out": "3"}
    async with hub(answers(429, headers=said)) as url:
        reply = await send(url)
    assert (reply.start_unix, reply.retry_after_seconds, reply.left_out) == (1795000000.125, 17.0, 3)
    async with hub(answers(204)) as url:
        reply = await send(url)
    assert (reply.start_unix, reply.retry_after_seconds, reply.left_out) == (None, None, 0)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0), ("120", 120.0), ("99999999999", 600.0), ("-1", None), ("soon", None), ("", None),
        ("1e3", None), ("٣", None), (None, None),
        ("Sun, 22 Nov 2026 01:02:23 GMT", 20.0), ("Sun, 22 Nov 2026 01:00:00 GMT", 0.0),
        ("Mon, 23 Nov 2026 01:02:03 GMT", 600.0),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date_by_the_hubs_clock(
    header: str | None, seconds: float | None
) -> None:
    assert parse_retry_after(header, 1795309323.0) == seconds


def test_a_date_to_retry_after_means_nothing_without_the_hubs_clock() -> None:
    assert parse_retry_after("Sun, 22 Nov 2026 01:02:23 GMT", None) is None


@given(st.text(max_size=40))
def test_any_header_is_a_number_or_nothing(header: str) -> None:
    assert parse_unix(header) is None or 1.7e9 <= float(header) <= 7e9
    assert (parse_retry_after(header, 1795309323.0) or 0.0) >= 0
    assert 0 <= parse_count(header) < 10**9


async def test_request_is_as_the_specification_wants_it() -> None:
    seen: list[tuple[dict[str, str], bytes]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((dict(request.headers), await request.read()))
        return web.Response(status=204)

    async with hub(handler) as url:
        await send(url, b"\x00")
    headers, body = seen[0]
    assert body == b"\x00"
    assert headers["Content-Encoding"] == "snappy"
    assert headers["Content-Type"] == "application/x-protobuf"
    assert headers["X-Prometheus-Remote-Write-Version"] == "0.1.0"
    assert headers["User-Agent"] == "thongsuot-agent/1.2"
    assert "Authorization" not in headers


async def test_one_connection_serves_all_requests() -> None:
    ports = set()

    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        ports.add(request.transport.get_extra_info("peername")[1])
        return web.Response(status=204)

    async with hub(handler) as url:
        transport = Transport(Push(url=url), monotonic, "1")
        for _ in range(5):
            assert (await transport.send(b"\x00")).result is Result.OK
        await transport.close()
    assert len(ports) == 1


async def test_hub_that_never_answers_costs_only_the_deadline() -> None:
    async def handler(_: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    async with hub(handler) as url:
        assert (await send(url, timeout_seconds=0.2)).result is Result.TIMEOUT


async def test_long_answer_is_cut() -> None:
    async with hub(answers(500, "x" * 1_000_000)) as url:
        reply = await send(url)
    assert reply.result is Result.SERVER_ERROR
    assert len(reply.detail) < 400


async def test_nobody_there_and_no_such_name() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert (await send(f"http://127.0.0.1:{port}/")).result is Result.UNREACHABLE
    assert (await send("http://hub.invalid/")).result is Result.UNREACHABLE


async def test_hub_is_found_by_name_as_targets_are(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def look_up(_: Stub, host: str, __: IpVersion | None) -> Resolved:
        asked.append(host)
        return Resolved((Address(socket.AF_INET, "127.0.0.1"),), 30)

    monkeypatch.setattr(Stub, "look_up", look_up)
    async with hub(answers(204)) as url:
        assert (await send(url.replace("127.0.0.1", "hub-by-name.example"))).result is Result.OK
    assert asked == ["hub-by-name.example"]


async def test_dead_name_server_never_holds_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def look_up(_: str, __: IpVersion | None) -> tuple[Address, ...]:
        assert threading.current_thread().daemon  # else the interpreter would wait for it
        answered.wait(20)
        return ()

    # The slowest way there is: a name that the system's own resolver has to be asked for.
    monkeypatch.setattr(libc, "blocking", look_up)
    monkeypatch.setattr(stub, "load", lambda: System(modules=("ldap",)))
    try:
        reply = await send("http://hub-unanswered.example/", timeout_seconds=0.1)
    finally:
        answered.set()
    assert reply.result is Result.TIMEOUT


async def test_page_for_people_is_not_taken_for_the_hub() -> None:
    async def please_pay(_: web.Request) -> web.Response:
        return web.Response(text="<title>Gia hạn gói cước</title>", content_type="text/html")

    async with hub(please_pay) as url:
        reply = await send(url)
    assert reply.result is Result.UNEXPECTED
    assert "Gia hạn" in reply.detail


async def test_answer_is_not_unpacked() -> None:
    async def bomb(_: web.Request) -> web.Response:
        return web.Response(status=500, body=b"not gzip at all", headers={"Content-Encoding": "gzip"})

    async with hub(bomb) as url:
        reply = await send(url)
    assert reply.result is Result.SERVER_ERROR
    assert "not gzip at all" in reply.detail


async def test_answer_that_is_no_http_is_an_answer_nobody_can_use() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"\x00\xffnonsense\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with server:
        reply = await send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert reply.result in {Result.UNEXPECTED, Result.UNREACHABLE}
    assert reply.date_unix is None


async def test_token_is_read_again_after_a_refusal(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old\n")

    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=204 if request.headers["Authorization"] == "Bearer new" else 401)

    async with hub(handler) as url:
        transport = Transport(Push(url=url, bearer_token_file=str(token)), monotonic, "1")
        assert (await transport.send(b"\x00")).result is Result.UNAUTHORISED
        token.write_text("new\n")
        assert (await transport.send(b"\x00")).result is Result.OK
        await transport.close()


@pytest.mark.parametrize("content", [b"", b"two words", b"\xff\xfe", b"line\nline"])
async def test_unusable_token_is_our_own_fault_and_never_shown(tmp_path: Path, content: bytes) -> None:
    token = tmp_path / "token"
    token.write_bytes(content)
    async with hub(answers(204)) as url:
        reply = await send(url, bearer_token_file=str(token))
    assert reply.result is Result.LOCAL
    assert reply.detail == f"{token}: not a token"


async def test_missing_files_are_our_own_fault(tmp_path: Path) -> None:
    reply = await send("http://127.0.0.1:1/", bearer_token_file=str(tmp_path / "none"))
    assert (reply.result, reply.detail) == (Result.LOCAL, f"{tmp_path / 'none'}: No such file or directory")
    reply = await send("https://127.0.0.1:1/", ca_file=str(tmp_path / "none"))
    assert reply.result is Result.LOCAL


async def test_pipe_in_place_of_a_file_keeps_no_thread(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for options in ({"bearer_token_file": str(pipe)}, {"ca_file": str(pipe)}):
        reply = await send("https://127.0.0.1:1/", **dict[str, Any](options))
        assert (reply.result, reply.detail) == (Result.LOCAL, f"{pipe}: Not a plain file")
