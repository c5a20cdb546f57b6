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
