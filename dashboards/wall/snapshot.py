"""What the wall shows at one moment: frozen structs, the same for every viewer. Times: Unix seconds."""

from enum import StrEnum
from typing import Final, Literal

import msgspec

from inventory.model import Text
from inventory.names import DeadZone, LineVerdict


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


class Sure(StrEnum):
    """How sure the locator is of a culprit, in words instead of nats."""

    UNSURE = "unsure"  # under 3 nats, odds of 20 to 1: the messages say "it may also be"
    LIKELY = "likely"
    SURE = "sure"  # from 7 nats on, odds of 1,000 to 1


Reason = Literal[
    "cut_off", "agent_silent", "hub_silent", "lan", "line", "systems", "lossy", "stale", "planned"
]  # fmt: skip
"""Why a commune is in its state; the words stand in the catalogue."""


class Call(msgspec.Struct, frozen=True):
    """Whom to call, and about what (a component id)."""

    name: Text
    phone: str | None = None
    email: str | None = None
    note: str | None = None


class Behind(msgspec.Struct, frozen=True):
    """A wide outage, as the communes that it hits refer to it: ``key`` of the :class:`OutageView`."""

    key: str
    name: Text


class CommuneView(msgspec.Struct, frozen=True, kw_only=True):
    """A commune. ``cells`` are in the order of ``Snapshot.systems``; ``since`` starts its state;
    ``verdicts`` are those of all its lines, the gravest first; ``behind`` is the wide outage that hits it."""

    code: str
    name: Text
    latitude: float | None
    longitude: float | None
    state: State
    reason: Reason | None = None
    since: float | None = None
    cells: tuple[Cell, ...] = ()
    verdicts: tuple[LineVerdict, ...] = ()
    on_battery: bool = False
    dead_zone: tuple[DeadZone, ...] = ()
    """Why it is a chronic dead zone, the gravest reason first."""
    availability: float | None = None
    upper: float | None = None
    """Of the 28 days: that of its best line, and its 95 % upper bound."""
    dossiers_per_day: float = 0.0
    behind: Behind | None = None


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
    is when it began, some seconds before the alert.

    What only the locator knows: ``sure``; ``loss``, a share of 1 where some packets pass; ``others`` that
    cannot be told apart from ``what``; ``runner_up``, the next best explanation; ``counted``, failed and all
    measurements through it.
    """

    key: str
    component: str
    what: Text
    cause: Text
    since: float
    page: bool
    silenced: bool = False
    acknowledged_by: str | None = None
    shared: bool = False
    """Whether a line that it is about carries office work and dossiers together."""
    communes: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    evidence: Text | None = None
    calls: tuple[Call, ...] = ()
    sure: Sure | None = None
    loss: float | None = None
    others: tuple[Text, ...] = ()
    runner_up: Text | None = None
    counted: tuple[int, int] | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of component that it may be."""
        return tuple(self.component.partition(":")[0].split("|"))

    @property
    def cuts(self) -> bool:
        """Whether it stands between communes and hub: only such an outage colours communes."""
        return self.page and CUTTING.issuperset(self.kinds)

    @property
    def wide(self) -> bool:
        """Whether it is something that several communes share."""
        return self.cuts and SHARED.issuperset(self.kinds)


CUTTING: Final = frozenset({"power", "lan", "line", "area", "pop", "ring", "isp", "hub"})
FAR: Final = frozenset({"wan", "dns", "host", "datacentre", "system"})
SHARED: Final = frozenset({"area", "pop", "ring", "isp", "hub"})


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the wall may be believed: errors of its sources, and the age of the newest heartbeat.

    ``locator_ok`` is None where there is no locator.
    """

    prometheus_ok: bool = True
    alertmanager_ok: bool = True
    locator_ok: bool | None = None
    newest: float | None = None
    stale: bool = False


class EndedView(msgspec.Struct, frozen=True, kw_only=True):
    """An outage that is over, as the ledger knows it now. ``badge`` says what was learned afterwards, and
    ``said`` what was told at first; None where nothing was learned. ``what`` names component or place."""

    key: str
    component: str
    what: Text
    cause: Text
    since: float
    until: float
    communes: tuple[str, ...] = ()
    badge: Text | None = None
    is_undecided: bool = False
    said: Text | None = None
    said_since: float | None = None
    said_until: float | None = None


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything. ``hidden`` counts alerts that a larger outage explains; ``on_call`` has the duty now."""

    at: float
    province: str
    health: Health
    communes: tuple[CommuneView, ...] = ()
    systems: tuple[SystemView, ...] = ()
    outages: tuple[OutageView, ...] = ()
    hidden: int = 0
    on_call: Call | None = None
    ended: tuple[EndedView, ...] = ()

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


class WayView(msgspec.Struct, frozen=True, kw_only=True):
    """One direction of a line; rates in bytes a second, the rest shares of 1."""

    contracted: float
    used: float | None = None
    percentile: float | None = None
    """The regulation's, over the days of :class:`LineView`."""
    goodput: float | None = None
    loss: float | None = None


class LineView(msgspec.Struct, frozen=True, kw_only=True):
    """How well a line carries; None is what is not measured, or not known now. Times in seconds."""

    id: str
    carrier: Text
    technology: str
    shared: bool
    verdicts: tuple[LineVerdict, ...] = ()
    carrying: bool | None = None
    """Whether traffic runs over it now; None where its commune has one line."""
    rtt: float | None = None
    loss: float | None = None
    jitter: float | None = None
    down: WayView
    up: WayView
    tested_at: float | None = None
    grade: int | None = None
    rtt_loaded: float | None = None
    hops: int | None = None
    signal_dbm: float | None = None
    busy_percent: float = 95
    busy_days: int = 7
    busy_limit: float = 0.9


class SiteView(msgspec.Struct, frozen=True, kw_only=True):
    """Power and machine of a site; shares of 1, None is what is not measured, or not known now."""

    on_mains: bool | None = None
    charge: float | None = None
    runtime: float | None = None
    cpu: float | None = None
    memory_free: float | None = None
    disk_free: float | None = None
    celsius: float | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing at all is measured."""
        return self == SiteView()


class CommuneDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One commune's page."""

    commune: CommuneView
    targets: tuple[TargetView, ...]
    calls: tuple[tuple[str, Call], ...]
    """(what about: ``site`` or a line's component id, whom)."""
    outages: tuple[OutageView, ...]
    health: Health
    at: float
    ended: tuple[EndedView, ...] = ()
    lines: tuple[LineView, ...] = ()
    site: SiteView = SiteView()
