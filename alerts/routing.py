"""Which channels carry an outage, and whether it can wait until an office opens. Pure."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final

from alerts.book import Book, split
from alerts.outage import MONITORING_DOWN, Listed, Outage
from inventory.calendar import in_service
from inventory.model import Channel, Commune, Severity

_RANK: Final = {"ticket": 0, "page": 1}


def severity(outage: Outage) -> Severity:
    """Return how severe ``outage`` is; what a foreign source calls otherwise is a page."""
    return "ticket" if outage.severity == "ticket" else "page"


def carries(channel: Channel, outage: Outage | Listed, book: Book) -> bool:
    """Whether ``channel`` tells of ``outage`` by its own rules."""
    severe = "ticket" if outage.severity == "ticket" else "page"
    kinds, _ = split(outage.component)
    return (
        not channel.escalation_only
        and _RANK[severe] >= _RANK[channel.severity]
        and (not channel.kinds or not set(channel.kinds).isdisjoint(kinds))
        and book.dossiers_per_day(outage.communes) >= channel.least_dossiers_per_day
    )


def channels_for(outage: Outage, book: Book) -> tuple[str, ...]:
    """Return the ids of the channels for the first message about ``outage``.

    What tells of several goes where one of them goes. A page that no channel carries goes to all that
    take first messages, and so does the news that monitoring is down: nobody told would be worst.
    """
    listed: Iterable[Outage | Listed] = outage.listed or (outage,)
    first = [channel for channel in book.inventory.channels if not channel.escalation_only]
    everybody = outage.alertname == MONITORING_DOWN
    chosen = [c.id for c in first if everybody or any(carries(c, one, book) for one in listed)]
    if not chosen and severity(outage) == "page":
        chosen = [channel.id for channel in first or book.inventory.channels]
    return tuple(chosen)


def waits_for_office(outage: Outage, book: Book, now: datetime) -> bool:
    """Whether ``outage`` may wait as a ticket: it matters only in hours, and no office that it hits is open.

    ``now`` is the province's wall-clock time without zone. An office without a calendar is always open.
    """
    rule = book.inventory.notify.office_hours
    kinds, _ = split(outage.component)
    if rule is None or severity(outage) != "page" or not set(kinds) <= set(rule.kinds):
        return False
    hit = [book.communes[code] for code in outage.communes if code in book.communes]
    limit = rule.unless_dossiers_per_day
    if limit is not None and book.dossiers_per_day(tuple(commune.code for commune in hit)) >= limit:
        return False
    return not any_open(hit or book.inventory.communes, book, now)


def any_open(communes: Collection[Commune], book: Book, now: datetime) -> bool:
    """Whether an office of ``communes`` is open at ``now``, the province's wall-clock time."""
    calendars = {calendar.id: calendar for calendar in book.inventory.calendars}
    chosen = [calendars.get(commune.calendar or "") for commune in communes]
    return any(one is None or in_service(one, now, book.holidays(now.year)) for one in chosen)
