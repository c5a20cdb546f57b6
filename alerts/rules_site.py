"""Rules about the site itself: power, and the machine that the agent runs on. Pure.

What a commune said last of its power stays while it is silent: that it ran on battery before it fell
silent is the best evidence of why.
"""

from typing import Final

from alerts import rules_notes as notes
from alerts.rules_evidence import FIELD
from alerts.rules_labels import (
    PLANNED,
    PLANNED_COMMUNE,
    SOURCE,
    TICKET,
    labelled,
    of_commune,
    paging,
)
from alerts.rules_model import AlertRule, Rule, selector
from inventory import names
from inventory.names import Metric, Recorded

ON_BATTERY: Final = "OnBattery"
BATTERY_LOW: Final = "BatteryLow"
LOW_SECONDS: Final = 600
"""Battery time left that pages: enough to call the commune before it goes dark."""
LOW_CHARGE_RATIO: Final = 0.2
"""The same where the battery does not say how long it lasts."""
MIN_FREE_RATIO: Final = 0.05
MAX_CELSIUS: Final = 85


def rules() -> tuple[Rule, ...]:
    """Return the recording rules."""
    runtime = f"{selector(names.POWER_RUNTIME, FIELD)} < bool {LOW_SECONDS}"
    charge = f"{selector(names.POWER_CHARGE, FIELD)} < bool {LOW_CHARGE_RATIO:g}"
    on_mains = f"max by (commune) ({selector(names.POWER_ON_MAINS, FIELD)})"
    low = f"max by (commune) ({runtime}) or max by (commune) ({charge})"
    return (
        Rule(Recorded.ON_MAINS, f"{on_mains} or {_as_last_heard(Recorded.ON_MAINS)}"),
        Rule(
            Recorded.BATTERY_LOW,
            f"(({low}) * on (commune) (1 - {on_mains})) or {_as_last_heard(Recorded.BATTERY_LOW)}",
        ),
    )


def alerts() -> tuple[AlertRule, ...]:
    """Return the alerts: tickets, and a page when the battery will not last."""
    return (
        _battery(BATTERY_LOW, f"{Recorded.BATTERY_LOW} == 1", "evidence.battery_low", page=True),
        _battery(ON_BATTERY, f"{Recorded.ON_MAINS} == 0", "evidence.on_battery", page=False),
        _disk_full(),
        _hot(),
    )


def _as_last_heard(recorded: Recorded) -> str:
    return f"({recorded} and on (commune) {Recorded.SILENT} == 1)"


def _battery(name: str, condition: str, said: str, *, page: bool) -> AlertRule:
    found = of_commune(f"({condition})", "power", "power")
    planned = f"{found} unless on (commune) {PLANNED_COMMUNE}"
    return AlertRule(
        name=name,
        expr=paging(found, "commune", PLANNED_COMMUNE)
        if page
        else f"{planned} unless on (component) {PLANNED}",
        for_seconds=30 if page else 60,
        labels=SOURCE if page else TICKET,
        annotations={
            "communes": "{{ $labels.commune }}",
            **notes.evidence(
                said,
                charge=_power(names.POWER_CHARGE, "* 100"),
                minutes=_power(names.POWER_RUNTIME, "/ 60"),
            ),
            **notes.since(selector("ALERTS_FOR_STATE", f'alertname="{name}", component=%q'), "component"),
        },
    )


def _power(metric: Metric, scale: str) -> str:
    return notes.number(f"{selector(metric, 'commune=%q')} {scale}", "commune", otherwise="?")


def _of_machine(expression: str) -> str:
    """``expression``, by label target, about the agent or the hub that it names."""
    named = labelled(expression, "component", "$1", "target", "(.+)")
    kind = labelled(named, "kind", "$1", "target", "([a-z]+):.+")
    return f"sum without (target) ({kind}) unless on (component) {PLANNED}"


def _disk_full() -> AlertRule:
    free = f"{names.HOST_DISK_FREE.name} / {names.HOST_DISK_TOTAL.name}"
    return AlertRule(
        name="AgentDiskFull",
        expr=_of_machine(f"(min by (commune, target) ({free}) < {MIN_FREE_RATIO:g})"),
        for_seconds=900,
        labels=TICKET,
        annotations={
            "communes": "{{ $labels.commune }}",
            **notes.evidence("evidence.disk_full", free="{{ $value | humanizePercentage }}"),
        },
    )


def _hot() -> AlertRule:
    return AlertRule(
        name="AgentHot",
        expr=_of_machine(f"(max by (commune, target) ({names.HOST_TEMPERATURE.name}) > {MAX_CELSIUS})"),
        for_seconds=600,
        labels=TICKET,
        annotations={
            "communes": "{{ $labels.commune }}",
            **notes.evidence("evidence.hot", found='{{ $value | printf "%.0f" }}', most=f"{MAX_CELSIUS}"),
        },
    )
