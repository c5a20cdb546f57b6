"""The hub's end: who is served, how much, and that nobody else costs it anything."""

import asyncio
import contextlib
import json
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.throughputhub import app, door, listen
from exporters.throughputhub.leases import TTL_SECONDS, Lease, Leases, Limits, Order
from exporters.throughputhub.pace import BURST_SECONDS, Pace
from exporters.throughputhub.tokens import BadTokens, Tokens, parse
from exporters.throughputhub.transfers import ECHO_BYTES
from tests.exporters.throughput import OTHER, PACED, TOKEN, Hub, hub

FREE = Limits()


@asynccontextmanager
async def connected(at: Hub) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", at.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def pour(writer: asyncio.StreamWriter) -> None:
    """Send without end."""
    while True:
        writer.write(bytes(65536))
        await writer.drain()


async def drink(reader: asyncio.StreamReader) -> None:
    """Receive until the connection breaks."""
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(10**9)


def head(line: str, token: str | None = TOKEN, length: int | None = None, lease: str | None = None) -> bytes:
    fields = [f"{line} HTTP/1.0", "Host: hub"]
    fields += [f"Authorization: Bearer {token}"] if token is not None else []
    fields += [f"Content-Length: {length}"] if length is not None else []
    fields += [f"Thongsuot-Lease: {lease}"] if lease is not None else []
    return "\r\n".join([*fields, "", ""]).encode()


async def ask(at: Hub, line: str, body: bytes = b"", **fields: Any) -> tuple[int, bytes]:
    """Return status and body."""
    async with connected(at) as (reader, writer):
        writer.write(head(line, length=len(body), **fields) + body)
        answer = await reader.read()
    first, _, rest = answer.partition(b"\r\n\r\n")
    return int(first.split()[1]), rest


def order(line: str = "line:21040/main", *segments: str, size: int = 10**9) -> bytes:
    return json.dumps({"line": line, "segments": segments, "bytes": size}).encode()


async def leased(at: Hub, *words: str, token: str = TOKEN, size: int = 10**9) -> str:
    status, body = await ask(at, "POST /lease", order(*words, size=size), token=token)
    assert status == 200, body
    return str(json.loads(body)["lease"])


# --- tokens ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("text", ["", "\n# only a comment\n", "short", "with a blank inside it", "ỷ" * 20])
def test_files_without_a_usable_token(text: str) -> None:
    with pytest.raises(BadTokens) as refused:
        parse(text)
    assert text == "" or text not in str(refused.value)


@given(st.text(max_size=300))
def test_any_text_is_tokens_or_refused(text: str) -> None:
    try:
        assert len(parse(text)) >= 1
    except BadTokens:
        return


def test_tokens_are_read_again_and_a_broken_file_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text(TOKEN)
    tokens = Tokens(path)
    assert tokens.holder(f"Bearer {TOKEN}") is not None
    assert tokens.holder(f"bearer  {TOKEN}") == tokens.holder(f"Bearer {TOKEN}")
    for wrong in (
        "",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
        "Bearer ",
        "Bearer \udc80",
    ):
        assert tokens.holder(wrong) is None
    path.write_text(f"{OTHER}\n")
    assert tokens.reload() is None
    assert tokens.holder(f"Bearer {TOKEN}") is None
    assert tokens.holder(f"Bearer {OTHER}") is not None
    path.write_text("x")
    assert TOKEN not in (tokens.reload() or TOKEN)
    assert tokens.holder(f"Bearer {OTHER}") is not None
    path.unlink()
    os.mkfifo(path)  # nobody will ever write to it
    assert "Not a plain file" in (tokens.reload() or "")
    assert tokens.holder(f"Bearer {OTHER}") is not None


async def test_tokens_that_are_not_taken_in_are_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(app, "SWEEP_SECONDS", 0)
    caplog.set_level("INFO")
    async with hub(tmp_path) as at:
        for text, said in (("short", "not read again"), (TOKEN, "tokens read again")):
            (tmp_path / "tokens").write_text(text)
            while said not in caplog.text:  # noqa: ASYNC110 - a log sets no event
                await asyncio.sleep(0)
            assert (await ask(at, "POST /lease"))[0] == 400  # the old token, and the new one
    assert caplog.text.count("not read again") == 1
    assert "short" not in caplog.text


# --- leases ---------------------------------------------------------------------------------------
def wish(line: str, *segments: str) -> Order:
    return Order(line=line, segments=segments, bytes=1000)


