"""``thongsuot up`` with everything real: starts, mends itself, reloads, ends, and leaves nothing behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from dashboards.wall.passwords import make_line
from tests.deploy.hub import Hub, call, until

ROOT = Path(__file__).parents[2]
SMALL = ROOT / "tests/inventory/small.yml"
PROCESSES = {"locator", "receiver", "alertmanager", "prometheus", "agent", "wall"}
pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    directory = tmp_path_factory.mktemp("hub")
    inventory = directory / "province.yml"
    shutil.copy(SMALL, inventory)
    users = directory / "users"
    users.write_text(make_line("truc", "mot mat khau dai") + "\n")
    with Hub(inventory, directory, "--users-file", str(users)) as running:
        yield running


def gone(processes: list[psutil.Process]) -> bool:
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


def test_one_line_says_that_everything_is_ready(hub: Hub) -> None:
    assert hub.said.startswith("The hub is ready. Wall page: http://127.0.0.1:")
    assert call(hub.url(7, "/-/ready"))[0] == 200
    for name in PROCESSES:
        assert f'thongsuot_hub_process_up{{process="{name}"}} 1.0' in hub.metrics()


def test_prometheus_sees_every_process_and_the_inventory(hub: Hub) -> None:
    until(lambda: len(hub.query('up{job="thongsuot-hub"} == 1')) == len(PROCESSES), "all scraped")
    until(lambda: len(hub.query("thongsuot_commune_info")) == 6, "the inventory")


def test_every_rule_is_evaluated_without_an_error(hub: Hub) -> None:
    until(lambda: bool(hub.query("count(thongsuot_hub_process_up)")), "the first scrape")

    def judged() -> bool:
        groups = json.loads(call(hub.url(0, "/api/v1/rules"))[1])["data"]["groups"]
        soon = [group for group in groups if group["interval"] <= 60]  # others start within the hour
        rules = [rule for group in soon for rule in group["rules"]]
        assert [rule["lastError"] for rule in rules if rule.get("lastError")] == []
        return bool(rules) and all(rule["health"] == "ok" for rule in rules)

    until(judged, "all rules evaluated")


def test_the_watchdog_reaches_the_receiver(hub: Hub) -> None:
    accepted = 'thongsuot_receiver_webhooks_total{result="accepted"}'
    until(lambda: accepted in call(hub.url(4, "/metrics"))[1], "the watchdog")


def test_prometheus_killed_is_started_again(hub: Hub) -> None:
    hub.child("--storage.tsdb.path=").kill()
    until(lambda: 'restarts_total{process="prometheus"} 1.0' in hub.metrics(), "the restart is counted")
    until(lambda: call(hub.url(0, "/-/ready"))[0] == 200, "Prometheus is back")


def test_a_broken_inventory_leaves_everything_running_and_says_why(hub: Hub) -> None:
    good = hub.inventory.read_text(encoding="utf-8")
    before = {process.pid for process in hub.family()}
    try:
        hub.inventory.write_text(good.replace("segments: [ba-to]", "segments: [ba-too]"), encoding="utf-8")
        status, said = call(hub.url(7, "/-/reload"), b"")
        assert status == 422
        assert "ba-too" in said
        assert hub.process is not None
        hub.process.send_signal(signal.SIGHUP)
        until(lambda: "everything runs on as before" in hub.errors(), "the log says so")
        assert {process.pid for process in hub.family()} == before
    finally:
        hub.inventory.write_text(good, encoding="utf-8")


def test_the_wall_page_asks_for_a_login(hub: Hub) -> None:
    assert 'name="password"' in call(hub.url(5, "/"))[1]
    until(lambda: len(hub.query('up{instance="wall"} == 1')) == 1, "its series are read all the same")


def test_a_changed_inventory_is_taken_by_all(hub: Hub) -> None:
    good = hub.inventory.read_text(encoding="utf-8")
    before = {process.pid for process in hub.family()}
    try:
        changed = good.replace("en: Provincial LGSP", "en: Provincial bus")
        hub.inventory.write_text(changed, encoding="utf-8")
        assert call(hub.url(7, "/-/reload"), b"") == (200, "OK\n")
        assert "Provincial bus" in hub.metrics()
        until(lambda: "inventory read again" in hub.log("wall"), "the wall page has it")
        assert {process.pid for process in hub.family()} == before, "nothing was restarted for it"
    finally:
        hub.inventory.write_text(good, encoding="utf-8")
        assert call(hub.url(7, "/-/reload"), b"") == (200, "OK\n")


def test_a_child_that_starts_again_just_now_is_waited_for(hub: Hub) -> None:
    for victim in (hub.child("--storage.tsdb.path="), hub.child("deploy.cli receive")):
        victim.kill()
    assert call(hub.url(7, "/-/reload"), b"") == (200, "OK\n")
    assert call(hub.url(0, "/-/ready"))[0] == 200


def test_a_second_hub_on_the_same_state_is_refused(hub: Hub) -> None:
    done = up(hub.inventory, "--state", str(hub.state), "--port-base", "29100")
    assert done.returncode == 1
    assert "already running on this state directory" in done.stderr


def test_a_port_that_is_taken_is_named(hub: Hub, tmp_path: Path) -> None:
    done = up(hub.inventory, "--state", str(tmp_path), "--port-base", str(hub.base))
    assert done.returncode == 1
    assert f"127.0.0.1:{hub.base}: the address of prometheus is in use" in done.stderr


def test_sigterm_ends_all_children(tmp_path: Path) -> None:
    with Hub(SMALL, tmp_path) as own:
        family = own.family()
        assert len(family) >= len(PROCESSES)
        assert own.process is not None
        own.process.terminate()
        assert own.process.wait(30) == 0
        assert gone(family)


def test_kill_9_ends_all_children_too(tmp_path: Path) -> None:
    with Hub(SMALL, tmp_path) as own:
        family = own.family()
        assert own.process is not None
        own.process.kill()
        own.process.wait(10)
        until(lambda: gone(family), "the kernel told the children")


def up(inventory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli", "up", str(inventory), "--lang", "en", *options],
        capture_output=True, text=True, timeout=60, check=False, env=dict(os.environ),
    )  # fmt: skip
