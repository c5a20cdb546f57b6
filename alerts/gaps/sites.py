"""What the inventory says of the communes whose gaps are looked for. Pure."""

import msgspec

from alerts.gaps.model import Window
from alerts.rules_model import Tuning
from inventory.model import Commune, Inventory


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """A commune. ``beat_seconds``: how often its agent is heard; ``silent_seconds``: after how long without
    that it counts as silent, as for the alerts; ``routers``: lines that the hub pings; ``hub`` the hub's
    component id; ``pushed``: it is not scraped, so what it measured unheard may come later."""

    code: str
    name: str
    lines: tuple[str, ...]
    routers: tuple[str, ...]
    beat_seconds: float
    silent_seconds: float
    hub: str
    pushed: bool = True
    windows: tuple[Window, ...] = ()


def sites(inventory: Inventory, tuned: Tuning) -> tuple[Site, ...]:
    """Return every commune of the inventory."""
    return tuple(_site(inventory, tuned, commune) for commune in inventory.communes)


def _site(inventory: Inventory, tuned: Tuning, commune: Commune) -> Site:
    pushed = commune.transport == "push"
    return Site(
        code=commune.code, name=commune.name, lines=tuple(line.id for line in commune.lines),
        routers=tuple(line.id for line in commune.lines if line.router),
        beat_seconds=tuned.heartbeat_seconds if pushed else tuned.scrape_seconds,
        silent_seconds=tuned.silent_seconds if pushed else tuned.silent_scraped_seconds,
        hub=f"hub:{inventory.hub.id}", pushed=pushed, windows=_windows(inventory, commune),
    )  # fmt: skip


def _windows(inventory: Inventory, commune: Commune) -> tuple[Window, ...]:
    """The windows in which all of a commune is in maintenance: its power, LAN or agent, or all its lines."""
    site = {f"{kind}:{commune.code}" for kind in ("power", "lan", "agent")}
    lines = {f"line:{commune.code}/{line.id}" for line in commune.lines}
    return tuple(
        Window(window.id, window.starts.timestamp(), window.ends.timestamp())
        for window in inventory.maintenance
        if site & set(window.components) or lines <= set(window.components)
    )
