"""The spool's file: SQLite in WAL mode, one compressed row a minute. Blocks; raises :data:`BROKEN`.

What is small (``rows``) lies apart from what is large (``bodies``), so that marking a row writes a page
and not the whole minute; what hardly changes, the labels of the series, is kept once for about an hour of
rows (``shapes``, see ``shape.py``). Every commit is on disk when it returns (``synchronous=FULL``). The
file is locked for as long as it is open: a reader that never ends would make the log grow without bound.
"""

import contextlib
import sqlite3
import zlib
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from agent.spool.fields import Damaged, pack, shift, unpack
from agent.spool.held import Held
from agent.spool.piece import Fate, NewRow, Row
from agent.spool.shape import Shape, decode, encode, fits, take_apart

VERSION: Final = 2
LOCK_SECONDS: Final = 2.0
_SETUP: Final = (
    "PRAGMA locking_mode=EXCLUSIVE",
    "PRAGMA auto_vacuum=INCREMENTAL",  # before there is anything: a VACUUM would need the content twice
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA secure_delete=OFF",  # Debian's default writes zeros over what is deleted; cards wear out
    "PRAGMA mmap_size=0",
    "PRAGMA cache_size=-256",
    "PRAGMA wal_autocheckpoint=256",
    "PRAGMA journal_size_limit=1048576",
    "PRAGMA temp_store=MEMORY",
)
_SCHEMA: Final = (
    """CREATE TABLE rows (
         seq INTEGER PRIMARY KEY, fate INTEGER NOT NULL, samples INTEGER NOT NULL,
         first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, boot TEXT NOT NULL,
         epoch_ms INTEGER, shift_ms INTEGER NOT NULL DEFAULT 0, acked_seconds REAL,
         shape INTEGER, size INTEGER NOT NULL, crc INTEGER NOT NULL) STRICT""",
    "CREATE TABLE bodies (seq INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT",
    "CREATE TABLE shapes (seq INTEGER PRIMARY KEY, size INTEGER NOT NULL, crc INTEGER NOT NULL,"
    " body BLOB NOT NULL) STRICT",
    "CREATE INDEX rows_by_fate ON rows (fate, seq)",
    "CREATE INDEX rows_by_shape ON rows (shape) WHERE shape IS NOT NULL",
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    f"PRAGMA user_version={VERSION}",
)
LOG_BYTES: Final = 2 << 20
"""What the write-ahead log may take beside the file: it is begun anew when it has 1 MB."""
SHAPE_ROWS: Final = 60
"""A shape that is damaged costs the rows that have it."""
_SPARE_BYTES: Final = 8 << 20
"""Free pages that are worth keeping: the next outage uses them."""
_GIVEN_BACK_PAGES: Final = 512
"""At a time, since nobody may wait long for the thread."""
BROKEN: Final = (sqlite3.Error, OSError, ValueError, TypeError, OverflowError)
"""What comes of a file that fails or is damaged: text that is none, numbers that are none."""


class NotOurs(sqlite3.DatabaseError):
    """A file that is a database, but not a spool of this version and site."""


