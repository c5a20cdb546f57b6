"""Decides how each outage is told: at once, with others, later, once a day, or as flapping.

``Dispatcher.turn`` looks at everything that may still need telling and moves it on; every move is one
transaction of the store, so a crash between two repeats nothing and loses nothing. What is decided is
pure and elsewhere: ``routing``, ``damping``, ``storm``, ``digest``, ``escalate``.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from alerts import damping, digest, escalate, handling, persons, routing, setback, storm
from alerts.book import Book
from alerts.damping import Penalty
from alerts.handling import Handled
from alerts.outage import OWN, Listed, Outage
from alerts.rotation import roster
from alerts.store import Store
from alerts.threads import StoreThread
from inventory.model import Escalation

MOST_PASSES: Final = 8
log = logging.getLogger(__name__)
Counted = Callable[[str], None]
"""Told what was done: ``page ticket storm flapping damped escalation digest``."""


class Dispatcher:
    """The decisions of one receiver by one ``book``. ``count`` is called for each message, also one saved."""

    def __init__(self, store: StoreThread, book: Book, count: Counted) -> None:
        self._store = store
        self._book = book
        self._notify = book.inventory.notify
        self._count = count
        self._turning = asyncio.Lock()
        self._turned_at = math.inf
        self.muted: Collection[str] = frozenset()
        """Fingerprints that Alertmanager mutes: nobody is told again of those."""

    async def turn(self, now: float) -> bool:
        """Do what is due at ``now`` (Unix seconds); whether pages wait to be gathered. Raises StoreError."""
        async with self._turning:
            if now < self._turned_at:  # at the start, or the clock was put back
                await self._bring_back(now)
            self._turned_at = now
            for _ in range(MOST_PASSES):
                found = await self._store(handling.live)
                if not await self._pass(found, now):
                    break
            await self._digest(now)
            return any(item.state in {"new", "ready"} for item in found)

    async def _bring_back(self, now: float) -> None:
        moved = await self._store(setback.undo, now)
        if moved:
            log.warning("the clock was ahead: what it dated is taken to be of now", extra={"rows": moved})

    async def _pass(self, found: Sequence[Handled], now: float) -> bool:
        """Move on what can be; whether anything was."""
        new = [item for item in found if item.state == "new"]
        moved = [
            await self._first_look(new, now),
            await self._tell_ready([item for item in found if item.state == "ready"], found, now),
            await self._leave_office([item for item in found if item.state == "office"], now),
            await self._after_digest([item for item in found if item.state == "digest"], now),
            await self._calm([item for item in found if item.state == "damped"], now),
            await self._end_storms(found, now),
            await self._escalate([item for item in found if item.state == "told"], now),
        ]
        return any(moved)

    # --- first look ------------------------------------------------------------------------------
    async def _first_look(self, new: Sequence[Handled], now: float) -> bool:
        if not new:
            return False
        penalties = await self._store(handling.penalties)
        for item in new:
            outage = item.outage
            if routing.waits_for_office(outage, self._book, self._local(now)):
                await self._store(handling.put, [outage.id], "office", now)
            elif routing.severity(outage) == "ticket" and self._notify.digest is not None:
                await self._store(handling.put, [outage.id], "digest", now)
            else:
                await self._judge(outage, penalties, now)
        return True

    async def _judge(self, outage: Outage, penalties: dict[str, Penalty], now: float) -> None:
        """Count an outage against what flaps, and let it go on unless that is damped."""
        rules = self._notify.damping
        key = damping.key(outage)
        penalty = damping.add(penalties.get(key) or Penalty(key=key), now, rules)
        if damping.suppresses(penalty, now, rules):
            made = damping.flapping(penalty, outage)
            penalty = msgspec.structs.replace(penalty, outage_id=made.id)
            await self._store(handling.begin_flapping, penalty, made, outage.id, now)
            self._count("flapping")
        elif penalty.damped:
            await self._store(handling.penalise, penalty, outage.id, "damped", now)
            self._count("damped")
        else:
            await self._store(handling.penalise, penalty, outage.id, "ready", now)
        penalties[key] = penalty

    # --- what may go -----------------------------------------------------------------------------
    async def _tell_ready(self, ready: Sequence[Handled], found: Sequence[Handled], now: float) -> bool:
        pages = [storm.Ready(r.outage, r.since) for r in ready if routing.severity(r.outage) == "page"]
        young = next((item for item in reversed(found) if _open_storm(item)), None)
        told_at = None if young is None else storm.Young(young.outage.id, young.since)
        chosen = storm.choose(pages, told_at, self._notify.storm, now)
        tickets = tuple(r.outage for r in ready if routing.severity(r.outage) == "ticket")
        for outage in (*chosen.alone, *tickets):
            await self._store(handling.tell, outage.id, self._channels(outage, now), now)
            self._count(routing.severity(outage))
        if chosen.together:
            await self._tell_together(chosen, None if young is None else young.outage, now)
        return bool(chosen.alone or tickets or chosen.together)

    async def _tell_together(self, chosen: storm.Choice, before: Outage | None, now: float) -> None:
        identity = f"storm@{round(now * 1000)}"
        children = [outage.id for outage in chosen.together]
        if before is not None and chosen.joins == before.id:
            made = storm.gather(before.id, chosen.together, self._book, before.listed)
            await self._store(handling.extend, made, self._channels(made, now), children, now)
        else:
            made = storm.gather(identity, chosen.together, self._book)
            await self._store(handling.begin, made, self._channels(made, now), children, now)
        self._count("storm")

    def _channels(self, outage: Outage, now: float) -> tuple[str, ...]:
        """The channels of a first message, written to whoever is on call where they write to persons."""
        who = persons.on_call(outage, self._book, datetime.fromtimestamp(now, UTC))
        return persons.addressed(routing.channels_for(outage, self._book), who, self._book)

    # --- what waited -----------------------------------------------------------------------------
    async def _leave_office(self, waiting: Sequence[Handled], now: float) -> bool:
        """What is still open when an office opens is a page after all; what is over, a line of the digest."""
        over = [item.outage.id for item in waiting if item.over]
        pages = [
            item.outage.id
            for item in waiting
            if not item.over and not routing.waits_for_office(item.outage, self._book, self._local(now))
        ]
        await self._put(over, "digest" if self._notify.digest else "done", now)
        await self._put(pages, "ready", now)
        return bool(over or pages)

    async def _after_digest(self, waiting: Sequence[Handled], now: float) -> bool:
        """Without a digest any more, its tickets go at once."""
        kept = [] if self._notify.digest is not None else [item.outage.id for item in waiting]
        await self._put(kept, "ready", now)
        return bool(kept)

    async def _put(self, ids: Sequence[str], state: handling.HandlingState, now: float) -> None:
        if ids:
            await self._store(handling.put, ids, state, now)

    # --- what flapped ----------------------------------------------------------------------------
    async def _calm(self, damped: Sequence[Handled], now: float) -> bool:
        """What lasts is told; what is over is done; what no longer flaps is told to be steady."""
        rules = self._notify.damping
        penalties = await self._store(handling.penalties)
        over = [item.outage.id for item in damped if item.over]
        steady = [
            item.outage.id
            for item in damped
            if not item.over
            and (now - item.since >= rules.steady_minutes * 60 or not _flaps(item.outage, penalties))
        ]
        await self._put(over, "done", now)
        await self._put(steady, "ready", now)
        held = {damping.key(item.outage) for item in damped if item.outage.id not in {*over, *steady}}
        ended = [
            penalty for penalty in penalties.values()
            if penalty.damped and penalty.key not in held and damping.ends(penalty, now, rules)
        ]  # fmt: skip
        for penalty in ended:
            await self._end_flapping(penalty, now)
        faded = [p.key for p in penalties.values() if not p.damped and damping.value(p, now, rules) < 0.01]
        if faded:
            await self._store(handling.forget, faded)
        return bool(over or steady or ended)

    async def _end_flapping(self, penalty: Penalty, now: float) -> None:
        found = await self._store(handling.one, penalty.outage_id or "")
        steady = msgspec.structs.replace(penalty, outage_id=None, times=0)
        if found is None:
            await self._store(_keep, steady)
            return
        made = msgspec.structs.replace(found.outage, times=penalty.times)
        await self._store(handling.end_flapping, steady, made, now)

    # --- storms ----------------------------------------------------------------------------------
    async def _end_storms(self, found: Sequence[Handled], now: float) -> bool:
        changed = False
        for item in found:
            if not _open_storm(item):
                continue
            made = _with_ends(item.outage, [one for one in found if one.parent == item.outage.id], now)
            if storm.is_over(made, self._notify.storm):
                left = [one.id for one in made.listed if one.ends_at is None]
                ends = max((one.ends_at for one in made.listed if one.ends_at is not None), default=now)
                await self._store(handling.end, made, ends, left, now)
                changed = True
        return changed

    # --- nobody answers --------------------------------------------------------------------------
    async def _escalate(self, told: Sequence[Handled], now: float) -> bool:
        over = [item.outage.id for item in told if item.over]
        await self._put(over, "done", now)
        for item in told:
            if not item.over:
                await self._escalate_one(item, now)
        return bool(over)

    async def _escalate_one(self, item: Handled, now: float) -> None:
        outage, oncall = item.outage, self._book.inventory.oncall
        answered = item.acked_at is not None or outage.fingerprint in self.muted
        if answered or item.phase != "open" or routing.severity(outage) == "ticket":
            return
        pending = escalate.Pending(step=item.step, step_at=item.since, silenced_until=item.silenced_until)
        step = escalate.due(pending, oncall, now)
        chosen = None if step is None else escalate.at(oncall, step)
        if step is None or chosen is None:
            return
        if await self._store(
            handling.escalate, outage.id, step, self._step_channels(chosen, outage, now), now
        ):
            log.warning("nobody has acknowledged: escalated", extra={"outage": outage.id, "step": step})
            self._count("escalation")

    def _step_channels(self, step: Escalation, outage: Outage, now: float) -> tuple[str, ...]:
        known = {channel.id for channel in self._book.inventory.channels}
        named = tuple(channel for channel in step.channels if channel in known)
        moment = datetime.fromtimestamp(now, UTC)
        who = escalate.whom(step, roster(self._book.inventory, self._book.holidays), moment)
        return persons.addressed(named or routing.channels_for(outage, self._book), who, self._book)

    # --- once a day ------------------------------------------------------------------------------
    async def _digest(self, now: float) -> None:
        rules = self._notify.digest
        if rules is None:
            return
        last = await self._store(Store.fact, handling.LAST_DIGEST)
        if not digest.due(rules, self._book, self._local(now), last):
            return
        found = await self._store(handling.live)
        entries = [item for item in found if item.state in {"digest", "listed", "office"}]
        made = digest.gather(self._local(now).date().isoformat(), _listed(entries), now)
        await self._store(handling.digest, made, self._channels(made, now), entries, now)
        if entries:
            self._count("digest")

    def _local(self, now: float) -> datetime:
        zone = ZoneInfo(self._book.inventory.province.timezone)
        return datetime.fromtimestamp(now, UTC).astimezone(zone).replace(tzinfo=None)


def _keep(store: Store, penalty: Penalty) -> None:
    with store.transaction():
        handling.keep(store, penalty)


def _flaps(outage: Outage, penalties: dict[str, Penalty]) -> bool:
    found = penalties.get(damping.key(outage))
    return found is not None and found.damped


def _open_storm(item: Handled) -> bool:
    ours = item.outage.source == OWN and item.outage.alertname == storm.STORM
    return ours and item.state == "told" and not item.over


def _with_ends(made: Outage, children: Sequence[Handled], now: float) -> Outage:
    """Return a storm whose list says what is over; what the store has no longer is over too."""
    known = {child.outage.id: child for child in children}
    listed = []
    for one in made.listed:
        child = known.get(one.id)
        ends = now if child is None else (child.outage.ends_at or now) if child.over else None
        listed.append(msgspec.structs.replace(one, ends_at=ends))
    return msgspec.structs.replace(made, listed=tuple(listed))


def _listed(entries: Sequence[Handled]) -> list[Listed]:
    """An outage that waits for an office to open is a ticket until then."""
    return [
        msgspec.structs.replace(
            storm.listed(item.outage),
            severity="ticket",
            ends_at=item.outage.ends_at if item.over else None,
        )
        for item in entries
    ]
