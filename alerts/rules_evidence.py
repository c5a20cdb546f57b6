"""Recording rules: who is silent, which lines and systems fail, which wide component explains it. Pure."""

from typing import Final

from alerts.rules_model import Rule, Tuning, selector
from alerts.topology import SYSTEM_KINDS
from inventory import names
from inventory.names import HUB_SITE, Recorded

HUB: Final = f'site="{HUB_SITE}"'
FIELD: Final = f'site!="{HUB_SITE}"'
CLASS_ROUTER: Final = "power|line"
CLASS_NO_ROUTER: Final = "power|lan|line|agent"
CLASS_AGENT: Final = "lan|agent"
"""What cannot be told apart in a silent commune: no router answers, none can be pinged, one answers."""

_UP: Final = names.TARGET_UP
_NETWORK: Final = 'kind!="area"'
_AREA: Final = 'kind="area"'
_AREA_LABEL: Final = {"kind": "area"}
_SHARED: Final = "pop|ring|area|isp|" + "|".join(SYSTEM_KINDS)


def rules(tuned: Tuning) -> tuple[Rule, ...]:
    """Return the evidence in order of evaluation."""
    return (*_listening(tuned), *_communes(tuned), *_systems(), *_members(), *_causes(tuned))


def slow_rules() -> tuple[Rule, ...]:
    """Return what keeps the last heartbeats over a stop of Prometheus of up to a day."""
    last, kept = Recorded.LAST_HEARD, Recorded.LAST_HEARD_KEPT
    return (Rule(kept, f"{last} or last_over_time({kept}[1d])"),)


# --- was the hub itself listening ----------------------------------------------------------------
def _listening(tuned: Tuning) -> tuple[Rule, ...]:
    """Silence proves nothing for a while after a pause of Prometheus, or of everything that arrives."""
    hub_beat = selector(names.HEARTBEAT, HUB)
    any_beat = f"max(timestamp({names.HEARTBEAT.name}))"
    pause = 4 * tuned.evaluation_seconds + 2
    return (
        Rule(Recorded.HUB_HEARD, f"max(timestamp({hub_beat})) or {Recorded.HUB_HEARD}"),
        Rule(Recorded.HEARD, f"{any_beat} or {Recorded.HEARD}"),
        Rule(
            Recorded.RESUMED,
            f"(vector(time()) unless (time() - {Recorded.EVALUATED} < {pause:g}))"
            f" or (vector(time()) and (time() - {Recorded.HEARD} > {tuned.silent_seconds:g}))"
            f" or {Recorded.RESUMED}",
        ),
        Rule(Recorded.EVALUATED, "vector(time())"),
        Rule(Recorded.HOLD, f"(time() - {Recorded.RESUMED} < {tuned.resume_seconds:g}) * 0 + 1"),
    )


def hub_agent_fresh() -> str:
    """Return an expression that is present while the hub's own agent speaks (or nothing is judged)."""
    return f"((time() - {Recorded.HUB_HEARD} < 10) or {Recorded.HOLD})"


def _answers(matchers: str) -> str:
    """The hub's confirmed view, lowered by the first failed probe: what no longer answers clears nobody."""
    up, success = (selector(metric, f"{HUB}, {matchers}") for metric in (_UP, names.PROBE_SUCCESS))
    return f"({up} * {success} or {up})"


# --- communes ------------------------------------------------------------------------------------
def _communes(tuned: Tuning) -> tuple[Rule, ...]:
    info = names.COMMUNE_INFO.name
    beat = selector(names.HEARTBEAT, 'commune!=""')
    routers = _answers('target=~"line:.+"')
    silent = _silent_now(tuned)
    return (
        Rule(
            Recorded.LAST_HEARD,
            f"(max by (commune) (timestamp({beat})) or {Recorded.LAST_HEARD} or {Recorded.LAST_HEARD_KEPT})"
            f" and on (commune) {info}",
        ),
        Rule(
            Recorded.SILENT,
            f"({silent} unless on () {Recorded.HOLD}) or ({silent} * on (commune) {Recorded.SILENT})",
        ),
        Rule(
            Recorded.OUTSIDE_IN,
            f"max by (commune, line) ({routers}) and on () {hub_agent_fresh()}",
        ),
        Rule(
            Recorded.CUT_OFF,
            f"({Recorded.SILENT} == 1 unless on (commune) {Recorded.OUTSIDE_IN} == 1)"
            f" or ({Recorded.SILENT} * 0)",
        ),
        Rule(Recorded.MAINTENANCE, _commune_maintenance()),
    )