class Store:
    """One file, or memory (``path`` None). ``now_seconds``: moment at which it is opened."""

    def __init__(self, path: Path | None, site: str, now_seconds: float) -> None:
        self._db = sqlite3.connect(
            ":memory:" if path is None else path,
            timeout=LOCK_SECONDS,
            isolation_level=None,
            check_same_thread=False,  # one thread uses it, but not the one that closes it at the end
            cached_statements=32,
        )
        self._inode = None if path is None else path.stat().st_ino
        self._shape: tuple[int, Shape] | None = None  # of what is written
        self._shape_read: tuple[int, Shape] | None = None
        self._shape_rows = 0
        try:
            self._prepare(site, now_seconds)
        except BaseException:
            self._db.close()
            raise

    def is_at(self, path: Path) -> bool:
        """Whether this file is still what the path leads to."""
        try:
            return path.stat().st_ino == self._inode
        except OSError:
            return False

    def close(self) -> None:
        """Close the file; what was committed is there next time."""
        self._db.close()

    def write(self, rows: Mapping[int, NewRow], replaced: Sequence[int], facts: Mapping[str, str]) -> None:
        """Add rows by their seq in place of ``replaced`` ones, and note facts; all or nothing."""
        with self._transaction():
            for seq in replaced:
                self._delete("seq = ?", seq)
            for seq, row in rows.items():
                self._insert(seq, row)
            self._db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts.items())

    def move_to(self, other: "Store") -> None:
        """Put everything into ``other``, row by row. What was moved when it fails has been moved."""
        for seq, shape in self._db.execute("SELECT seq, shape FROM rows ORDER BY seq").fetchall():
            with other._transaction():
                other._delete("seq = ?", seq)  # from a move that was not finished
                for table, key in (("rows", seq), ("bodies", seq), ("shapes", shape)):
                    self._copy(table, key, other)
            self._delete("seq = ?", seq)

    def newest(self, below: int, passed_over: Container[int] = ()) -> Row | None:
        """Return the newest row before ``below`` that waits and is dated, but for those. Raises
        :class:`Unreadable`."""
        seqs = self._db.execute(
            "SELECT seq FROM rows WHERE fate = ? AND seq < ? AND epoch_ms IS NULL ORDER BY seq DESC",
            (Fate.WAITING, below),
        )
        with contextlib.closing(seqs):
            place = next((seq for (seq,) in seqs if seq not in passed_over), None)
        return None if place is None else self._row(place)

    def _row(self, place: int) -> Row:
        found = self._db.execute(
            "SELECT seq, samples, last_ms, shift_ms, shape, size, crc FROM rows WHERE seq = ?", (place,)
        ).fetchone()
        seq, samples, last_ms, shift_ms, shape, size, crc = found
        body = self._db.execute("SELECT body FROM bodies WHERE seq = ?", (seq,)).fetchone()
        try:
            raw = _checked(body[0] if body else b"", size, crc)
            raw = shift(raw if shape is None else decode(raw, self._shape_of(shape)), shift_ms)
        except Damaged as error:
            raise Unreadable(seq, samples, str(error)) from None
        return Row(seq, raw, samples, last_ms + shift_ms)

    def forget_shapes(self) -> None:
        """Delete the shapes that no row has any more."""
        unused = "NOT EXISTS (SELECT 1 FROM rows WHERE rows.shape = shapes.seq)"
        if self._db.execute(f"SELECT 1 FROM shapes WHERE {unused} LIMIT 1").fetchone():  # noqa: S608 - ours
            self._shape = None
            with self._transaction():
                self._db.execute(f"DELETE FROM shapes WHERE {unused}")  # noqa: S608 - ours

    def forget(self, seq: int) -> None:
        """Delete a row."""
        with self._transaction():
            self._delete("seq = ?", seq)

    def acked(self, seq: int, now_seconds: float, rest: bytes | None, samples: int) -> None:
        """Keep a row as acknowledged; ``rest``: what of it was, where that is not all (dated already)."""
        with self._transaction():
            self._db.execute(
                "UPDATE rows SET fate = ?, acked_seconds = ?, samples = ? WHERE seq = ?",
                (Fate.ACKED, now_seconds, samples, seq),
            )
            if rest is not None:
                body = pack(rest)
                self._db.execute(
                    "UPDATE rows SET shape = NULL, size = ?, crc = ?, last_ms = last_ms + shift_ms,"
                    " first_ms = first_ms + shift_ms, shift_ms = 0 WHERE seq = ?",
                    (len(rest), zlib.crc32(body), seq),
                )
                self._db.execute("UPDATE bodies SET body = ? WHERE seq = ?", (body, seq))

    def resend(self) -> int:
        """Let all acknowledged rows wait again; returns their samples."""
        samples = self._sum("fate = ?", Fate.ACKED)
        with self._transaction():
            self._db.execute(
                "UPDATE rows SET fate = ?, acked_seconds = NULL WHERE fate = ?", (Fate.WAITING, Fate.ACKED)
            )
        return samples

    def date(self, boot: str, epoch_ms: int, others_right: bool, now_ms: int) -> int:
        """Date the rows that are not, now that this boot's epoch is known; returns samples given up.

        Rows of other boots are as this machine dated them where ``others_right``, else they cannot be
        dated any more. A row that would lie ahead of the hub's clock is given up likewise.
        """
        with self._transaction():
            self._db.execute(
                "UPDATE rows SET shift_ms = ? - epoch_ms, epoch_ms = NULL"
                " WHERE boot = ? AND epoch_ms IS NOT NULL",
                (epoch_ms, boot),
            )
            lost = 0
            if not others_right:
                lost += self._delete("epoch_ms IS NOT NULL")
            lost += self._delete("epoch_ms IS NOT NULL AND last_ms > ?", now_ms)
            self._db.execute("UPDATE rows SET epoch_ms = NULL WHERE epoch_ms IS NOT NULL")
        return lost

    def expire_acked(self, before_seconds: float) -> None:
        """Delete rows that were acknowledged before that moment."""
        if self._sum("fate = ? AND acked_seconds < ?", Fate.ACKED, before_seconds):
            with self._transaction():
                self._delete("fate = ? AND acked_seconds < ?", Fate.ACKED, before_seconds)

    def expire_aged(self, before_ms: int) -> int:
        """Delete dated rows that ended before that time; returns how many samples waited in them."""
        old = "epoch_ms IS NULL AND last_ms + shift_ms < ?"
        if not self._db.execute(f"SELECT 1 FROM rows WHERE {old} LIMIT 1", (before_ms,)).fetchone():  # noqa: S608 - ours
            return 0
        with self._transaction():
            self._delete(f"fate = ? AND {old}", Fate.ACKED, before_ms)
            return self._delete(old, before_ms)

    def shrink_to(self, limit_bytes: int) -> int:
        """Delete rows until the file's content fits: acknowledged ones, then the oldest. Returns how many
        samples waited in them."""
        lost = 0
        while (over := self._used() - limit_bytes) > 0:
            (rows,) = self._db.execute("SELECT count(*) FROM rows").fetchone()
            if not rows:
                break
            # Half of what should do, lest too much goes; few transactions, since each waits for the disk.
            some = max(1, over * rows // self._used() // 2)
            acked = self._db.execute("SELECT 1 FROM rows WHERE fate = ? LIMIT 1", (Fate.ACKED,)).fetchone()
            which = "fate = ?" if acked else "fate != ?"
            oldest = f"seq IN (SELECT seq FROM rows WHERE {which} ORDER BY seq LIMIT ?)"  # noqa: S608 - ours
            with self._transaction():
                samples = self._delete(oldest, Fate.ACKED, some)
            lost += 0 if acked else samples
            self.forget_shapes()
        return lost

    def give_back(self) -> None:
        """Return some of the space of a backlog that has gone to the file system."""
        if self._pragma("freelist_count") * self._pragma("page_size") > _SPARE_BYTES:
            # As a script, since a plain statement is not run to its end: this one steps page by page.
            self._db.executescript(f"PRAGMA incremental_vacuum({_GIVEN_BACK_PAGES})")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()  # the file gets shorter only now

    def stats(self) -> Held:
        """Return what is held."""
        waiting, samples, oldest = self._db.execute(
            "SELECT count(*), coalesce(sum(samples), 0),"
            " min(CASE WHEN epoch_ms IS NULL THEN first_ms + shift_ms END) FROM rows WHERE fate != ?",
            (Fate.ACKED,),
        ).fetchone()
        (acked,) = self._db.execute("SELECT count(*) FROM rows WHERE fate = ?", (Fate.ACKED,)).fetchone()
        return Held(self._used(), waiting, acked, samples, oldest)

    def facts(self) -> dict[str, str]:
        """Return what was noted."""
        return dict(self._db.execute("SELECT name, value FROM facts").fetchall())

    def last_seq(self) -> int:
        """Return the highest seq, 0 where there is none."""
        (seq,) = self._db.execute("SELECT coalesce(max(seq), 0) FROM rows").fetchone()
        return int(seq)

    def _prepare(self, site: str, now_seconds: float) -> None:
        for line in _SETUP:
            self._db.execute(line)
        version = self._pragma("user_version")
        if version == 0 and not self._db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            with self._transaction():
                for line in _SCHEMA:
                    self._db.execute(line)
                self._db.execute("INSERT INTO facts VALUES ('site', ?)", (site,))
        elif version != VERSION:
            raise NotOurs(f"version {version}")
        if self.facts().get("site") != site:
            raise NotOurs("of another site")
        (found,) = self._db.execute("PRAGMA quick_check('rows')").fetchone()
        if found != "ok":
            raise NotOurs(str(found)[:200])
        with self._transaction():
            self._db.execute("UPDATE rows SET fate = ? WHERE fate = ?", (Fate.WAITING, Fate.PART))
            self._db.execute("UPDATE rows SET acked_seconds = ? WHERE fate = ?", (now_seconds, Fate.ACKED))

    def _insert(self, seq: int, row: NewRow) -> None:
        shape, raw = self._shaped(seq, row.raw)
        body = pack(raw)
        values = (row.samples, row.first_ms, row.last_ms, row.boot, row.epoch_ms, shape, len(raw))
        self._db.execute(
            "INSERT INTO rows (seq, fate, samples, first_ms, last_ms, boot, epoch_ms, shape, size, crc,"
            " acked_seconds) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (seq, row.fate, *values, zlib.crc32(body), row.acked_seconds),
        )
        self._db.execute("INSERT INTO bodies VALUES (?, ?)", (seq, body))

    def _shaped(self, seq: int, raw: bytes) -> tuple[int | None, bytes]:
        """Return which shape a row has, and what is left of it; what has none stays as it is."""
        number, shape = self._shape or (0, Shape(()))
        try:
            apart = take_apart(raw, shape)
        except Damaged:
            return None, raw
        whole = apart.series * 2 >= len(shape.labels)  # not just what changed
        due = self._shape_rows >= SHAPE_ROWS and whole
        if self._shape is None or due or not fits(apart, shape):
            number, shape = seq, apart.shape(shape)
            self._keep_shape(number, shape)
            apart = take_apart(raw, shape)
        self._shape_rows += whole
        return number, encode(apart, shape)

    def _keep_shape(self, number: int, shape: Shape) -> None:
        raw = shape.encode()
        body = pack(raw)
        values = (number, len(raw), zlib.crc32(body), body)
        self._db.execute("INSERT OR REPLACE INTO shapes VALUES (?, ?, ?, ?)", values)
        self._shape, self._shape_rows = (number, shape), 0

    def _shape_of(self, number: int) -> Shape:
        """Return a shape. Raises :class:`Damaged`."""
        for known in (self._shape, self._shape_read):
            if known is not None and known[0] == number:
                return known[1]
        query = "SELECT body, size, crc FROM shapes WHERE seq = ?"
        found = self._db.execute(query, (number,)).fetchone()
        if found is None:
            raise Damaged("its labels are not there")
        shape = Shape.decode(_checked(*found))
        self._shape_read = (number, shape)
        return shape

    def _copy(self, table: str, seq: int | None, other: "Store") -> None:
        row = self._db.execute(f"SELECT * FROM {table} WHERE seq = ?", (seq,)).fetchone()  # noqa: S608 - ours
        if row is not None:
            marks = ",".join("?" * len(row))
            other._db.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", row)  # noqa: S608 - ours

    def _delete(self, where: str, *values: object) -> int:
        """Delete rows with their bodies; returns their samples. ``where`` is always a constant of ours."""
        samples = self._sum(where, *values)
        self._db.execute(f"DELETE FROM bodies WHERE seq IN (SELECT seq FROM rows WHERE {where})", values)  # noqa: S608 - ours
        self._db.execute(f"DELETE FROM rows WHERE {where}", values)  # noqa: S608 - ours
        return samples

    def _sum(self, where: str, *values: object) -> int:
        query = f"SELECT coalesce(sum(samples), 0) FROM rows WHERE {where}"  # noqa: S608 - ours
        return int(self._db.execute(query, values).fetchone()[0])

    def _used(self) -> int:
        return (self._pragma("page_count") - self._pragma("freelist_count")) * self._pragma("page_size")

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        if self._db.in_transaction:  # one could neither be ended nor undone
            self._db.execute("ROLLBACK")
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            self._shape = None  # it may not have been written
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise


def _checked(body: bytes, size: int, crc: int) -> bytes:
    """Return what was packed. Raises :class:`Damaged`."""
    if zlib.crc32(body) != crc:
        raise Damaged("checksum does not match")
    return unpack(body, size)


class Unreadable(Exception):  # noqa: N818 - reads as what it says
    """A row that the disk gave back changed."""

    def __init__(self, seq: int, samples: int, why: str) -> None:
        super().__init__(why)
        self.seq, self.samples = seq, samples
