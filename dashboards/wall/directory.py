"""What the wall takes from the inventory: names, places, contacts, planned interruptions. Pure."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from alerts import oncall
from alerts.rotation import Holidays, no_holidays
from inventory.graph import Component, components, heartbeat_path
from inventory.model import Commune, Contact, Inventory, Text
from inventory.naming import english

from .snapshot import Call

BYTES_PER_MEGABIT: Final = 125_000


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A line as it was contracted, in bytes a second; ``shared`` with office work. Its load is judged by
    the percentile ``busy_percent`` over ``busy_days``, which must not be above the share ``busy_limit``."""

    line: str
    carrier: Text
    technology: str
    shared: bool
    down: float
    up: float
    busy_percent: float = 95
    busy_days: int = 7
    busy_limit: float = 0.9


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A commune. ``legs``: for each line, every component between hub and agent."""

    code: str
    name: Text
    latitude: float | None
    longitude: float | None
    legs: tuple[frozenset[str], ...]
    lines: tuple[str, ...]
    routers: tuple[str, ...]
    """Lines that the hub pings from outside."""
    offers: tuple[Offer, ...] = ()
    """In the order of ``lines``."""
    dossiers_per_day: float = 0.0


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A planned interruption, in Unix seconds."""

    components: frozenset[str]
    starts: float
    ends: float


class Directory(msgspec.Struct, frozen=True, kw_only=True):
    """The inventory as the wall needs it, by id. ``duty`` tells who is on call at a Unix time."""

    province: str
    timezone: str
    silence_seconds: float
    places: Mapping[str, Place]
    systems: Mapping[str, Text]
    components: Mapping[str, Component]
    contacts: Mapping[str, Contact]
    windows: tuple[Window, ...] = ()
    duty: Callable[[float], Call | None] = lambda _: None

    def planned(self, now: float) -> frozenset[str]:
        """Return the components inside a maintenance window at ``now``."""
        inside = (window.components for window in self.windows if window.starts <= now < window.ends)
        return frozenset().union(*inside)

    def shared(self, component: str) -> bool:
        """Whether a component is a line over which office work and dossiers run together."""
        kind, _, rest = component.partition(":")
        code, _, line = rest.partition("/")
        place = self.places.get(code) if kind == "line" else None
        return place is not None and any(offer.shared for offer in place.offers if offer.line == line)

    def name(self, component: str) -> Text:
        """Return a component's name; an id that the inventory does not know names itself."""
        found = self.components.get(component)
        return found.name if found else Text(vi=component or "?", en=component or "?")

    def calls(self, ids: Iterable[str]) -> tuple[Call, ...]:
        """Return whom to call about components, each once, in order."""
        found = (self.components[item].contact for item in ids if item in self.components)
        contacts = dict.fromkeys(contact for contact in found if contact in self.contacts)
        return tuple(call(self.contacts[contact]) for contact in contacts if contact)


def call(contact: Contact) -> Call:
    """Return what the wall shows of a contact."""
    return Call(contact.name, contact.phone, contact.email, contact.note)


def build(inventory: Inventory, holidays: Holidays = no_holidays) -> Directory:
    """Derive the directory from a checked inventory; ``holidays`` may change who is on call."""
    return Directory(
        province=inventory.province.name,
        timezone=inventory.province.timezone,
        # Three heartbeats missing, and the time that a push and a scrape may take.
        silence_seconds=3 * inventory.probing.heartbeat_seconds + 4,
        places={place.code: place for place in _places(inventory)},
        systems={system.id: system.name for system in inventory.systems},
        components=components(inventory),
        contacts={contact.id: contact for contact in inventory.contacts},
        windows=tuple(
            Window(
                components=frozenset(window.components),
                starts=window.starts.timestamp(),
                ends=window.ends.timestamp(),
            )
            for window in inventory.maintenance
        ),
        duty=_duty(inventory, holidays),
    )


def _duty(inventory: Inventory, holidays: Holidays) -> Callable[[float], Call | None]:
    def on_call(at: float) -> Call | None:
        found = oncall.contact(inventory, datetime.fromtimestamp(at, UTC), holidays)
        return call(found) if found is not None else None

    return on_call


def _offers(inventory: Inventory, commune: Commune) -> Iterable[Offer]:
    carriers = {carrier.id: carrier.name for carrier in inventory.carriers}
    for line in commune.lines:
        yield Offer(
            line=line.id,
            carrier=carriers[line.carrier],
            technology=line.technology,
            shared=line.shared,
            down=line.down_mbps * BYTES_PER_MEGABIT,
            up=line.up_mbps * BYTES_PER_MEGABIT,
            busy_percent=inventory.quality.congestion_percentile * 100,
            busy_days=inventory.quality.congestion_days,
            busy_limit=inventory.quality.congestion_ratio_max,
        )


def _places(inventory: Inventory) -> Iterable[Place]:
    for commune in inventory.communes:
        yield Place(
            code=commune.code,
            name=Text(vi=commune.name, en=english(commune.name)),
            latitude=commune.latitude,
            longitude=commune.longitude,
            legs=tuple(map(frozenset, heartbeat_path(inventory, commune.code).legs)),
            lines=tuple(line.id for line in commune.lines),
            routers=tuple(line.id for line in commune.lines if line.router),
            offers=tuple(_offers(inventory, commune)),
            dossiers_per_day=commune.dossiers_per_day,
        )
