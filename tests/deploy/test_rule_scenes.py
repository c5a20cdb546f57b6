"""promtool and amtool judge what is rendered, and the rules conclude what the scenes expect."""

import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from alerts import rules
from alerts.rules_alerts import WATCHDOG
from alerts.rules_model import AlertRule
from deploy import debian, render
from deploy.rule_scenes import scenes, thinned
from deploy.scene import Expected, Scene, input_series, runs
from inventory.load import load
from inventory.model import Inventory, Reflector

ROOT = Path(__file__).parents[2]
SMALL = ROOT / "tests/inventory/small.yml"
INVENTORIES = {
    "small": SMALL,
    "minimal": ROOT / "examples/minimal.yml",
    "quang-ngai": ROOT / "examples/quang-ngai.yml",
    "lab": ROOT / "deploy/lab/province.yml",
}

pytestmark = pytest.mark.timeout(300)  # a scene of days takes promtool seconds, and a busy machine more


def inventory(name: str) -> Inventory:
    return load(INVENTORIES[name]).inventory


def tool(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program of Debian's packages."""
    return subprocess.run(
        [str(debian.find(program)), *words], capture_output=True, text=True, timeout=280, check=False,
        env=debian.environment(),
    )  # fmt: skip


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every inventory, rendered once."""
    directory = tmp_path_factory.mktemp("rendered")
    for name in INVENTORIES:
        render.write(render.render(inventory(name)), directory / name)
    mixed = inventory("small")
    scraped = replace(mixed.communes[0], transport="scrape", scrape_address="10.51.40.3:9465")
    render.write(
        render.render(replace(mixed, communes=(scraped, *mixed.communes[1:]))), directory / "scraped"
    )
    return {path.name: path for path in directory.iterdir()}


@pytest.mark.promtool
@pytest.mark.parametrize("name", [*INVENTORIES, "scraped"])
def test_promtool_and_amtool_accept_it(rendered: dict[str, Path], name: str) -> None:
    for words in (
        ("promtool", "check", "config", str(rendered[name] / "prometheus.yml")),
        ("promtool", "check", "rules", str(rendered[name] / "rules/thongsuot.yml")),
        ("amtool", "check-config", str(rendered[name] / "alertmanager.yml")),
    ):
        done = tool(*words)
        assert done.returncode == 0, done.stdout + done.stderr


def scene_files(name: str) -> list[str]:
    return [Path(path).name for path in render.render(inventory(name)) if path.startswith("rules/tests/")]


@pytest.mark.promtool
@pytest.mark.parametrize("file", scene_files("small"))
def test_the_rules_conclude_what_the_scene_expects(rendered: dict[str, Path], file: str) -> None:
    done = tool("promtool", "test", "rules", str(rendered["small"] / "rules/tests" / file))
    assert done.returncode == 0, done.stdout[:4000] + done.stderr


@pytest.mark.promtool
@pytest.mark.parametrize(
    ("pattern", "count"),
    [("pop-*", 1), ("area-*", 1), ("line-*-its-commune-lives*", 2), ("commune-*-both-of-its-*", 1)],
)
def test_so_they_do_in_a_whole_province(rendered: dict[str, Path], pattern: str, count: int) -> None:
    """The other scenes differ from those of the small province in size only."""
    files = sorted((rendered["quang-ngai"] / "rules/tests").glob(f"[0-9][0-9]-{pattern}.yml"))
    assert len(files) == count
    done = tool("promtool", "test", "rules", *map(str, files))
    assert done.returncode == 0, done.stdout[:4000] + done.stderr


@pytest.mark.promtool
@pytest.mark.parametrize(("limit", "judged"), [(250, True), (150, False)])
def test_a_test_that_the_hub_held_back_says_nothing(limit: float, judged: bool, tmp_path: Path) -> None:
    small = inventory("small")
    held = replace(small, hub=replace(small.hub, reflector=Reflector(throughput_mbps_max=limit)))
    render.write(render.render(held), tmp_path)
    (file,) = (tmp_path / "rules/tests").glob("*-lies-far-below-*.yml")
    assert ("LineUnderContract" in file.read_text()) is judged
    done = tool("promtool", "test", "rules", str(file))
    assert done.returncode == 0, done.stdout[:4000] + done.stderr


@pytest.mark.promtool
def test_promtool_does_find_a_wrong_conclusion(rendered: dict[str, Path], tmp_path: Path) -> None:
    source = next((rendered["minimal"] / "rules/tests").glob("*is-cut-off*.yml"))
    (tmp_path / "tests").mkdir()
    rules = (rendered["minimal"] / "rules/thongsuot.yml").read_text()
    (tmp_path / "thongsuot.yml").write_text(rules.replace("> bool 6.5", "> bool 6000"))
    (tmp_path / "tests" / source.name).write_text(source.read_text())
    done = tool("promtool", "test", "rules", str(tmp_path / "tests" / source.name))
    assert done.returncode == 1
    assert "CommuneCutOff" in done.stdout + done.stderr


# --- the scenes themselves -----------------------------------------------------------------------
WITHOUT_A_SCENE = {
    WATCHDOG: "fires always; what promtool asks leaves it out, and its absence is the receiver's to notice",
}
"""Alerts of the rules that no scene makes fire, and why none need to."""
ONLY_IN_A_WHOLE_PROVINCE = {"LineDown", "AreaDown"}
"""The small one has no commune with two lines and no area over several networks; promtool plays their scenes
in ``test_so_they_do_in_a_whole_province``."""


def test_every_alert_fires_in_a_scene() -> None:
    def named(one: Inventory) -> set[str]:
        return {rule.name for g in rules.groups(one) for rule in g.rules if isinstance(rule, AlertRule)}

    def fired(one: Inventory) -> set[str]:
        return {alert.alertname for s in scenes(one) for _, alerts in s.expected for alert in alerts}

    small, whole = inventory("small"), thinned(inventory("quang-ngai"))
    assert named(small) == named(whole)
    assert fired(small) == named(small) - set(WITHOUT_A_SCENE) - ONLY_IN_A_WHOLE_PROVINCE
    assert fired(whole) >= ONLY_IN_A_WHOLE_PROVINCE


def test_every_moment_lies_within_its_scene() -> None:
    for scene in scenes(inventory("small")):
        assert scene.expected
        for second, _ in scene.expected:
            assert 0 < second <= scene.seconds
            assert second % scene.step_seconds == 0


def test_a_thinned_province_keeps_every_kind_of_place() -> None:
    whole = inventory("quang-ngai")
    few = thinned(whole)
    assert len(few.communes) < len(whole.communes) / 2
    segments = {segment for commune in whole.communes for line in commune.lines for segment in line.segments}
    kept = {segment for commune in few.communes for line in commune.lines for segment in line.segments}
    assert kept == segments


def test_values_are_written_as_runs() -> None:
    assert list(runs([1.0, 1.0, 1.0, None, None, 0.0])) == ["1x2", "_x2", "0x0"]


def test_a_silent_agent_has_no_samples_and_others_do() -> None:
    small = inventory("small")
    scene = Scene(name="one", seconds=20, silent={"21040": (4, 8)}, expected=((2, (Expected("a", "b"),)),))
    beats = {s.series: s.values for s in input_series(small, scene) if "heartbeat" in s.series}
    assert beats[next(key for key in beats if 'site="21040"' in key)] == "1x1 _x2 1x6"
    assert beats[next(key for key in beats if 'site="21061"' in key)] == "1x10"
