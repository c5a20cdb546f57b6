"""Chronic dead zones and lines in the wrong place: rules and tickets. Pure.

The definition and its numbers are those of ``deadzone.py``; here they become PromQL. What looks back over 28
days is a subquery over raw counters, since what agents send late counts too, and is taken once an hour. Raw
counters are read at the hours only: that costs a tenth of reading every sample, and they integrate.

A commune that never reported has its own ticket already (``NeverReported``); here it is only recorded, so
that map and board show every kind of dead zone alike.
"""

from typing import Final

from alerts import deadzone
from alerts import rules_notes as notes
from alerts.rules_evidence import FIELD
from alerts.rules_labels import TICKET, labelled, with_upstream
from alerts.rules_lines import LINE
from alerts.rules_model import AlertRule, Rule, selector
from alerts.rules_usual import kept
from inventory import names
from inventory.model import Quality
from inventory.names import DeadZone, Recorded, State

DEAD_ZONE: Final = "DeadZone"
INVENTORY_SUSPECT: Final = "InventorySuspect"
SUSPECT_KEPT: Final = "1h"
"""The search is done anew after a restart of the hub: until then its last result stands."""
_BOUND: Final = f'{FIELD}, target=~"hub:.+", line!=""'
_OWN: Final = f'{FIELD}, line!=""'
_EVERY: Final = f"{deadzone.STEP_SECONDS:.0f}s"
_COMPONENT: Final = "power|line"
"""What a dead zone may come from: power or line, and those who answer for them are called."""


def hourly() -> tuple[Rule, ...]:
    """Return what is recorded once an hour."""
    return (
        Rule(Recorded.LINE_LONG_AVAILABILITY, _share(deadzone.DAYS)),
        Rule(Recorded.LINE_LONG_DAYS, _days(_known(1))),
        Rule(Recorded.LINE_LONG_UPPER, _upper()),
        Rule(Recorded.LINE_LONG_SIGNAL, f"{signal_median()} and on ({LINE}) {_signal_days()}"),
    )


def rules(quality: Quality) -> tuple[Rule, ...]:
    """Return what is recorded every minute: which communes are dead zones, and why."""
    found = {
        DeadZone.AVAILABILITY: _all_lines_dead(),
        DeadZone.WEAK_SIGNAL: _weak(quality),
        DeadZone.NEVER_REPORTED: f"max by (commune) ({names.COMMUNE_INFO.name})"
        f" unless on (commune) {Recorded.LAST_HEARD}",
    }
    return tuple(Rule(Recorded.DEAD_ZONE, found[why], {"reason": str(why)}) for why in DeadZone)


def alerts(quality: Quality) -> tuple[AlertRule, ...]:
    """Return the tickets."""
    return _dead_zone(quality), _suspect()


def signal_median() -> str:
    """The median signal of each line over the days, of its readings at the hours."""
    return f"max by ({LINE}) (quantile_over_time(0.5, {_signal()}[{deadzone.DAYS}d:{_EVERY}]))"


def signal_days() -> str:
    """On how many of the days a line's signal is known."""
    return _days(f"(count_over_time({_signal()}[1d:{_EVERY}]) * {deadzone.STEP_SECONDS:.0f})")


# --- measurements -----------------------------------------------------------------------------------
def _spent(days: int, states: str) -> str:
    counters = selector(names.TARGET_STATE_SECONDS, f'{_BOUND}, state=~"{states}"')
    return f"sum by ({LINE}) (increase((max by ({LINE}, state) ({counters}))[{days}d:{_EVERY}]))"


def _known(days: int) -> str:
    return _spent(days, f"{State.UP}|{State.DOWN}")


def _share(days: int, known_seconds: float = 0) -> str:
    compared = f">= {known_seconds:.0f}" if known_seconds else "> 0"
    return f"{_spent(days, State.UP)} / ({_known(days)} {compared})"


def _days(known: str) -> str:
    least = deadzone.DAY_SECONDS * deadzone.MIN_KNOWN_RATIO
    return f"count_over_time(({known} >= {least:.0f})[{deadzone.DAYS}d:1d])"


def _upper() -> str:
    """Two blocks at least: of fewer nothing can be said of how they vary."""
    length = deadzone.BLOCK_DAYS
    least = length * deadzone.DAY_SECONDS * deadzone.MIN_KNOWN_RATIO
    blocks = f"({_share(length, least)})[{deadzone.DAYS}d:{length}d]"
    error = f"stddev_over_time({blocks}) / ((count_over_time({blocks}) > 1) - 1) ^ 0.5"
    return f"clamp_max({Recorded.LINE_LONG_AVAILABILITY} + {deadzone.T_QUANTILE:g} * {error}, 1)"


