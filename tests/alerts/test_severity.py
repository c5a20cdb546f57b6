"""Locator and rules agree on what wakes somebody: with either of them dead the other pages for the same."""

from pathlib import Path

import pytest

from alerts import rules
from alerts.continuity import LOCATED
from alerts.locate.model import Cause
from alerts.locate.priors import RIGID
from alerts.pinpoint import words
from alerts.pinpoint.grade import grade
from alerts.pinpoint.holding import Open
from alerts.rules_model import AlertRule
from inventory.load import load
from tests.alerts.pinpoint.located import alert_kinds

SMALL = Path(__file__).parents[1] / "inventory/small.yml"
KINDS = sorted({kind for _, kind, _ in alert_kinds()})


def by_rules() -> dict[str, str]:
    """Return how severe the rules say each alert is, outside of maintenance."""
    found = {}
    for group in rules.groups(load(SMALL).inventory):
        for rule in group.rules:
            if isinstance(rule, AlertRule):
                paged = '"severity", "page"' in rule.expr
                found[rule.name] = "page" if paged else rule.labels["severity"]
    return found


def by_locator(kind: str, loss: float, *, maintained: bool = False) -> tuple[str, str]:
    """Return name and severity of what the locator tells of a component with this loss."""
    name = f"{kind}:21484"
    cause = Cause(
        component=name, kind=kind.partition("|")[0], members=(name,), loss=loss, confidence=9.0,
        runner_up=None, affected=(), communes=(), systems=(), evidence=(), sent=40, failed=40,
    )  # fmt: skip
    told = Open(
        identity=name, kind=kind, cause=cause, since=0.0, known_at=1.0, grade=grade(cause),
        maintained=maintained,
    )  # fmt: skip
    labels = words.labels(told, {})
    return labels["alertname"], labels["severity"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_down_is_a_page_by_both(kind: str) -> None:
    name, severity = by_locator(kind, 0.99)
    assert (severity, by_rules()[name]) == ("page", "page"), name
    assert name in LOCATED, "it is kept quiet while the locator lives, so it has to be as loud"


def test_a_maintenance_page_is_a_page_by_both() -> None:
    name, severity = by_locator("system", 0.99, maintained=True)
    assert (severity, by_rules()[name]) == ("page", "page")


@pytest.mark.parametrize("loss", [0.05, 0.3, 0.7])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if RIGID.isdisjoint(kind.split("|"))])
def test_what_loses_packets_at_one_commune_is_a_ticket_by_both(kind: str, loss: float) -> None:
    name, severity = by_locator(kind, loss)
    if name == "LineLossy":
        assert (severity, by_rules()[name]) == ("ticket", "ticket")
    else:
        assert name in LOCATED | {"SegmentLossy"}, "the rules tell of these only when they are down"
