"""What the alerting rules share: labels put on, severity by maintenance. Pure."""

from typing import Final

from inventory import names
from inventory.names import Recorded

SOURCE: Final = {"source": "rules"}
TICKET: Final = {**SOURCE, "severity": "ticket"}
PLANNED: Final = f"{names.MAINTENANCE.name} == 1"
PLANNED_MEMBER: Final = (
    f"({PLANNED} or label_replace({names.COMPONENT_MEMBER.name} and on (component) {PLANNED},"
    f' "component", "$1", "member", "(.+)"))'
)
"""A line or system that is planned to be down, or lies behind what is."""
PLANNED_COMMUNE: Final = f"{Recorded.MAINTENANCE} == 1"


def labelled(expression: str, label: str, value: str, source: str = "", pattern: str = "") -> str:
    """Return ``expression`` with a label; ``value`` may refer to what ``pattern`` finds in ``source``."""
    return f'label_replace({expression}, "{label}", "{value}", "{source}", "{pattern}")'


def of_commune(expression: str, component: str, kind: str) -> str:
    """Return ``expression``, which has the label commune, about a component of each commune."""
    return labelled(labelled(expression, "component", f"{component}:$1", "commune", "(.+)"), "kind", kind)


def paging(expression: str, match: str = "component", planned: str = PLANNED) -> str:
    """Return severity page, or none in maintenance: the alert stays, and still explains the smaller."""
    page = labelled(f"({expression} unless on ({match}) {planned})", "severity", "page")
    none = labelled(f"({expression} and on ({match}) {planned})", "severity", "none")
    return f"{page} or {none}"


def with_upstream(expression: str) -> str:
    """Return ``expression``, by label component, with what it runs through: pop, ring and isp."""
    upstream = f"max by (component, pop, ring, isp) ({names.COMPONENT_UPSTREAM.name})"
    return f"{expression} * on (component) group_left (pop, ring, isp) {upstream}"
