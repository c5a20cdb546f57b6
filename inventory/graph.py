"""Components and paths, derived from the inventory. Pure.

A component is whatever fails alone and has somebody to call; a path is the set of components that a
probe runs through. See "The inventory" in the design for which probe runs through what.
"""

from typing import Any, Literal

import msgspec

from inventory.model import Inventory, Text
from inventory.names import ComponentKind

Role = Literal["gateway", "checkpoint", "hub", "system", "outside-in"]


class Component(msgspec.Struct, frozen=True):
    """``id`` such as ``line:21040/main``; ``contact`` an id of ``Inventory.contacts``."""

    id: str
    kind: ComponentKind
    name: Text
    contact: str | None = None
    commune: str | None = None


class Path(msgspec.Struct, frozen=True):
    """Component ids of one leg, or of two where a dual-homed site may use either line.

    Components shared by both legs stand in both.
    """

    legs: tuple[tuple[str, ...], ...]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One probe that a site runs, and the path that its results speak about."""

    name: str
    site: str
    commune: str
    line: str
    target: str
    role: Role
    kind: str
    address: str
    interval_seconds: float
    timeout_seconds: float
    path: Path
    options: dict[str, Any] = {}
    source: str | None = None
    gate: str | None = None
    sla: bool = False


def components(inventory: Inventory) -> dict[str, Component]:
    """Return every component by id."""
    raise NotImplementedError


def plans(inventory: Inventory, site: str) -> tuple[Plan, ...]:
    """Return the probes of ``site``: a commune's code, or ``hub``. Raises KeyError."""
    raise NotImplementedError


def heartbeat_path(inventory: Inventory, commune: str) -> Path:
    """Return the path from hub to agent, the agent included. Raises KeyError."""
    raise NotImplementedError