def test_no_two_tests_share_anything() -> None:
    leases = Leases(Limits(tests=3))
    first = leases.grant(wish("line:a/main", "pop:x", "ring:y"), "one", 0)
    assert isinstance(first, Lease)
    assert leases.grant(wish("line:b/main", "pop:z", "ring:y"), "two", 1) == "ring:y"
    assert leases.grant(wish("line:a/main"), "one", 1) == "line:a/main"
    assert isinstance(leases.grant(wish("line:b/main", "pop:z"), "two", 1), Lease)
    assert isinstance(leases.grant(wish("line:c/main"), "two", 1), Lease)
    assert leases.grant(wish("line:d/main"), "three", 1) == "full"
    assert not leases.release(first.id, "two", 2)  # not its own
    assert leases.release(first.id, "one", 2)
    assert isinstance(leases.grant(wish("line:d/main", "ring:y"), "three", 2), Lease)


def test_a_lease_lives_while_it_is_renewed_and_not_beyond_its_end() -> None:
    leases = Leases(Limits(test_seconds=3 * TTL_SECONDS))
    lease = leases.grant(wish("line:a/main"), "one", 0)
    assert isinstance(lease, Lease)
    cut = []
    lease.cuts.add(lambda: cut.append(1))
    now = 0.0
    while leases.renew(lease.id, "one", now):
        assert leases.grant(wish("line:a/main"), "two", now) == "line:a/main"
        now += TTL_SECONDS - 1
    assert 2 * TTL_SECONDS < now <= 3 * TTL_SECONDS + TTL_SECONDS
    assert leases.find(lease.id, "one", now) is None
    assert isinstance(leases.grant(wish("line:a/main"), "two", now), Lease)
    assert cut == [1]


def test_a_lease_that_nobody_renews_is_freed() -> None:
    leases = Leases(FREE)
    lease = leases.grant(wish("line:a/main"), "one", 0)
    assert isinstance(lease, Lease)
    assert leases.find(lease.id, "one", TTL_SECONDS - 0.01) is lease
    leases.sweep(TTL_SECONDS)
    assert len(leases) == 0
    assert not leases.renew(lease.id, "one", TTL_SECONDS)


@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.sets(st.sampled_from("xyz")), st.floats(0, 10)), max_size=30
    )
)
def test_whatever_happens_nothing_is_tested_twice_at_once(
    steps: list[tuple[str, set[str], float]],
) -> None:
    leases, now, held = Leases(Limits(tests=2)), 0.0, list[Lease]()
    for line, segments, seconds in steps:
        now += seconds
        lease = leases.grant(wish(f"line:{line}", *(f"pop:{one}" for one in segments)), line, now)
        held = [one for one in held if leases.find(one.id, one.holder, now)]
        if isinstance(lease, Lease):
            assert all(not (lease.places & one.places) for one in held)
            held.append(lease)
        assert len(held) == len(leases) <= 2


def test_pace_is_kept() -> None:
    pace, now = Pace(1e6), 100.0
    for _ in range(50):
        now += pace.delay(100_000, now)
    assert now - 100 == pytest.approx(5 - BURST_SECONDS)
    assert Pace(1e6).delay(10, 0) == 0


# --- over HTTP ------------------------------------------------------------------------------------
PAGES = [
    "POST /lease",
    "POST /lease/x",
    "DELETE /lease/x",
    "GET /down?bytes=9",
    "POST /up",
    "POST /echo",
    "GET /",
]


@pytest.mark.parametrize("line", PAGES)
@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN + "x"])
async def test_without_a_token_there_is_nothing(tmp_path: Path, line: str, token: str | None) -> None:
    async with hub(tmp_path) as at:
        status, body = await ask(at, line, token=token)
        assert (status, len(body) < 100) == (401, True)
        assert at.count("refused_total", reason="token") == 1
        assert at.moved == 0


async def test_what_an_unknown_sends_is_not_read(tmp_path: Path) -> None:
    async with hub(tmp_path) as at, connected(at) as (reader, writer):
        writer.write(head("POST /up", token="wrong", length=10**12))
        assert b" 401 " in await reader.readline()
        with pytest.raises(ConnectionError):
            await pour(writer)


