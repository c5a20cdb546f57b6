"""When the watchdog counts as gone, and signs of life that do not get out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from alerts.deadman import Forwarder, Pulse

SECRET = "secret-path"


def test_before_the_first_sign_nothing_is_missed() -> None:
    pulse = Pulse(100.0, seen_before=False)
    assert pulse.state(99_999.0) == "waiting"
    pulse.beat(100_000.0)
    assert pulse.state(100_000.0) == "alive"


def test_more_than_two_minutes_of_silence_are_death() -> None:
    pulse = Pulse(100.0, seen_before=True)
    assert [pulse.state(at) for at in (100.0, 220.0, 220.1)] == ["alive", "alive", "dead"]
    assert pulse.silent_seconds(220.1) == pytest.approx(120.1)
    pulse.beat(300.0)
    assert pulse.state(301.0) == "alive"


# --- to the address outside ------------------------------------------------------------------------
@asynccontextmanager
async def outside(answer: bytes | None) -> AsyncIterator[int]:
    """A server that gives this answer to everyone, or none at all; yields its port."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        if answer is None:
            await over.wait()
        else:
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        over.set()
        server.close()
        await server.wait_closed()


async def beaten(tmp_path: Path, port: int) -> list[float]:
    """What is told of one sign of life."""
    path, told = tmp_path / "url", list[float]()
    path.write_text(f"http://127.0.0.1:{port}/{SECRET}\n")
    await Forwarder(str(path), 60.0, told.append).beat()
    return told


async def test_a_sign_that_arrives_is_told_as_well(tmp_path: Path) -> None:
    async with outside(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as port:
        assert await beaten(tmp_path, port) == [0.0]


@pytest.mark.parametrize(
    "status", ["404 Not Found", "500 Oops", "302 Found\r\nLocation: http://127.0.0.1:1/"]
)
async def test_an_address_that_refuses_is_told(
    tmp_path: Path, status: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with outside(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()) as port:
        (since,) = await beaten(tmp_path, port)
    assert since > 0
    assert SECRET not in caplog.text


async def test_an_address_that_answers_too_late_is_told_and_holds_nobody_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerts.deadman.DEADLINE_SECONDS", 0.05)
    async with outside(None) as port:
        (since,) = await beaten(tmp_path, port)
    assert since > 0
    assert "no answer in time" in caplog.text
    assert SECRET not in caplog.text


async def test_a_file_that_is_gone_is_told_and_the_next_sign_may_arrive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerts.deadman.RETRY_SECONDS", 0.0)
    path, told = tmp_path / "url", list[float]()
    forwarder = Forwarder(str(path), 60.0, told.append)
    await forwarder.beat()
    await forwarder.beat()
    async with outside(b"HTTP/1.1 204 No Content\r\n\r\n") as port:
        path.write_text(f"http://127.0.0.1:{port}/{SECRET}")
        await forwarder.beat()
    assert told[0] == told[1] > 0
    assert told[2:] == [0.0]
