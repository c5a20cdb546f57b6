"""What Prometheus puts into the annotations of the alerts: evidence in both languages, and since when.

Annotations are templates with queries inside: only Prometheus' own code can say what comes out.
"""

import re
import subprocess
from pathlib import Path

import msgspec
import pytest

from alerts.rules import FAST_FILE, groups
from common.yaml.write import dump
from deploy import debian, render
from deploy.rule_scenes import FAULT_SECONDS, HEAL_SECONDS, scenes, thinned
from deploy.scene import Scene, input_series
from inventory.load import load
from inventory.model import Inventory

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.promtool, pytest.mark.timeout(300)]

GOT = re.compile(r"Annotations:(\{.*?\})", re.DOTALL)
PAIR = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def province(name: str) -> Inventory:
    return thinned(load(ROOT / name).inventory)


SMALL = "tests/inventory/small.yml"
WHOLE = "examples/quang-ngai.yml"


def scene(inventory: Inventory, beginning: str) -> Scene:
    return next(found for found in scenes(inventory) if found.name.startswith(beginning))


def annotations(
    directory: Path, inventory: Inventory, played: Scene, alertname: str, second: int
) -> dict[str, str]:
    """Return the annotations of the only alert ``alertname`` at ``second``, as promtool complains of them."""
    (directory / FAST_FILE).write_bytes(render.render(inventory)[f"rules/{FAST_FILE}"])
    asked = {"eval_time": f"{second}s", "alertname": alertname, "exp_alerts": []}
    test = {
        "interval": f"{played.step_seconds}s",
        "input_series": msgspec.to_builtins(input_series(inventory, played)),
        "alert_rule_test": [asked],
    }
    every = f"{played.evaluation_seconds or played.step_seconds}s"
    order = [group.name for group in groups(inventory)]
    content = {
        "rule_files": [FAST_FILE],
        "evaluation_interval": every,
        "group_eval_order": order,
        "tests": [test],
    }
    (directory / "test.yml").write_bytes(dump(content, ""))
    done = subprocess.run(
        [str(debian.find("promtool")), "test", "rules", str(directory / "test.yml")],
        capture_output=True, text=True, timeout=280, check=False, env=debian.environment(),
    )  # fmt: skip
    found = GOT.findall((done.stdout + done.stderr).partition("got:")[2])
    assert len(found) == 1, done.stdout + done.stderr
    return dict(PAIR.findall(found[0]))


def test_a_commune_is_cut_off_since_its_last_heartbeat(tmp_path: Path) -> None:
    small = province(SMALL)
    found = annotations(tmp_path, small, scene(small, "commune 21040 is cut off"), "CommuneCutOff", 66)
    assert found == {
        "communes": "21040",
        "evidence_vi": "máy đo im lặng; không bộ định tuyến nào ở đây trả lời ping từ trung tâm",
        "evidence_en": "the agent is silent; no router here answers the hub's pings",
        "shared": "main",
        "since": f"{FAULT_SECONDS - 2}.0",
    }


@pytest.mark.parametrize("second", [66, HEAL_SECONDS + 14], ids=["while it is down", "while it heals"])
def test_a_pop_is_down_since_the_last_sign_of_life_through_it(tmp_path: Path, second: int) -> None:
    """A commune that was dead long before does not date it; nor do those that are back already."""
    small = province(SMALL)
    whole = scene(small, "pop:ba-to dies")
    dead, *others = whole.silent
    played = msgspec.structs.replace(whole, silent={**whole.silent, dead: (10, whole.seconds)})
    found = annotations(tmp_path, small, played, "PopDown", second)
    last = max(whole.silent[code][0] for code in others) - 2
    assert found["since"] == f"{last}.0"
    if second > HEAL_SECONDS:
        # The hub has confirmed that the checkpoint answers, or most of the communes are back.
        assert 0 <= float(found["until"]) - HEAL_SECONDS <= 10
    if second == 66:
        assert found["until"] == ""  # nothing was found to fill it with
        count = len(whole.silent)
        assert found["communes"].split() == sorted(whole.silent)
        assert found["evidence_vi"].startswith(f"mất {count}/{count} đường truyền đi qua đây;")
        assert found["evidence_en"].startswith(f"{count} of the {count} lines through here carry nothing;")


def test_a_system_is_down_since_the_hubs_first_failed_probe(tmp_path: Path) -> None:
    small = province(SMALL)
    played = next(found for found in scenes(small) if found.name.endswith("fails everywhere"))
    # The communes notice later: the hub's own view dates it.
    assert min(start for start, _ in played.unseen.values()) > FAULT_SECONDS
    found = annotations(tmp_path, small, played, "SystemDown", 72)
    assert found["since"] == f"{FAULT_SECONDS}.0"
    assert found["evidence_en"] == "the hub cannot reach it, and no majority of the communes can"


def test_a_system_is_unreachable_since_the_first_commune_lost_it(tmp_path: Path) -> None:
    small = province(SMALL)
    played = next(found for found in scenes(small) if found.name.endswith("is not reached from one commune"))
    found = annotations(tmp_path, small, played, "SystemUnreachable", 100)
    assert found["since"] == f"{FAULT_SECONDS}.0"
    assert found["evidence_vi"].startswith("số xã, phường không truy cập được: 1; ")


