"""Parts of the hub die, or are not there when an agent starts; nobody is told what is not so."""

import sys
import time
from typing import Any

import pytest

from tests.lab.client import LabClient

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]


def pages(lab: LabClient, seconds: float) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lab.ask("pages", seconds=seconds)["pages"]
    return found


def wait_for(lab: LabClient, status: str, component: str, seconds: float) -> list[dict[str, Any]]:
    """Collect pages until the wanted one came; fails after ``seconds``."""
    found: list[dict[str, Any]] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found += pages(lab, 0.5)
        if any((page["status"], page["component"]) == (status, component) for page in found):
            return found
    raise AssertionError(f"no {status} of {component} within {seconds:g} s, only {found}")


def test_prometheus_killed_comes_back_and_nobody_is_paged(quiet_lab: LabClient) -> None:
    assert quiet_lab.ask("kill", words=["--storage.tsdb.path="])["killed"] == 1
    quiet_lab.ask("green", seconds=90)
    assert pages(quiet_lab, 18) == []  # silence and hold together take 15 s


def test_alertmanager_killed_in_an_outage_repeats_nothing_and_loses_no_resolution(
    quiet_lab: LabClient,
) -> None:
    component = "power|line:21085"
    quiet_lab.ask("fault", fault="cut_line", what="21085")
    found = wait_for(quiet_lab, "firing", component, 40)
    quiet_lab.ask("heal")
    assert quiet_lab.ask("kill", words=["prometheus-alertmanager"])["killed"] == 1  # never hears of the end
    found += wait_for(quiet_lab, "resolved", component, 60)
    quiet_lab.ask("green", seconds=60)
    found += pages(quiet_lab, 2)
    assert [(page["status"], page["component"]) for page in found] == [
        ("firing", component),
        ("resolved", component),
    ]


def test_an_agent_that_starts_without_its_hub_runs_and_is_heard_later(quiet_lab: LabClient) -> None:
    quiet_lab.ask("fault", fault="kill_agent", what="21499")
    quiet_lab.ask("fault", fault="hub")
    quiet_lab.ask("start_agent", commune="21499")
    url = "http://127.0.0.1:9465/-/healthy"
    fetch = f"import urllib.request as u; print(u.urlopen('{url}', timeout=2).read().decode())"
    deadline = time.monotonic() + 20
    answer: dict[str, Any] = {"status": -1}
    while answer["status"] != 0 and time.monotonic() < deadline:
        answer = quiet_lab.ask("run", node="agent-21499", words=[sys.executable, "-c", fetch], seconds=5)
    assert answer["output"].strip() == "OK"
    quiet_lab.ask("heal")
    quiet_lab.ask("green", seconds=100)
    pages(quiet_lab, 3)  # the hub was cut off for a while: whatever was said of that is not judged here
