"""Bytes on account: reserved before they flow, kept through a crash, and never begun anew by mistake."""

import asyncio
import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.net.failure import Failure
from exporters.throughputio.account import opened
from exporters.throughputio.allowance import used
from exporters.throughputio.config import Config
from exporters.throughputio.deferred import Deferred
from exporters.throughputio.ledger import MONTHS_KEPT, Book, Ledger, Unusable
from inventory.names import Reason

NOW = datetime.fromisoformat("2026-11-22T23:00:00+07:00")
NIGHT = "2026-11-22"


def config(directory: Path) -> Config:
    return Config(
        contracted_down_mbps=100,
        contracted_up_mbps=100,
        budget_gigabytes_per_month=5,
        state_directory=str(directory),
    )


def spent(directory: Path) -> int:
    return Ledger(directory, "throughput/main").read().spent.get("2026-11", 0)


def test_a_new_ledger_is_empty_and_names_are_harmless(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "deep", "../../throughput/main")
    assert ledger.read() == Book()
    with ledger.alone():
        ledger.reserve("2026-11", 100)
        ledger.settle("2026-11", 100, 30, "2026-11-22")
    assert ledger.read() == Book(spent={"2026-11": 30}, tested="2026-11-22")
    assert {path.name for path in (tmp_path / "deep").iterdir()} == {
        "-throughput-main.json",
        "-throughput-main.lock",
    }


def test_a_settlement_without_a_test_keeps_the_last_night(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "x")
    ledger.settle("2026-11", 0, 10, "2026-11-21")
    ledger.settle("2026-12", 0, 10, "")
    assert ledger.read() == Book(spent={"2026-11": 10, "2026-12": 10}, tested="2026-11-21")


@given(st.lists(st.tuples(st.integers(2000, 2100), st.integers(-(10**12), 10**12)), max_size=60))
def test_a_book_stays_small_and_never_negative(entries: list[tuple[int, int]]) -> None:
    book = Book()
    for year, count in entries:
        book = book.plus(f"{year}-01", count)
    assert len(book.spent) <= MONTHS_KEPT
    assert all(count >= 0 for count in book.spent.values())


def test_a_clock_that_steps_back_finds_its_month_again() -> None:
    book = Book().plus("2026-11", 7).plus("2026-12", 1).plus("2026-11", 1)
    assert book.spent == {"2026-11": 8, "2026-12": 1}


@given(st.binary(max_size=200))
def test_a_damaged_ledger_blocks_tests(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    directory = tmp_path_factory.mktemp("ledger")
    (directory / "x.json").write_bytes(data)
    try:
        msgspec.json.decode(data, type=Book)
    except (ValueError, RecursionError):
        with pytest.raises(Unusable, match="damaged; remove it"):
            Ledger(directory, "x").read()


@pytest.mark.parametrize("text", ['{"spent":{"2026-11":-1}}', '{"spent":{}}' + " " * 70000])
def test_a_ledger_that_lies_blocks_tests(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(Unusable, match="damaged"):
        Ledger(tmp_path, "x").read()


def test_one_at_a_time(tmp_path: Path) -> None:
    with Ledger(tmp_path, "x").alone(), pytest.raises(Unusable) as refused, Ledger(tmp_path, "x").alone():
        pass
    assert refused.value.busy
    with Ledger(tmp_path, "x").alone(), Ledger(tmp_path, "y").alone():
        pass


async def test_an_account_is_reserved_while_open_and_settled_when_closed(tmp_path: Path) -> None:
    async with opened(config(tmp_path), "throughput/main", NOW, NIGHT) as account:
        assert spent(tmp_path) == account.given.reserved > 100_000_000
        account.spent.bytes, account.tested = 40e6, True
        assert account.remaining == 5_000_000_000 - used(40e6)
        with pytest.raises(Deferred, match="another test"):
            async with opened(config(tmp_path), "throughput/main", NOW, NIGHT):
                pass
    assert spent(tmp_path) == used(40e6)
    with pytest.raises(Deferred, match="already"):
        async with opened(config(tmp_path), "throughput/main", NOW, NIGHT):
            pass
    assert spent(tmp_path) == used(40e6)


async def test_what_fails_or_is_cancelled_costs_what_it_moved(tmp_path: Path) -> None:
    async def failing() -> None:
        async with opened(config(tmp_path), "throughput/main", NOW, NIGHT) as account:
            account.spent.bytes = 1e6
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await failing()
    assert spent(tmp_path) == used(1e6)

    async def stuck() -> None:
        async with opened(config(tmp_path), "throughput/main", NOW, NIGHT) as account:
            account.spent.bytes = 2e6
            began.set()
            await asyncio.Event().wait()

    began = asyncio.Event()
    task = asyncio.create_task(stuck())
    await began.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert spent(tmp_path) == used(1e6) + used(2e6)


async def test_more_than_was_reserved_is_never_booked(tmp_path: Path) -> None:
    async with opened(config(tmp_path), "throughput/main", NOW, NIGHT) as account:
        account.spent.bytes = 1e12
    assert spent(tmp_path) == account.given.reserved


KILLED = """
import asyncio, sys
from pathlib import Path
from tests.exporters.test_throughput_ledger import NIGHT, NOW, config
from exporters.throughputio.account import opened
async def main():
    async with opened(config(Path(sys.argv[1])), "throughput/main", NOW, NIGHT) as account:
        print(account.given.reserved, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


def test_a_test_that_is_killed_has_cost_its_whole_reservation(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        reserved = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        process.wait(60)
    assert spent(tmp_path) == reserved
    with Ledger(tmp_path, "throughput/main").alone():  # the lock died with it
        pass


async def test_a_budget_that_is_spent_or_nothing_defers(tmp_path: Path) -> None:
    Ledger(tmp_path, "throughput/main").reserve("2026-11", 5_000_000_000)
    with pytest.raises(Deferred, match="gives 0 MB"):
        async with opened(config(tmp_path), "throughput/main", NOW, NIGHT):
            pass
    nothing = msgspec.structs.replace(config(tmp_path), budget_gigabytes_per_month=0)
    with pytest.raises(Deferred, match="too little"):
        async with opened(nothing, "throughput/other", NOW, NIGHT):
            pass


async def test_a_ledger_that_cannot_be_kept_is_local(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for directory in (None, str(tmp_path / "file")):
        broken = msgspec.structs.replace(config(tmp_path), state_directory=directory)
        with pytest.raises(Failure) as failed:
            async with opened(broken, "throughput/main", NOW, NIGHT):
                pass
        assert failed.value.reason is Reason.LOCAL
