"""The receiver's memory: outages it was told of, and what was sent about each of them.

One SQLite file (WAL, ``synchronous=FULL``), one writer. A notification is stored with everything that
is to be sent before Alertmanager gets its 200, so a crash loses nothing; ``(outage, status, step,
channel)`` is unique, so nothing is sent twice. Blocking: see ``threads.py``.

Phases of an outage: ``open``; ``ending`` while Alertmanager says that it is over but nothing stands
behind that (Prometheus does not answer: its silence lets alerts expire); ``closed``. Whether and how people
are told of it is another matter: see ``handling.py``, which works on this file too.
"""

import contextlib
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from alerts import store_schema, witness
from alerts.continuity import Same, nobody
from alerts.outage import LOCATOR, Outage

BUSY_MILLISECONDS: Final = 2000
Phase = Literal["open", "ending", "silent", "closed"]
"""``silent`` is no outage's, only an alert's."""
Status = Literal["firing", "resolved"]
State = Literal["pending", "sent", "failed", "superseded"]


class StoreError(Exception):
    """The store cannot be read or written now; ``str()`` says why, in one line."""


class Standing(msgspec.Struct, frozen=True):
    """An outage that is not closed."""

    outage: Outage
    phase: Phase


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One notification for one channel. ``firing_state`` is that of the page before a resolution."""

    seq: int
    outage: Outage
    status: Status
    step: int
    channel: str
    attempts: int
    created_at: float
    firing_state: State | None
    acked_by: str | None = None
    acked_at: float | None = None


class Store:
    """The file at ``path``. Every method raises :class:`StoreError`; all must run in one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with _translated():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = self._open()

    def close(self) -> None:
        """Close the file."""
        with _translated():
            self._connection.close()

    # --- what comes in ---------------------------------------------------------------------------
    def take(
        self,
        channels: Sequence[str],
        now: float,
        *,
        firing: Sequence[Outage] = (),
        resolved: Sequence[Outage] = (),
        held: Sequence[Outage] = (),
        undecided: Sequence[Outage] = (),
        same: Same = nobody,
    ) -> None:
        """Store one notification of Alertmanager, all of it or nothing. ``now`` is Unix seconds.

        ``firing`` goes to ``channels``; ``undecided`` fires too, and how it is told is decided later.
        ``held`` came resolved too, but is only put to ``ending``, for the reconciliation to decide.
        ``same`` says what is told already by another alert.
        """  # fmt: skip
        with self.transaction():
            for outage in resolved:
                self._resolve(outage, now, hold=False)
            for outage in held:
                self._resolve(outage, now, hold=True)
            for outage in firing:
                if self._fire(outage, now, same):
                    self.tell(outage.id, channels, now)
            for outage in undecided:
                if self._fire(outage, now, same):
                    self.handle(outage.id, "new", now)

    def reopen(self, outage_id: str) -> None:
        """Take back that an outage is about to end."""
        with self.transaction():
            for one in witness.of(self, outage_id):
                if one.phase == "doubted":
                    witness.say(self, one, "stands", one.since)

    def finish(self, outage_id: str, ends_at: float, now: float, phase: Phase | None = None) -> None:
        """Close an outage and have its resolution sent; nothing if it left ``phase`` meanwhile."""
        with self.transaction():
            row = self._row("SELECT phase FROM outages WHERE id = ?", outage_id)
            if row is not None and phase in {None, row[0]}:
                self.close_outage(outage_id, ends_at, now)

    def is_closed(self, outage_id: str) -> bool:
        """Whether an outage is over, or unknown."""
        row = self._row("SELECT phase FROM outages WHERE id = ?", outage_id)
        return row is None or row[0] == "closed"

    def insert(self, outage: Outage) -> None:
        """Add an outage, inside a transaction."""
        self.change(
            "INSERT INTO outages (id, fingerprint, record, starts_at, phase) VALUES (?, ?, ?, ?, 'open')",
            outage.id, outage.fingerprint, msgspec.json.encode(outage), outage.starts_at,
        )  # fmt: skip

    def handle(self, outage_id: str, state: str, now: float) -> None:
        """Put an outage into a state of handling, inside a transaction."""
        self.change(
            "INSERT INTO handling (outage_id, state, since) VALUES (?, ?, ?)"
            " ON CONFLICT (outage_id) DO UPDATE SET state = excluded.state, since = excluded.since",
            outage_id, state, now,
        )  # fmt: skip

    def tell(self, outage_id: str, channels: Sequence[str], now: float, step: int = 0) -> None:
        """Queue the page, or an escalation of it, inside a transaction."""
        for channel in channels:
            self._queue(outage_id, "firing", channel, now, step)
        self.handle(outage_id, "told", now)
        self.change("UPDATE handling SET step = ? WHERE outage_id = ?", step, outage_id)

    def _fire(self, alert: Outage, now: float, same: Same) -> bool:
        """Add what fires; whether it is news.

        It is none where it repeats what is known, where the same alert is open under another date (after a
        restart of the whole hub Prometheus dates its alerts anew), and where another source has told of it.
        Where the sender names outages itself, another name is another outage, and the earlier one is over.
        """
        known = witness.of_alert(self, alert)
        if known is not None and _renamed(known.alert, alert):
            self.close_outage(known.outage_id, alert.starts_at, now)
            known = None
        outage_id = alert.id if known is None else known.outage_id
        row = self._row("SELECT phase FROM outages WHERE id = ?", outage_id)
        if row is None:
            found = witness.explained(self, alert, same)
            if found is None:
                self.insert(alert)
            witness.join(self, found or alert.id, alert, now, spoken=True)
            return found is None
        if row[0] != "closed":
            witness.join(self, outage_id, alert, now, spoken=True)
        return False

    def _resolve(self, alert: Outage, now: float, *, hold: bool) -> None:
        known = witness.of_alert(self, alert)
        if known is None or self.is_closed(known.outage_id) or _renamed(known.alert, alert):
            return  # never paged, or over already: there is nothing to take back
        ends_at = now if alert.ends_at is None else min(alert.ends_at, now)
        if alert.source == LOCATOR and not alert.end_said:
            witness.say(self, known, "silent", now)  # nobody repeated it: that is no end
        elif not hold:
            witness.say(self, known, "ended", now, ends_at)
        elif known.phase == "stands":
            witness.say(self, known, "doubted", now, ends_at)

    def close_outage(self, outage_id: str, ends_at: float, now: float) -> None:
        """Close an outage and have its resolution sent where it was told, inside a transaction."""
        changed = self._connection.execute(
            "UPDATE outages SET phase = 'closed', ends_at = max(starts_at, ?), closed_at = ?"
            " WHERE id = ? AND phase <> 'closed'",
            (ends_at, now, outage_id),
        )
        if not changed.rowcount:
            return
        self.drop_escalations(outage_id)
        witness.forget_muted(self, outage_id)
        paged = self._connection.execute(
            "SELECT DISTINCT channel FROM deliveries WHERE outage_id = ? AND status = 'firing'"
            " AND NOT (step > 0 AND state = 'superseded' AND attempts = 0)",
            (outage_id,),
        ).fetchall()
        for (channel,) in paged:
            self._queue(outage_id, "resolved", channel, now)

    def resolve_closed(self, outage_id: str, now: float) -> None:
        """Have the resolution follow where the page went after the end, inside a transaction."""
        self.change(
            "INSERT OR IGNORE INTO deliveries (outage_id, status, step, channel, state, created_at)"
            " SELECT outage_id, 'resolved', 0, channel, 'pending', ? FROM deliveries WHERE status = 'firing'"
            " AND outage_id = (SELECT id FROM outages WHERE id = ? AND phase = 'closed') GROUP BY channel",
            now, outage_id,
        )  # fmt: skip

    def drop_escalations(self, outage_id: str) -> None:
        """Give up the escalations of an outage that still wait, inside a transaction."""
        self.change(
            "UPDATE deliveries SET state = 'superseded' WHERE outage_id = ? AND status = 'firing'"
            " AND step > 0 AND state = 'pending'",
            outage_id,
        )

    def _queue(self, outage_id: str, status: Status, channel: str, now: float, step: int = 0) -> None:
        self.change(
            "INSERT OR IGNORE INTO deliveries (outage_id, status, step, channel, state, created_at)"
            " VALUES (?, ?, ?, ?, 'pending', ?)",
            outage_id, status, step, channel, now,
        )  # fmt: skip

    # --- what goes out ---------------------------------------------------------------------------
    def pending(self, channel: str, limit: int = 500) -> tuple[Delivery, ...]:
        """Return what is to be sent through ``channel``: least tried first, then in order."""
        with _translated():
            rows = self._connection.execute(
                "SELECT d.seq, d.status, d.step, d.channel, d.attempts, d.created_at, o.record, o.ends_at,"
                " (SELECT f.state FROM deliveries f WHERE f.outage_id = d.outage_id"
                "   AND f.status = 'firing' AND f.channel = d.channel"
                "   ORDER BY f.state = 'sent' DESC, f.step LIMIT 1), h.acked_by, h.acked_at"
                " FROM deliveries d JOIN outages o ON o.id = d.outage_id"
                " LEFT JOIN handling h ON h.outage_id = d.outage_id"
                " WHERE d.channel = ? AND d.state = 'pending' ORDER BY d.attempts, d.seq LIMIT ?",
                (channel, limit),
            ).fetchall()
        return tuple(_delivery(row) for row in rows)

    def attempt(self, seq: int) -> None:
        """Count an attempt, before it is made."""
        with self.transaction():
            self._connection.execute("UPDATE deliveries SET attempts = attempts + 1 WHERE seq = ?", (seq,))

    def settle(self, seq: int, state: State, now: float, error: str = "") -> None:
        """Record what became of a delivery."""
        with self.transaction():
            self._connection.execute(
                "UPDATE deliveries SET state = ?, done_at = ?, error = ? WHERE seq = ?",
                (state, now, error[:500], seq),
            )

    def supersede(self, resolution: int) -> None:
        """Give up the page before a resolution: the resolution tells of both."""
        with self.transaction():
            self._connection.execute(
                "UPDATE deliveries SET state = 'superseded' WHERE state = 'pending' AND status = 'firing'"
                " AND (outage_id, channel) = (SELECT outage_id, channel FROM deliveries WHERE seq = ?)",
                (resolution,),
            )

    # --- looking ---------------------------------------------------------------------------------
    def standing(self) -> tuple[Standing, ...]:
        """Return the outages that are not closed, oldest first."""
        with _translated():
            rows = self._connection.execute(
                "SELECT record, ends_at, phase FROM outages WHERE phase <> 'closed' ORDER BY starts_at, id"
            ).fetchall()
        return tuple(Standing(outage_of(record, ends_at), phase) for record, ends_at, phase in rows)

    def fact(self, name: str) -> str | None:
        """Return a remembered fact."""
        with _translated():
            row = self._row("SELECT value FROM facts WHERE name = ?", name)
        return None if row is None else str(row[0])

    def remember(self, name: str, value: str) -> None:
        """Remember a fact across restarts."""
        with self.transaction():
            self.note(name, value)

    def note(self, name: str, value: str) -> None:
        """Remember a fact, inside a transaction."""
        self.change(
            "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name, value,
        )  # fmt: skip

    def prune(self, before: float, most: int = 2000) -> int:
        """Forget at most so many outages that were closed before ``before`` and have nothing left to send,
        and give what they took back to the disk; return how many."""
        with self.transaction():
            gone = self.change(
                "DELETE FROM outages WHERE id IN (SELECT id FROM outages WHERE phase = 'closed'"
                " AND closed_at < ? AND id NOT IN (SELECT outage_id FROM deliveries WHERE state = 'pending')"
                " LIMIT ?)",
                before, most,
            )  # fmt: skip
        with _translated():
            # As a script: execute() takes one step, which gives back one page.
            self._connection.executescript("PRAGMA incremental_vacuum")
        return gone

    def size_bytes(self) -> int:
        """Return how large the file is, what only its log holds included."""
        (pages,), (page_bytes,) = *self.rows("PRAGMA page_count"), *self.rows("PRAGMA page_size")
        return int(pages) * int(page_bytes)

    # --- the file --------------------------------------------------------------------------------
    def _open(self) -> sqlite3.Connection:
        try:
            return _connect(self._path)
        except sqlite3.OperationalError:
            raise  # full, locked, not permitted: the file may be sound
        except sqlite3.DatabaseError:
            # Not a database any more. Paging with a lost memory beats not paging.
            self._path.rename(self._path.with_suffix(f".damaged-{int(time.time())}"))
            for suffix in ("-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            return _connect(self._path)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All that happens inside is stored, or nothing of it."""
        with _translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def change(self, statement: str, *values: object) -> int:
        """Run a statement inside a transaction; return how many rows it changed."""
        return self._connection.execute(statement, values).rowcount

    def change_named(self, statement: str, **values: object) -> int:
        """Do the same with values by name."""
        return self._connection.execute(statement, values).rowcount

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Return all rows of a question."""
        with _translated():
            return self._connection.execute(statement, values).fetchall()

    def _row(self, statement: str, *values: object) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._connection.execute(statement, values).fetchone()
        return row


def _renamed(known: Outage, alert: Outage) -> bool:
    """Whether the sender, who names outages itself, now speaks of another."""
    return known.id != alert.id and known.explicit and alert.explicit


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_MILLISECONDS / 1000, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of a new file; an older one reuses its pages
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        _check_version(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_version(connection: sqlite3.Connection) -> None:
    found = store_schema.prepare(connection)
    if found is not None:
        known = store_schema.VERSION
        raise StoreError(f"the store has version {found}, this program knows version {known}")


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreError(str(error)) from error


def outage_of(record: bytes, ends_at: float | None) -> Outage:
    """Return the outage of a row."""
    return msgspec.structs.replace(msgspec.json.decode(record, type=Outage), ends_at=ends_at)


def _delivery(row: Iterable[object]) -> Delivery:
    seq, status, step, channel, attempts, created_at, record, ends_at, firing_state, by, at = row
    fields = {
        "seq": seq, "status": status, "step": step, "channel": channel, "attempts": attempts,
        "created_at": created_at, "firing_state": firing_state, "acked_by": by, "acked_at": at,
        "outage": outage_of(record, ends_at),  # type: ignore[arg-type]  # the schema is STRICT
    }  # fmt: skip
    return Delivery(**fields)  # type: ignore[arg-type]  # as above
