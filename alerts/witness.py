"""Who speaks of which outage: functions on the receiver's store, run in its thread.

An outage begins with an alert and may gain others (see ``continuity.py``); it ends with the last of them that
counts. Functions that change something work inside a transaction unless they say otherwise. All raise
StoreError.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from alerts import continuity
from alerts.continuity import Phase, Same, Witness
from alerts.outage import LOCATOR, RULES, Outage

if TYPE_CHECKING:
    from alerts.standing import Verdict
    from alerts.store import Store

_ALL: Final = (
    "SELECT w.outage_id, w.record, w.phase, w.spoken, w.since, w.ends_at, w.alert_id FROM witnesses w"
    " JOIN outages o ON o.id = w.outage_id"
)
OVER_SECONDS: Final = 60.0
"""So long after its end nobody tells of an outage, unless it is another one."""
_PHASES: Final[Mapping[str, Phase]] = {"reopen": "stands", "silence": "silent", "end": "ended"}


def standing(store: "Store", source: str | None = None) -> tuple[Witness, ...]:
    """Return who, of ``source`` or anybody, has not said that it is over, of outages that are not closed;
    oldest outage first."""
    where = "o.phase <> 'closed' AND w.phase <> 'ended'"
    chosen, values = ("", ()) if source is None else (" AND w.source = ?", (source,))
    order = "ORDER BY o.starts_at, o.id, w.fingerprint"
    return _witnesses(store, f"{_ALL} WHERE {where}{chosen} {order}", *values)


def of(store: "Store", outage_id: str) -> tuple[Witness, ...]:
    """Return all who speak, or spoke, of an outage."""
    return _witnesses(store, f"{_ALL} WHERE o.id = ? ORDER BY w.since, w.fingerprint", outage_id)


def located(store: "Store", outage_ids: Collection[str]) -> dict[str, tuple[Outage, ...]]:
    """Return which alerts of the locator's speak, or spoke, of each of these outages."""
    statement = "SELECT record FROM witnesses WHERE outage_id = ? AND source = ? ORDER BY since"
    rows = {identity: store.rows(statement, identity, LOCATOR) for identity in outage_ids}
    return {identity: tuple(_recorded(record) for (record,) in found) for identity, found in rows.items()}


def of_alert(store: "Store", alert: Outage) -> Witness | None:
    """Return who ``alert`` is: of outages that are not closed by its identity, else by its fingerprint; at
    last of one that is closed. Where senders name outages themselves, another name is somebody else."""
    where = "(w.alert_id = ? OR w.fingerprint = ?) AND o.phase <> 'closed'"
    order = "ORDER BY w.alert_id = ? DESC, w.phase = 'ended', o.starts_at DESC"
    key = alert.fingerprint or alert.id
    open_ = _witnesses(store, f"{_ALL} WHERE {where} {order}", alert.id, key, alert.id)
    closed = _witnesses(store, f"{_ALL} WHERE w.alert_id = ? LIMIT 1", alert.id) if not open_ else ()
    return next(iter((*open_, *closed)), None)


def join(store: "Store", outage_id: str, alert: Outage, now: float, *, spoken: bool) -> None:
    """Let ``alert`` speak of an outage, or speak of it again."""
    store.change(
        "INSERT INTO witnesses (outage_id, alert_id, fingerprint, source, record, phase, spoken, since)"
        " VALUES (?, ?, ?, ?, ?, 'stands', ?, ?) ON CONFLICT (outage_id, fingerprint) DO UPDATE SET"
        " alert_id = excluded.alert_id, record = excluded.record, phase = 'stands', ends_at = NULL,"
        " spoken = max(spoken, excluded.spoken), since = excluded.since",
        outage_id, alert.id, alert.fingerprint or alert.id, alert.source, msgspec.json.encode(alert),
        int(spoken), now,
    )  # fmt: skip
    settle(store, outage_id, now)


def say(store: "Store", found: Witness, phase: Phase, now: float, ends_at: float | None = None) -> None:
    """Put a witness into a phase, and its outage into what follows."""
    if found.phase == "ended" and phase != "stands":
        return  # it has said so already
    store.change(
        "UPDATE witnesses SET phase = ?, since = CASE phase WHEN ? THEN since ELSE ? END, ends_at = ?"
        " WHERE outage_id = ? AND fingerprint = ?",
        phase, phase, now, ends_at, found.outage_id, found.alert.fingerprint or found.alert.id,
    )  # fmt: skip
    settle(store, found.outage_id, now)


