"""Recording rules for boards and the wall: what is drawn often and costs much to work out. Pure."""

from typing import Final

from alerts.rules_evidence import speaking
from alerts.rules_model import Rule, selector
from inventory import names
from inventory.names import Recorded

UNTOLD_RATIO: Final = 0.001
"""Of the test packets: where more are lost nobody knows in which direction, as by a reflector that does not
count or does not answer, nothing is said of directions."""


def rules() -> tuple[Rule, ...]:
    """Return the rules. Only the probes of a line to the hub are summed up here."""
    bound = 'target=~"hub:.+", line!=""'
    rtt = selector(names.PROBE_ICMP_DURATION, f'{bound}, phase="rtt"')
    every = selector(names.PROBE_RESULTS, bound)
    good = selector(names.PROBE_RESULTS, f'{bound}, result="ok"')
    by = "sum by (commune, line)"
    lost, sent = (selector(m, bound) for m in (names.ICMP_LOST, names.ICMP_SENT))
    # A burst counts by its packets; where none are counted, whole probes do.
    packets = f"({by} (rate({lost}[5m])) / ({by} (rate({sent}[5m])) > 0))"
    probes = f"1 - (({by} (rate({good}[5m])) or {by} (rate({every}[5m])) * 0) / {by} (rate({every}[5m])))"
    return (
        Rule(Recorded.LINE_RTT, speaking(f"max by (commune, line) ({rtt})")),
        Rule(Recorded.LINE_LOSS, f"{packets} or on (commune, line) {probes}"),
        Rule(Recorded.LINE_LOSS_EACH_WAY, _loss_each_way(bound, by)),
        Rule(Recorded.LINE_AVAILABILITY, _availability(bound, by)),
    )


def _loss_each_way(bound: str, by: str) -> str:
    def lost(directions: str) -> str:
        matchers = f'{bound}, direction=~"{directions}"'
        return f"(rate({selector(names.STAMP_LOST, matchers)}[5m]))"

    sent = f"({by} (rate({selector(names.STAMP_SENT, bound)}[5m])) > 0)"
    untold = f"({by} {lost('unknown')} / {sent} > {UNTOLD_RATIO:g})"
    told = f"({sent} unless on (commune, line) {untold})"
    return f"sum by (commune, line, direction) {lost('up|down')} / on (commune, line) group_left () {told}"


def _availability(bound: str, by: str) -> str:
    def spent(states: str) -> str:
        return f"{by} (rate({selector(names.TARGET_STATE_SECONDS, f'{bound}, {states}')}[1h]))"

    up, known = spent('state="up"'), spent('state=~"up|down"')
    return f"{up} / {known}"
