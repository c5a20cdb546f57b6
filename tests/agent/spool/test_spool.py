"""The last minute in memory, and what is known from one run to the next."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agent.clock import HubClock, Remembered
from agent.remote_write import Encoder, encode_labels, encode_series
from agent.spool import spool as spool_module
from agent.spool.held import Held
from agent.spool.piece import MAX_ROW_BYTES, Fate, Piece, rows_of
from agent.spool.shelf import Limits, Shelf
from agent.spool.spool import FLUSH_SECONDS, Spool
from tests.agent import virtual
from tests.agent.push_bench import EPOCH, vanish


class World:
    """A spool in virtual time; ``dropped`` is what it counts."""

    def __init__(self, directory: Path, boot: str = "boot") -> None:
        self.dropped: Counter[str] = Counter()
        self.clock = HubClock(virtual.now, lambda: EPOCH + virtual.now(), boot)
        shelf = Shelf(directory, "21040", Limits(8 << 20, 14), self.clock.now)
        self.spool = Spool(shelf, self.clock, self.dropped)
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.spool.open()
        self.task = asyncio.create_task(self.spool.run())

    def trust(self) -> None:
        self.clock.observe(virtual.now(), virtual.now(), EPOCH + virtual.now())

    async def kill(self) -> None:
        assert self.task is not None
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        vanish(self.spool)

    def take(self, size: int = 100, **more: object) -> Piece:
        now = virtual.now()
        time_ms = round((EPOCH + now) * 1000)
        raw = encode_series(encode_labels({"n": "x" * size}), Encoder(time_ms).sample(1.0))
        piece = Piece(raw, 1, time_ms, now, **more)  # type: ignore[arg-type]  # a dict of what a piece takes
        self.spool.take(piece)
        return piece


def test_a_sample_is_on_disk_within_a_minute_and_a_change_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        world = World(tmp_path)
        await world.start()
        world.trust()
        await asyncio.sleep(33)
        world.take()
        await asyncio.sleep(0.1)
        assert world.spool.stats.samples == 0
        world.take(change=True)
        await asyncio.sleep(0.1)
        assert world.spool.stats.samples == 1
        await asyncio.sleep(FLUSH_SECONDS)
        assert world.spool.stats.samples == 2
        assert world.spool.stats.waiting == 1, "one row a minute"
        await world.kill()

    virtual.run(main)


def test_a_change_on_its_way_to_the_hub_is_on_disk_at_once_also_when_all_is_written(tmp_path: Path) -> None:
    async def main() -> None:
        world = World(tmp_path)
        await world.start()
        world.trust()
        await asyncio.sleep(1)
        world.take(change=True, in_flight=True)
        world.spool.flush_soon()  # the hub is back in this moment
        await asyncio.sleep(0.1)
        assert world.spool.stats.samples == 1
        await world.kill()

    virtual.run(main)


def test_a_change_that_the_hub_refuses_while_another_is_written_ends_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        world = World(tmp_path)
        await world.start()
        world.trust()
        shelf = world.spool._shelf
        write, pieces = shelf.write, list[Piece]()

        def slow(*args: Any) -> list[int]:
            pieces[-1].fate = Fate.GONE
            return write(*args)

        shelf.write = slow  # type: ignore[method-assign,assignment]  # the loop goes on meanwhile
        pieces += [world.take(change=True), world.take(change=True)]
        await asyncio.sleep(1)
        assert world.task is not None
        assert not world.task.done()
        assert world.spool.stats.samples == 1
        await world.kill()

    virtual.run(main)


def test_what_is_held_is_known_while_it_drains_without_a_look_at_every_row(tmp_path: Path) -> None:
    async def main() -> None:
        world = World(tmp_path)
        await world.start()
        world.trust()
        for _ in range(30):
            world.take()
            world.spool.flush_soon()
            await asyncio.sleep(0.1)
        assert (world.spool.stats.waiting, world.spool.stats.samples) == (30, 30)
        looks = 0
        stats = world.spool._shelf.stats

        def counted() -> Held:
            nonlocal looks
            looks += 1
            return stats()

        world.spool._shelf.stats = counted  # type: ignore[method-assign]
        for left in reversed(range(30)):
            row = await world.spool.newest()
            assert row is not None
            await world.spool.settle(row, None, row.samples)
            assert (world.spool.stats.waiting, world.spool.stats.samples) == (left, left)
        assert looks <= 2
        assert world.spool.stats.oldest_ms is None
        await world.kill()

    virtual.run(main)


def test_a_killed_run_costs_the_last_minute_and_no_change(tmp_path: Path) -> None:
    async def main() -> None:
        world = World(tmp_path)
        await world.start()
        world.trust()
        world.take()
        world.take(change=True)
        await asyncio.sleep(0.1)
        await world.kill()
        after = World(tmp_path)
        await after.start()
        assert after.spool.stats.samples == 1
        await after.kill()

    virtual.run(main)


def test_a_stopped_run_costs_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        world = World(tmp_path)
        await world.start()
        world.trust()
        for _ in range(3):
            world.take(in_flight=True)
        assert world.task is not None
        world.task.cancel()
        await asyncio.gather(world.task, return_exceptions=True)
        await world.spool.close()
        after = World(tmp_path)
        await after.start()
        assert after.spool.stats.samples == 3
        await after.kill()

    virtual.run(main)


def test_what_is_known_of_the_hubs_clock_outlives_a_run_in_the_same_boot(tmp_path: Path) -> None:
    async def main() -> None:
        world = World(tmp_path)
        await world.start()
        world.trust()
        world.take()
        await asyncio.sleep(60)
        await world.kill()
        same = World(tmp_path)
        await same.start()
        assert same.clock.trusted
        await same.kill()
        other = World(tmp_path, boot="after a power cut")
        await other.start()
        assert not other.clock.trusted
        await other.kill()

    virtual.run(main)


def test_what_was_made_before_the_hub_spoke_waits_until_it_has(tmp_path: Path) -> None:
    async def main() -> None:
        world = World(tmp_path)
        await world.start()
        world.take(epoch_ms=round(EPOCH * 1000) - 3_600_000)
        await asyncio.sleep(60)
        assert world.spool.stats.samples == 1
        assert await world.spool.newest() is None
        world.trust()
        world.spool.flush_soon()
        await asyncio.sleep(0.1)
        row = await world.spool.newest()
        assert row is not None
        assert abs(row.last_ms / 1000 - (EPOCH + virtual.now() - 60) - 3600) < 1
        await world.kill()

    virtual.run(main)


def test_a_rows_size_and_the_memory_for_pieces_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "MAX_MEMORY_BYTES", 3 << 20)

    async def main() -> None:
        world = World(tmp_path)
        await world.spool.open()  # and nobody writes, as when the disk hangs
        for _ in range(10):
            world.take(size=1 << 19)
        assert world.dropped["full"] == 5
        rows = list(rows_of(world.spool._pieces, "b"))
        assert [row.samples for row in rows] == [1] * 5
        assert all(len(row.raw) <= MAX_ROW_BYTES for row in rows)
        vanish(world.spool)

    virtual.run(main)


def test_pieces_of_one_fate_and_epoch_share_rows_and_what_is_gone_is_in_none() -> None:
    def piece(number: int, fate: Fate, epoch_ms: int | None = None) -> Piece:
        return Piece(b"\x0a\x00", number, number, 0.0, fate=fate, epoch_ms=epoch_ms)

    pieces = [
        piece(1, Fate.WAITING), piece(2, Fate.ACKED), piece(3, Fate.WAITING, 7), piece(4, Fate.GONE),
        piece(5, Fate.WAITING), piece(6, Fate.WAITING, 0), piece(7, Fate.WAITING, 7),
    ]  # fmt: skip
    rows = list(rows_of(pieces, "b"))
    found = {(row.fate, row.epoch_ms): (row.samples, row.first_ms, row.last_ms) for row in rows}
    assert len(rows) == len(found) == 4
    assert found == {
        (Fate.WAITING, None): (6, 1, 5),
        (Fate.WAITING, 7): (10, 3, 7),
        (Fate.WAITING, 0): (6, 6, 6),
        (Fate.ACKED, None): (2, 2, 2),
    }


@pytest.mark.parametrize(
    "facts",
    [
        {"hub_start": "soon", "clock": "{}"},
        {"clock": '{"boot":"boot","low":2.0,"high":1.0,"heard":0.0}'},
        {"clock": '{"boot":"boot","low":1.0,"high":2.0,"heard":1e9}'},
        {"clock": "\x00"},
    ],
)
def test_facts_that_cannot_be_are_not_believed(tmp_path: Path, facts: dict[str, str]) -> None:
    async def main() -> None:
        world = World(tmp_path)
        await world.spool.open()
        for name, value in facts.items():
            world.spool._shelf.note(name, value)
        await world.spool.close()
        after = World(tmp_path)
        await after.start()
        assert not after.clock.trusted
        assert not after.spool.keeps_acked
        await after.kill()

    virtual.run(main)


def test_an_older_runs_word_counts_only_until_the_hub_speaks() -> None:
    now = [500.0]
    clock = HubClock(lambda: now[0], lambda: EPOCH + now[0], "boot")
    clock.observe(499, 500, EPOCH + 500)
    clock.recall(Remembered("boot", 1.0, 2.0, 400.0))
    assert abs(clock.unix() - EPOCH - 500) < 1
