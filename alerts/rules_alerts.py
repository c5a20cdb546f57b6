"""Alerting rules, on top of what ``rules_evidence`` records. Pure.

Labels of every alert: component, kind, severity (page, ticket, or none while the component is in
maintenance), source, and where they apply commune, pop, ring and isp, by which Alertmanager inhibits
the smaller by the larger. Annotations: communes, systems, evidence_vi, evidence_en,
since, until.
"""

from typing import Final

from alerts import rules_notes as notes
from alerts import rules_systems
from alerts.rules_evidence import CLASS_AGENT, CLASS_ROUTER, FIELD, HUB, hub_agent_fresh, speaking
from alerts.rules_labels import (
    PLANNED,
    PLANNED_COMMUNE,
    PLANNED_MEMBER,
    SOURCE,
    TICKET,
    labelled,
    of_commune,
    paging,
    with_upstream,
)
from alerts.rules_model import AlertRule, Tuning, selector
from alerts.rules_since import first_failure
from alerts.rules_systems import of_system, system_page
from alerts.topology import SYSTEM_KINDS
from inventory import names
from inventory.names import Recorded

WATCHDOG: Final = "Watchdog"
COMMUNE_CUT_OFF: Final = "CommuneCutOff"
AGENT_SILENT: Final = "AgentSilent"
LINE_DOWN: Final = "LineDown"
SYSTEM_DOWN: Final = "SystemDown"
SYSTEM_UNREACHABLE: Final = "SystemUnreachable"
HUB_CUT_OFF: Final = "HubCutOff"
HUB_BLIND: Final = "HubBlind"
HUB_AGENT_SILENT: Final = "HubAgentSilent"
PROCESS_DOWN: Final = "HubProcessDown"
CLOCK_OFF: Final = "AgentClockOff"
SYSTEM_UNREACHABLE_FROM_HUB: Final = "SystemUnreachableFromHub"
WIDE: Final = {
    "pop": "PopDown",
    "ring": "RingDown",
    "area": "AreaDown",
    "isp": "CarrierDown",
    "hub": HUB_CUT_OFF,
}
"""Name of the alert by kind of shared component on the side of the communes."""
SHARED_SEGMENT_DOWN: Final = "SharedSegmentDown"
DNS_DOWN: Final = "DnsDown"
"""The shared segment that resolves names: whom to call and what to check is another matter."""


def fast(tuned: Tuning, hub: str) -> tuple[AlertRule, ...]:
    """Return the alerts that page; ``hub`` is the hub's component id."""
    return (
        AlertRule(
            name=WATCHDOG,
            expr="vector(1)",
            labels={**SOURCE, "severity": "none", "component": hub, "kind": "hub"},
            annotations=notes.evidence("evidence.watchdog"),
        ),
        _hub_blind(tuned, hub),
        *(_wide(kind, name) for kind, name in WIDE.items()),
        _shared_segment(SHARED_SEGMENT_DOWN, tuple(kind for kind in SYSTEM_KINDS if kind != "dns")),
        _shared_segment(DNS_DOWN, ("dns",)),
        _commune_cut_off(tuned),
        _agent_silent(tuned),
        _line_down(tuned),
        _system_down(tuned),
        rules_systems.in_maintenance(tuned, _lost_from(), _member_since()),
    )


def slow(hub: str) -> tuple[AlertRule, ...]:
    """Return the alerts that are tickets."""
    return (
        _system_unreachable(),
        _system_unreachable_from_hub(),
        _never_reported(),
        _clock_off(),
        _hub_agent_silent(hub),
        _process_down(hub),
    )


# --- wide ----------------------------------------------------------------------------------------
def _hub_blind(tuned: Tuning, hub: str) -> AlertRule:
    return AlertRule(
        name=HUB_BLIND,
        expr=f"time() - {Recorded.HEARD} > {tuned.silent_seconds:g}",
        for_seconds=10,
        labels={**SOURCE, "severity": "page", "component": hub, "kind": "hub"},
        annotations={**notes.evidence("evidence.hub_blind"), **notes.since(Recorded.HEARD)},
    )