def _signal() -> str:
    return f"(max by ({LINE}) ({selector(names.CELLULAR_RSRP, _OWN)}))"


def _signal_days() -> str:
    return f"({signal_days()} >= {deadzone.MIN_DAYS})"


# --- verdicts ---------------------------------------------------------------------------------------
def _all_lines_dead() -> str:
    """As :func:`deadzone.commune_dead`: 0 where one line lives, 1 where all are dead, else nothing."""
    enough = f"({kept(Recorded.LINE_LONG_DAYS)} >= {deadzone.MIN_DAYS})"
    judged = f"({kept(Recorded.LINE_LONG_UPPER)} and on ({LINE}) {enough})"
    best = f"max by (commune) ({judged})"
    every = f"count by (commune) (max by ({LINE}) ({names.LINE_INFO.name}))"
    whole = f"(count by (commune) ({judged}) == on (commune) {every})"
    lives = f"({best} >= {deadzone.BELOW:g}) * 0"
    return f"{lives} or (({best} < bool {deadzone.BELOW:g}) and on (commune) {whole})"


def _weak(quality: Quality) -> str:
    fixed = selector(names.LINE_INFO, f'technology!~"{"|".join(deadzone.WIRELESS)}"')
    heard = f"max by (commune) ({kept(Recorded.LINE_LONG_SIGNAL)})"
    return f"({heard} < bool {quality.weak_rsrp_dbm:g}) unless on (commune) {fixed}"


# --- tickets ----------------------------------------------------------------------------------------
def _dead_zone(quality: Quality) -> AlertRule:
    """A commune with both reasons has both tickets, told apart by label reason."""
    measured = f"{DeadZone.AVAILABILITY}|{DeadZone.WEAK_SIGNAL}"
    zone = selector(Recorded.DEAD_ZONE, f'reason=~"{measured}"')
    named = labelled(f"({zone} == 1)", "component", f"{_COMPONENT}:$1", "commune", "(.+)")
    since = selector("ALERTS_FOR_STATE", f'alertname="{DEAD_ZONE}", component=%q, reason=%q')
    return AlertRule(
        name=DEAD_ZONE,
        expr=labelled(named, "kind", _COMPONENT),
        for_seconds=600,
        labels=TICKET,
        annotations={
            "communes": "{{ $labels.commune }}",
            **_evidence(quality),
            **notes.shared_lines(),
            **notes.since(since, "component", "reason"),
        },
    )


def _evidence(quality: Quality) -> dict[str, str]:
    often_down = notes.evidence(
        "evidence.dead_zone_availability",
        found=_best(Recorded.LINE_LONG_AVAILABILITY, "* 100", "%.1f"),
        upper=_best(Recorded.LINE_LONG_UPPER, "* 100", "%.1f"),
        window=f"{deadzone.DAYS}",
        days=_best(Recorded.LINE_LONG_DAYS),
        least=f"{deadzone.BELOW * 100:g}",
    )
    weak = notes.evidence(
        "evidence.dead_zone_weak_signal",
        found=_best(Recorded.LINE_LONG_SIGNAL),
        least=f"{quality.weak_rsrp_dbm:g}",
        days=f"{deadzone.DAYS}",
    )
    return notes.either(f'eq $labels.reason "{DeadZone.AVAILABILITY}"', often_down, weak)


def _suspect() -> AlertRule:
    found = f"max_over_time({names.INVENTORY_SUSPECT.name}[{SUSPECT_KEPT}]) == 1"
    by = f"max by ({LINE}, declared, suspected) ({found})"
    joined = f'label_join({by}, "component", "/", "commune", "line")'
    named = labelled(joined, "component", "line:$1", "component", "(.+)")
    return AlertRule(
        name=INVENTORY_SUSPECT,
        expr=with_upstream(f"({labelled(named, 'kind', 'line')})"),
        labels=TICKET,
        annotations={
            "communes": "{{ $labels.commune }}",
            **notes.evidence(
                "evidence.inventory_suspect",
                declared="{{ $labels.declared }}", suspected="{{ $labels.suspected }}",
            ),
            **notes.since(
                selector("ALERTS_FOR_STATE", f'alertname="{INVENTORY_SUSPECT}", component=%q'), "component"
            ),
        },
    )  # fmt: skip


def _best(recorded: Recorded, scale: str = "", form: str = "%.0f") -> str:
    """Of the commune's best line: what speaks for it is said."""
    query = f"max({kept(recorded, 'commune=%q')}) {scale}".rstrip()
    return notes.number(query, "commune", form=form, otherwise="?")
