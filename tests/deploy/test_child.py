"""Children: started again when they die, ended when asked, their logs bounded. With real processes."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy import unpacked
from deploy.child import LONGEST_DELAY_SECONDS, Child, Spec, backoff
from deploy.childlog import ChildLog

DEADLINE_SECONDS = 30


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in the kernel
            await asyncio.sleep(0.01)


def gone(pid: int) -> bool:
    """Whether no process has this id, or only one that is dead and not waited for."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].split()[0] in "ZX"


@asynccontextmanager
async def running(tmp_path: Path, *argv: str) -> AsyncIterator[Child]:
    child = Child(Spec(name="test", argv=argv), tmp_path / "log" / "test.log")
    child.start()
    try:
        yield child
    finally:
        await child.stop()


async def test_a_child_that_is_killed_comes_back(tmp_path: Path) -> None:
    async with running(tmp_path, "sleep", "1000") as child:
        await until(lambda: child.pid is not None)
        first = child.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until(lambda: child.pid not in (None, first))
        assert child.restarts == 1
        last = child.pid
    assert last is not None
    assert gone(last)
    assert child.pid is None


async def test_a_child_that_ignores_sigterm_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.child.TERM_SECONDS", 0.2)
    stubborn = "trap '' TERM; echo armed; while :; do sleep 1000; done"
    async with running(tmp_path, "sh", "-c", stubborn) as child:
        await until(lambda: child.log.last_line() == "armed")
        pid = child.pid
    assert pid is not None
    assert gone(pid)


async def test_a_child_that_cannot_start_is_tried_again_and_counted(tmp_path: Path) -> None:
    async with running(tmp_path, "/nowhere/no-such-program") as child:
        await until(lambda: child.deaths >= 2)
        assert "no-such-program" in child.log.last_line()


async def test_a_child_dies_with_its_parent(tmp_path: Path) -> None:
    """Even after kill -9 of the parent: the kernel tells the child."""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PARENT, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    async with asyncio.timeout(DEADLINE_SECONDS):
        pid = int(await parent.stdout.readline())
    assert not gone(pid)
    parent.kill()
    await parent.wait()
    await until(lambda: gone(pid))


_PARENT = """
import asyncio, sys
from pathlib import Path
from deploy.child import Child, Spec
async def main():
    child = Child(Spec(name="x", argv=("sh", "-c", "echo up; exec sleep 1000")), Path(sys.argv[1]) / "x.log")
    child.start()
    while child.log.last_line() != "up":
        await asyncio.sleep(0.01)
    print(child.pid, flush=True)
    await asyncio.sleep(1000)
asyncio.run(main())
"""


async def test_another_spec_replaces_the_process(tmp_path: Path) -> None:
    async with running(tmp_path, "sleep", "1000") as child:
        await until(lambda: child.pid is not None)
        first = child.pid
        await child.replace(Spec(name="test", argv=("sleep", "2000")))
        await until(lambda: child.pid not in (None, first))
        assert first is not None
        assert gone(first)


@given(deaths=st.integers(min_value=1, max_value=10_000))
def test_the_wait_grows_to_a_bound(deaths: int) -> None:
    assert 0 < backoff(deaths) <= backoff(deaths + 1) <= LONGEST_DELAY_SECONDS


# --- logs ----------------------------------------------------------------------------------------
def test_a_log_that_is_too_long_is_cut_while_its_writer_writes_on(tmp_path: Path) -> None:
    log = ChildLog(tmp_path / "a" / "x.log", max_bytes=100)
    with log.open() as writer:
        writer.write(b"old line\n" * 20)
        writer.flush()
        assert log.bound()
        assert not log.bound()
        writer.write(b"new line\n")
        writer.flush()
    assert log.path.read_bytes() == b"new line\n"
    assert log.path.with_name("x.log.1").read_bytes() == b"old line\n" * 20


def test_the_last_line_of_a_log(tmp_path: Path) -> None:
    log = ChildLog(tmp_path / "x.log")
    assert log.last_line() == ""
    assert not log.bound()
    log.path.write_bytes(b"one\n\xff two \n\n")
    assert log.last_line() == "� two"
    log.path.write_bytes(b"x" * 10_000)
    assert log.last_line() == "x" * 500


# --- programs that were unpacked -----------------------------------------------------------------
def test_an_installed_program_is_started_as_it_is(tmp_path: Path) -> None:
    program = _unpack(tmp_path)
    installed = tmp_path / "system-share"
    (installed / "prometheus" / "alertmanager").mkdir(parents=True)
    assert unpacked.argv(program, "--x", installed=installed) == (str(program), "--x")
    assert unpacked.argv(Path("/usr/bin/env"), "--x") == ("/usr/bin/env", "--x")


def test_an_unpacked_program_gets_its_files_in_a_namespace_of_its_own(tmp_path: Path) -> None:
    words = unpacked.argv(_unpack(tmp_path), "--x", installed=tmp_path / "none")
    assert words[0] == "unshare"
    assert "--mount" in words
    assert words[-2:] == (str(tmp_path / "usr/bin/alertmanager"), "--x")
    assert str(tmp_path / "usr/share") in words


def _unpack(directory: Path) -> Path:
    (directory / "usr/bin").mkdir(parents=True)
    (directory / "usr/share/prometheus/alertmanager").mkdir(parents=True)
    program = directory / "usr/bin/alertmanager"
    program.write_text("")
    return program
