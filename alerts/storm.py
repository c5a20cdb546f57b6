"""Many sites at once, for no common cause: one message tells of them all. Pure.

A site's page waits until no other has come for ``wait_seconds``, at most three times as long; so many
together are one storm. What a wide cause explains never comes here: its own page inhibits the others.
While a storm is young, further sites are gathered for one update.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from alerts.book import Book, commune_of
from alerts.outage import OWN, Listed, Outage
from inventory.model import Storm

STORM: Final = "Storm"
LONGEST_WAITS: Final = 3
FEW: Final = 0.1
"""A storm is over when so small a share of it is left, and fewer than would make a storm."""


class Ready(msgspec.Struct, frozen=True):
    """A page that may go; ``since`` is when it came here, in Unix seconds."""

    outage: Outage
    since: float


class Young(msgspec.Struct, frozen=True):
    """A storm that is open; ``told_at`` is when it was told of last."""

    id: str
    told_at: float


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """``alone`` go one by one, ``together`` as one storm, into ``joins`` where it is named."""

    alone: tuple[Outage, ...] = ()
    together: tuple[Outage, ...] = ()
    joins: str | None = None


def choose(ready: Sequence[Ready], storm: Young | None, rules: Storm, now: float) -> Choice:
    """Return what goes now; what is not named waits on."""
    sites = [item for item in ready if rules.wait_seconds and of_site(item.outage)]
    others = tuple(item.outage for item in ready if item not in sites)
    if not sites:
        return Choice(alone=others)
    gathered = tuple(item.outage for item in sites)
    if storm is not None and sites[0].since - storm.told_at < rules.join_seconds:
        if now - storm.told_at < rules.join_seconds:
            return Choice(alone=others)
        return Choice(alone=others, together=gathered, joins=storm.id)
    oldest, newest = min(s.since for s in sites), max(s.since for s in sites)
    if now - newest < rules.wait_seconds and now - oldest < rules.wait_seconds * LONGEST_WAITS:
        return Choice(alone=others)
    if len(gathered) >= rules.outages:
        return Choice(alone=others, together=gathered)
    return Choice(alone=(*others, *gathered))


def of_site(outage: Outage) -> bool:
    """Whether ``outage`` is of one commune alone."""
    return bool(commune_of(outage.component))


def listed(outage: Outage) -> Listed:
    """Return ``outage`` as an entry of a list."""
    return Listed(
        id=outage.id,
        alertname=outage.listed[0].alertname if outage.listed else outage.alertname,
        component=outage.component,
        severity=outage.severity,
        communes=outage.communes,
        starts_at=outage.starts_at,
        ends_at=outage.ends_at,
    )


def gather(identity: str, outages: Sequence[Outage], book: Book, before: tuple[Listed, ...] = ()) -> Outage:
    """Return the storm of ``outages`` and those listed ``before``: the places with most dossiers first."""
    entries = sorted(
        [*before, *map(listed, outages)],
        key=lambda one: (-book.dossiers_per_day(one.communes), one.component, one.id),
    )
    return Outage(
        id=identity,
        alertname=STORM,
        source=OWN,
        communes=tuple(dict.fromkeys(code for one in entries for code in one.communes)),
        systems=tuple(dict.fromkeys(system for one in outages for system in one.systems)),
        listed=tuple(entries),
        starts_at=min(one.starts_at for one in entries),
    )


def is_over(storm: Outage, rules: Storm) -> bool:
    """Whether so few of a storm are left that they are outages of their own again."""
    left = sum(one.ends_at is None for one in storm.listed)
    return left == 0 or (left < rules.outages and left <= FEW * len(storm.listed))