@pytest.mark.parametrize("line", ["GET /down?bytes=9", "POST /up", "POST /echo"])
async def test_without_a_lease_of_its_own_nobody_gets_bytes(tmp_path: Path, line: str) -> None:
    async with hub(tmp_path) as at:
        assert (await ask(at, line))[0] == 403
        foreign = await leased(at, token=OTHER)
        assert (await ask(at, line, lease=foreign))[0] == 403
        assert (await ask(at, f"DELETE /lease/{foreign}"))[0] == 404
        assert at.count("refused_total", reason="lease") == 3


NO_ORDERS = [
    b"",
    b"{}",
    b"[" * 9000,
    b"\xff",
    order("line"),
    order("line:a", "carrier"),
    order(size=0),
    order(size=-1),
    order("line:a", *(f"pop:{n}" for n in range(17))),
    order("line:" + "a" * 100),
    b'{"line":"line:a","bytes":1,"x":1}',
]


@pytest.mark.parametrize("body", NO_ORDERS)
async def test_orders_that_are_none(tmp_path: Path, body: bytes) -> None:
    async with hub(tmp_path) as at:
        assert (await ask(at, "POST /lease", body))[0] in {400, 413}
        assert at.count("tests_total") == 0


async def test_busy_and_full_are_told_apart(tmp_path: Path) -> None:
    async with hub(tmp_path, Limits(tests=2)) as at:
        lease = await leased(at, "line:a/main", "pop:x")
        assert await ask(at, "POST /lease", order("line:b/main", "pop:x")) == (409, b"pop:x\n")
        await leased(at, "line:b/main")
        assert await ask(at, "POST /lease", order("line:c/main")) == (503, b"full\n")
        assert (await ask(at, f"POST /lease/{lease}"))[0] == 204
        assert (await ask(at, f"DELETE /lease/{lease}"))[0] == 204
        assert (await ask(at, f"POST /lease/{lease}"))[0] == 404
        await leased(at, "line:c/main", "pop:x")
        counted = {reason: at.count("refused_total", reason=reason) for reason in ("busy", "full", "lease")}
        assert counted == {"busy": 1, "full": 1, "lease": 1}
        assert (at.count("tests_total"), at.count("leases")) == (3, 2)


async def test_bytes_come_as_many_as_asked(tmp_path: Path) -> None:
    async with hub(tmp_path, FREE) as at:
        lease = await leased(at)
        status, body = await ask(at, "GET /down?bytes=300001", lease=lease)
        assert (status, len(body)) == (200, 300001)
        assert len(set(body)) == 256  # nothing that compresses
        assert at.count("bytes_total", direction="down") == 300001
        for wrong in ("", "0", "-1", "x", "9" * 16, "１"):
            assert (await ask(at, f"GET /down?bytes={wrong}".encode().decode("latin-1"), lease=lease))[
                0
            ] == 400


async def test_a_lease_gives_no_more_than_its_bytes(tmp_path: Path) -> None:
    async with hub(tmp_path, Limits(test_bytes=500_000)) as at:
        lease = await leased(at, size=10**12)
        down = (await ask(at, "GET /down?bytes=400000", lease=lease))[1]
        assert len(down) == 400_000
        async with connected(at) as (reader, writer):
            writer.write(head("GET /down?bytes=400000", lease=lease))
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await drink(reader)
        assert at.moved <= 500_000 + 1


async def test_what_comes_up_is_counted_and_reported(tmp_path: Path) -> None:
    async with hub(tmp_path, FREE) as at:
        lease = await leased(at)
        status, report = await ask(at, "POST /up", bytes(700_000), lease=lease)
        assert status == 200
        lines = [
            (float(seconds), int(count)) for seconds, count in (line.split() for line in report.splitlines())
        ]
        assert lines == sorted(lines)
        assert lines[-1][1] == 700_000 == at.count("bytes_total", direction="up")


async def test_too_much_from_below_ends_the_connection(tmp_path: Path) -> None:
    async with hub(tmp_path, Limits(test_bytes=200_000, request_bytes=10**9)) as at:
        lease = await leased(at)
        assert (await ask(at, "POST /up", lease=lease))[0] == 200
        async with connected(at) as (reader, writer):
            writer.write(head("POST /up", lease=lease, length=10**8))
            await reader.readuntil(b"\r\n\r\n")
            with pytest.raises(ConnectionError):
                await pour(writer)
        assert at.moved < 10**6
        async with connected(at) as (reader, writer):
            writer.write(head("POST /up", lease=lease, length=2 * 10**9))
            assert b" 413 " in await reader.readline()


