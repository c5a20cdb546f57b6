"""What a Prometheus that was killed left behind is not taken for the present."""

import pytest

from tests.lab.client import LabClient
from tests.lab.test_recovery import pages, wait_for

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

# Until what Prometheus told Alertmanager expires, and it has judged for long enough itself.
KNOWN_AGAIN_SECONDS = 150


def test_what_healed_while_prometheus_was_dead_is_over_when_it_is_back(quiet_lab: LabClient) -> None:
    component = "power|line:21061"
    quiet_lab.ask("fault", fault="cut_line", what="21061")
    found = wait_for(quiet_lab, "firing", component, 40)
    assert quiet_lab.ask("kill", words=["--storage.tsdb.path="])["killed"] == 1  # marks nothing as ended
    quiet_lab.ask("heal")
    found += wait_for(quiet_lab, "resolved", component, KNOWN_AGAIN_SECONDS)
    quiet_lab.ask("green", seconds=90)
    found += pages(quiet_lab, 18)
    assert [(page["status"], page["component"]) for page in found] == [
        ("firing", component),
        ("resolved", component),
    ]
