"""The inventory as the messages need it: names, members of a class and whom to call. Pure."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import msgspec

from alerts.outage import Outage
from alerts.rotation import Holidays, no_holidays
from inventory.graph import Component, components, line_id
from inventory.model import Commune, Contact, Inventory, Language, Line, System, Text
from inventory.naming import english

_COMMUNE_KINDS: Final = frozenset({"power", "lan", "line", "agent"})


class Book(msgspec.Struct, frozen=True):
    """An inventory by id, made once by :meth:`of` and shared by all messages."""

    inventory: Inventory
    components: dict[str, Component]
    line_ids: dict[str, tuple[str, ...]]
    contacts: dict[str, Contact]
    communes: dict[str, Commune]
    systems: dict[str, System]
    holidays: Holidays = no_holidays

    @classmethod
    def of(cls, inventory: Inventory, holidays: Holidays = no_holidays) -> "Book":
        """Index ``inventory``."""
        found = components(inventory)
        return cls(
            inventory=inventory,
            components=found,
            line_ids=_line_ids(found),
            contacts={contact.id: contact for contact in inventory.contacts},
            communes={commune.code: commune for commune in inventory.communes},
            systems={system.id: system for system in inventory.systems},
            holidays=holidays,
        )

    def commune(self, code: str, language: Language) -> str:
        """Return a commune's name, or its code where the inventory does not know it."""
        found = self.communes.get(code)
        if found is None:
            return code
        return found.name if language == "vi" else english(found.name)

    def system(self, given: str, language: Language) -> str:
        """Return a system's name; ``given`` is its id, with or without ``system:``."""
        found = self.systems.get(given.removeprefix("system:"))
        return given if found is None else said(found.name, language)

    def component(self, identity: str, language: Language) -> str:
        """Return a component's name, or its id where the inventory does not know it."""
        found = self.components.get(identity)
        return identity if found is None else said(found.name, language)

    def members(self, identity: str) -> tuple[str, ...]:
        """Return the components of a class, or the component itself.

        ``line`` in the class of a commune (``power|line:21040``) stands for each of its lines.
        """
        kinds, rest = split(identity)
        found: list[str] = []
        for kind in kinds:
            if kind == "line" and "/" not in rest:
                found += self.line_ids.get(rest, ())
            else:
                found.append(f"{kind}:{rest}")
        return tuple(found)

    def callees(self, outage: Outage) -> dict[str, list[str]]:
        """Return contact id -> kinds of component that it answers for, in the order to call."""
        found: dict[str, list[str]] = {}
        for member in self.members(outage.component):
            component = self.components.get(member)
            if component is None or component.contact not in self.contacts:
                continue
            kinds = found.setdefault(component.contact, [])
            if component.kind not in kinds:
                kinds.append(str(component.kind))
        return found

    def lines(self, identity: str) -> tuple[Line, ...]:
        """Return the lines that a component of a commune, or a class, speaks of."""
        commune = self.communes.get(commune_of(identity))
        if commune is None:
            return ()
        members = self.members(identity)
        return tuple(line for line in commune.lines if line_id(commune, line) in members)

    def shared_lines(self, identity: str) -> tuple[str, ...]:
        """Return the ids of those of :meth:`lines` over which office work and dossiers run together."""
        return tuple(line.id for line in self.lines(identity) if line.shared)

    def shared_of(self, code: str, named: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of the ``named`` lines of a commune that are shared."""
        commune = self.communes.get(code)
        lines = () if commune is None else commune.lines
        return tuple(line.id for line in lines if line.shared and line.id in named)

    def dossiers_per_day(self, codes: tuple[str, ...]) -> float:
        """Return the dossiers that these communes handle in a day."""
        return sum(self.communes[code].dossiers_per_day for code in codes if code in self.communes)


def _line_ids(known: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the lines among components by commune: a storm asks for them for every pair of outages."""
    found: dict[str, list[str]] = {}
    for identity in known:
        kind, _, rest = identity.partition(":")
        if kind == "line":
            found.setdefault(rest.partition("/")[0], []).append(identity)
    return {code: tuple(lines) for code, lines in found.items()}


@lru_cache(maxsize=4096)
def split(identity: str) -> tuple[tuple[str, ...], str]:
    """Split a component or class id: ``power|line:21040`` is ``("power", "line"), "21040"``."""
    kinds, _, rest = identity.partition(":")
    return tuple(kinds.split("|")), rest


def commune_of(identity: str) -> str:
    """Return the commune that a component or class belongs to, or the empty string."""
    kinds, rest = split(identity)
    return rest.partition("/")[0] if _COMMUNE_KINDS.issuperset(kinds) else ""


def said(name: Text, language: Language) -> str:
    """Return a name in ``language``."""
    return name.vi if language == "vi" else name.en