def _silent_now(tuned: Tuning) -> str:
    age = f"(time() - {Recorded.LAST_HEARD}"
    pushed = f"{age} > bool {tuned.silent_seconds:g})"
    if not tuned.scraped:
        return pushed
    scraped = selector(names.COMMUNE_INFO, 'transport="scrape"')
    return f"(({age} > bool {tuned.silent_scraped_seconds:g}) and on (commune) {scraped}) or {pushed})"


def _commune_maintenance() -> str:
    """1 when the power, LAN or agent of a commune is in maintenance, or all of its lines are."""
    active = names.MAINTENANCE.name

    def coded(kinds: str, pattern: str) -> str:
        chosen = f'{active}{{component=~"({kinds}):.+"}} == 1'
        return f'label_replace({chosen}, "commune", "$1", "component", "{pattern}")'

    site = f"max by (commune) ({coded('power|lan|agent', '[a-z]+:(.+)')})"
    lines = f"count by (commune) ({coded('line', 'line:([^/]+)/.+')})"
    every = f"count by (commune) ({names.LINE_INFO.name})"
    return f"{site} or (({lines} == on (commune) {every}) * 0 + 1)"


# --- systems -------------------------------------------------------------------------------------
def speaking(expression: str) -> str:
    """Return ``expression`` for the communes that speak; what others said last is out of date."""
    return f"({expression} and on (commune) {Recorded.SILENT} == 0)"


def _systems() -> tuple[Rule, ...]:
    systems = 'target=~"system:.+"'
    every = selector(_UP, f"{FIELD}, {systems}")
    seen, lost, reports = speaking(every), speaking(f"{every} == 0"), Recorded.SYSTEM_REPORTS
    return (
        Rule(
            Recorded.SYSTEM_HUB_UP,
            f"max by (target) ({selector(_UP, f'{HUB}, {systems}')}) and on () {hub_agent_fresh()}",
        ),
        Rule(Recorded.SYSTEM_LOST, f"max by (commune, target) ({lost}) * 0 + 1"),
        Rule(Recorded.SYSTEM_REPORTS, f"count by (target) ({seen})"),
        Rule(
            Recorded.SYSTEM_UP_RATIO,
            f"1 - (count by (target) ({Recorded.SYSTEM_LOST}) or {reports} * 0) / {reports}",
        ),
    )


# --- members: lines and systems, failed or not ---------------------------------------------------
def _members() -> tuple[Rule, ...]:
    failed = f"{line_member(_failed_lines())} or {system_member(_failed_systems())}"
    return (Rule(Recorded.FAILED, failed),)


def line_member(expression: str) -> str:
    """Return lines, by labels commune and line, with their member id."""
    joined = f'label_join({expression}, "member", "/", "commune", "line")'
    return f'label_replace({joined}, "member", "line:$1", "member", "(.+)")'


def system_member(expression: str) -> str:
    """Return systems, by label target, with their member id."""
    return f'label_replace({expression}, "member", "$1", "target", "(.+)")'


def _failed_lines() -> str:
    """A line of a silent commune fails unless its router answers; one of a speaking commune with several
    lines fails when the commune's own probe bound to it says so."""
    lines = f"max by (commune, line) ({names.LINE_INFO.name})"
    several = f"(count by (commune) ({lines}) > 1)"
    bound = selector(_UP, f'{FIELD}, target=~"hub:.+", line!=""')
    own = f"max by (commune, line) ({bound}) == 0"
    dead = f"(({lines} and on (commune) {Recorded.SILENT} == 1) unless {Recorded.OUTSIDE_IN} == 1)"
    lost = f"(({speaking(lines)} and ({own})) and on (commune) {several})"
    return f"({dead} or {lost} or ({lines} * on (commune) group_left () {Recorded.SILENT} * 0))"


