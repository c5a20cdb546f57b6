"""Rules about telling people itself: a channel that takes nothing, messages that were given up. Pure.

Channels page: whoever relies on one does not know that it is silent. The pages go over the others. That the
dead-man's switch outside is not reached is a ticket: whoever waits there raises an alarm without us.
"""

from typing import Final

from alerts import rules_notes as notes
from alerts.rules_labels import SOURCE
from alerts.rules_model import AlertRule, selector
from inventory import names

CHANNEL_FAILING: Final = "ChannelFailing"
MESSAGE_LOST: Final = "MessageLost"
DEADMAN_FAILING: Final = "DeadmanFailing"
FAILING_SECONDS: Final = 300
"""Some minutes of trouble are a carrier's everyday; retries bridge them."""


def alerts(hub: str) -> tuple[AlertRule, ...]:
    """Return the alerts; ``hub`` is the hub's component id."""
    labels = {**SOURCE, "severity": "page", "component": hub, "kind": "hub"}
    return _failing(labels), _lost(labels), _deadman({**labels, "severity": "ticket"})


def _failing(labels: dict[str, str]) -> AlertRule:
    since = f"max by (channel) ({names.CHANNEL_FAILING.name} > 0)"
    return AlertRule(
        name=CHANNEL_FAILING,
        expr=f"time() - {since} > {FAILING_SECONDS}",
        labels=labels,
        annotations={
            **notes.evidence("evidence.channel_failing", channel="{{ $labels.channel }}"),
            **notes.since(f"max({selector(names.CHANNEL_FAILING, 'channel=%q')})", "channel"),
        },
    )


def _deadman(labels: dict[str, str]) -> AlertRule:
    since = f"max({names.DEADMAN_FAILING.name} > 0)"
    return AlertRule(
        name=DEADMAN_FAILING,
        expr=f"time() - {since} > {FAILING_SECONDS}",
        labels=labels,
        annotations={**notes.evidence("evidence.deadman_failing"), **notes.since(since)},
    )


def _lost(labels: dict[str, str]) -> AlertRule:
    failed = selector(names.NOTIFICATIONS, 'result="failed"')
    return AlertRule(
        name=MESSAGE_LOST,
        expr=f"sum by (channel) (increase({failed}[15m])) > 0",
        labels=labels,
        annotations=notes.evidence("evidence.message_lost", channel="{{ $labels.channel }}"),
    )