def settle(store: "Store", outage_id: str, now: float) -> None:
    """Close an outage that is over; say of any other whether it lasts or is about to end."""
    found = of(store, outage_id)
    ends_at = continuity.over(found)
    if ends_at is not None:
        store.close_outage(outage_id, ends_at, now)
    elif continuity.lasts(found):
        store.change(
            "UPDATE outages SET phase = 'open', ends_at = NULL WHERE id = ? AND phase = 'ending'", outage_id
        )
    else:
        doubted = [one.ends_at for one in found if one.spoken and one.ends_at is not None]
        store.change(
            "UPDATE outages SET phase = 'ending', ends_at = ? WHERE id = ? AND phase = 'open'",
            max(doubted, default=now), outage_id,
        )  # fmt: skip


def forget_muted(store: "Store", outage_id: str) -> None:
    """Forget who did not speak: should it speak later, it speaks of something else."""
    store.change("DELETE FROM witnesses WHERE outage_id = ? AND NOT spoken", outage_id)


def explained(store: "Store", alert: Outage, same: Same) -> str | None:
    """Return the id of the open outage of whose cause ``alert`` speaks, None where it is news."""
    if alert.source not in {RULES, LOCATOR}:
        return None
    named: str | None = None
    # A storm of the rules' asks of few: those that the locator told of.
    for known in standing(store, LOCATOR if alert.source == RULES else None):
        if same(alert, known.alert):
            if known.alert.component == alert.component:
                return known.outage_id
            named = named or known.outage_id
    return named


def apply(
    store: "Store", verdicts: Sequence["Verdict"], judged: Sequence[Witness], now: float
) -> tuple[str, ...]:
    """Do what one look around found of ``judged``, in a transaction of its own; return the outages that it
    closed. Who has left the phase in which it was judged meanwhile is left alone."""
    before = {one.alert.id: one for one in judged}
    closed = []
    with store.transaction():
        for verdict in verdicts:
            found = of_alert(store, before[verdict.outage_id].alert)
            if found is None or found.phase != before[verdict.outage_id].phase:
                continue
            ends_at = verdict.ends_at if verdict.action == "end" else None
            say(store, found, _PHASES[verdict.action], now, ends_at)
            if store.is_closed(found.outage_id):
                closed.append(found.outage_id)
    return tuple(dict.fromkeys(closed))


def overhear(store: "Store", muted: Collection[Outage], same: Same, now: float) -> None:
    """Note which outages of the locator's the rules, muted, see too: should it fall silent, they know of the
    end. Who has spoken and is muted now leaves the word to it. In a transaction of its own."""
    located = standing(store, LOCATOR) if muted else ()
    if not located:
        return
    among = same.among([one.alert for one in located])
    with store.transaction():
        for alert in muted:
            known = of_alert(store, alert)
            if known is None or known.phase != "stands":
                named = known or next((located[at] for at in among(alert)), None)
                if named is not None and not store.is_closed(named.outage_id):
                    join(store, named.outage_id, alert, now, spoken=False)
            elif known.spoken and any(_speaks_for(one, known) for one in located):
                store.change(
                    "UPDATE witnesses SET spoken = 0 WHERE outage_id = ? AND fingerprint = ?",
                    known.outage_id, known.alert.fingerprint,
                )  # fmt: skip


def _speaks_for(one: Witness, other: Witness) -> bool:
    """Whether ``one`` tells of the same outage and of all that ``other`` says it hits."""
    told = one.spoken and one.phase == "stands" and one.outage_id == other.outage_id
    return told and {*other.alert.communes, *other.alert.systems} <= {*one.alert.communes, *one.alert.systems}


def unheard(store: "Store", located: Collection[Outage], now: float) -> tuple[Outage, ...]:
    """Return what the locator tells of though its outage is long over, as the outage that it is now.

    A locator that was away while an outage ended and the next of the same component began takes both for one,
    and Alertmanager, that has told of it, does not tell again.
    """
    found = []
    for alert in located:
        known = of_alert(store, alert)
        if known is None:
            continue  # on its way here
        rows = store.rows("SELECT closed_at FROM outages WHERE id = ? AND phase = 'closed'", known.outage_id)
        if rows and now - rows[0][0] >= OVER_SECONDS:
            identity = f"{alert.fingerprint}@{round(now * 1000)}"
            found.append(msgspec.structs.replace(alert, id=identity, starts_at=now, alerted_at=now))
    return tuple(found)


def _witnesses(store: "Store", statement: str, *values: object) -> tuple[Witness, ...]:
    return tuple(_witness(row) for row in store.rows(statement, *values))


def _witness(row: tuple[Any, ...]) -> Witness:
    outage_id, record, phase, spoken, since, ends_at, alert_id = row
    alert = msgspec.structs.replace(_recorded(record), id=alert_id, ends_at=ends_at)
    return Witness(
        outage_id=outage_id, alert=alert, phase=phase, spoken=bool(spoken), since=since, ends_at=ends_at
    )


@lru_cache(maxsize=2048)
def _recorded(record: bytes) -> Outage:
    """Return an outage as it was written; in a storm each alert asks for all that are open."""
    return msgspec.json.decode(record, type=Outage)
