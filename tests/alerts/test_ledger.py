"""The ledger: revisions in order, nothing changed, nothing removed, clear words when it cannot be used."""

import sqlite3
from pathlib import Path

import pytest

from alerts.ledger import Entry, Ledger, LedgerError


def said(outage: str = "pop:ba-to@100", **more: object) -> Entry:
    found = {
        "said_at": 105.0,
        "status": "open",
        "component": "pop:ba-to",
        "kind": "pop",
        "since": 100.0,
        "why": "found",
    }
    return Entry(id=outage, **{**found, **more})  # type: ignore[arg-type]  # plain values, as the struct checks


def test_revisions_count_from_zero_and_the_newest_speaks(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "deep" / "ledger.sqlite")
    ledger.add(said(), said("line:1/main@90", since=90.0))
    ledger.add(said(status="ended", until=130.0, why="ended"))
    assert [(e.revision, e.status) for e in ledger.history("pop:ba-to@100")] == [(0, "open"), (1, "ended")]
    assert [e.id for e in ledger.latest()] == ["line:1/main@90", "pop:ba-to@100"]
    assert [e.id for e in ledger.latest(status="open")] == ["line:1/main@90"]
    assert [e.id for e in ledger.latest(since=95.0)] == ["pop:ba-to@100"]
    ledger.close()
    again = Ledger(tmp_path / "deep" / "ledger.sqlite")
    assert again.history("pop:ba-to@100")[1].until == 130.0
    again.close()


def test_all_or_none(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    with pytest.raises(LedgerError, match="CHECK"):
        ledger.add(said(), said("b@1", status="lost"))
    assert ledger.latest() == ()
    ledger.close()


@pytest.mark.parametrize("order", ["UPDATE outages SET until = 1", "DELETE FROM outages"])
def test_what_was_said_stays(tmp_path: Path, order: str) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.add(said())
    ledger.close()
    with (
        sqlite3.connect(tmp_path / "ledger.sqlite") as plain,
        pytest.raises(sqlite3.Error, match="append only"),
    ):
        plain.execute(order)
    plain.close()


def test_what_is_no_ledger_is_told(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database at all, but text of some length")
    with pytest.raises(LedgerError, match="not a database"):
        Ledger(tmp_path / "text")
    with sqlite3.connect(tmp_path / "later") as plain:
        plain.execute("PRAGMA user_version = 9")
    plain.close()
    with pytest.raises(LedgerError, match="schema 9"):
        Ledger(tmp_path / "later")


# --- what is recent ----------------------------------------------------------------------------------
def test_what_is_recent_lasts_or_ended_lately_and_is_told_as_it_is_known_now(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.add(said("old@10", since=10.0, status="ended", until=20.0, why="ended"))
    ledger.add(said("lasts@50", since=50.0), said("over@60", since=60.0))
    ledger.add(said("over@60", since=60.0, status="ended", until=130.0, why="ended"))
    ledger.add(said("over@60", since=61.0, status="ended", until=125.0, why="revised"))
    assert [(e.id, e.revision) for e in ledger.recent(100.0, limit=9)] == [("over@60", 2), ("lasts@50", 0)]
    assert [e.id for e in ledger.recent(128.0, limit=9)] == ["lasts@50"]
    assert [e.id for e in ledger.recent(0.0, limit=2)] == ["over@60", "lasts@50"]
    ledger.close()


def test_reading_makes_no_file_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="unable to open"):
        Ledger(tmp_path / "none.sqlite", reading=True)
    assert list(tmp_path.iterdir()) == []
    writer = Ledger(tmp_path / "ledger.sqlite")
    writer.add(said())
    reader = Ledger(tmp_path / "ledger.sqlite", reading=True)
    with pytest.raises(LedgerError, match="readonly"):
        reader.add(said())
    writer.add(said("later@200", since=200.0))
    assert [e.id for e in reader.recent(0.0, limit=9)] == ["later@200", "pop:ba-to@100"]
    reader.close()
    writer.close()


# --- schema ------------------------------------------------------------------------------------------
def of_schema_1(path: Path) -> None:
    """A file as the first version of the program made it, with one outage."""
    with sqlite3.connect(path) as plain:
        plain.executescript(
            """
            CREATE TABLE outages (
              seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, revision INTEGER NOT NULL,
              said_at REAL NOT NULL, status TEXT NOT NULL CHECK (status IN ('open', 'ended')),
              component TEXT NOT NULL, kind TEXT NOT NULL, since REAL NOT NULL, until REAL,
              why TEXT NOT NULL, record BLOB NOT NULL, UNIQUE (id, revision)
            ) STRICT;
            CREATE INDEX outages_since ON outages (since);
            CREATE TRIGGER outages_kept BEFORE UPDATE ON outages
              BEGIN SELECT RAISE(ABORT, 'append only'); END;
            CREATE TRIGGER outages_left BEFORE DELETE ON outages
              BEGIN SELECT RAISE(ABORT, 'append only'); END;
            INSERT INTO outages (id, revision, said_at, status, component, kind, since, until, why, record)
            VALUES ('a@1', 0, 2.0, 'ended', 'pop:a', 'pop', 1.0, 9.0, 'ended', x'7b7d');
            PRAGMA user_version = 1;
            """
        )
    plain.close()


def objects(path: Path) -> set[str]:
    plain = sqlite3.connect(path)
    found = {row[0] for row in plain.execute("SELECT name FROM sqlite_master WHERE name LIKE 'outages%'")}
    plain.close()
    return found


def test_a_ledger_of_the_first_schema_keeps_its_rows_and_becomes_as_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite"
    of_schema_1(path)
    reader = Ledger(path, reading=True)  # reads it as it is
    assert [e.id for e in reader.recent(0.0, limit=9)] == ["a@1"]
    reader.close()
    first, second = Ledger(path), Ledger(path)
    first.add(said("b@5", since=5.0))
    assert [e.id for e in second.latest()] == ["a@1", "b@5"]
    assert second.history("a@1")[0].until == 9.0
    first.close()
    second.close()
    Ledger(tmp_path / "new.sqlite").close()
    assert objects(path) == objects(tmp_path / "new.sqlite")
    with sqlite3.connect(path) as plain, pytest.raises(sqlite3.Error, match="append only"):
        plain.execute("DELETE FROM outages")
    plain.close()
