"""PromQL of the boards. Pure; names only from inventory/names.py.

Everything starts from the info series of the inventory, so that a commune that never spoke is seen.
``$commune`` and ``$__...`` are Grafana's own variables.
"""

from typing import Final

from inventory import names
from inventory.names import HUB_SITE, JOB_AGENT, ComponentKind, Recorded, State

STATE_NEVER: Final = 0
STATE_CUT_OFF: Final = 1
STATE_SILENT: Final = 2
STATE_UP: Final = 3
"""Values of :func:`commune_state`, worst first."""

PICKED: Final = 'commune=~"$commune"'
_OF_SYSTEMS: Final = f'target=~"{ComponentKind.SYSTEM}:.+"'
_FIRING: Final = 'ALERTS{alertstate="firing",severity=~"page|ticket"}'  # the dead-man's switch is neither
_BY_HUB: Final = f'site="{HUB_SITE}",commune=""'


def _each(recorded: Recorded, matchers: str = "") -> str:
    """One sample a commune, without the labels of whoever evaluated the rule."""
    return f"max by (commune) ({recorded}{{{matchers}}})"


def communes(matchers: str = "") -> str:
    """Every commune of the inventory, value 1."""
    return f"max by (commune) ({names.COMMUNE_INFO.name}{{{matchers}}})"


def commune_state(matchers: str = "") -> str:
    """State of every commune of the inventory by ``commune``: STATE_NEVER ... STATE_UP."""
    cut, silent = _each(Recorded.CUT_OFF, matchers), _each(Recorded.SILENT, matchers)
    return (
        f"(({cut} == 1) * {STATE_CUT_OFF}"
        f" or on (commune) ({silent} == 1) * {STATE_SILENT}"
        f" or on (commune) ({silent} == 0) + {STATE_UP}"
        f" or on (commune) {communes(matchers)} * {STATE_NEVER})"
    )


def communes_in(state: int) -> str:
    """How many communes are in a state; 0 when none is."""
    return f"count({commune_state()} == {state}) or vector(0)"


def commune_map(name: str) -> str:
    """State of every commune with the place of its dot; ``name`` is the label with its name."""
    return (
        f"{commune_state(PICKED)} * on (commune) group_left ({name}, latitude, longitude)"
        f" max by (commune, {name}, latitude, longitude) ({names.COMMUNE_INFO.name})"
    )


def systems_down() -> str:
    """How many systems the hub sees down; 0 when none is."""
    return f"count(max by (target) ({Recorded.SYSTEM_HUB_UP}) == 0) or vector(0)"


def _system_names(name: str) -> str:
    return f"max by (target, {name}) ({names.SYSTEM_INFO.name})"


def system_seen_from_hub(name: str) -> str:
    """1 or 0 by system: does the hub reach it."""
    return (
        f"max by (target) ({Recorded.SYSTEM_HUB_UP}) * on (target) group_left ({name}) {_system_names(name)}"
    )


def system_seen_from_communes() -> str:
    """Share of the communes with a verdict that reach a system, by system."""
    return f"max by (target) ({Recorded.SYSTEM_UP_RATIO})"


def system_availability() -> str:
    """Known time up over known time, by system as the hub sees it, over the board's time range."""
    seconds = names.TARGET_STATE_SECONDS.name
    return (
        f'sum by (target) (increase({seconds}{{{_BY_HUB},{_OF_SYSTEMS},state="{State.UP}"}}[$__range]))'
        f" / sum by (target) (increase({seconds}"
        f'{{{_BY_HUB},{_OF_SYSTEMS},state=~"{State.UP}|{State.DOWN}"}}[$__range]))'
    )


def matrix(name: str) -> str:
    """1 or 0 by commune and system, with their names as ``place`` and ``system``."""
    place = f'label_replace({names.COMMUNE_INFO.name}, "place", "$1", "{name}", "(.*)")'
    system = f'label_replace({names.SYSTEM_INFO.name}, "system", "$1", "{name}", "(.*)")'
    state = f"max by (commune, target) ({names.TARGET_UP.name}{{{PICKED},{_OF_SYSTEMS}}})"
    return (
        f"{state} * on (target) group_left (system) max by (target, system) ({system})"
        f" * on (commune) group_left (place) max by (commune, place) ({place})"
    )


def line_value(recorded: Recorded, name: str) -> str:
    """A recorded value by commune and line, with the commune's name."""
    return (
        f"max by (commune, line) ({recorded}{{{PICKED}}}) * on (commune) group_left ({name})"
        f" max by (commune, {name}) ({names.COMMUNE_INFO.name})"
    )


def open_alerts() -> str:
    """Start of every firing alert for people, in Unix milliseconds (the unit that
    Grafana formats as a time), with the component's name where it has one."""
    since = f"(ALERTS_FOR_STATE and ignoring (alertstate) {_FIRING}) * 1000"
    info = f"max by (component, name, name_en) ({names.COMPONENT_INFO.name})"
    return (
        f"{since} * on (component) group_left (name, name_en) {info}"
        f" or on (alertname, component, commune) {since}"
    )


def open_alert_count() -> str:
    """How many alerts for people fire."""
    return f"count({_FIRING}) or vector(0)"


def pushes() -> str:
    """Remote-write requests a second, by result, all sites."""
    return f'sum by (result) (rate({names.AGENT_PUSHES.name}{{job="{JOB_AGENT}"}}[$__rate_interval]))'


def dropped_samples() -> str:
    """Samples a second that agents gave up; 0 when none did."""
    return f"sum(rate({names.AGENT_DROPPED_SAMPLES.name}[$__rate_interval])) or vector(0)"


def heartbeat_age(name: str) -> str:
    """Seconds since the last heartbeat, by commune that ever reported."""
    return (
        f"(time() - {_each(Recorded.LAST_HEARD, PICKED)}) * on (commune) group_left ({name})"
        f" max by (commune, {name}) ({names.COMMUNE_INFO.name})"
    )


def clock_offset() -> str:
    """Largest distance of an agent's clock from the hub's, in seconds."""
    return f"max(abs({names.AGENT_CLOCK_OFFSET.name}))"


def processes() -> str:
    """1 or 0 by process of the hub's stack."""
    return f"min by (process) ({names.CHILD_UP.name})"
