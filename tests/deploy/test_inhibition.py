"""The rendered alertmanager.yml in a real Alertmanager: what inhibits what, and what nobody is told."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy import debian, render_hub, unpacked
from deploy.endpoints import endpoints
from inventory.load import load
from tests.alerts.processes import Process, call, free_port, started
from tests.deploy.hub import free_base

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.promtool

BEHIND = {"pop": "pop:ba-to", "ring": "ring:east", "isp": "isp:viettel"}
COMMUNE = {"alertname": "CommuneCutOff", "component": "power|line:21484", "commune": "21484", **BEHIND}
LINE = {"alertname": "LineDown", "component": "line:21484/main", "commune": "21484", **BEHIND}
SLOW = {**LINE, "alertname": "LineSlow", "component": "line:21484/backup"}
AWAY = {"commune": "21499", "pop": "pop:x", "ring": "ring:y", "isp": "isp:z"}
LOST = {"alertname": "LineDown", "component": "line:21499/main", **AWAY}
BOTH_SLOW = [
    {**LOST, "alertname": "LineSlow"},
    {**LOST, "alertname": "LineSlow", "component": "line:21499/b"},
]
LOW = {"alertname": "BatteryLow", "component": "power:21484", "commune": "21484"}
BATTERY = {"alertname": "OnBattery", "component": "power:21484/on", "commune": "21484"}
POP = {"alertname": "PopDown", "component": "pop:ba-to", **BEHIND}
RING = {"alertname": "RingDown", "component": "ring:east", "ring": "ring:east", "isp": "isp:viettel"}
CARRIER = {"alertname": "CarrierDown", "component": "isp:viettel", "isp": "isp:viettel"}
HUB = {"alertname": "HubCutOff", "component": "hub:main"}
SYSTEM = {"alertname": "SystemDown", "component": "system:dvc"}
ELSEWHERE = {**COMMUNE, "commune": "21040", "component": "power|line:21040", "pop": "pop:x", "ring": "ring:y"}
LOSSY = {**ELSEWHERE, "alertname": "LineLossy", "component": "line:21100/main", "commune": "21100"}
HOMELESS = {"alertname": "CommuneCutOff", "component": "power|line:21061", "commune": "21061"}


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    directory = tmp_path_factory.mktemp("alertmanager")
    inventory = load(ROOT / "tests/inventory/small.yml").inventory
    config = directory / "alertmanager.yml"
    config.write_bytes(render_hub.files(inventory, endpoints(free_base()))["alertmanager.yml"])
    port = free_port()
    argv = unpacked.argv(
        debian.find("alertmanager"), f"--config.file={config}", f"--storage.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
    )  # fmt: skip
    with started(Process(argv, directory / "log", port, debian.environment())) as process:
        yield process


def post(alertmanager: Process, *alerts: dict[str, str], over: bool = False) -> None:
    ends = datetime.now(UTC) + timedelta(minutes=-1 if over else 10)
    starts = datetime.now(UTC) - timedelta(minutes=5)
    body = [
        {
            "labels": {"severity": "page", "source": "rules", **a},
            "startsAt": starts.isoformat(),
            "endsAt": ends.isoformat(),
        }
        for a in alerts
    ]
    assert call(f"{alertmanager.url}/api/v2/alerts", json.dumps(body).encode())[0] == 200


def standing(alertmanager: Process) -> dict[str, dict[str, Any]]:
    found = json.loads(call(f"{alertmanager.url}/api/v2/alerts")[1])
    return {alert["labels"]["component"]: alert for alert in found}


def inhibited(alertmanager: Process, expected: set[str], *alerts: dict[str, str]) -> set[str]:
    """Post the alerts, return the components that are inhibited, and end the alerts.

    The inhibitor learns of alerts a moment after the rest of Alertmanager, so what is expected is waited
    for, and then stands against all that is found.
    """
    post(alertmanager, *alerts)
    end = time.monotonic() + 20
    try:
        while True:
            found = standing(alertmanager)
            muted = {name for name, alert in found.items() if alert["status"]["inhibitedBy"]}
            if (len(found) >= len(alerts) and muted == expected) or time.monotonic() > end:
                return muted
            time.sleep(0.05)
    finally:
        post(alertmanager, *alerts, over=True)


ALIVE = {
    "alertname": "LocatorAlive",
    "component": "hub:main/locator",
    "source": "locator",
    "severity": "none",
}


def test_a_living_locator_keeps_the_rules_quiet_about_what_it_judges_and_nothing_else(
    alertmanager: Process,
) -> None:
    quiet = [POP, COMMUNE, SYSTEM]
    expected = components(*quiet)
    assert inhibited(alertmanager, expected, ALIVE, *quiet, LOW, LOSSY) == expected


def test_nothing_that_the_rules_say_hides_what_the_locator_says(alertmanager: Process) -> None:
    """Theirs are not notified while it lives; were its own muted by them, nobody would be told anything."""
    told = [{**one, "source": "locator"} for one in (COMMUNE, LINE)]
    unheard = [POP, CARRIER, {**COMMUNE, "component": "power|lan|line|agent:21484"}]
    expected = components(*unheard)
    assert inhibited(alertmanager, expected, ALIVE, *told, *unheard) == expected


def test_what_a_dead_locator_said_keeps_nothing_quiet(alertmanager: Process) -> None:
    said = {**HOMELESS, "component": "line:21061/main", "source": "locator"}
    assert inhibited(alertmanager, components(BATTERY), said, HOMELESS, LOW, BATTERY) == components(BATTERY)
    same = {**POP, "component": "pop:x", "source": "locator"}
    post(alertmanager, same, {**same, "source": "rules"}, LOW, BATTERY)
    end = time.monotonic() + 20
    found: list[dict[str, Any]] = []
    while not any(one["status"]["inhibitedBy"] for one in found) and time.monotonic() < end:
        found = json.loads(call(f"{alertmanager.url}/api/v2/alerts")[1])
    post(alertmanager, same, {**same, "source": "rules"}, LOW, BATTERY, over=True)
    muted = {one["labels"]["component"] for one in found if one["status"]["inhibitedBy"]}
    assert muted == components(BATTERY)


def components(*alerts: dict[str, str]) -> set[str]:
    return {alert["component"] for alert in alerts}


@pytest.mark.parametrize(
    ("larger", "smaller", "others"),
    [
        (POP, [COMMUNE, SLOW], [ELSEWHERE, HOMELESS, SYSTEM]),
        (RING, [POP, COMMUNE, LINE], [ELSEWHERE, HOMELESS, SYSTEM]),
        (CARRIER, [RING, POP, COMMUNE, LINE, ELSEWHERE], [HOMELESS, SYSTEM]),
        (HUB, [CARRIER, RING, POP, COMMUNE, LINE, ELSEWHERE, HOMELESS], [SYSTEM]),
        (COMMUNE, [LINE, SLOW], [ELSEWHERE, HOMELESS, SYSTEM, LOW]),
        (LOW, [BATTERY], [COMMUNE, HOMELESS, SYSTEM]),
    ],
    ids=["pop", "ring", "carrier", "hub", "commune", "battery"],
)
def test_the_larger_inhibits_the_smaller_and_nothing_else(
    alertmanager: Process,
    larger: dict[str, str],
    smaller: list[dict[str, str]],
    others: list[dict[str, str]],
) -> None:
    expected = components(*smaller)
    assert inhibited(alertmanager, expected, larger, *smaller, *others) == expected


def test_planned_work_is_told_to_nobody_and_still_explains(alertmanager: Process) -> None:
    expected = components(COMMUNE)
    assert inhibited(alertmanager, expected, {**POP, "severity": "none"}, COMMUNE) == expected
    post(alertmanager, {**POP, "severity": "none"}, SYSTEM)
    found = standing(alertmanager)
    assert [receiver["name"] for receiver in found["pop:ba-to"]["receivers"]] == ["nobody"]
    assert [receiver["name"] for receiver in found["system:dvc"]["receivers"]] == ["thongsuot"]


def test_the_watchdog_goes_its_own_way(alertmanager: Process) -> None:
    post(alertmanager, {"alertname": "Watchdog", "component": "hub:main", "severity": "none"})
    found = standing(alertmanager)
    assert [receiver["name"] for receiver in found["hub:main"]["receivers"]] == ["watchdog"]


def test_a_lost_line_is_not_called_slow_as_well(alertmanager: Process) -> None:
    post(alertmanager, LOST, *BOTH_SLOW)
    end = time.monotonic() + 20
    muted: set[tuple[str, str]] = set()
    expected = {("LineSlow", "line:21499/main")}
    while muted != expected and time.monotonic() < end:
        found = json.loads(call(f"{alertmanager.url}/api/v2/alerts")[1])
        muted = {
            (alert["labels"]["alertname"], alert["labels"]["component"])
            for alert in found
            if alert["status"]["inhibitedBy"] and alert["labels"].get("commune") == AWAY["commune"]
        }
        time.sleep(0.05)
    post(alertmanager, LOST, *BOTH_SLOW, over=True)
    assert muted == expected
