"""The ledger: what was said of every outage, in the order in which it was said. Nothing is ever changed.

One SQLite file (WAL, ``synchronous=FULL``). An outage is a row when it is told of, and another row, a
**revision**, each time something is learned: another class, its end, what a backlog proved afterwards.
Triggers refuse every change and removal of rows. Blocking; one thread at a time. Schema 2 added an index by
end; a file of schema 1 gets it when it is opened to be written, its rows stay as they are.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

SCHEMA_VERSION: Final = 2
BUSY_MILLISECONDS: Final = 2000
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS outages (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, revision INTEGER NOT NULL, said_at REAL NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('open', 'ended')), component TEXT NOT NULL, kind TEXT NOT NULL,
  since REAL NOT NULL, until REAL, why TEXT NOT NULL, record BLOB NOT NULL, UNIQUE (id, revision)
) STRICT;
CREATE INDEX IF NOT EXISTS outages_since ON outages (since);
CREATE INDEX IF NOT EXISTS outages_until ON outages (until);
CREATE TRIGGER IF NOT EXISTS outages_kept BEFORE UPDATE ON outages
BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER IF NOT EXISTS outages_left BEFORE DELETE ON outages
BEGIN SELECT RAISE(ABORT, 'append only'); END;
"""
_INSERT: Final = """
INSERT INTO outages (id, revision, said_at, status, component, kind, since, until, why, record)
SELECT :id, 1 + coalesce(max(revision), -1), :said_at, :status, :component, :kind,
  :since, :until, :why, :record
FROM outages WHERE id = :id
"""
_LATEST: Final = """
SELECT id, revision, said_at, status, component, kind, since, until, why, record FROM outages AS o
WHERE revision = (SELECT max(revision) FROM outages WHERE id = o.id)
  AND since >= :since AND (:status IS NULL OR status = :status)
ORDER BY since, id
"""
_RECENT: Final = """
SELECT id, revision, said_at, status, component, kind, since, until, why, record FROM outages AS o
WHERE (until >= :since OR (until IS NULL AND since >= :open_since))
  AND revision = (SELECT max(revision) FROM outages WHERE id = o.id)
ORDER BY o.since DESC, id LIMIT :limit
"""
_HISTORY: Final = """
SELECT id, revision, said_at, status, component, kind, since, until, why, record FROM outages
WHERE id = :id ORDER BY revision
"""
Why = Literal["found", "changed", "ended", "merged", "revised", "undecided"]
"""``changed`` while it lasted; ``merged`` into a wider one; ``revised`` by what arrived afterwards;
``undecided`` when all that could arrive has, and does not tell."""
OPEN_SECONDS: Final = 30 * 86400.0
"""How far back something that lasts on may have begun to be among what is recent."""


class LedgerError(Exception):
    """The ledger cannot be read or written now; ``str()`` says why, in one line."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One row. Times are Unix seconds; ``record`` is JSON of whoever wrote it, all that was known."""

    id: str
    revision: int = 0
    said_at: float
    status: Literal["open", "ended"]
    component: str
    kind: str
    since: float
    until: float | None = None
    why: Why
    record: bytes = b"{}"


class Ledger:
    """The file at ``path``. Every method raises :class:`LedgerError`; ``reading`` makes no file and writes
    nothing."""

    def __init__(self, path: Path, *, reading: bool = False) -> None:
        with _translated():
            if reading:
                self._connection = _for_reading(path)
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.row_factory = sqlite3.Row
            self._prepare()

    def close(self) -> None:
        """Close the file."""
        with _translated():
            self._connection.close()

    def add(self, *entries: Entry) -> None:
        """Append entries, all or none; each becomes the next revision of its outage."""
        if not entries:
            return
        with _translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                for entry in entries:
                    self._connection.execute(_INSERT, msgspec.structs.asdict(entry))
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def latest(
        self, *, status: Literal["open", "ended"] | None = None, since: float = 0.0
    ) -> tuple[Entry, ...]:
        """Return the newest revision of each outage, in order of their beginnings."""
        return self._rows(_LATEST, since=since, status=status)

    def recent(self, since: float, *, limit: int) -> tuple[Entry, ...]:
        """Return the newest revision of each outage that ended at ``since`` (Unix seconds) or later, or
        lasts, at most ``limit`` of them, the latest begun first."""
        return self._rows(_RECENT, since=since, open_since=since - OPEN_SECONDS, limit=limit)

    def history(self, outage_id: str) -> tuple[Entry, ...]:
        """Return everything that was said of one outage, oldest first."""
        return self._rows(_HISTORY, id=outage_id)

    def _rows(self, query: str, **values: Any) -> tuple[Entry, ...]:
        with _translated():
            return tuple(Entry(**dict(row)) for row in self._connection.execute(query, values))

    def _prepare(self) -> None:
        """What is there already stays: whoever else prepares the file at the same time does the same."""
        if _version(self._connection) < SCHEMA_VERSION:
            script = f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
            self._connection.executescript(script)


def _for_reading(path: Path) -> sqlite3.Connection:
    """Open a file that is there."""
    address = f"{path.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
    connection.row_factory = sqlite3.Row
    _version(connection)
    return connection


def _version(connection: sqlite3.Connection) -> int:
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found > SCHEMA_VERSION:
        raise LedgerError(f"made by a later version of this program (schema {found})")
    return found


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise LedgerError(" ".join(str(error).split())) from error
