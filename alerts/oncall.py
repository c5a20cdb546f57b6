"""Who is on call, as the messages need it: contacts. Pure."""

from datetime import datetime

from alerts.rotation import Holidays, no_holidays, roster
from inventory.model import Contact, Inventory


def contact(inventory: Inventory, now: datetime, holidays: Holidays = no_holidays) -> Contact | None:
    """Return who is on call at ``now`` (with its zone), or None where nobody is named."""
    found = roster(inventory, holidays)
    return None if found is None else person(inventory, found.on_call(now))


def person(inventory: Inventory, identity: str) -> Contact | None:
    """Return a contact by id."""
    return next((entry for entry in inventory.contacts if entry.id == identity), None)
