"""How each outage is told, as far as decided: functions on the receiver's store, run in its thread.

A state of handling per outage: ``new``, not looked at; ``ready``, a page that waits to see how many come
with it; ``office``, until an office opens; ``digest``, for the next one, ``listed`` in the last; ``damped``,
since it flaps; ``joined``, told by its ``parent``; ``told``, by itself; ``done``, nothing left to do.
All raise StoreError.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from alerts.damping import Penalty
from alerts.outage import Outage
from alerts.store import Phase, Store, outage_of

HandlingState = Literal["new", "ready", "office", "digest", "listed", "damped", "joined", "told", "done"]
_LIVE: Final = (
    "SELECT o.record, o.ends_at, o.phase, h.state, h.since, h.parent, h.step, h.acked_at, h.acked_by,"
    " h.silenced_until, h.silence_id FROM handling h JOIN outages o ON o.id = h.outage_id"
)


class Handled(msgspec.Struct, frozen=True, kw_only=True):
    """An outage and how it is handled. Times are Unix seconds; ``since`` is that of the state."""

    outage: Outage
    phase: Phase
    state: HandlingState
    since: float
    parent: str | None = None
    step: int = 0
    acked_at: float | None = None
    acked_by: str | None = None
    silenced_until: float | None = None
    silence_id: str | None = None

    @property
    def over(self) -> bool:
        """Whether the outage has ended."""
        return self.phase == "closed"


def live(store: Store) -> tuple[Handled, ...]:
    """Return everything that may still need telling, oldest state first."""
    return _handled(store, f"{_LIVE} WHERE h.state <> 'done' ORDER BY h.since, o.starts_at, o.id")


def public(item: Handled | None) -> dict[str, object]:
    """Return what ``/api/outages`` shows of how an outage is handled."""
    if item is None:
        return {}
    return {
        "handling": item.state,
        "told_by": item.parent,
        "step": item.step,
        "acknowledged_at": item.acked_at,
        "acknowledged_by": item.acked_by,
        "silenced_until": item.silenced_until,
    }


def one(store: Store, outage_id: str) -> Handled | None:
    """Return one outage, None where the store does not know it."""
    found = _handled(store, f"{_LIVE} WHERE o.id = ?", outage_id)
    return found[0] if found else None


def children(store: Store, outage_id: str) -> tuple[Handled, ...]:
    """Return the outages that another tells of."""
    return _handled(store, f"{_LIVE} WHERE h.parent = ? ORDER BY o.id", outage_id)


def _handled(store: Store, statement: str, *values: object) -> tuple[Handled, ...]:
    return tuple(
        Handled(
            outage=outage_of(record, ends_at), phase=phase, state=state, since=since, parent=parent,
            step=step, acked_at=acked_at, acked_by=acked_by, silenced_until=silenced_until,
            silence_id=silence_id,
        )
        for (
            record, ends_at, phase, state, since, parent, step, acked_at, acked_by, silenced_until,
            silence_id,
        ) in store.rows(statement, *values)
    )  # fmt: skip


# --- deciding ------------------------------------------------------------------------------------
def put(store: Store, outage_ids: Sequence[str], state: HandlingState, now: float) -> None:
    """Put outages into a state."""
    with store.transaction():
        for outage_id in outage_ids:
            store.handle(outage_id, state, now)


def tell(store: Store, outage_id: str, channels: Sequence[str], now: float) -> None:
    """Queue the page of an outage; of one that is over already its resolution too."""
    with store.transaction():
        _tell(store, outage_id, channels, now)


def _tell(store: Store, outage_id: str, channels: Sequence[str], now: float) -> None:
    store.tell(outage_id, channels, now)
    store.resolve_closed(outage_id, now)


def begin(store: Store, made: Outage, channels: Sequence[str], children: Sequence[str], now: float) -> None:
    """Tell of several outages by one of our own. Nothing if that was begun before a crash."""
    with store.transaction():
        if not store.rows("SELECT 1 FROM outages WHERE id = ?", made.id):
            store.insert(made)
        store.tell(made.id, channels, now)
        _join(store, made.id, children, now)


def extend(store: Store, made: Outage, channels: Sequence[str], children: Sequence[str], now: float) -> None:
    """Tell again of an open storm that has grown."""
    with store.transaction():
        _rewrite(store, made)
        highest = store.rows("SELECT max(step) FROM deliveries WHERE outage_id = ?", made.id)[0][0] or 0
        step = store.rows("SELECT step FROM handling WHERE outage_id = ?", made.id)[0][0]
        store.tell(made.id, channels, now, max(highest + 1, UPDATES))
        store.change("UPDATE handling SET step = ? WHERE outage_id = ?", step, made.id)
        _join(store, made.id, children, now)


UPDATES: Final = 1000
"""Steps from here on are updates of a storm, no escalations."""


def end(store: Store, made: Outage, ends_at: float, left: Sequence[str], now: float) -> None:
    """Close one of our own; what is ``left`` of it is told by itself from now on, when it ends."""
    with store.transaction():
        _rewrite(store, made)
        store.change("UPDATE handling SET state = 'done' WHERE parent = ? AND state = 'joined'", made.id)
        for outage_id in left:
            store.change(
                "INSERT OR IGNORE INTO deliveries"
                " (outage_id, status, step, channel, state, created_at, done_at)"
                " SELECT ?, 'firing', 0, channel, 'sent', ?, ? FROM deliveries"
                " WHERE outage_id = ? AND status = 'firing' GROUP BY channel",
                outage_id, now, now, made.id,
            )  # fmt: skip
            store.handle(outage_id, "told", now)
        store.close_outage(made.id, ends_at, now)
        store.handle(made.id, "done", now)


def escalate(store: Store, outage_id: str, step: int, channels: Sequence[str], now: float) -> bool:
    """Take a step unless somebody answered or it ended meanwhile; whether it was taken."""
    with store.transaction():
        waiting = store.rows(
            "SELECT 1 FROM handling h JOIN outages o ON o.id = h.outage_id WHERE h.outage_id = ?"
            " AND h.acked_at IS NULL AND h.step = ? AND o.phase = 'open'",
            outage_id, step - 1,
        )  # fmt: skip
        if waiting:
            store.tell(outage_id, channels, now, step)
        return bool(waiting)


def digest(
    store: Store, made: Outage, channels: Sequence[str], listed: Sequence[Handled], now: float
) -> None:
    """Queue a digest, which has no end to tell of, and remember its day; nothing listed is no message."""
    with store.transaction():
        if listed and not store.rows("SELECT 1 FROM outages WHERE id = ?", made.id):
            store.insert(made)
            store.tell(made.id, channels, now)
            store.change(
                "UPDATE outages SET phase = 'closed', ends_at = ?, closed_at = ? WHERE id = ?",
                now, now, made.id,
            )  # fmt: skip
            store.handle(made.id, "done", now)
        for item in listed:
            if item.state != "office":
                store.handle(item.outage.id, "done" if item.over else "listed", now)
        store.note(LAST_DIGEST, made.id.rpartition("@")[2])


LAST_DIGEST: Final = "last_digest"


def _join(store: Store, parent: str, children: Sequence[str], now: float) -> None:
    for outage_id in children:
        store.handle(outage_id, "joined", now)
        store.change("UPDATE handling SET parent = ? WHERE outage_id = ?", parent, outage_id)


def _rewrite(store: Store, made: Outage) -> None:
    store.change("UPDATE outages SET record = ? WHERE id = ?", msgspec.json.encode(made), made.id)


# --- answers of people ---------------------------------------------------------------------------
def acknowledge(store: Store, outage_id: str, who: str, now: float) -> bool:
    """Keep who answered first; whether this was the first answer. Children answer with their storm."""
    with store.transaction():
        first = store.change(
            "UPDATE handling SET acked_at = ?, acked_by = ? WHERE acked_at IS NULL"
            " AND outage_id = ? AND outage_id IN (SELECT id FROM outages WHERE phase <> 'closed')",
            now, who, outage_id,
        )  # fmt: skip
        if first:
            store.change(
                "UPDATE handling SET acked_at = ?, acked_by = ? WHERE acked_at IS NULL AND parent = ?",
                now, who, outage_id,
            )  # fmt: skip
            store.drop_escalations(outage_id)
        return bool(first)


def silence(store: Store, outage_id: str, until: float) -> None:
    """Keep until when an outage is to be silent; the silence itself is made by ``silences.py``, in place of
    an earlier one."""
    with store.transaction():
        store.change(
            "UPDATE handling SET silenced_until = ?, silence_id = ? || ltrim(silence_id, ?)"
            " WHERE outage_id = ? AND outage_id IN (SELECT id FROM outages WHERE phase <> 'closed')",
            until, REPLACE, REPLACE, outage_id,
        )  # fmt: skip
        store.drop_escalations(outage_id)


REPLACE: Final = "~"
"""Stands before the id of a silence that is to be replaced."""


def silence_made(store: Store, outage_id: str, silence_id: str) -> None:
    """Keep the id of the silence in Alertmanager."""
    with store.transaction():
        store.change("UPDATE handling SET silence_id = ? WHERE outage_id = ?", silence_id, outage_id)


def silence_ended(store: Store, outage_id: str) -> None:
    """Keep that nothing is left of the silences of an outage that is over."""
    with store.transaction():
        store.change(
            "UPDATE handling SET silence_id = NULL, silenced_until = NULL WHERE outage_id = ?", outage_id
        )


def silenced(store: Store, now: float) -> tuple[Handled, ...]:
    """Return outages that want a silence, have one, or may have: one that was made just before a crash was
    not noted, and lasts until it would have ended by itself."""
    return _handled(
        store,
        f"{_LIVE} WHERE h.silence_id IS NOT NULL"
        " OR (h.silenced_until IS NOT NULL AND (o.phase <> 'closed' OR h.silenced_until > ?))",
        now,
    )


# --- penalties -----------------------------------------------------------------------------------
def penalties(store: Store) -> dict[str, Penalty]:
    """Return what has flapped, by key."""
    rows = store.rows("SELECT key, value, at, times, outage_id FROM penalties")
    return {
        key: Penalty(key=key, value=value, at=at, times=times, outage_id=outage_id)
        for key, value, at, times, outage_id in rows
    }


def penalise(store: Store, penalty: Penalty, outage_id: str, state: HandlingState, now: float) -> None:
    """Keep a penalty together with the state into which it put an outage: neither counts twice."""
    with store.transaction():
        keep(store, penalty)
        if state == "damped":
            _suppress(store, outage_id, penalty, now)
        else:
            store.handle(outage_id, state, now)


def begin_flapping(store: Store, penalty: Penalty, made: Outage, outage_id: str, now: float) -> None:
    """Have ``made`` tell once that something flaps, instead of its newest outage."""
    with store.transaction():
        if not store.rows("SELECT 1 FROM outages WHERE id = ?", made.id):
            store.insert(made)
        store.handle(made.id, "ready", now)
        keep(store, penalty)
        _suppress(store, outage_id, penalty, now)


def end_flapping(store: Store, penalty: Penalty, made: Outage, now: float) -> None:
    """Tell that it no longer flaps, and how often it did."""
    with store.transaction():
        _rewrite(store, made)
        store.close_outage(made.id, now, now)
        keep(store, penalty)


def _suppress(store: Store, outage_id: str, penalty: Penalty, now: float) -> None:
    store.handle(outage_id, "damped", now)
    store.change("UPDATE handling SET parent = ? WHERE outage_id = ?", penalty.outage_id, outage_id)


def keep(store: Store, penalty: Penalty) -> None:
    """Store a penalty, inside a transaction."""
    store.change(
        "INSERT OR REPLACE INTO penalties VALUES (?, ?, ?, ?, ?)",
        penalty.key, penalty.value, penalty.at, penalty.times, penalty.outage_id,
    )  # fmt: skip


def forget(store: Store, keys: Sequence[str]) -> None:
    """Forget penalties that have decayed."""
    with store.transaction():
        for key in keys:
            store.change("DELETE FROM penalties WHERE key = ?", key)
