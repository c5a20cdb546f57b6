"""Gaps of a real province in small: what was done to it is what `thongsuot gaps` says afterwards."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.client import LabClient

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]
SECONDS = 25.0
TOLD_SECONDS = 45.0
"""Details are told every half minute, and then everything needed is at the hub."""
EDGE_SECONDS = 2.0
"""Between our asking and its happening."""

Truth = tuple[str, float, float]
"""What has to be said, and from when to when it was so."""


def gaps(lab: LabClient, commune: str) -> list[dict[str, Any]]:
    """Return what the command says of a commune, as JSON."""
    words = ["-m", "deploy.cli", "gaps", str(lab.run_directory / "province.yml"), "--since", "30m", "--json"]
    command = lab.words("hub", sys.executable, *words, "--commune", commune)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    found: list[dict[str, Any]] = json.loads(done.stdout)["gaps"]
    return found


def suffer(lab: LabClient, fault: str, what: str = "") -> Truth:
    """Have a fault for a while; returns when it was."""
    start = time.time()
    lab.ask("fault", fault=fault, what=what)
    time.sleep(SECONDS)
    end = time.time()
    lab.ask("heal")
    return fault, start, end


@pytest.fixture(scope="module")
def suffered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LabClient, dict[str, Truth]]]:
    """A lab after all that was done to it, by commune; the hub's own troubles under "all"."""
    with LabClient(tmp_path_factory.mktemp("gaps")) as lab:
        time.sleep(35)  # until everybody has told how it started
        truths = {
            "21085": suffer(lab, "cut_line", "21085"),
            "21040": suffer(lab, "kill_agent", "21040"),
            "21499": suffer(lab, "cut_power", "21499"),
            "21061": suffer(lab, "stop_agent", "21061"),
        }
        lab.ask("green", seconds=100)
        truths["all"] = suffer(lab, "stop_hub")
        lab.ask("green", seconds=100)
        time.sleep(TOLD_SECONDS)
        yield lab, truths


@pytest.mark.parametrize(
    ("commune", "label"),
    [("21085", "line_down"), ("21040", "agent_down"), ("21499", "power_down"), ("21061", "agent_stopped"),
     ("21484", "hub_down"), ("21496", "hub_down")],
)  # fmt: skip
def test_a_gap_is_labelled_with_what_was_done(
    suffered: tuple[LabClient, dict[str, Truth]], commune: str, label: str
) -> None:
    lab, truths = suffered
    _, start, end = truths.get(commune, truths["all"])
    found = [gap for gap in gaps(lab, commune) if gap["end"]["latest"] > start and gap["start"]["at"] < end]
    assert [[piece["label"] for piece in gap["pieces"]] for gap in found] == [[label]]
    (gap,) = found
    assert gap["start"]["earliest"] - EDGE_SECONDS <= start <= gap["start"]["latest"] + EDGE_SECONDS
    assert gap["end"]["earliest"] - EDGE_SECONDS <= end + EDGE_SECONDS
    assert not gap["open"]


def test_what_was_measured_behind_a_cut_line_arrived_and_both_sides_vouch(
    suffered: tuple[LabClient, dict[str, Truth]],
) -> None:
    lab, truths = suffered
    gap = next(gap for gap in gaps(lab, "21085") if gap["start"]["latest"] > truths["21085"][1])
    assert gap["data_ratio"] > 0.9
    assert gap["pieces"][0]["vouched_by"] == ["hub", "site"]


def test_nothing_else_is_a_gap(suffered: tuple[LabClient, dict[str, Truth]]) -> None:
    lab, truths = suffered
    first = truths["21085"][1]
    assert [gap["pieces"][0]["label"] for gap in gaps(lab, "21484") if gap["start"]["at"] > first] == [
        "hub_down"
    ]
