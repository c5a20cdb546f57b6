"""What to call the outage of a system, by why its checks failed. Pure.

For whoever names outages beside the plain rules: the same two names, the same evidence, by the same reason.
"""

from collections.abc import Mapping

from alerts.rules_alerts import SYSTEM_DOWN
from alerts.rules_systems import SYSTEM_IN_MAINTENANCE
from common.i18n import t
from inventory.names import Reason

_SILENT = frozenset({Reason.OK, Reason.LOCAL, Reason.DEFERRED})
"""They say nothing about why it fails."""


def shows_maintenance(results: Mapping[Reason, int]) -> bool:
    """Whether most of what failed, counted by reason, was a page that says maintenance.

    >>> shows_maintenance({Reason.MAINTENANCE: 5, Reason.TIMEOUT: 2, Reason.OK: 40})
    True
    """
    failed = sum(count for reason, count in results.items() if reason not in _SILENT)
    return 2 * results.get(Reason.MAINTENANCE, 0) > failed


def alert_of_system(results: Mapping[Reason, int]) -> str:
    """Return the name of the alert about a system that is down."""
    return SYSTEM_IN_MAINTENANCE if shows_maintenance(results) else SYSTEM_DOWN


def evidence_of_system(results: Mapping[Reason, int], language: str) -> str:
    """Return a sentence to add to the evidence, empty where nothing is to be added."""
    return t("evidence.system_in_maintenance", language) if shows_maintenance(results) else ""
