"""The spool's file: bounds, and every way in which a disk fails."""

import contextlib
import hashlib
import os
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.remote_write import Encoder, compress, encode_labels, encode_series
from agent.spool import shelf as shelf_module
from agent.spool.fields import pack
from agent.spool.piece import Fate, NewRow
from agent.spool.shelf import FILE_NAME, MAX_SET_ASIDE, MEMORY_BYTES, Limits, Shelf
from tests.agent.oracle import decode

DAY_MS = 86_400_000
NOW_MS = 1_795_000_000_000
LIMITS = Limits(bytes=8 << 20, days=14)


def row(number: int = 0, *, ms: int = NOW_MS, size: int = 0, **more: object) -> NewRow:
    """A row with one sample, and something that does not compress beside it."""
    labels = {"__name__": "x", "n": str(number)} | ({"noise": os.urandom(size // 2).hex()} if size else {})
    raw = encode_series(encode_labels(labels), Encoder(ms).sample(number))
    return NewRow(**{"raw": raw, "samples": 1, "first_ms": ms, "last_ms": ms, "boot": "b", **more})  # type: ignore[arg-type]  # a dict of what the row takes


class Now:
    """A clock set by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def opened(
    directory: Path | None,
    now: Now | None = None,
    *,
    limits: Limits = LIMITS,
    site: str = "21040",
    first: int = 1,
) -> Shelf:
    shelf = Shelf(directory, site, limits, now or Now(), first)
    shelf.open()
    return shelf


def memory_only(shelf: Shelf) -> bool:
    return shelf.in_memory


def waiting(shelf: Shelf) -> list[int]:
    """Return the seqs of what waits, newest first."""
    found: list[int] = []
    while (one := shelf.newest(0, frozenset(found))) is not None:
        found.append(one.seq)
    return found


@pytest.fixture(params=["disk", "memory"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    return opened(tmp_path if request.param == "disk" else None)


def test_newest_first_and_what_was_settled_is_gone(shelf: Shelf) -> None:
    assert shelf.write([row(1), row(2)]) == [1, 2]
    assert shelf.write([row(3)]) == [3]
    assert waiting(shelf) == [3, 2, 1]
    shelf.acked(2, None, 1, keep=False)
    assert waiting(shelf) == [3, 1]
    assert shelf.newest(above=3) is None
    assert shelf.stats().samples == 2
    shelf.close()


def test_a_row_comes_back_as_it_went(shelf: Shelf) -> None:
    one = row(7, size=5000)
    shelf.write([one])
    found = shelf.newest()
    assert found is not None
    assert (found.raw, found.samples, found.last_ms) == (one.raw, 1, NOW_MS)
    shelf.close()


def test_a_part_waits_only_once_its_minute_does_not_replace_it(tmp_path: Path) -> None:
    shelf = opened(tmp_path)
    (part,) = shelf.write([row(1, fate=Fate.PART)])
    assert waiting(shelf) == []
    shelf.write([row(1), row(2)], [part])
    assert waiting(shelf) == [3, 2]
    shelf.write([row(9, fate=Fate.PART)])
    shelf.close()
    again = opened(tmp_path)
    assert waiting(again) == [4, 3, 2]
    again.close()


def test_what_was_acknowledged_is_kept_ten_minutes_and_waits_again(tmp_path: Path) -> None:
    now = Now()
    shelf = opened(tmp_path, now)
    shelf.write([row(1), row(2)])
    shelf.acked(1, None, 1, keep=True)
    shelf.acked(2, row(5).raw, 1, keep=True)
    assert waiting(shelf) == []
    assert shelf.stats().acked == 2
    now.seconds += 599
    shelf.tidy(NOW_MS)
    assert shelf.resend() == 2
    assert waiting(shelf) == [2, 1]
    found = shelf.newest()
    assert found is not None
    assert found.raw == row(5).raw, "only what the hub took of it"
    shelf.acked(1, None, 1, keep=True)
    now.seconds += 601
    shelf.tidy(NOW_MS)
    assert shelf.resend() == 0
    assert waiting(shelf) == [2]
    shelf.close()


def test_age_and_size_are_bounded_oldest_first_and_counted(tmp_path: Path) -> None:
    shelf = opened(tmp_path)
    shelf.write([row(n, ms=NOW_MS - 15 * DAY_MS) for n in range(3)] + [row(9)])
    shelf.tidy(None)
    assert len(waiting(shelf)) == 4, "no clock says how old anything is"
    shelf.tidy(NOW_MS)
    assert waiting(shelf) == [4]
    assert +shelf.lost == {"aged": 3}
    shelf.write([row(n, size=2 << 20) for n in range(12)])
    shelf.acked(16, None, 1, keep=True)
    shelf.tidy(NOW_MS)
    left = waiting(shelf)
    assert left == sorted(left, reverse=True)
    assert left[0] == 15
    assert 4 not in left
    assert 5 <= len(left) <= 7
    assert shelf.stats().bytes <= LIMITS.bytes
    assert shelf.stats().acked == 0, "what was acknowledged goes first"
    assert +shelf.lost == {"aged": 3, "full": 12 - len(left)}
    shelf.close()


def test_the_file_shrinks_when_a_backlog_has_gone(tmp_path: Path) -> None:
    shelf = opened(tmp_path, limits=Limits(64 << 20, 14))
    seqs = shelf.write([row(n, size=1 << 20) for n in range(32)])
    for seq in seqs:
        shelf.acked(seq, None, 1, keep=False)
    assert shelf._disk is not None
    pages = [shelf._disk._pragma("page_count")]
    for _ in range(12):
        shelf.tidy(NOW_MS)
        pages.append(shelf._disk._pragma("page_count"))
    assert pages[0] - pages[1] <= 600, "a little at a time: nobody waits long for the thread"
    assert on_disk(tmp_path) < 12 << 20, "what is left is for the next outage"
    shelf.close()


def on_disk(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.iterdir())


def test_the_bound_holds_for_all_that_is_on_disk_while_much_comes_and_goes(tmp_path: Path) -> None:
    limits = Limits(16 << 20, 14)
    shelf = opened(tmp_path, limits=limits)
    most = 0
    for turn in range(40):
        seqs = shelf.write([row(n, size=300_000) for n in range(5)])
        shelf.tidy(NOW_MS)
        for seq in seqs if turn % 3 == 0 else ():
            shelf.acked(seq, None, 1, keep=turn % 2 == 0)
        most = max(most, on_disk(tmp_path))
    assert shelf.lost["full"] > 20
    assert limits.bytes // 2 < most <= limits.bytes
    shelf.close()


def test_a_lower_bound_holds_at_once_and_costs_few_waits_for_the_disk(tmp_path: Path) -> None:
    shelf = opened(tmp_path, limits=Limits(64 << 20, 14))
    shelf.write([row(n, size=60_000) for n in range(250)])
    shelf.limits = LIMITS
    statements: list[str] = []
    assert shelf._disk is not None
    shelf._disk._db.set_trace_callback(statements.append)
    shelf.tidy(NOW_MS)
    assert shelf.stats().bytes <= LIMITS.bytes
    assert statements.count("COMMIT") < 30
    left = waiting(shelf)
    assert left == list(range(250, 250 - len(left), -1)), "the oldest went"
    assert LIMITS.bytes // 2 < shelf.stats().bytes
    shelf.close()


def minute(number: int, kinds: range) -> NewRow:
    """A minute of so many series, twelve samples each, as pieces come: moment by moment."""
    names = [(kind, hashlib.sha512(bytes([kind])).hexdigest()) for kind in kinds]
    fields = [
        encode_series(encode_labels({"__name__": f"metric_{kind}", "target": noise[:80]}), one.sample(kind))
        for one in (Encoder(NOW_MS + number * 60_000 + at * 5000) for at in range(12))
        for kind, noise in names
    ]
    return row(raw=b"".join(fields), samples=len(fields))


def samples(raw: bytes) -> dict[tuple[tuple[str, str], ...], list[tuple[float, int]]]:
    found: dict[tuple[tuple[str, str], ...], list[tuple[float, int]]] = {}
    for labels, there in decode(compress((raw,))):
        found.setdefault(tuple(labels), []).extend(there)
    return found


def test_labels_are_kept_once_for_many_rows_and_none_is_mistaken(shelf: Shelf) -> None:
    rows = [minute(n, range(n % 7, 120 + n % 5)) for n in range(40)]
    one_by_one = sum(len(pack(one.raw)) for one in rows)
    before = shelf.stats().bytes
    for one in rows:
        shelf.write([one])
    assert (shelf.stats().bytes - before) * 2 < one_by_one
    for one in reversed(rows):
        found = shelf.newest()
        assert found is not None
        assert samples(found.raw) == samples(one.raw)
        assert len(found.raw) * 4 < len(one.raw), "a series is named once"
        shelf.acked(found.seq, None, one.samples, keep=False)
    shelf.tidy(NOW_MS)
    shelf.close()


def test_shapes_that_no_row_has_any_more_go(tmp_path: Path) -> None:
    shelf = opened(tmp_path)
    for number in range(200):
        (seq,) = shelf.write([minute(number, range(number // 70 * 10, number // 70 * 10 + 10))])
        if number < 150:
            shelf.acked(seq, None, 1, keep=False)
    shelf.tidy(NOW_MS)
    assert shelf._disk is not None
    (shapes,) = shelf._disk._db.execute("SELECT count(*) FROM shapes").fetchone()
    assert 1 <= shapes <= 2
    shelf.close()
    again = opened(tmp_path)
    assert len(waiting(again)) == 50
    again.close()


def test_a_damaged_shape_costs_an_hour_at_most_and_says_so(tmp_path: Path) -> None:
    shelf = opened(tmp_path)
    for number in range(150):
        shelf.write([minute(number, range(10))])
    assert shelf._disk is not None
    shelf._disk._db.execute("UPDATE shapes SET body = zeroblob(9) WHERE seq = 1")
    shelf._disk._shape_read = None
    assert len(waiting(shelf)) == 90
    assert shelf.lost["damaged"] == 60 * 120
    shelf.close()


def test_rows_in_memory_take_their_shapes_along(tmp_path: Path) -> None:
    shelf = opened(tmp_path)
    shelf.write([minute(0, range(50))])
    fill(shelf, True)
    shelf.write([minute(1, range(50, 250))])
    shelf.write([minute(2, range(50, 250))])
    assert memory_only(shelf)
    fill(shelf, False)
    shelf.write([minute(3, range(50, 250))])
    assert not memory_only(shelf)
    for number in (3, 2, 1, 0):
        found = shelf.newest()
        assert found is not None
        assert samples(found.raw) == samples(minute(number, range(50, 250) if number else range(50)).raw)
        shelf.acked(found.seq, None, 1, keep=False)
    shelf.close()


# --- what disks do --------------------------------------------------------------------------------
def aside(directory: Path) -> list[Path]:
    return sorted(directory.glob(f"{FILE_NAME}.damaged-*[0-9]"))


@pytest.mark.parametrize("content", [b"not a database" * 500, b"SQLite format 3\0" + bytes(5000)])
def test_a_damaged_file_is_set_aside_and_a_new_one_begun(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    shelf = opened(tmp_path)
    shelf.write([row(1)])
    assert waiting(shelf) == [1]
    assert not memory_only(shelf)
    assert shelf.errors["corrupt"] == 1
    assert [path.read_bytes() for path in aside(tmp_path)] == [content]
    assert "set aside" in caplog.text
    shelf.close()
    again = opened(tmp_path)
    assert waiting(again) == [1]
    again.close()


def test_only_a_few_damaged_files_are_kept(tmp_path: Path) -> None:
    for number in range(MAX_SET_ASIDE + 3):
        (tmp_path / FILE_NAME).write_bytes(bytes([number]) * 9000)
        opened(tmp_path).close()
        (tmp_path / FILE_NAME).unlink()
    assert [path.read_bytes()[0] for path in aside(tmp_path)] == [3, 4, 5]


def test_what_is_set_aside_is_no_more_than_a_spool_holds(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / FILE_NAME).write_bytes(bytes([number]) * (3 << 20))
        opened(tmp_path).close()
        (tmp_path / FILE_NAME).unlink()
    assert [path.read_bytes()[0] for path in aside(tmp_path)] == [2, 3], "8 MB are the bound"


@pytest.mark.parametrize("table", ["rows", "bodies", "shapes", "facts"])
def test_a_file_without_a_table_is_set_aside(tmp_path: Path, table: str) -> None:
    shelf = opened(tmp_path)
    shelf.write([row(1)])
    shelf.close()
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as other:
        other.execute(f"DROP TABLE {table}")
        other.commit()
    again = opened(tmp_path)
    again.write([row(2)])
    again.tidy(NOW_MS)
    again.write([row(3)])
    assert not memory_only(again)
    assert len(waiting(again)) >= 1
    assert len(aside(tmp_path)) == 1
    again.close()


def test_a_transaction_that_could_not_be_undone_holds_up_nothing(tmp_path: Path) -> None:
    shelf = opened(tmp_path)
    assert shelf._disk is not None
    shelf._disk._db.execute("BEGIN IMMEDIATE")
    shelf.write([row(1)])
    assert not memory_only(shelf)
    assert waiting(shelf) == [1]
    shelf.close()


def test_a_fact_that_is_noted_while_the_file_is_written_is_not_forgotten(tmp_path: Path) -> None:
    shelf = opened(tmp_path)
    shelf.note("hub_start", "1.0")
    assert shelf._disk is not None
    write = shelf._disk.write

    def slow(*args: Any) -> None:
        write(*args)
        shelf.note("hub_start", "2.0")

    shelf._disk.write = slow  # type: ignore[method-assign,assignment]  # the loop goes on meanwhile
    shelf.write([row(1)])
    shelf._disk.write = write  # type: ignore[method-assign]
    shelf.write([row(2)])
    shelf.close()
    again = opened(tmp_path)
    assert again.facts["hub_start"] == "2.0"
    again.close()


def test_another_sites_file_is_set_aside(tmp_path: Path) -> None:
    other = opened(tmp_path, site="21061")
    other.write([row(1)])
    other.close()
    shelf = opened(tmp_path)
    assert waiting(shelf) == []
    assert len(aside(tmp_path)) == 1
    shelf.close()


def test_a_file_that_is_damaged_while_it_is_used_costs_what_it_held_and_says_so(tmp_path: Path) -> None:
    shelf = opened(tmp_path)
    shelf.write([row(n, size=20_000) for n in range(50)])
    assert shelf.stats().samples == 50
    shelf.close()
    path = tmp_path / FILE_NAME
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    shelf = opened(tmp_path)
    shelf.write([row(99)])
    assert waiting(shelf)
    assert shelf.errors["corrupt"] >= 1
    assert not memory_only(shelf)
    shelf.close()


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_anywhere_is_never_believed(place: int, change: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        shelf = opened(Path(name))
        rows = [row(n, size=3000) for n in range(3)]
        shelf.write(rows)
        shelf.close()
        path = Path(name) / FILE_NAME
        content = bytearray(path.read_bytes())
        content[place * len(content) // 10_001] ^= change
        path.write_bytes(content)
        shelf = opened(Path(name))
        raws = {one.raw for one in rows}
        found: list[int] = []
        while (one := shelf.newest(0, frozenset(found))) is not None:
            found.append(one.seq)
            assert one.raw in raws
        shelf.write([row(9)])
        assert shelf.newest() is not None
        shelf.close()


def test_a_locked_file_is_left_alone_and_used_when_it_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.spool.store.LOCK_SECONDS", 0.0)
    before = opened(tmp_path)
    before.write([row(1)])
    before.close()
    locker = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    shelf = opened(tmp_path, first=1000)
    assert memory_only(shelf)
    shelf.write([row(2)])
    assert len(waiting(shelf)) == 1
    assert shelf.errors["locked"] >= 1
    assert not aside(tmp_path)
    locker.execute("ROLLBACK")
    locker.close()
    shelf.write([row(3)])
    assert not memory_only(shelf)
    assert len(waiting(shelf)) == 3
    assert not +shelf.lost
    shelf.close()


def fill(shelf: Shelf, full: bool) -> None:
    assert shelf._disk is not None
    shelf._disk._db.execute(f"PRAGMA max_page_count={1 if full else 1 << 30}")


def test_a_full_disk_costs_nothing_until_memory_is_full_too(tmp_path: Path) -> None:
    shelf = opened(tmp_path)
    (kept,) = shelf.write([row(1, size=3000)])
    fill(shelf, True)
    shelf.write([row(n, size=3000) for n in range(2, 10)])
    assert memory_only(shelf)
    assert shelf.errors["full"] >= 1
    assert len(waiting(shelf)) == 9
    shelf.write([row(n, size=1 << 20) for n in range(10)])
    assert shelf.lost["full"] > 0
    assert shelf._memory is not None
    assert shelf._memory.stats().bytes <= MEMORY_BYTES
    left = waiting(shelf)
    assert left[-1] == kept
    fill(shelf, False)
    shelf.write([])
    assert not memory_only(shelf)
    assert waiting(shelf) == left
    shelf.close()
    again = opened(tmp_path)
    assert waiting(again) == left
    again.close()


def test_what_cannot_be_settled_is_not_sent_again_and_settled_later(tmp_path: Path) -> None:
    shelf = opened(tmp_path)
    seqs = shelf.write([row(n) for n in range(4)])
    assert shelf._disk is not None
    shelf._disk._db.execute("PRAGMA query_only=1")  # as a file system that turned read-only
    shelf.acked(seqs[0], None, 1, keep=False)
    shelf.acked(seqs[1], None, 1, keep=True)
    assert waiting(shelf) == [4, 3]
    assert memory_only(shelf)
    shelf._disk._db.execute("PRAGMA query_only=0")
    shelf.write([])
    assert shelf.stats().waiting == 2
    assert shelf.stats().acked == 1
    assert shelf.resend() == 1
    assert waiting(shelf) == [4, 3, 2]
    shelf.close()


def test_a_removed_file_moves_to_a_new_one(tmp_path: Path) -> None:
    shelf = opened(tmp_path)
    shelf.write([row(1), row(2)])
    for path in tmp_path.iterdir():
        path.unlink()
    shelf.write([row(3)])
    assert waiting(shelf) == [3, 2, 1]
    shelf.close()
    again = opened(tmp_path)
    assert waiting(again) == [3, 2, 1]
    again.close()


def test_a_directory_that_cannot_be_used_is_no_reason_to_stop(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    shelf = opened(tmp_path / "file")
    shelf.write([row(1)])
    assert waiting(shelf) == [1]
    assert memory_only(shelf)
    shelf.close()
    assert +shelf.lost == {"stopped": 1}


def test_facts_are_there_after_the_next_write(tmp_path: Path) -> None:
    shelf = opened(tmp_path)
    shelf.note("hub_start", "1.5")
    shelf.write([row(1)])
    shelf.close()
    again = opened(tmp_path)
    assert again.facts["hub_start"] == "1.5"
    again.close()


# --- dates ----------------------------------------------------------------------------------------
def test_rows_of_this_boot_are_dated_by_its_epoch(tmp_path: Path) -> None:
    shelf = opened(tmp_path)
    shelf.write([row(1, ms=5000, epoch_ms=1000), row(2, ms=6000)])
    assert waiting(shelf) == [2]
    assert shelf.date("b", NOW_MS + 1000, False, NOW_MS * 2)
    found = shelf.newest(0, frozenset([2]))
    assert found is not None
    assert found.last_ms == NOW_MS + 5000
    assert found.raw == row(1, ms=NOW_MS + 5000).raw
    shelf.close()


@pytest.mark.parametrize("right", [True, False])
def test_rows_of_another_boot_are_believed_only_if_the_clock_was_right(tmp_path: Path, right: bool) -> None:
    shelf = opened(tmp_path)
    shelf.write([row(1, epoch_ms=1000, boot="before"), row(2, ms=NOW_MS + 1, epoch_ms=1000, boot="before")])
    assert shelf.date("b", NOW_MS, right, NOW_MS)
    assert waiting(shelf) == ([1] if right else [])
    assert +shelf.lost == {"undated": 1 if right else 2}, "nothing may lie ahead of the hub's clock"
    shelf.close()


def test_dating_is_tried_again_when_the_file_did_not_let_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.spool.store.LOCK_SECONDS", 0.0)
    opened(tmp_path).close()
    locker = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    shelf = opened(tmp_path)
    assert not shelf.date("b", 0, True, NOW_MS)
    locker.close()
    shelf.write([])
    assert shelf.date("b", 0, True, NOW_MS)
    shelf.close()


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("auto_vacuum", 2), ("secure_delete", 0), ("mmap_size", 0)],
)
def test_the_file_is_kept_as_it_is_meant_to_be(tmp_path: Path, pragma: str, value: object) -> None:
    opened(tmp_path).close()
    shelf = opened(tmp_path)
    assert shelf._disk is not None
    assert shelf._disk._db.execute(f"PRAGMA {pragma}").fetchone() == (value,)
    shelf.close()


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    opened(tmp_path).close()
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert shelf_module.FILE_NAME == "spool.db"