async def test_echoes_come_back_and_end(tmp_path: Path) -> None:
    async with hub(tmp_path) as at:
        lease = await leased(at)
        async with connected(at) as (reader, writer):
            writer.write(head("POST /echo", lease=lease, length=10**6))
            await reader.readuntil(b"\r\n\r\n")
            for number in range(3):
                writer.write(b"%016d" % number)
                assert await reader.readexactly(16) == b"%016d" % number
            writer.write(bytes(ECHO_BYTES))
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await reader.readexactly(2 * ECHO_BYTES)


async def test_the_end_of_a_lease_ends_its_transfers(tmp_path: Path) -> None:
    async with hub(tmp_path, PACED) as at:
        lease = await leased(at)
        async with connected(at) as (reader, writer):
            writer.write(head("GET /down?bytes=1000000000", lease=lease))
            await reader.readuntil(b"\r\n\r\n")
            assert (await ask(at, f"DELETE /lease/{lease}"))[0] == 204
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await reader.readexactly(10**9)
        assert at.moved < 10**9


async def test_more_streams_than_allowed(tmp_path: Path) -> None:
    async with hub(tmp_path, Limits(streams=1, bytes_per_second=1e6)) as at:
        lease = await leased(at)
        async with connected(at) as (first, one), connected(at) as (second, two):
            for reader, writer in ((first, one), (second, two)):
                writer.write(head("GET /down?bytes=1000000000", lease=lease))
                await reader.readuntil(b"\r\n\r\n")
            assert (await ask(at, "GET /down?bytes=9", lease=lease))[0] == 429


async def test_who_says_nothing_is_hung_up_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "SILENT_SECONDS", 0.05)
    async with hub(tmp_path) as at, connected(at) as (reader, writer):
        writer.write(b"POST /lease HTTP/1.0\r\nX: ")
        assert await reader.read() == b""


async def test_an_order_that_never_ends_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "ORDER_SECONDS", 0.05)
    async with hub(tmp_path) as at, connected(at) as (reader, writer):
        writer.write(head("POST /lease", length=100) + b"{")
        assert (await reader.read()).startswith(b"HTTP/1.0 400 ")


@pytest.mark.parametrize("limit", ["MAX_CONNECTIONS", "MAX_OF_ONE_ADDRESS"])
async def test_connections_are_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(door, limit, 1)
    async with hub(tmp_path) as at:
        async with connected(at), connected(at) as (reader, _):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            assert at.count("refused_total", reason="connections") == 1
        while not await ask_if_let_in(at):
            pass  # until the first is seen to have gone


async def ask_if_let_in(at: Hub) -> bool:
    try:
        return (await ask(at, "POST /lease"))[0] == 400
    except (ConnectionError, IndexError):  # hung up on
        return False


async def test_those_who_never_shake_hands_are_counted_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "MAX_CONNECTIONS", 3)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    before = psutil.Process().num_fds()
    async with hub(tmp_path, tls=context) as at:
        own = psutil.Process().num_fds() - before
        strangers = [await asyncio.open_connection("127.0.0.1", at.port) for _ in range(20)]
        for reader, _ in strangers[3:]:
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        assert psutil.Process().num_fds() - before <= own + len(strangers) + 3
        for _, writer in strangers:
            writer.transport.abort()


def test_who_goes_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "MAX_CONNECTIONS", 1)
    turned_away: list[bool] = []
    with door.open_door(socket.AF_INET, ("127.0.0.1", 0), lambda: turned_away.append(True)) as opened:
        opened.listen()
        opened.setblocking(True)
        with socket.create_connection(opened.getsockname()):
            first, _ = opened.accept()
            with socket.create_connection(opened.getsockname()) as second:
                opened.setblocking(False)
                with pytest.raises(BlockingIOError):
                    opened.accept()
                assert second.recv(1) == b""
            first.close()
            opened.setblocking(True)
            with socket.create_connection(opened.getsockname()):
                third, _ = opened.accept()
                third.close()
        assert turned_away == [True]


async def test_a_request_has_its_time_and_no_more(tmp_path: Path) -> None:
    async with hub(tmp_path, Limits(request_seconds=0.2, bytes_per_second=1e6)) as at:
        lease = await leased(at)
        for line in ("GET /down?bytes=1000000000", "POST /up", "POST /echo"):
            async with connected(at) as (reader, writer):
                writer.write(head(line, lease=lease, length=None if "down" in line else 10**9))
                with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                    await drink(reader)
        assert at.moved < 10**7
