"""The counters' file: nothing is shown that is not on disk, and nothing old ever comes back."""

import asyncio
import errno
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.state import Damaged, Seconds, StateBook, Store, Stored, decode, encode
from inventory.names import State
from tests.agent import virtual


class Disk(Store):
    """A store whose disk can be full or read-only."""

    full = read_only = False

    def save(self, counters: dict[str, Seconds]) -> None:  # type: ignore[override]  # narrower is enough here
        if self.full or self.read_only:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().save(counters)

    def forget(self) -> None:
        if self.read_only:
            raise OSError(errno.EROFS, "Read-only file system")
        super().forget()


def book(directory: Path) -> StateBook:
    return StateBook(Disk(directory, "21040"))


def disk(of: StateBook) -> Disk:
    store = of._store
    assert isinstance(store, Disk)
    return store


counters = st.dictionaries(
    st.text(max_size=20).filter(lambda key: key.isascii()),
    st.builds(Seconds, *[st.floats(0, 1e11)] * 3),
    max_size=10,
)


@given(counters)
def test_what_is_written_is_read(values: dict[str, Seconds]) -> None:
    assert decode(encode(Stored("21040", values))) == Stored("21040", values)


@given(counters, st.integers(0, 10_000), st.integers(1, 255))
def test_any_flipped_byte_is_noticed(values: dict[str, Seconds], place: int, flip: int) -> None:
    raw = bytearray(encode(Stored("21040", values)))
    raw[place % len(raw)] ^= flip
    with pytest.raises(Damaged):
        decode(bytes(raw))


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(Damaged):
        decode(raw)


def test_counters_survive_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        first = book(tmp_path)
        await first.load()
        first.open("a")
        first.credit("a", State.UP, 12.5)
        first.credit("a", State.DOWN, 1)
        await first.save()
        first.close()
        second = book(tmp_path)
        await second.load()
        assert second.shown == {"a": Seconds(12.5, 1.0, 0.0)}
        second.close()

    virtual.run(main)


def test_nothing_is_shown_before_it_is_saved(tmp_path: Path) -> None:
    async def main() -> None:
        one = book(tmp_path)
        await one.load()
        one.credit("a", State.UP, 5)
        assert one.shown_of("a") is None
        await one.save()
        assert one.shown_of("a") == Seconds(5, 0, 0)
        one.credit("a", State.UP, 5)
        assert one.shown_of("a") == Seconds(5, 0, 0)
        one.close()

    virtual.run(main)


def test_killed_agent_goes_on_from_what_it_showed(tmp_path: Path) -> None:
    async def main() -> None:
        killed = book(tmp_path)
        await killed.load()
        killed.credit("a", State.UP, 5)
        await killed.save()
        killed.credit("a", State.UP, 4)
        shown = killed.shown["a"]
        killed.close()
        after = book(tmp_path)
        await after.load()
        assert after.shown["a"] == shown
        after.close()

    virtual.run(main)


@pytest.mark.parametrize("content", [b"", b"x", b"thongsuot-agent-state 1 00000000\n{}", b"\x00" * 5000])
def test_damaged_store_is_set_aside_and_counts_from_nothing(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        (tmp_path / "agent-state").write_bytes(content)
        one = book(tmp_path)
        await one.load()
        assert one.shown == {}
        one.close()

    virtual.run(main)
    assert (tmp_path / "agent-state.damaged").read_bytes() == content
    assert "counters start at 0" in caplog.text


def test_store_of_another_site_counts_from_nothing(tmp_path: Path) -> None:
    Store(tmp_path, "21041").save({"a": Seconds(9, 9, 9)})
    assert Store(tmp_path, "21040").load() == {}


def test_full_disk_goes_on_from_memory_and_forgets_the_old_value(tmp_path: Path) -> None:
    """After a crash the store is missing, so that counting starts at 0, never at what it was before."""

    async def main() -> None:
        one = book(tmp_path)
        await one.load()
        one.credit("a", State.UP, 5)
        await one.save()
        disk(one).full = True
        one.credit("a", State.UP, 5)
        await one.save()
        assert (one.errors, one.shown["a"].up) == (1, 10)
        one.close()
        after = book(tmp_path)
        await after.load()
        assert after.shown == {}
        after.close()

    virtual.run(main)


def test_read_only_disk_shows_what_is_on_it_and_catches_up(tmp_path: Path) -> None:
    async def main() -> None:
        one = book(tmp_path)
        await one.load()
        one.credit("a", State.UP, 5)
        await one.save()
        disk(one).read_only = True
        one.credit("a", State.UP, 5)
        await one.save()
        await one.save()
        assert (one.errors, one.shown["a"].up) == (2, 5)
        disk(one).read_only = False
        await one.save()
        assert one.shown["a"].up == 10
        one.close()

    virtual.run(main)


def test_directory_that_went_away_leaves_nothing_to_step_back_to(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    directory.mkdir()

    async def main() -> None:
        one = book(directory)
        await one.load()
        shutil.rmtree(directory)
        one.credit("a", State.UP, 5)
        await one.save()
        assert (one.errors, one.shown["a"].up) == (1, 5)
        one.close()

    virtual.run(main)


def test_read_only_from_the_start_shows_nothing_that_could_step_back(tmp_path: Path) -> None:
    async def main() -> None:
        Store(tmp_path, "21040").save({"a": Seconds(500, 0, 0)})
        one = book(tmp_path)
        disk(one).read_only = True
        await one.load()
        one.credit("a", State.UP, 5)
        await one.save()
        assert one.shown == {}
        one.close()

    virtual.run(main)


def test_saving_leaves_the_loop_free(tmp_path: Path) -> None:
    """In a real loop the file is written by a thread."""

    async def main() -> None:
        one = book(tmp_path)
        await one.load()
        one.credit("a", State.UP, 1)
        saving = asyncio.create_task(one.save())
        await asyncio.sleep(0)
        assert not saving.done()
        await saving
        one.close()

    asyncio.run(main())


def test_forgotten_targets_leave_the_file(tmp_path: Path) -> None:
    async def main() -> None:
        one = book(tmp_path)
        await one.load()
        one.open("a")
        one.open("b")
        one.keep_only({"b"})
        await one.save()
        one.close()

    virtual.run(main)
    assert set(Store(tmp_path, "21040").load()) == {"b"}
