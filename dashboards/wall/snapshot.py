"""What the wall shows at one moment: frozen structs, the same for every viewer. Times: Unix seconds."""

from enum import StrEnum
from typing import Literal

import msgspec

from inventory.model import Text


class State(StrEnum):
    """State of a commune, worst first where rows are sorted."""

    DOWN = "down"
    DEGRADED = "degraded"  # works, but a line, the LAN or a system is not reached from here
    UNKNOWN = "unknown"  # the agent is silent though its router answers, or our own data is stale
    NEVER = "never"  # in the inventory, never heard
    MAINTENANCE = "maintenance"  # failing inside a window that was announced
    UP = "up"


class Cell(StrEnum):
    """State of one system as one site sees it."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"


Reason = Literal["cut_off", "agent_silent", "hub_silent", "lan", "line", "systems", "stale", "planned"]
"""Why a commune is in its state; the words stand in the catalogue."""


class Call(msgspec.Struct, frozen=True):
    """Whom to call, and about what (a component id)."""

    name: Text
    phone: str | None = None
    email: str | None = None
    note: str | None = None


class CommuneView(msgspec.Struct, frozen=True, kw_only=True):
    """A commune. ``cells`` are in the order of ``Snapshot.systems``; ``since`` starts its state."""

    code: str
    name: Text
    latitude: float | None
    longitude: float | None
    state: State
    reason: Reason | None = None
    since: float | None = None
    cells: tuple[Cell, ...] = ()


class SystemView(msgspec.Struct, frozen=True, kw_only=True):
    """A system: as the hub sees it, and how many of the speaking communes reach it."""

    id: str
    name: Text
    state: Cell
    planned: bool = False
    reached: int = 0
    measured: int = 0


class OutageView(msgspec.Struct, frozen=True, kw_only=True):
    """An open outage. ``what`` names the component or place, ``cause`` says its kind in words; ``since``
    is when it began, some seconds before the alert."""

    key: str
    component: str
    what: Text
    cause: Text
    since: float
    page: bool
    silenced: bool = False
    communes: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    evidence: Text | None = None
    calls: tuple[Call, ...] = ()


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the wall may be believed: errors of its sources, and the age of the newest heartbeat."""

    prometheus_ok: bool = True
    alertmanager_ok: bool = True
    newest: float | None = None
    stale: bool = False


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything. ``hidden`` counts alerts that a larger outage explains."""

    at: float
    province: str
    health: Health
    communes: tuple[CommuneView, ...] = ()
    systems: tuple[SystemView, ...] = ()
    outages: tuple[OutageView, ...] = ()
    hidden: int = 0

    def count(self, state: State) -> int:
        """Return how many communes are in ``state``."""
        return sum(commune.state is state for commune in self.communes)


class TargetView(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement about a commune: ``from_hub`` tells outside-in pings apart."""

    target: str
    name: Text
    line: str
    state: Cell
    since: float | None = None
    from_hub: bool = False


class CommuneDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One commune's page."""

    commune: CommuneView
    targets: tuple[TargetView, ...]
    calls: tuple[tuple[str, Call], ...]
    """(what about: ``site`` or a line's component id, whom)."""
    outages: tuple[OutageView, ...]
    health: Health
    at: float