def _wide(kind: str, name: str) -> AlertRule:
    return AlertRule(
        name=name,
        expr=paging(selector(Recorded.DOWN, f'kind="{kind}"')),
        labels=SOURCE,
        annotations={
            "communes": notes.failed_members("commune"),
            **_wide_evidence(kind),
            **notes.down_between(),
        },
    )


def _wide_evidence(kind: str) -> dict[str, str]:
    said = {"area": "evidence.area", "hub": "evidence.hub"}
    return notes.evidence(said.get(kind, "evidence.network"), **notes.counts())


def _shared_segment(name: str, kinds: tuple[str, ...]) -> AlertRule:
    down = selector(Recorded.DOWN, f'kind=~"{"|".join(kinds)}"')
    return AlertRule(
        name=name,
        expr=paging(down),
        labels=SOURCE,
        annotations={
            "systems": notes.failed_members("target"),
            **notes.evidence("evidence.shared_segment", **notes.counts()),
            **notes.down_between(),
        },
    )


# --- one commune ---------------------------------------------------------------------------------
def _commune_paging(expression: str) -> str:
    return paging(expression, "commune", PLANNED_COMMUNE)


def _silent_since() -> dict[str, str]:
    return notes.since(selector(Recorded.LAST_HEARD, "commune=%q"), "commune")


def _commune_cut_off(tuned: Tuning) -> AlertRule:
    """The class that cannot be told apart, narrowed where the hub can ping a router of the commune."""
    return AlertRule(
        name=COMMUNE_CUT_OFF,
        expr=_commune_paging(selector(Recorded.OUTAGE, f'kind!="{CLASS_AGENT}"')),
        for_seconds=tuned.commune_hold_seconds,
        labels=SOURCE,
        annotations={
            "communes": "{{ $labels.commune }}",
            **notes.added(
                notes.either(
                    f'eq $labels.kind "{CLASS_ROUTER}"',
                    notes.evidence("evidence.cut_off_router"),
                    notes.evidence("evidence.cut_off_no_router"),
                ),
                "evidence.was_on_battery",
                f"{selector(Recorded.ON_MAINS, 'commune=%q')} == 0",
                "commune",
            ),
            **notes.shared_lines(),
            **_silent_since(),
        },
    )


def _agent_silent(tuned: Tuning) -> AlertRule:
    """Held longer than a cut: the hub needs some pings to see that the router is gone too."""
    return AlertRule(
        name=AGENT_SILENT,
        expr=_commune_paging(selector(Recorded.OUTAGE, f'kind="{CLASS_AGENT}"')),
        for_seconds=tuned.commune_hold_seconds + 4,
        labels=SOURCE,
        annotations={
            "communes": "{{ $labels.commune }}",
            **notes.evidence("evidence.agent_silent"),
            **_silent_since(),
        },
    )


def _member_since() -> dict[str, str]:
    return notes.since(selector(Recorded.FAILED_SINCE, "member=%q"), "component")


def _line_down(tuned: Tuning) -> AlertRule:
    """One of several lines. What is down is a page, as the locator has it (``pinpoint.grade``), though the
    commune works on: one more failure cuts it off, and the carrier does not call by itself."""
    lost = speaking(selector(Recorded.UNEXPLAINED, 'line!=""'))
    named = labelled(labelled(lost, "component", "$1", "member", "(.+)"), "kind", "line")
    return AlertRule(
        name=LINE_DOWN,
        expr=paging(f"sum without (member) ({with_upstream(named)})", planned=PLANNED_MEMBER),
        for_seconds=tuned.line_hold_seconds,
        labels=SOURCE,
        annotations={
            "communes": "{{ $labels.commune }}",
            **notes.evidence("evidence.line_down"),
            **notes.shared_lines("line"),
            **_member_since(),
        },
    )


# --- systems -------------------------------------------------------------------------------------
def _lost_from() -> str:
    """Codes of the speaking communes whose own probe of the system says that it is down."""
    return notes.listed("commune", selector(Recorded.SYSTEM_LOST, "target=%q"))


def _of_systems(recorded: Recorded) -> str:
    chosen = selector(recorded, 'target!=""')
    return f"max by (target) ({chosen})"


