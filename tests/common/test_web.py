"""Listen addresses, and how many may connect."""

import asyncio
import socket

import pytest
from aiohttp import web

from common import web as ours
from common.web import ListenError, parse_listen, serve


@pytest.mark.parametrize(
    ("text", "expected"), [("127.0.0.1:0", ("127.0.0.1", 0)), ("[::1]:65535", ("::1", 65535))]
)
def test_listen_address(text: str, expected: tuple[str, int]) -> None:
    assert parse_listen(text) == expected


@pytest.mark.parametrize("text", ["", ":80", "h:", "h:65536", "h:-1", "h:²", "h:٣", "::1:80", "[]:80", "80"])
def test_unusable_listen_address_is_refused(text: str) -> None:
    with pytest.raises(ListenError, match="expected host:port"):
        parse_listen(text)


async def _get(host: str, port: int) -> bytes:
    return await _send(host, port, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")


async def _send(host: str, port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(data)
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_nonsense_is_refused_without_a_word_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_: web.Request) -> web.Response:
        raise RuntimeError("a bug of ours")

    app = web.Application()
    app.router.add_get("/", broken)
    async with serve(app, "127.0.0.1:0") as (host, port):
        assert b" 400 " in await _send(host, port, b"\x16\x03\x01 nonsense\r\n\r\n")
        assert not caplog.records
        assert b" 500 " in await _get(host, port)
        assert "a bug of ours" in caplog.text


async def test_idle_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    monkeypatch.setattr(ours, "MAX_CONNECTIONS", 5)
    app = web.Application()
    app.router.add_get("/", hello)
    async with serve(app, "127.0.0.1:0") as (host, port):
        idle = []
        for _ in range(5):
            idle.append(socket.create_connection((host, port)))
            idle[-1].sendall(b"GET / HTTP/1.1\r\nX: ")
            await asyncio.sleep(0.01)
        assert await _get(host, port) == b""
        idle.pop().close()
        answers = []
        for _ in range(500):  # until the server has seen the end
            answers.append(await _get(host, port))
            if answers[-1]:
                break
            await asyncio.sleep(0.01)
        assert b"hello" in answers[-1]
        for one in idle:
            one.close()
