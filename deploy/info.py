"""The inventory as series: what every rule and board starts from (``thongsuot_commune_info`` ...)."""

from collections.abc import Callable, Collection, Iterator
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from alerts.topology import topology
from deploy import holiday
from inventory import graph, names
from inventory.calendar import in_service
from inventory.model import Commune, Inventory, Line, System
from inventory.names import Metric
from inventory.naming import english, slug

BYTES_PER_MEGABIT: Final = 125_000
_TYPES: Final = ("Xã", "Phường", "Đặc khu")
Clock = Callable[[], datetime]
Holidays = Callable[[int], Collection[date]]
"""The public holidays of a year."""


class Row(msgspec.Struct, frozen=True):
    """One series of the hub. ``values`` in the order of the metric's labels."""

    metric: Metric
    values: tuple[str, ...]
    value: float = 1


def rows(inventory: Inventory) -> tuple[Row, ...]:
    """Return what follows from the inventory alone, whatever the time."""
    return (
        *(row for commune in inventory.communes for row in _commune(inventory, commune)),
        *(row for system in inventory.systems for row in _system(inventory, system)),
        *_components(inventory),
        *_topology(inventory),
    )


def timed_rows(inventory: Inventory, moment: datetime, holidays: Holidays = holiday.of_year) -> Iterator[Row]:
    """Yield what depends on the time: maintenance windows and service hours. ``moment`` with its zone."""
    state: dict[str, bool] = {}
    for window in inventory.maintenance:
        for component in window.components:
            active = window.starts <= moment < window.ends
            state[component] = state.get(component, False) or active
    for component, active in state.items():
        yield Row(names.MAINTENANCE, (component,), float(active))
    local = moment.astimezone(ZoneInfo(inventory.province.timezone)).replace(tzinfo=None)
    calendars = {calendar.id: calendar for calendar in inventory.calendars}
    for commune in inventory.communes:
        if commune.calendar in calendars:
            open_now = in_service(calendars[commune.calendar], local, holidays(local.year))
            yield Row(names.IN_SERVICE_HOURS, (commune.code,), float(open_now))


def _commune(inventory: Inventory, commune: Commune) -> Iterator[Row]:
    place = ["" if value is None else f"{value:g}" for value in (commune.latitude, commune.longitude)]
    kind = next((slug(prefix) for prefix in _TYPES if commune.name.startswith(prefix + " ")), "")
    yield Row(
        names.COMMUNE_INFO,
        (
            commune.code, commune.name, english(commune.name), kind,
            f"area:{commune.area}" if commune.area else "", *place, commune.transport,
        ),
    )  # fmt: skip
    yield Row(names.COMMUNE_DOSSIERS, (commune.code,), commune.dossiers_per_day)
    for line in commune.lines:
        yield from _line(inventory, commune, line)


def _line(inventory: Inventory, commune: Commune, line: Line) -> Iterator[Row]:
    kinds = {segment.id: segment.kind for segment in inventory.segments}

    def first(kind: str) -> str:
        return next((f"{kind}:{item}" for item in line.segments if kinds[item] == kind), "")

    yield Row(
        names.LINE_INFO,
        (
            commune.code, line.id, line.carrier, line.technology, "yes" if line.shared else "no",
            first("pop"), first("ring"), f"isp:{line.carrier}", line.router or "",
        ),
    )  # fmt: skip
    for direction, mbps in (("down", line.down_mbps), ("up", line.up_mbps)):
        yield Row(names.LINE_CONTRACTED, (commune.code, line.id, direction), mbps * BYTES_PER_MEGABIT)
    about = (commune.code, line.id)
    rtt_ms = line.rtt_ms_max or inventory.quality.rtt_ms_max
    yield Row(names.LINE_RTT_LIMIT, about, rtt_ms / 1000)
    yield Row(names.LINE_LOSS_LIMIT, about, line.loss_ratio_max or inventory.quality.loss_ratio_max)
    if line.sla_target is not None:
        yield Row(names.SLA_TARGET, (graph.line_id(commune, line),), line.sla_target)


def _system(inventory: Inventory, system: System) -> Iterator[Row]:
    target = f"system:{system.id}"
    named = (target, system.name.vi, system.name.en, system.owner.vi, system.contact or "")
    yield Row(names.SYSTEM_INFO, named)
    limit = system.slow_seconds or inventory.quality.system_slow_seconds
    yield Row(names.SYSTEM_SLOW_LIMIT, (target,), limit)
    if system.sla_target is not None:
        yield Row(names.SLA_TARGET, (target,), system.sla_target)


def _components(inventory: Inventory) -> Iterator[Row]:
    for item in graph.components(inventory).values():
        named = (item.id, str(item.kind), item.name.vi, item.name.en, item.contact or "")
        yield Row(names.COMPONENT_INFO, named)


def _topology(inventory: Inventory) -> Iterator[Row]:
    found = topology(inventory)
    for member in found.members:
        kind = member.component.partition(":")[0]
        yield Row(names.COMPONENT_MEMBER, (member.component, kind, member.member, member.origin))
    for within in found.within:
        yield Row(names.COMPONENT_WITHIN, (within.component, within.larger, "yes" if within.twin else "no"))
    for up in found.upstream:
        yield Row(names.COMPONENT_UPSTREAM, (up.component, up.commune, up.pop, up.ring, up.isp))


class InventoryCollector(Collector):
    """Exports the rows of the inventory that :meth:`take` was given last."""

    def __init__(self, inventory: Inventory, clock: Clock = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._inventory = inventory
        self._rows = rows(inventory)

    def take(self, inventory: Inventory) -> None:
        """Export ``inventory`` from now on."""
        self._rows, self._inventory = rows(inventory), inventory

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield one family a metric, in a stable order."""
        families: dict[str, GaugeMetricFamily] = {}
        for row in (*self._rows, *timed_rows(self._inventory, self._clock())):
            metric = row.metric
            family = families.get(metric.name)
            if family is None:
                family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
                families[metric.name] = family
            family.add_metric(row.values, row.value)
        yield from families.values()
