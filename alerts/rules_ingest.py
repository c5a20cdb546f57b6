"""Rules about the gateway that agents push to: a hub whose clock is wrong, agents that it refuses. Pure.

The gateway's counters reach Prometheus by a scrape of the hub itself, so they are there while no agent's push
is taken.
"""

from typing import Final

from alerts import rules_notes as notes
from alerts.rules_labels import SOURCE, TICKET, of_commune
from alerts.rules_model import AlertRule, selector
from inventory import names

HUB_CLOCK_WRONG: Final = "HubClockWrong"
AGENT_REFUSED: Final = "AgentRefused"
REFUSED_PER_SECOND: Final = 0.02
"""Six in five minutes: an agent that is refused comes again within seconds, a person mistypes once."""
MANY_RATIO: Final = 0.5
"""When the clocks of so many communes seem to be ahead at once, it is the hub's that is behind."""


def alerts(hub: str) -> tuple[AlertRule, ...]:
    """Return the alerts; ``hub`` is the hub's component id."""
    return (_hub_clock_wrong(hub), _agent_refused())


def _hub_clock_wrong(hub: str) -> AlertRule:
    doubt = f"max({names.INGEST_CLOCK_DOUBT.name}) == 1"
    chosen = selector(names.INGEST_REQUESTS, 'result="fresh_too_old"')
    too_old = f"sum(rate({chosen}[2m])) > 0"
    chosen = selector(names.INGEST_LEFT_OUT, 'reason="ahead"')
    ahead = f"count(sum by (commune) (rate({chosen}[2m])) > 0)"
    many = f"{ahead} > {MANY_RATIO:g} * count(max by (commune) ({names.COMMUNE_INFO.name}))"
    return AlertRule(
        name=HUB_CLOCK_WRONG,
        expr=f"count({doubt} or {too_old} or {many})",
        for_seconds=30,
        labels={**SOURCE, "severity": "page", "component": hub, "kind": "hub"},
        annotations=notes.evidence("evidence.hub_clock_wrong"),
    )


def _agent_refused() -> AlertRule:
    """Who claims to be of a commune need not be: the ticket says that somebody should look."""
    chosen = selector(names.INGEST_UNAUTHORISED, 'commune!=""')
    unknown = f"sum by (commune) (rate({chosen}[5m])) > {REFUSED_PER_SECOND:g}"
    foreign = f"sum by (commune) (rate({names.INGEST_FOREIGN.name}[5m])) > {REFUSED_PER_SECOND:g}"
    return AlertRule(
        name=AGENT_REFUSED,
        expr=of_commune(f"({unknown} or {foreign})", "agent", "agent"),
        for_seconds=60,
        labels=TICKET,
        annotations={
            "communes": "{{ $labels.commune }}",
            **notes.evidence("evidence.agent_refused", times='{{ $value | printf "%.1f" }}'),
        },
    )
