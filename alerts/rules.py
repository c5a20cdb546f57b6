"""Prometheus rules as data: evidence, causes and alerts, the safety net below the locator. Pure.

Every rule starts from the info metrics that the hub derives from the inventory, so a commune that never
spoke is seen. Evidence is recorded first, in one group that is evaluated in order; alerts read only what
was recorded. PromQL is kept to what VictoriaMetrics runs as well.

How a commune counts as cut off: its agent is silent (heartbeats reach back too far) and no router of it
answers the hub. How a wide cause is found: most members of a shared component fail, its checkpoint does
not answer, and no larger component that holds all of them is suspect. While a wide cause is suspected the
members under it raise nothing, so the wide page is the only one; it is held for a while on healing, until
the members are back.
"""

from typing import Final

import msgspec

from alerts import (
    rules_alerts,
    rules_boards,
    rules_deadzones,
    rules_delivery,
    rules_evidence,
    rules_ingest,
    rules_lines,
    rules_quality,
    rules_since,
    rules_site,
    rules_systems,
    rules_upkeep,
)
from alerts.rules_fresh import fresh
from alerts.rules_model import AlertRule, Group, Rule, Tuning
from common.yaml.write import dump
from inventory.model import Inventory
from inventory.testable import most_mbps

FAST_FILE: Final = "thongsuot.yml"
RENDERED: Final = "# Rendered from the inventory by `thongsuot render`; do not edit.\n"

__all__ = ["AlertRule", "Group", "Rule", "Tuning", "files", "groups", "to_yaml", "tuning"]


def tuning(inventory: Inventory) -> Tuning:
    """Return the times that follow from the inventory."""
    scraped = any(commune.transport == "scrape" for commune in inventory.communes)
    return Tuning(heartbeat_seconds=inventory.probing.heartbeat_seconds, scraped=scraped)


def groups(inventory: Inventory) -> tuple[Group, ...]:
    """Return all groups: fast evidence with its alerts, what boards and tickets need, how lines carry."""
    tuned = tuning(inventory)
    hub = f"hub:{inventory.hub.id}"
    fast: tuple[Rule | AlertRule, ...] = (
        *rules_evidence.rules(tuned),
        *rules_systems.fast_rules(),
        *rules_since.rules(),
        *rules_alerts.fast(tuned, hub),
    )
    slow: tuple[Rule | AlertRule, ...] = (
        *rules_evidence.slow_rules(),
        *rules_boards.rules(),
        *rules_site.rules(),
        *rules_alerts.slow(hub),
        *rules_site.alerts(),
        *rules_delivery.alerts(hub),
        *rules_ingest.alerts(hub),
        *rules_upkeep.alerts(inventory.upkeep, hub),
    )
    lines: tuple[Rule | AlertRule, ...] = (
        *rules_lines.rules(inventory.quality, most_mbps(inventory)),
        *rules_quality.alerts(inventory.quality),
        *rules_systems.rules(inventory.quality),
        *rules_systems.alerts(),
        *rules_deadzones.rules(inventory.quality),
        *rules_deadzones.alerts(inventory.quality),
    )
    hourly = (
        *rules_lines.hourly(inventory.quality),
        *rules_systems.hourly(),
        *rules_deadzones.hourly(),
    )
    timed: tuple[tuple[str, float, tuple[Rule | AlertRule, ...]], ...] = (
        ("thongsuot", tuned.evaluation_seconds, fast),
        ("thongsuot-slow", tuned.slow_evaluation_seconds, slow),
        ("thongsuot-hourly", tuned.hourly_evaluation_seconds, hourly),
        ("thongsuot-lines", tuned.line_evaluation_seconds, lines),
    )
    return tuple(
        Group(name, every, tuple(fresh(rule, tuned) for rule in found)) for name, every, found in timed
    )


def files(inventory: Inventory) -> dict[str, bytes]:
    """Return the rule files by name."""
    return {FAST_FILE: to_yaml(groups(inventory))}


def to_yaml(all_groups: tuple[Group, ...]) -> bytes:
    """Return the groups as Prometheus reads them."""
    shown = [
        {
            "name": group.name,
            "interval": seconds(group.interval_seconds),
            "rules": [_builtins(rule) for rule in group.rules],
        }
        for group in all_groups
    ]
    return dump({"groups": shown}, RENDERED)


def seconds(value: float) -> str:
    """Return a duration as Prometheus writes it.

    >>> seconds(2), seconds(0.5)
    ('2s', '500ms')
    """
    return f"{value:.0f}s" if value == int(value) else f"{value * 1000:.0f}ms"


def _builtins(rule: Rule | AlertRule) -> dict[str, object]:
    if isinstance(rule, Rule):
        recorded: dict[str, object] = {"record": str(rule.record), "expr": rule.expr}
        return recorded | ({"labels": dict(rule.labels)} if rule.labels else {})
    shown: dict[str, object] = {"alert": rule.name, "expr": rule.expr}
    if rule.for_seconds:
        shown["for"] = seconds(rule.for_seconds)
    shown["labels"] = dict(rule.labels)
    if rule.annotations:
        shown["annotations"] = msgspec.to_builtins(rule.annotations)
    return shown
