"""Blocking calls that nobody has to wait for."""

import asyncio
import subprocess
import sys
import threading

import pytest

from exporters.net import threads
from exporters.net.failure import Failure
from exporters.siteio.blocking import Aside
from inventory.names import Reason


async def test_what_is_returned_or_raised_arrives() -> None:
    assert await threads.start(lambda: 7, "seven") == 7
    with pytest.raises(ValueError, match="x"):
        await threads.start(lambda: int("x"), "no number")


async def test_an_answer_that_nobody_awaits_any_more_is_dropped() -> None:
    gate = threading.Event()
    late = threads.start(gate.wait, "late")
    late.cancel()
    gate.set()
    while any(thread.name == "late" for thread in threading.enumerate()):  # noqa: ASYNC110 - no event
        await asyncio.sleep(0.001)
    await asyncio.sleep(0)
    assert late.cancelled()


async def test_a_machine_without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none_left)
    with pytest.raises(Failure, match="/mnt: can't start new thread") as failure:
        await Aside().read(lambda: 7, 5, "/mnt")
    assert failure.value.reason is Reason.LOCAL


def test_a_program_ends_while_a_call_hangs() -> None:
    words = (
        "import asyncio, threading; from exporters.net import threads\n"
        "async def main(): threads.start(threading.Event().wait, 'hangs')\n"
        "asyncio.run(main())"
    )
    assert subprocess.run([sys.executable, "-c", words], timeout=30, check=False).returncode == 0
