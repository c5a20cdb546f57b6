"""When to tell somebody else because nobody has acknowledged. Pure.

Step 0 is the page. Step n is the n-th of the inventory's ``escalation``; after the last it is repeated.
"""

from datetime import datetime

import msgspec

from alerts.rotation import Roster
from inventory.model import Escalation, OnCall


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A page that is open and not acknowledged: ``step`` was told at ``step_at`` (Unix seconds)."""

    step: int
    step_at: float
    silenced_until: float | None = None


def steps(oncall: OnCall | None) -> tuple[Escalation, ...]:
    """Return the steps after the page, repetitions included."""
    if oncall is None:
        return ()
    found = oncall.escalation
    if not found and oncall.escalate_to is not None:
        found = (Escalation(after_minutes=oncall.escalate_after_minutes, contact=oncall.escalate_to),)
    if oncall.repeat_minutes is None:
        return found
    last = found[-1] if found else Escalation(contact=None)
    again = msgspec.structs.replace(last, after_minutes=oncall.repeat_minutes)
    return (*found, *(again,) * oncall.repeat_times)


def due(pending: Pending, oncall: OnCall | None, now: float) -> int | None:
    """Return the step to take at ``now``, or None. What is silenced rests until that ends."""
    ahead = steps(oncall)[pending.step :]
    if not ahead or (pending.silenced_until is not None and now < pending.silenced_until):
        return None
    since = max(pending.step_at, pending.silenced_until or 0.0)
    return pending.step + 1 if now - since >= ahead[0].after_minutes * 60 else None


def at(oncall: OnCall | None, step: int) -> Escalation | None:
    """Return step ``step`` (from 1), or None: the page, or one that the inventory has no longer."""
    found = steps(oncall)
    return found[step - 1] if 1 <= step <= len(found) else None


def whom(step: Escalation, roster: Roster | None, now: datetime) -> str | None:
    """Return the contact id that a step calls: its own, else the second of the rotation."""
    if step.contact is not None or roster is None:
        return step.contact
    return roster.second(now)
