"""Something breaks in the lab, and exactly what has to be said is said."""

import json
from typing import Any

import pytest

from tests.lab.client import LabClient, processes_below
from tests.lab.conftest import Demo

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

EVERY_SECONDS = 5.0
"""The slowest of the lab's probes; heartbeats are more frequent."""
CONFIRMED_SECONDS = 5.0
"""What comes back has to prove it for so long, pushes and evaluations included."""
LIMITS = {"hold": 1.0, "after": 5.0, "blip_watch": 22.0}


@pytest.fixture(scope="module", autouse=True)
def _beside(demo: Demo) -> None:
    """The demo runs in a lab of its own while the other tests play with theirs."""


def play(lab: LabClient, scenario: str, what: str = "") -> dict[str, Any]:
    return lab.ask("play", scenario=scenario, what=what, limits=LIMITS)


def test_nothing_is_said_while_everything_starts(lab: LabClient) -> None:
    assert lab.ask("pages", seconds=0) == {"pages": []}


@pytest.mark.parametrize(
    ("scenario", "what", "component", "communes"),
    [
        ("pop-down", "", "pop:ba-to", ["21484", "21496", "21499"]),
        ("power-cut", "21061", "power|line:21061", ["21061"]),
        (
            "maintenance-page",
            "",
            "system:ho-tich",
            ["21040", "21061", "21085", "21484", "21496", "21499"],
        ),
    ],
)
def test_one_page_and_its_resolution(
    quiet_lab: LabClient, scenario: str, what: str, component: str, communes: list[str]
) -> None:
    result = play(quiet_lab, scenario, what)
    said = [(page["status"], page["component"], sorted(page["communes"])) for page in result["pages"]]
    assert said == [("firing", component, communes), ("resolved", component, communes)]
    assert result["ok"]
    assert result["false_pages"] == 0
    assert 0 < result["seconds_to_page"] <= 30
    assert 0 < result["seconds_to_resolve"] <= 60
    assert_dated(result)
    for page in result["pages"]:
        assert page["text_vi"]
        assert page["text_en"]
        assert page["text_vi"] != page["text_en"]


def assert_dated(result: dict[str, Any]) -> None:
    """The page names the moment of the cut, not that of the alert; the resolution how long it was so."""
    page, resolution = result["pages"]
    healed = resolution["time"] - result["seconds_to_resolve"]
    assert abs(page["starts_at"] - result["t_fault"]) <= EVERY_SECONDS + 2
    assert resolution["starts_at"] == page["starts_at"]
    assert -2 <= resolution["ends_at"] - healed <= EVERY_SECONDS + CONFIRMED_SECONDS + 2


def test_a_blip_of_two_seconds_disturbs_nobody(quiet_lab: LabClient) -> None:
    result = play(quiet_lab, "blip")
    assert result["pages"] == []
    assert result["ok"]
    assert result["seconds_to_page"] is None


def test_a_missing_page_is_not_ok(quiet_lab: LabClient) -> None:
    """The judge is awake: a cut that is healed before anybody could be told is not what was ordered."""
    limits = {**LIMITS, "page": 0.5, "hold": 0.0, "resolve": 0.5, "after": 0.5}
    result = quiet_lab.ask("play", scenario="cut-line", limits=limits)
    assert not result["ok"]
    assert result["seconds_to_page"] is None


def test_the_command_says_in_json_how_a_cut_went(demo: Demo) -> None:
    status, output, errors = demo.finish()
    assert status == 0, errors
    result = json.loads(output.splitlines()[-1])
    assert set(result) == {
        "scenario", "t_fault", "pages", "seconds_to_page", "seconds_to_resolve", "false_pages", "ok",
    }  # fmt: skip
    assert result["scenario"] == "cut-line"
    assert result["ok"] is True
    assert [page["component"] for page in result["pages"]] == ["power|line:21040"] * 2
    assert result["pages"][0]["time"] == pytest.approx(
        result["t_fault"] + result["seconds_to_page"], abs=0.01
    )
    assert result["seconds_to_page"] <= 30
    assert_dated(result)
    assert "\x1b" not in errors
    assert "Bình Sơn" in errors
    assert list(demo.home.iterdir()) == []
    assert processes_below(demo.state) == []
