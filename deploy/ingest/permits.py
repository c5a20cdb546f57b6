"""What each commune's agent may say: about which lines and targets, by which probes. Pure.

What was taken out of the inventory stays permitted as long as an agent's spool may still hold measurements
of it: what was measured before a change arrives after it.
"""

from collections.abc import Iterable, Mapping

import msgspec

from inventory import graph
from inventory.model import Inventory

Target = tuple[str, str, str]
"""(target, line, probe) as the labels say; an empty line is an absent label."""


class Permit(msgspec.Struct, frozen=True):
    """What the agent of one commune may say."""

    commune: str
    targets: frozenset[Target]
    lines: frozenset[str]


class Retired(msgspec.Struct, frozen=True):
    """A target that is in the inventory no more: until when (Unix seconds) it is still permitted."""

    commune: str
    target: str
    line: str
    probe: str
    until: float

    @property
    def what(self) -> Target:
        return self.target, self.line, self.probe


class Known(msgspec.Struct, frozen=True):
    """What was permitted when the inventory was last read; kept on disk between two runs."""

    targets: dict[str, tuple[Target, ...]] = {}
    retired: tuple[Retired, ...] = ()


def planned(inventory: Inventory) -> dict[str, tuple[Target, ...]]:
    """Return the targets of every commune's agent, by the commune's code."""
    return {
        commune.code: tuple(
            sorted({(plan.target, plan.line, plan.kind) for plan in graph.plans(inventory, commune.code)})
        )
        for commune in inventory.communes
    }


def remember(before: Known, now: Mapping[str, tuple[Target, ...]], unix: float, keep_seconds: float) -> Known:
    """Return what is to be known from now on; what is gone stays permitted for ``keep_seconds``."""
    retired = {
        (item.commune, *item.what): item
        for item in before.retired
        if item.until > unix and item.what not in now.get(item.commune, ())
    }
    for commune, targets in before.targets.items():
        for target, line, probe in set(targets) - set(now.get(commune, ())):
            key = commune, target, line, probe
            retired.setdefault(key, Retired(*key, until=unix + keep_seconds))
    return Known(dict(now), tuple(retired[key] for key in sorted(retired)))


def permits(known: Known, unix: float) -> dict[str, Permit]:
    """Return every commune's permit. A commune that is gone has none: nobody speaks for it."""
    more: dict[str, list[Target]] = {}
    for item in known.retired:
        if item.until > unix:
            more.setdefault(item.commune, []).append(item.what)
    return {
        commune: _permit(commune, (*targets, *more.get(commune, ())))
        for commune, targets in known.targets.items()
    }


def _permit(commune: str, targets: Iterable[Target]) -> Permit:
    found = frozenset(targets)
    return Permit(commune, found, frozenset(line for _, line, _ in found))
