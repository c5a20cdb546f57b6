"""Rules about systems that answer, but badly: slow, a page that says maintenance, names that fail. Pure.

A system that is down is another page. **Maintenance** is a kind of being down with an owner who may have
planned it: exactly one of the two is raised, by what the failed checks read (``Reason.MAINTENANCE``).
**Slow** is judged as the hub sees it and as the communes do (the median of theirs, so that no commune's own
line makes a system slow), against its limit and against its own last days. **Names** may fail while systems
still answer, since agents remember the last good address and ask several name servers: browsers do not.
"""

from typing import Final

from alerts import rules_notes as notes
from alerts.rules_evidence import FIELD, HUB, speaking, system_member
from alerts.rules_labels import PLANNED, SOURCE, TICKET, labelled, paging
from alerts.rules_model import AlertRule, Rule, Tuning, selector
from alerts.rules_usual import Far, above, kept, usual
from inventory import names
from inventory.model import Quality
from inventory.names import Reason, Recorded

SYSTEM_IN_MAINTENANCE: Final = "SystemInMaintenance"
SYSTEM_SLOW: Final = "SystemSlow"
DNS_FAILING: Final = "DnsFailing"
HELD_SECONDS: Final = 300
NAMES_HELD_SECONDS: Final = 75
WELL_FOR: Final = "10m"
COMMUNES_LEAST: Final = 2
"""What one commune alone says is about its own path."""
SEEN: Final = ("hub", "communes")
_SYSTEMS: Final = 'target=~"system:.+"'
_BY: Final = "target, seen"


# --- evidence ------------------------------------------------------------------------------------
def fast_rules() -> tuple[Rule, ...]:
    """Return what is recorded with the evidence, behind it: causes read it an evaluation later."""
    return (
        Rule(Recorded.MAINTENANCE_PAGE, _maintenance_page()),
        Rule(Recorded.NAMES_LOST, _names_lost()),
    )


def _maintenance_page() -> str:
    """As the hub reads it, or most of the communes that lost the system. It holds until the system fails
    otherwise, however seldom it is asked."""
    page = f'{_SYSTEMS}, result="{Reason.MAINTENANCE}"'
    other = f'{_SYSTEMS}, result!~"{Reason.OK}|{Reason.MAINTENANCE}|{Reason.LOCAL}|{Reason.DEFERRED}"'
    hub = f"(max by (target) ({_lately(f'{HUB}, {page}')}) > 0)"
    shown = f"max by (commune, target) ({_lately(f'{FIELD}, {page}')})"
    communes = f"count by (target) ({speaking(shown)} > 0)"
    most = f"({communes} >= 0.5 * count by (target) ({Recorded.SYSTEM_LOST}))"
    otherwise = f"(max by (target) ({_lately(f'{HUB}, {other}')}) > 0)"
    failed = selector(Recorded.FAILED, 'target!=""')
    held = f"(({Recorded.MAINTENANCE_PAGE} and on (target) {failed} == 1) unless on (target) {otherwise})"
    return f"({hub} or {most}) * 0 + 1 or {held}"


def _lately(matchers: str) -> str:
    return f"rate({selector(names.PROBE_RESULTS, matchers)}[30s])"


def rules(quality: Quality) -> tuple[Rule, ...]:
    """Return what is recorded every minute, in order of evaluation."""
    hub = f"max by (target) ({_median(HUB)})"
    # A commune that is not known to be silent counts: its medians end with it.
    each = f"(max by (commune, target) ({_median(FIELD)}) unless on (commune) {Recorded.SILENT} == 1)"
    communes = f"quantile by (target) (0.5, {each}) and on (target) count by (target) ({each})"
    return (
        Rule(Recorded.SYSTEM_SECONDS, hub, {"seen": "hub"}),
        Rule(Recorded.SYSTEM_SECONDS, f"{communes} >= {COMMUNES_LEAST}", {"seen": "communes"}),
        Rule(Recorded.SYSTEM_SLOW, _slow(quality)),
    )


def hourly() -> tuple[Rule, ...]:
    """Return what is recorded once an hour."""
    return (Rule(Recorded.SYSTEM_SECONDS_USUAL, usual(Recorded.SYSTEM_SECONDS, 0.5, _BY)),)


def _median(matchers: str) -> str:
    return f"quantile_over_time(0.5, {selector(names.PROBE_DURATION, f'{matchers}, {_SYSTEMS}')}[10m])"


def _slow(quality: Quality) -> str:
    """Not while it is down, nor by the minutes in which it was."""
    limits = labelled(names.SYSTEM_SLOW_LIMIT.name, "target", "$1", "component", "(.+)")
    limit = f"on (target) group_left () max by (target) ({limits})"
    far = Far(quality.system_times_usual, quality.system_seconds_above_usual)
    found = above(Recorded.SYSTEM_SECONDS, limit, Recorded.SYSTEM_SECONDS_USUAL, far, _BY)
    failed = selector(Recorded.FAILED, 'target!=""')
    return f"{found} unless on (target) (max_over_time({failed}[{WELL_FOR}]) == 1)"


