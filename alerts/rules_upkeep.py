"""Rules about what has to be renewed or tidied in time: certificates; agents, spools, clocks. Pure."""

from typing import Final

from alerts import rules_notes as notes
from alerts.rules_evidence import FIELD, HUB
from alerts.rules_labels import PLANNED, SOURCE, TICKET, labelled, of_commune
from alerts.rules_model import AlertRule, selector
from alerts.rules_systems import of_system
from inventory import names
from inventory.model import Upkeep
from inventory.names import DropReason

CERTIFICATE_EXPIRING: Final = "CertificateExpiring"
CERTIFICATE_EXPIRES_SOON: Final = "CertificateExpiresSoon"
AGENT_OUTDATED: Final = "AgentOutdated"
SPOOL_FILLING: Final = "AgentSpoolFilling"
LOSING_SAMPLES: Final = "AgentLosingSamples"
SPOOL_IN_MEMORY: Final = "AgentSpoolInMemory"
CLOCK_UNTRUSTED: Final = "AgentClockUntrusted"
DAY_SECONDS: Final = 86400
_DATE: Final = '{{ ($value | toTime).Format "02/01/2006 15:04" }}'
_SYSTEMS: Final = 'target=~"system:.+"'


def alerts(upkeep: Upkeep, hub: str) -> tuple[AlertRule, ...]:
    """Return the alerts; ``hub`` is the hub's component id."""
    return (
        _expiring(upkeep, hub),
        _expires_soon(upkeep, hub),
        _outdated(upkeep),
        _spool_filling(upkeep),
        _losing_samples(),
        _of_agent(SPOOL_IN_MEMORY, _flag(names.AGENT_SPOOL_IN_MEMORY), "spool_in_memory", 300),
        _of_agent(CLOCK_UNTRUSTED, _flag(names.AGENT_CLOCK_GUARD), "clock_untrusted", 300),
    )


# --- certificates --------------------------------------------------------------------------------
def _expiring(upkeep: Upkeep, hub: str) -> AlertRule:
    return _certificate(
        CERTIFICATE_EXPIRING, _before(upkeep.certificate_ticket_days, hub), TICKET, held_seconds=600
    )


def _expires_soon(upkeep: Upkeep, hub: str) -> AlertRule:
    """A page that nobody is woken by: it begins while some office is open, and then stays until renewed."""
    soon = _before(upkeep.certificate_page_days, hub)
    closed = f"(max({names.IN_SERVICE_HOURS.name}) == 0)"
    firing = selector("ALERTS", f'alertname="{CERTIFICATE_EXPIRES_SOON}", alertstate="firing"')
    found = f"({soon} unless on () {closed}) or ({soon} and on (component) {firing})"
    return _certificate(CERTIFICATE_EXPIRES_SOON, found, {**SOURCE, "severity": "page"}, held_seconds=60)


def _before(days: float, hub: str) -> str:
    """The certificates that expire within so many days, by the moment when they do.

    A system's as the hub was shown it; where the hub does not look, as communes were.
    """
    expiry = names.PROBE_SSL_EXPIRY
    at_hub, in_field = (f"min by (target) ({selector(expiry, f'{at}, {_SYSTEMS}')})" for at in (HUB, FIELD))
    systems = of_system(f"({at_hub} or {in_field})")
    own = labelled(labelled(names.CERTIFICATE_EXPIRY.name, "component", hub), "kind", "hub")
    every = f"(min by (component, kind) ({systems}) or min by (component, kind) ({own}))"
    return f"({every} < time() + {days * DAY_SECONDS:.0f})"


def _certificate(name: str, found: str, labels: dict[str, str], held_seconds: float) -> AlertRule:
    return AlertRule(
        name=name,
        expr=f"({found}) unless on (component) {PLANNED}",
        for_seconds=held_seconds,
        labels=labels,
        annotations={
            "systems": '{{ if eq $labels.kind "system" }}{{ $labels.component }}{{ end }}',
            **notes.evidence("evidence.certificate", date=_DATE),
            **notes.since_pending(name),
        },
    )


# --- agents --------------------------------------------------------------------------------------
def _of_agent(name: str, expression: str, said: str, held_seconds: float, **values: str) -> AlertRule:
    """A ticket about the agent of each commune in ``expression``."""
    return AlertRule(
        name=name,
        expr=of_commune(f"({expression})", "agent", "agent"),
        for_seconds=held_seconds,
        labels=TICKET,
        annotations={
            "communes": "{{ $labels.commune }}",
            **notes.evidence(f"evidence.{said}", **values),
            **notes.since_pending(name),
        },
    )


def _flag(metric: names.Metric) -> str:
    chosen = selector(metric, 'commune!=""')
    return f"max by (commune) ({chosen}) == 1"


def _outdated(upkeep: Upkeep) -> AlertRule:
    """Another version than the hub's own agent runs. A commune that is silent now and then stays counted."""
    build = names.AGENT_BUILD_INFO
    ours, theirs = selector(build, HUB), selector(build, 'commune!=""')
    other = f"(last_over_time({theirs}[1d]) unless on (version) {ours})"
    renewed = f"({theirs} and on (version) {ours})"
    found = f"max by (commune) ({other}) unless on (commune) {renewed} and on () count({ours})"
    return _of_agent(
        AGENT_OUTDATED, found, "agent_outdated", upkeep.agent_outdated_days * DAY_SECONDS,
        theirs=_version("commune=%q", "commune"), ours=_version(HUB),
    )  # fmt: skip


def _version(matchers: str, *labels: str) -> str:
    query = f"last_over_time({selector(names.AGENT_BUILD_INFO, matchers)}[1d])"
    return notes.named("version", f"max by (version) ({query})", *labels)


def _spool_filling(upkeep: Upkeep) -> AlertRule:
    full = f"max by (commune) ({names.AGENT_SPOOL_BYTES.name} / {names.AGENT_SPOOL_LIMIT.name})"
    return _of_agent(
        SPOOL_FILLING, f"{full} > {upkeep.spool_full_ratio:g}", "spool_filling", 300,
        share="{{ $value | humanizePercentage }}",
    )  # fmt: skip


def _losing_samples() -> AlertRule:
    """What an agent gave up before the hub took it; that it was stopped is no loss that anyone can mend."""
    kept_back = f'reason!="{DropReason.STOPPED}"'

    def lost(whose: str) -> str:
        return f"increase({selector(names.AGENT_DROPPED_SAMPLES, f'{whose}, {kept_back}')}[1h]) > 0"

    found = lost('commune!=""')
    reasons = notes.named("reason", f"sum by (reason) ({lost('commune=%q')})", "commune")
    return _of_agent(LOSING_SAMPLES, f"sum by (commune) ({found})", "losing_samples", 60, reasons=reasons)