def _failed_systems() -> str:
    """Down at the hub, and not refuted by most communes; without the hub's view, by most communes."""
    hub, ratio, reports = Recorded.SYSTEM_HUB_UP, Recorded.SYSTEM_UP_RATIO, Recorded.SYSTEM_REPORTS
    refuted = f"(({ratio} >= 0.5) and {reports} >= 2)"
    field = f"(({ratio} < bool 0.5) and {reports} >= 2)"
    return f"(({hub} == bool 0) unless ({hub} == 0 and {refuted}) or ({hub} * 0) or {field})"


# --- wide causes ---------------------------------------------------------------------------------
def _causes(tuned: Tuning) -> tuple[Rule, ...]:
    """Networks first. A power area crosses them, so it is judged by what no suspect network explains."""
    checkpoint = _answers(f'target=~"({_SHARED}):.+"')
    by_networks = _suspected(tuned, _NETWORK)
    return (
        Rule(
            Recorded.CHECKPOINT,
            f'max by (component) (label_replace({checkpoint}, "component", "$1", "target", "(.+)"))'
            f" and on () {hub_agent_fresh()}",
        ),
        Rule(Recorded.FAILED_MEMBER, _failed_members()),
        *_counts(_NETWORK),
        Rule(Recorded.OUTSIDE_RATIO, _outside()),
        Rule(Recorded.SUSPECT, _suspect(tuned, _NETWORK, 2)),
        *_counts(_AREA, f"unless on (member) {by_networks}", _AREA_LABEL),
        Rule(Recorded.SUSPECT, _suspect(tuned, _AREA, 3), _AREA_LABEL),
        Rule(Recorded.UNEXPLAINED, f"{Recorded.FAILED} == 1 unless on (member) {_suspected(tuned)}"),
        Rule(Recorded.OUTAGE, _outage()),
        *_lasting(tuned),
        Rule(Recorded.DOWN, _down(tuned)),
    )


def _failed_members() -> str:
    """A system that answers with a maintenance page clears what lies before it."""
    failed = f"{names.COMPONENT_MEMBER.name} and on (member) {Recorded.FAILED} == 1"
    return f"{failed} unless on (member) {system_member(Recorded.MAINTENANCE_PAGE)}"


def _counts(matchers: str, unless: str = "", labels: dict[str, str] | None = None) -> tuple[Rule, ...]:
    """All members with a verdict, those that fail, and of how many communes or systems these are."""
    by, same, held = "by (component, kind)", labels or {}, selector(Recorded.DOWN, matchers)
    every = f"({selector(names.COMPONENT_MEMBER, matchers)} and on (member) {Recorded.FAILED}) {unless}"
    failed = f"{selector(Recorded.FAILED_MEMBER, matchers)} {unless}".rstrip()
    none = f"count {by} ({held}) * 0"
    return (
        Rule(Recorded.MEMBERS, f"count {by} ({every.rstrip()})", same),
        Rule(Recorded.FAILED_MEMBERS, f"count {by} ({failed}) or {none}", same),
        Rule(Recorded.FAILED_ORIGINS, f"count {by} (count by (component, kind, origin) ({failed}))", same),
    )


def _outage() -> str:
    """Communes that are cut off for no wide cause, or whose agent alone is silent, by the class that cannot
    be told apart: narrowed where the hub can ping a router of the commune."""
    cut = f"({Recorded.CUT_OFF} == 1 and on (commune) {Recorded.UNEXPLAINED})"
    # What the hub knew a moment ago still narrows: a restart of its agent must not rename an outage.
    pinged = f"last_over_time({Recorded.OUTSIDE_IN}[2m])"
    alone = f"({Recorded.SILENT} == 1 unless on (commune) {Recorded.CUT_OFF} == 1)"
    classes = (
        _classed(f"({cut} and on (commune) {pinged})", CLASS_ROUTER),
        _classed(f"({cut} unless on (commune) {pinged})", CLASS_NO_ROUTER),
        _classed(alone, CLASS_AGENT),
    )
    communes = selector(names.COMPONENT_UPSTREAM, 'commune!=""')
    upstream = f"max by (commune, pop, ring, isp) ({communes})"
    return f"({' or '.join(classes)}) * on (commune) group_left (pop, ring, isp) {upstream}"


