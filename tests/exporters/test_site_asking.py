"""Asking programs and blocking calls: bounded in time and size, and nothing left behind."""

import asyncio
import os
import threading
from pathlib import Path

import psutil
import pytest

from exporters.net.failure import Failure
from exporters.siteio.blocking import Aside
from exporters.siteio.command import MAX_ANSWER_BYTES, ask
from inventory.names import Reason


def children() -> list[psutil.Process]:
    return psutil.Process().children()


async def test_an_answer_has_both_streams_and_the_status() -> None:
    answer = await ask(("sh", "-c", "echo out; echo 'it  broke' >&2; exit 3"), 10, "dash")
    assert (answer.status, answer.out, answer.complaint) == (3, b"out\n", "it broke")


async def test_a_program_that_is_not_there_names_its_package() -> None:
    with pytest.raises(Failure, match=r"not installed \(Debian package nut-client\)") as failure:
        await ask(("no-such-program",), 1, "nut-client")
    assert failure.value.reason is Reason.LOCAL


async def test_a_program_that_hangs_is_ended() -> None:
    with pytest.raises(Failure) as failure:
        await ask(("sleep", "60"), 0.05, "coreutils")
    assert failure.value.reason is Reason.TIMEOUT
    assert children() == []


async def test_a_cancelled_question_leaves_no_program() -> None:
    task = asyncio.create_task(ask(("sleep", "60"), 60, "coreutils"))
    while not children():  # noqa: ASYNC110 - a process list has no event
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert children() == []


NAP = f"sleep 60.{os.getpid()}"


@pytest.mark.parametrize(
    "words", [NAP, f"{NAP} & exit 0", f"setsid {NAP}1 & {NAP}"], ids=["runs", "ended", "apart"]
)
async def test_what_a_wrapper_started_keeps_nobody_waiting(words: str) -> None:
    before = psutil.Process().num_fds()
    with pytest.raises(Failure) as failure:
        async with asyncio.timeout(30):  # not until the child's end
            await ask(("sh", "-c", f"{words}; true"), 0.05, "dash")
    assert failure.value.reason is Reason.TIMEOUT
    while _found(NAP):
        for escaped in _found(f"{NAP}1"):  # it has a session of its own: nobody can know it
            escaped.kill()
        await asyncio.sleep(0.01)
    assert psutil.Process().num_fds() <= before


def _found(words: str) -> list[psutil.Process]:
    return [one for one in psutil.process_iter() if words in " ".join(_words_of(one))]


def _words_of(process: psutil.Process) -> list[str]:
    try:
        words: list[str] = process.cmdline()
    except psutil.Error:
        return []
    return words


async def test_a_flood_is_refused_and_not_kept() -> None:
    with pytest.raises(Failure) as failure:
        await ask(("head", "-c", str(MAX_ANSWER_BYTES * 20), "/dev/zero"), 20, "coreutils")
    assert failure.value.reason is Reason.TOO_LARGE


async def test_words_are_asked_for_in_english_with_decimal_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "vi_VN.UTF-8")
    assert (await ask(("sh", "-c", "echo $LC_ALL"), 10, "dash")).out == b"C\n"


async def test_a_program_that_cannot_be_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "upsc"
    broken.write_bytes(b"\x7fELF nonsense")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Failure, match="upsc: ") as failure:
        await ask(("upsc", "x"), 1, "nut-client")
    assert failure.value.reason is Reason.LOCAL


async def test_a_read_that_hangs_is_left_alone_until_it_returns() -> None:
    aside, gate = Aside(), threading.Event()
    with pytest.raises(Failure, match="nothing within") as failure:
        await aside.read(gate.wait, 0.05, "/mnt")
    assert failure.value.reason is Reason.TIMEOUT
    with pytest.raises(Failure, match="has not returned yet"):
        await aside.read(gate.wait, 0.05, "/mnt")
    gate.set()
    while True:
        try:
            assert await aside.read(lambda: 7, 5, "/mnt") == 7
        except Failure:
            await asyncio.sleep(0.01)
            continue
        break


async def test_an_error_of_the_system_is_local() -> None:
    def broken() -> None:
        raise OSError(5, "Input/output error")

    with pytest.raises(Failure, match="/mnt: Input/output error") as failure:
        await Aside().read(broken, 5, "/mnt")
    assert failure.value.reason is Reason.LOCAL
