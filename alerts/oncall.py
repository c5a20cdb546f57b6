"""Who is on call, by the weekly rotation of the inventory. Pure."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from inventory.model import Contact, Inventory, OnCall

WEEK = timedelta(days=7)


def person(rotation: OnCall, local: datetime) -> str | None:
    """Return the contact id on call at ``local``, the province's wall-clock time without zone.

    Before the rotation starts its first member answers: a page without anybody would be worse.
    None only for an empty rotation.
    """
    if not rotation.rotation:
        return None
    hour, minute = rotation.handover.split(":")
    first = datetime.combine(rotation.starts, time(int(hour), int(minute)))
    weeks = max(0, (local - first) // WEEK)
    return rotation.rotation[weeks % len(rotation.rotation)]


def contact(inventory: Inventory, now: datetime) -> Contact | None:
    """Return who is on call at ``now`` (with its zone), or None where nobody is named."""
    if inventory.oncall is None:
        return None
    local = now.astimezone(ZoneInfo(inventory.province.timezone)).replace(tzinfo=None)
    chosen = person(inventory.oncall, local)
    return next((entry for entry in inventory.contacts if entry.id == chosen), None)
