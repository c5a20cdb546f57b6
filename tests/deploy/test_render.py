"""What ``thongsuot render`` writes, and how."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from agent.config import AgentConfig
from agent.runner import MAX_IN_FLIGHT
from common import files, i18n
from deploy import render, render_agents, render_hub
from deploy.cli import main
from deploy.endpoints import Endpoints
from inventory import graph
from inventory.load import load
from inventory.model import Inventory

ROOT = Path(__file__).parents[2]
SMALL = ROOT / "tests/inventory/small.yml"


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_chosen", "")
    monkeypatch.setenv("THONGSUOT_LANG", "en")


@pytest.fixture(scope="module")
def small() -> Inventory:
    return load(SMALL).inventory


@pytest.fixture(scope="module")
def mixed(small: Inventory) -> Inventory:
    """One commune is scraped."""
    scraped = replace(small.communes[0], transport="scrape", scrape_address="10.51.40.3:9465")
    return replace(small, communes=(scraped, *small.communes[1:]))


def agent(inventory: Inventory, site: str) -> AgentConfig:
    content = render_agents.files(inventory, Endpoints())[f"agents/{site}.yml"]
    return msgspec.convert(yaml.safe_load(content), AgentConfig)


def prometheus(inventory: Inventory) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(render_hub.files(inventory, Endpoints())["prometheus.yml"])
    return content


# --- agents --------------------------------------------------------------------------------------
def test_every_site_has_a_configuration_with_all_of_its_plans(small: Inventory) -> None:
    for site in ("hub", *(commune.code for commune in small.communes)):
        config = agent(small, site)
        plans = graph.plans(small, site)
        assert config.site == site
        assert [target.name for target in config.targets] == [plan.name for plan in plans]
        assert [target.target for target in config.targets] == [plan.target for plan in plans]
        assert [target.sla for target in config.targets] == [plan.sla for plan in plans]


def test_a_commune_that_pushes_goes_to_the_hub_of_the_inventory(small: Inventory) -> None:
    push = agent(small, "21040").push
    assert push is not None
    assert push.url == small.hub.remote_write_url
    assert push.heartbeat_seconds == small.probing.heartbeat_seconds


def test_spool_and_backlog_follow_from_storage_and_the_slowest_line(small: Inventory) -> None:
    fast, slow = small.communes[0].lines[0], replace(small.communes[0].lines[0], id="slow", up_mbps=8)
    commune = replace(small.communes[0], lines=(fast, slow))
    storage = replace(small.storage, spool_days=20, spool_megabytes=64, backlog_share=0.2)
    config = agent(replace(small, communes=(commune,), storage=storage), commune.code)
    assert (config.spool.megabytes, config.spool.days) == (64, 20)
    assert config.push is not None
    assert config.push.backlog_bytes_per_second == 8e6 / 8 * 0.2


def test_the_hubs_own_agent_pushes_over_loopback_and_pings_routers(small: Inventory) -> None:
    config = agent(small, "hub")
    assert config.push is not None
    assert config.push.url == "http://127.0.0.1:9490/api/v1/write"
    assert config.listen == "127.0.0.1:9496"
    router = next(target for target in config.targets if target.target == "line:21040/main")
    assert (router.commune, router.line, router.address) == ("21040", "main", "10.51.40.2")


def test_the_hubs_own_agent_probes_on_time_when_all_is_dark(small: Inventory, mixed: Inventory) -> None:
    many = replace(small, communes=small.communes * 100)
    for inventory in (small, mixed, many):
        config = render_agents.hub_config(inventory, Endpoints())
        assert config.max_concurrent_probes >= MAX_IN_FLIGHT * len(config.targets)


def test_the_hubs_own_agent_keeps_its_state_where_it_is_told(small: Inventory) -> None:
    config = render_agents.hub_config(small, Endpoints(), Path("/srv/state/hub/agent"))
    assert config.state_directory == "/srv/state/hub/agent"


def test_a_commune_that_is_scraped_pushes_nothing_and_is_found_by_prometheus(mixed: Inventory) -> None:
    config = agent(mixed, "21040")
    assert config.push is None
    assert config.listen == "0.0.0.0:9465"
    assert render_hub.scraped(mixed) == [
        {
            "targets": ["10.51.40.3:9465"],
            "labels": {"instance": "21040", "site": "21040", "commune": "21040"},
        }
    ]
    job = next(j for j in prometheus(mixed)["scrape_configs"] if j["job_name"] == "thongsuot-agent")
    assert job["file_sd_configs"] == [{"files": ["file_sd/*.json"], "refresh_interval": "1m"}]
    assert job["honor_labels"] is True


# --- Prometheus ----------------------------------------------------------------------------------
def test_the_out_of_order_window_is_the_spool_and_a_day(small: Inventory) -> None:
    assert prometheus(small)["storage"]["tsdb"]["out_of_order_time_window"] == "15d"
    longer = replace(small, storage=replace(small.storage, spool_days=20.5, retention_days=400))
    assert render_hub.out_of_order_window(longer) == "22d"
    assert render_hub.retention(longer) == "400d"


def test_prometheus_scrapes_every_process_of_the_hub(small: Inventory) -> None:
    job = next(j for j in prometheus(small)["scrape_configs"] if j["job_name"] == "thongsuot-hub")
    names = {config["labels"]["instance"] for config in job["static_configs"]}
    assert names == {"supervisor", "receiver", "locator", "wall", "prometheus", "alertmanager"}


# --- Alertmanager --------------------------------------------------------------------------------
def test_an_inhibition_never_matches_by_a_label_that_both_lack() -> None:
    for rule in render_hub.inhibitions():
        for label in rule.get("equal", []):
            assert f'{label}!=""' in rule["target_matchers"]


def test_nothing_inhibits_itself() -> None:
    for rule in render_hub.inhibitions():
        source = rule["source_matchers"][0].split('"')[1]
        targets = rule["target_matchers"][0].split('"')[1].split("|")
        assert source not in targets


# --- writing -------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def rendered(small: Inventory) -> dict[str, bytes]:
    return render.render(small)


def test_the_layout(rendered: dict[str, bytes]) -> None:
    assert {path.split("/")[0] for path in rendered} == {
        "agents", "prometheus.yml", "alertmanager.yml", "rules", "file_sd", "boards",
    }  # fmt: skip
    assert "rules/thongsuot.yml" in rendered
    assert any(path.startswith("rules/tests/") for path in rendered)
    for path, content in rendered.items():
        assert content.decode().endswith("\n"), path
        parsed = json.loads(content) if path.endswith(".json") else yaml.safe_load(content)
        assert parsed is not None


def test_rendering_twice_gives_the_same_bytes(small: Inventory, rendered: dict[str, bytes]) -> None:
    assert render.render(small) == rendered


def test_what_is_unchanged_is_left_untouched(tmp_path: Path) -> None:
    content = {"agents/21040.yml": b"a\n", "prometheus.yml": b"b\n"}
    assert render.write(content, tmp_path).created == ("agents/21040.yml", "prometheus.yml")
    old = os.stat(tmp_path / "prometheus.yml")
    found = render.write(content | {"agents/21040.yml": b"c\n"}, tmp_path)
    assert found == render.Changes(updated=("agents/21040.yml",))
    now = os.stat(tmp_path / "prometheus.yml")
    assert (now.st_ino, now.st_mtime_ns) == (old.st_ino, old.st_mtime_ns)
    assert (tmp_path / "agents/21040.yml").read_bytes() == b"c\n"


def test_what_is_stale_is_removed_and_what_is_not_ours_stays(tmp_path: Path) -> None:
    render.write({"agents/21040.yml": b"a\n", "agents/21061.yml": b"b\n"}, tmp_path)
    (tmp_path / "agents/notes.txt").write_text("mine")
    (tmp_path / "agents/90000.yml").write_text("mine, though named like ours")
    (tmp_path / "agents/folder.yml").mkdir()
    (tmp_path / "web.yml").write_text("mine")
    found = render.write({"agents/21040.yml": b"a\n"}, tmp_path)
    assert found == render.Changes(removed=("agents/21061.yml",))
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()) == [
        ".rendered", "agents/21040.yml", "agents/90000.yml", "agents/notes.txt", "web.yml",
    ]  # fmt: skip


def test_what_a_crash_left_half_written_is_known_as_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    wrote = files.write_atomically
    monkeypatch.setattr(
        render, "write_atomically", lambda p, c: crash() if p.name == "b.yml" else wrote(p, c)
    )
    with pytest.raises(KeyboardInterrupt):
        render.write({"rules/a.yml": b"a\n", "rules/b.yml": b"b\n"}, tmp_path)
    monkeypatch.undo()
    assert render.write({}, tmp_path) == render.Changes(removed=("rules/a.yml",))


@pytest.mark.parametrize("listed", [b"../outside.yml\n/etc/passwd\n", b"\xff\n", b"agents/../web.yml\n"])
def test_a_list_of_what_was_written_removes_nothing_else(tmp_path: Path, listed: bytes) -> None:
    directory = tmp_path / "out"
    directory.mkdir()
    for path in (tmp_path / "outside.yml", directory / "web.yml"):
        path.write_text("mine")
    (directory / render.MANIFEST).write_bytes(listed)
    assert not render.write({}, directory).removed


def test_a_write_that_fails_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "prometheus.yml"
    files.write_atomically(target, b"old\n")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.write_atomically(target, b"new\n")
    assert target.read_bytes() == b"old\n"
    assert list(tmp_path.iterdir()) == [target]


@given(content=st.binary(max_size=2000))
def test_files_are_written_whole(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("write") / "a" / "b"
    files.write_atomically(path, content)
    assert path.read_bytes() == content
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


# --- the command ---------------------------------------------------------------------------------
def test_the_command_writes_and_then_has_nothing_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["render", str(SMALL), "--out", str(tmp_path)]) == 0
    assert f"Created {tmp_path}/agents/hub.yml" in capsys.readouterr().out
    assert main(["render", str(SMALL), "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("Nothing changed")


def test_check_says_what_would_change_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["render", str(SMALL), "--out", str(tmp_path), "--check"]) == 1
    assert f"Would create {tmp_path}/prometheus.yml" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
    assert main(["render", str(SMALL), "--out", str(tmp_path)]) == 0
    assert main(["render", str(SMALL), "--out", str(tmp_path), "--check"]) == 0


def test_a_wrong_inventory_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(SMALL.read_text(encoding="utf-8").replace("carrier: viettel,", "carrier: vietel,"))
    out = tmp_path / "out"
    assert main(["render", str(wrong), "--out", str(out)]) == 2
    assert "vietel" in capsys.readouterr().err
    assert not out.exists()


def test_a_directory_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["render", str(SMALL), "--out", str(tmp_path / "file")]) == 1
    assert "cannot write" in capsys.readouterr().err
