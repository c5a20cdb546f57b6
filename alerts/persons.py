"""Messages to the person concerned, by their own address on a channel. Pure.

A channel with ``to_persons`` stands for one channel a contact that has an address there: ``zalo/truc-b``.
Each of them is a channel like any other, with deliveries, retries and figures of its own, so whoever was
paged or called is told of the end too, whoever is on call by then.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from alerts.book import Book
from alerts.channels import registry
from alerts.outage import Outage
from alerts.rotation import roster
from alerts.routing import channels_for, severity
from inventory.model import Channel, Contact, Inventory


def channels(inventory: Inventory) -> tuple[Channel, ...]:
    """Return all channels through which something may be sent: those of the file, and those to persons."""
    found = list(inventory.channels)
    for channel in inventory.channels:
        made = (of_person(channel, contact) for contact in inventory.contacts)
        found += [one for one in made if one is not None]
    return tuple(found)


def address(channel: Channel, contact: Contact) -> str | None:
    """Return a contact's own address on a channel: the one given for it, else that of its kind."""
    own = contact.addresses.get(channel.id)
    return own or {"email": contact.email, "zalo": contact.zalo}.get(channel.kind)


def of_person(channel: Channel, contact: Contact) -> Channel | None:
    """Return the channel to one person, None where ``channel`` has no such thing."""
    found = registry.kinds().get(channel.kind)
    where = address(channel, contact)
    if not channel.to_persons or found is None or found.to_person is None or where is None:
        return None
    return msgspec.structs.replace(
        channel, id=f"{channel.id}/{contact.id}", to_persons=False,
        options={**channel.options, **found.to_person(where)},
    )  # fmt: skip


def addressed(ids: Iterable[str], who: str | None, book: Book) -> tuple[str, ...]:
    """Return channel ids with those of ``who`` (a contact id) instead, where they have an address."""
    contact = book.contacts.get(who or "")
    known = {channel.id: channel for channel in book.inventory.channels}

    def one(identity: str) -> str:
        made = of_person(known[identity], contact) if contact is not None and identity in known else None
        return identity if made is None else made.id

    return tuple(dict.fromkeys(one(identity) for identity in ids))


def everybody(outage: Outage, book: Book, now: datetime) -> tuple[str, ...]:
    """Return the channels of news that nobody must miss: the usual ones, and whoever is on call."""
    ids = channels_for(outage, book)
    return tuple(dict.fromkeys((*ids, *addressed(ids, on_call(outage, book, now), book))))


def on_call(outage: Outage, book: Book, now: datetime) -> str | None:
    """Return whom a first message about ``outage`` is for: whoever is on call; a ticket is for all."""
    if severity(outage) == "ticket":
        return None
    found = roster(book.inventory, book.holidays)
    return None if found is None else found.on_call(now)