def _system_down(tuned: Tuning) -> AlertRule:
    """What shows a maintenance page is told as that (``rules_systems``)."""
    down = f"({_of_systems(Recorded.UNEXPLAINED)} unless on (target) {Recorded.MAINTENANCE_PAGE})"
    evidence = notes.added(
        notes.evidence("evidence.system_down"),
        "evidence.name_lost",
        selector(Recorded.NAMES_LOST, "member=%q"),
        "component",
    )
    return system_page(tuned, SYSTEM_DOWN, down, {"communes": _lost_from(), **evidence, **_member_since()})


def _system_unreachable() -> AlertRule:
    """From some communes, while the hub reaches it: their path or their LAN, not the system."""
    condition = f"(count by (target) ({Recorded.SYSTEM_LOST}) and {_of_systems(Recorded.FAILED)} == 0)"
    return AlertRule(
        name=SYSTEM_UNREACHABLE,
        expr=f"sum without (target) ({of_system(condition)} unless on (component) {PLANNED})",
        for_seconds=30,
        labels=TICKET,
        annotations={
            "systems": "{{ $labels.component }}",
            "communes": _lost_from(),
            **notes.evidence("evidence.system_unreachable", count="{{ $value }}"),
            **notes.since(f"min({speaking(first_failure(f'{FIELD}, target=%q'))})", *["component"] * 2),
        },
    )


def _system_unreachable_from_hub() -> AlertRule:
    lost = f"({Recorded.SYSTEM_HUB_UP} == 0 and on (target) {Recorded.FAILED} == 0)"
    return AlertRule(
        name=SYSTEM_UNREACHABLE_FROM_HUB,
        expr=f"sum without (target) ({of_system(lost)} unless on (component) {PLANNED})",
        for_seconds=30,
        labels=TICKET,
        annotations={
            "systems": "{{ $labels.component }}",
            **notes.evidence("evidence.system_unreachable_from_hub"),
            **notes.since(f"max({first_failure(f'{HUB}, target=%q')})", *["component"] * 2),
        },
    )


# --- tickets about ourselves ---------------------------------------------------------------------
def _never_reported() -> AlertRule:
    never = f"(max by (commune) ({names.COMMUNE_INFO.name}) unless on (commune) {Recorded.LAST_HEARD})"
    named = of_commune(never, "agent", "agent")
    return AlertRule(
        name="NeverReported",
        expr=f"{named} unless on (commune) {PLANNED_COMMUNE}",
        for_seconds=1800,
        labels=TICKET,
        annotations={
            "communes": "{{ $labels.commune }}",
            **notes.evidence("evidence.never_reported"),
            **notes.shared_lines(),
        },
    )


def _clock_off() -> AlertRule:
    offset = selector(names.AGENT_CLOCK_OFFSET, 'commune!=""')
    off = speaking(f"(max by (commune) (abs({offset})) > 10)")
    return AlertRule(
        name=CLOCK_OFF,
        expr=of_commune(off, "agent", "agent"),
        for_seconds=60,
        labels=TICKET,
        annotations={
            "communes": "{{ $labels.commune }}",
            **notes.evidence("evidence.clock_off", seconds='{{ $value | printf "%.0f" }}'),
        },
    )


def _hub_agent_silent(hub: str) -> AlertRule:
    silent = f"(vector(1) unless on () {hub_agent_fresh()}) and on () {names.COMMUNE_INFO.name}"
    return AlertRule(
        name=HUB_AGENT_SILENT,
        expr=f"count({silent})",
        for_seconds=30,
        labels={**TICKET, "component": hub, "kind": "hub"},
        annotations={**notes.evidence("evidence.hub_agent_silent"), **notes.since(Recorded.HUB_HEARD)},
    )


def _process_down(hub: str) -> AlertRule:
    return AlertRule(
        name=PROCESS_DOWN,
        expr=f"max by (process) ({names.CHILD_UP.name}) == 0",
        for_seconds=30,
        labels={**TICKET, "component": hub, "kind": "hub"},
        annotations=notes.evidence("evidence.process_down", process="{{ $labels.process }}"),
    )
