"""Ports, directories and the way into a running lab."""

import asyncio
import socket
from pathlib import Path

import pytest

from common import i18n
from deploy.lab import sandbox
from deploy.lab.forward import forwarding
from deploy.lab.order import Places


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_chosen", "en")


def test_a_taken_port_is_named_and_the_others_are_let_go() -> None:
    with socket.socket() as holder, socket.socket() as free:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        free.bind(("127.0.0.1", 0))
        other = free.getsockname()[1]
        free.close()
        said = f"Port {taken} on this machine's loopback is taken"
        with pytest.raises(sandbox.Refused, match=said), sandbox.listening((other, taken)):
            pass
        with sandbox.listening((other,)) as listeners:
            assert listeners[other].getsockname() == ("127.0.0.1", other)


def test_a_run_begins_empty_unless_told_to_keep(tmp_path: Path) -> None:
    places = Places(tmp_path / "run")
    sandbox.prepare(places.run, keep=False)
    old = places.run / "old"
    old.touch()
    places.sink.touch()
    sandbox.prepare(places.run, keep=True)
    assert old.exists()
    assert not places.sink.exists()
    sandbox.prepare(places.run, keep=False)
    assert list(places.run.iterdir()) == []


def test_nothing_runs_here(tmp_path: Path) -> None:
    with pytest.raises(sandbox.Refused, match="No lab runs in"):
        sandbox.enter_command(Places(tmp_path), "hub", ["true"])


def test_the_sandbox_is_bound_to_our_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    words = sandbox.unshare_command()
    assert words[:3] == ["setpriv", "--pdeathsig", "KILL"]
    assert {"--net", "--mount", "--pid", "--kill-child=KILL", "--map-root-user"} <= set(words)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert "--map-root-user" not in sandbox.unshare_command()


async def test_connections_are_carried_both_ways() -> None:
    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read()).upper())
        writer.close()
        await writer.wait_closed()

    inner = await asyncio.start_server(shout, "127.0.0.1", 0)
    port = inner.sockets[0].getsockname()[1]
    with sandbox.listening((0,)) as listeners:
        outer = listeners[0].getsockname()[1]
        async with forwarding({port: listeners[0].detach()}), asyncio.timeout(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", outer)
            writer.write(b"hello")
            writer.write_eof()
            assert await reader.read() == b"HELLO"
            writer.close()
            await writer.wait_closed()
    inner.close()
    await inner.wait_closed()


async def test_a_hub_that_is_not_there_closes_the_connection() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    with sandbox.listening((0,)) as listeners:
        outer = listeners[0].getsockname()[1]
        async with forwarding({port: listeners[0].detach()}), asyncio.timeout(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", outer)
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()