def _classed(expression: str, kinds: str) -> str:
    named = f'label_replace({expression}, "component", "{kinds}:$1", "commune", "(.+)")'
    return f'label_replace({named}, "kind", "{kinds}", "", "")'


def _as_larger(expression: str) -> str:
    return f'max by (larger) (label_replace({expression}, "larger", "$1", "component", "(.+)"))'


def _outside() -> str:
    """The failed share of a component's members outside the part of it that fails most: a POP that holds
    most of a carrier's lines must not make the carrier suspect."""
    parts = selector(names.COMPONENT_WITHIN, 'twin="no", component!~"area:.+", larger!~"area:.+"')
    inside = f"max by (component, larger) ({parts})"

    def rest(count: str) -> str:
        whole = f"({inside} * on (larger) group_left () {_as_larger(count)})"
        part = f"({inside} * on (component) group_left () max by (component) ({count}))"
        return f"({whole} - {part})"

    share = f"({rest(Recorded.FAILED_MEMBERS)} / {rest(Recorded.MEMBERS)})"
    return f'label_replace(min by (larger) ({share}), "component", "$1", "larger", "(.+)")'


def _suspect(tuned: Tuning, matchers: str, origins_at_least: int) -> str:
    failed, members, origins = (
        selector(recorded, matchers)
        for recorded in (Recorded.FAILED_MEMBERS, Recorded.MEMBERS, Recorded.FAILED_ORIGINS)
    )
    answers = f"{Recorded.CHECKPOINT} == 1"
    one_part = f"(({Recorded.OUTSIDE_RATIO} >= bool {tuned.share:g}) == 0)"
    return (
        f"((({failed} / {members} >= {tuned.share:g}) and {origins} >= {origins_at_least})"
        f" unless on (component) {answers} unless on (component) {one_part}) * 0 + 1"
    )


def _suspected(tuned: Tuning, matchers: str = "") -> str:
    """Members of what was suspected a moment ago: while they come back one by one they raise nothing."""
    recent = f"max_over_time({selector(Recorded.SUSPECT, matchers)}[{tuned.heal_seconds:.0f}s])"
    return f"({names.COMPONENT_MEMBER.name} and on (component) {recent})"


def _lasting(tuned: Tuning) -> tuple[Rule, ...]:
    """Areas wait longer: their members look alone before the checkpoint of their network is missed."""

    def held(matchers: str, evaluations: int, labels: dict[str, str]) -> Rule:
        window = f"{tuned.window_seconds(evaluations) * 1000:.0f}ms"
        suspect = selector(Recorded.SUSPECT, matchers)
        enough = f"(count_over_time({suspect}[{window}]) >= {evaluations}) * 0 + 1"
        return Rule(Recorded.LASTING, enough, labels)

    return (
        held(_NETWORK, tuned.wide_evaluations, {}),
        held(_AREA, tuned.area_evaluations, _AREA_LABEL),
    )


def _down(tuned: Tuning) -> str:
    """Lasting and explained by nothing larger; held while its members come back.

    Before it counts, any suspicion of something larger is waited for; afterwards only a larger cause that
    counts itself takes over, so that a single lost ping to a checkpoint moves nothing.
    """
    recent = f"max_over_time({Recorded.SUSPECT}[{tuned.heal_seconds:.0f}s])"
    starts = f"({Recorded.LASTING} unless on (component) {_explained_by(Recorded.SUSPECT)})"
    held = f"({Recorded.DOWN} and on (component) {recent})"
    counts = f"({Recorded.LASTING} or {Recorded.DOWN})"
    upstream = f"max by (component, pop, ring, isp) ({names.COMPONENT_UPSTREAM.name})"
    found = f"max by (component, kind) (({starts} or {held}) unless on (component) {_explained_by(counts)})"
    return f"({found}) * on (component) group_left (pop, ring, isp) {upstream} * 0 + 1"


def _explained_by(larger: str) -> str:
    within = f"max by (component, larger) ({names.COMPONENT_WITHIN.name})"
    return f"({within} * on (larger) group_left () {_as_larger(larger)})"
