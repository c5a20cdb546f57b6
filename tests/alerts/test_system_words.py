"""Down, or in maintenance: one name, by what failed."""

import pytest

from alerts.rules_alerts import SYSTEM_DOWN
from alerts.rules_systems import SYSTEM_IN_MAINTENANCE
from alerts.system_words import alert_of_system, evidence_of_system
from common.i18n import t
from inventory.names import Reason


@pytest.mark.parametrize(
    ("results", "name"),
    [
        ({}, SYSTEM_DOWN),
        ({Reason.OK: 9}, SYSTEM_DOWN),
        ({Reason.MAINTENANCE: 1}, SYSTEM_IN_MAINTENANCE),
        ({Reason.MAINTENANCE: 3, Reason.TIMEOUT: 3}, SYSTEM_DOWN),
        ({Reason.MAINTENANCE: 4, Reason.TIMEOUT: 3, Reason.LOCAL: 90, Reason.OK: 90}, SYSTEM_IN_MAINTENANCE),
        ({Reason.BODY: 4, Reason.STATUS: 3}, SYSTEM_DOWN),
    ],
)
def test_most_of_what_failed_names_it(results: dict[Reason, int], name: str) -> None:
    assert alert_of_system(results) == name
    said = t("evidence.system_in_maintenance", "vi") if name == SYSTEM_IN_MAINTENANCE else ""
    assert evidence_of_system(results, "vi") == said