def test_one_of_two_lines_is_lost_since_its_own_probe_failed(tmp_path: Path) -> None:
    whole = province(WHOLE)
    played = next(found for found in scenes(whole) if "its commune lives through the other" in found.name)
    ((span_start, _),) = played.unseen.values()
    found = annotations(tmp_path, whole, played, "LineDown", 80)
    assert found["since"] == f"{span_start}.0"


def test_nothing_arrives_since_the_last_heartbeat_of_anybody(tmp_path: Path) -> None:
    small = province(SMALL)
    found = annotations(tmp_path, small, scene(small, "nothing arrives at the hub"), "HubBlind", 70)
    assert found["since"] == f"{FAULT_SECONDS - 2}.0"
    assert found["evidence_vi"].startswith("không nhận được số liệu của nơi nào")


def test_a_commune_that_ran_on_battery_says_so_once_it_is_dark(tmp_path: Path) -> None:
    small = province(SMALL)
    played = scene(small, "mains fail at commune 21040")
    (dark, _) = played.silent["21040"]
    found = annotations(tmp_path, small, played, "CommuneCutOff", dark + 40)
    assert found["evidence_en"].endswith("; before it fell silent it reported that it ran on battery")
    low = annotations(tmp_path, small, played, "BatteryLow", dark - 10)
    assert "about 6 minutes left" in low["evidence_en"]
    assert low["since"] != ""


@pytest.mark.parametrize(
    ("beginning", "alertname", "said"),
    [
        ("line:21040/main is slow", "LineSlow", "over 10 minutes is 80 ms; at most 50 ms"),
        (
            "line:21040/main is lossy",
            "LineLossy",
            "2.5 % of the packets to the hub and back were lost in 5 minutes; at most 1 % is expected",
        ),
        (
            "line:21040/main is congested",
            "LineCongested",
            "carried 95 % of its contracted rate down and 10 % up",
        ),
        ("line:21040/main is jittery", "LineJittery", "over 10 minutes is 48 ms; at most 30 ms"),
        ("line:21040/main is weak signal", "LineWeakSignal", "is -118 dBm; at least -110 dBm"),
        (
            "the last test of line:21040/main lies far",
            "LineUnderContract",
            "reached 96 of 200 Mbit/s down and ? of",
        ),
    ],
)
def test_a_bad_line_says_what_was_measured_and_that_it_is_shared(
    tmp_path: Path, beginning: str, alertname: str, said: str
) -> None:
    small = province(SMALL)
    played = scene(small, beginning)
    found = annotations(tmp_path, small, played, alertname, played.seconds)
    assert said in found["evidence_en"]
    assert found["shared"] == "main"
    assert not re.search(r"\d\.\d", found["evidence_vi"])
    assert float(found["since"]) < played.seconds


def test_a_lossy_line_says_which_way_where_that_is_known(tmp_path: Path) -> None:
    small = province(SMALL)
    both = [found for found in scenes(small) if found.name.startswith("line:21040/main is lossy")]
    (played,) = (found for found in both if any("stamp" in one.series for one in found.measured))
    found = annotations(tmp_path, small, played, "LineLossy", played.seconds)
    assert found["evidence_en"].endswith("; downwards 0.0 %, upwards 1.5 %")
    assert found["evidence_vi"].endswith("; riêng chiều xuống mất 0,0 %, chiều lên mất 1,5 %")


def test_an_agent_that_is_refused_says_how_often(tmp_path: Path) -> None:
    small = province(SMALL)
    played = scene(small, "the token of commune 21040 was revoked")
    found = annotations(tmp_path, small, played, "AgentRefused", 225)
    assert found["communes"] == "21040"
    assert "in this commune's name, 0.1 times a second" in found["evidence_en"]
    assert "0,1 lần mỗi giây" in found["evidence_vi"]


def test_a_hub_whose_clock_is_wrong_says_that_nothing_is_lost(tmp_path: Path) -> None:
    small = province(SMALL)
    played = scene(small, "the hub's clock is set back")
    found = annotations(tmp_path, small, played, "HubClockWrong", 225)
    assert found["evidence_en"].endswith("agents keep everything")
    assert found["evidence_vi"].endswith("các máy đo vẫn giữ đủ số liệu")


@pytest.mark.parametrize(
    ("beginning", "alertname", "second", "said"),
    [
        (
            "the certificate of system:lgsp expires: a ticket",
            "CertificateExpiring",
            900,
            "the certificate expires at 04/01/1970 00:30 UTC",
        ),
        (
            "the agent of commune 21040 is behind",
            "AgentOutdated",
            30 * 21600,
            "the agent runs version 1.0, the hub runs 1.1",
        ),
        (
            "names such as that of system:ho-tich have one name server less",
            "DnsFailing",
            120,
            "people do not; name servers that give no answer: 10.0.0.53",
        ),
        (
            "system:lgsp answers within its limit",
            "SystemSlow",
            900,
            "over 10 minutes: 0.9 s from the hub (usually 0.3), ? s from the communes",
        ),
        ("the agent of commune 21040 gives samples up", "AgentLosingSamples", 600, "last hour (full);"),
        (
            "line:21040/main is within its limit, but lossy",
            "LineLossy",
            1200,
            "at most 1 % is expected; usually at most 0.0 %",
        ),
    ],
)
def test_what_still_answers_says_what_was_found(
    tmp_path: Path, beginning: str, alertname: str, second: int, said: str
) -> None:
    small = province(SMALL)
    found = annotations(tmp_path, small, scene(small, beginning), alertname, second)
    assert said in found["evidence_en"]
    assert float(found["since"] or 0) <= second  # one evaluation in six hours finds none before it