def _names_lost() -> str:
    """As the hub finds it, or two communes: no answer, one from memory, or a name server that gives none."""

    def lost(matchers: str, by: str) -> str:
        about = f"{matchers}, {_SYSTEMS}"
        unresolved = selector(names.PROBE_RESULTS, f'{about}, result="{Reason.DNS}"')
        found = (
            f"{selector(names.DNS_ANSWER_STALE, about)} == 1",
            f"{selector(names.DNS_RESOLVER_UP, about)} == 0",
            f"rate({unresolved}[2m]) > 0",
        )
        return " or ".join(f"max by ({by}) ({one})" for one in found)

    hub = f"max by (target) ({lost(HUB, 'target')})"
    seen = speaking(f"({lost(FIELD, 'commune, target')})")
    communes = f"(count by (target) ({seen}) >= {COMMUNES_LEAST})"
    return f"{system_member(f'({hub} or {communes})')} * 0 + 1"


# --- alerts --------------------------------------------------------------------------------------
def of_system(expression: str) -> str:
    """Return ``expression``, by label target, about the system as a component."""
    return labelled(labelled(expression, "component", "$1", "target", "(.+)"), "kind", "system")


def system_page(tuned: Tuning, name: str, down: str, annotations: dict[str, str]) -> AlertRule:
    """Return the page about each system that ``down``, by label target, finds."""
    return AlertRule(
        name=name,
        expr=f"sum without (target) ({paging(of_system(down))})",
        for_seconds=tuned.wide_evaluations * tuned.evaluation_seconds,
        labels=SOURCE,
        annotations={"systems": "{{ $labels.component }}", **annotations},
    )


def in_maintenance(tuned: Tuning, communes: str, since: dict[str, str]) -> AlertRule:
    """Return the page about a system that shows a maintenance page. ``communes`` and ``since`` are templates,
    those of a system that is down."""
    unexplained = selector(Recorded.UNEXPLAINED, 'target!=""')
    down = f"max by (target) ({unexplained} and on (target) {Recorded.MAINTENANCE_PAGE})"
    said = {"communes": communes, **notes.evidence("evidence.system_in_maintenance"), **since}
    return system_page(tuned, SYSTEM_IN_MAINTENANCE, down, said)


def alerts() -> tuple[AlertRule, ...]:
    """Return the alerts besides :func:`in_maintenance`."""
    return _system_slow(), _dns_failing()


def _system_slow() -> AlertRule:
    firing = selector("ALERTS", f'alertname="{SYSTEM_SLOW}", alertstate="firing"')
    lately = f"max by (target) (max_over_time({Recorded.SYSTEM_SLOW}[{WELL_FOR}]) == 1)"
    now = of_system(f"(max by (target) ({Recorded.SYSTEM_SLOW}) == 1)")
    still = f"{of_system(f'({lately})')} and on (component) {firing}"
    return AlertRule(
        name=SYSTEM_SLOW,
        expr=f"sum without (target) (({now} or {still}) unless on (component) {PLANNED})",
        for_seconds=HELD_SECONDS,
        labels=TICKET,
        annotations={
            "systems": "{{ $labels.component }}",
            **_slow_evidence(),
            **notes.since_pending(SYSTEM_SLOW),
        },
    )


def _slow_evidence() -> dict[str, str]:
    def shown(query: str) -> str:
        return notes.number(query, "component", form="%.1f", otherwise="?")

    values = {}
    for seen in SEEN:
        about = f'target=%q, seen="{seen}"'
        values[seen] = shown(selector(Recorded.SYSTEM_SECONDS, about))
        values[f"{seen}_usual"] = shown(kept(Recorded.SYSTEM_SECONDS_USUAL, about))
    values["most"] = shown(selector(names.SYSTEM_SLOW_LIMIT, "component=%q"))
    return notes.evidence("evidence.system_slow", **values)


def _dns_failing() -> AlertRule:
    """Only what no other page tells: systems behind it still answer, and nobody blames it already."""
    dns = 'kind="dns"'
    answering = f"({Recorded.NAMES_LOST} and on (member) {Recorded.FAILED} == 0)"
    behind = selector(names.COMPONENT_MEMBER, dns)
    blamed = f"max_over_time({selector(names.OUTAGE, dns)}[5m])"
    found = f"count by (component, kind) ({behind} and on (member) {answering})"
    told = f"unless on (component) {Recorded.DOWN} unless on (component) {blamed}"
    silent = f"{names.DNS_RESOLVER_UP.name}{{{_SYSTEMS}}} == 0"
    return AlertRule(
        name=DNS_FAILING,
        expr=paging(f"({found} {told})"),
        for_seconds=NAMES_HELD_SECONDS,
        labels=SOURCE,
        annotations={
            "systems": _systems_behind(),
            **notes.added(
                notes.evidence("evidence.dns_failing"),
                "evidence.dns_resolvers",
                silent,
                resolvers=notes.named("resolver", f"max by (resolver) ({silent})"),
            ),
            **notes.since_pending(DNS_FAILING),
        },
    )


def _systems_behind() -> str:
    behind = selector(names.COMPONENT_MEMBER, "component=%q")
    members = labelled(f"{behind} and on (member) {Recorded.NAMES_LOST}", "target", "$1", "member", "(.+)")
    return notes.listed("target", f"max by (target) ({members})")
