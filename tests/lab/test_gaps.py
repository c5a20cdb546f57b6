"""Gaps of a real province in small: what was done to it is what `thongsuot gaps` says afterwards."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.lab.client import LabClient
from tests.lab.test_gateway import query

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]
SECONDS = 20.0
TOLD_SECONDS = 120.0
"""Details are told every half minute, and then everything needed is at the hub."""
EDGE_SECONDS = 2.0
"""Between our asking and its happening."""
FAULTS = (("cut_line", "21085"), ("stop_agent", "21061")), (("kill_agent", "21040"), ("cut_power", "21499"))
"""What is done at once: of six communes never so many that the hub suspects itself."""
LABELS = {
    "21085": "line_down", "21061": "agent_stopped", "21040": "agent_down", "21499": "power_down",
}  # fmt: skip
UNHARMED = ("21484", "21496")
STARTS = 'count(last_over_time(thongsuot_agent_start_timestamp_seconds{commune!=""}[5m]))'
Truth = tuple[float, float, float]
"""When it was asked for that something be so, from when on it was, and until when."""


Gaps = list[dict[str, Any]]
Suffered = tuple[dict[str, Gaps], dict[str, Truth]]


def gaps(lab: LabClient) -> dict[str, Gaps]:
    """Return what the command says, as JSON, by commune."""
    words = ["-m", "deploy.cli", "gaps", str(lab.run_directory / "province.yml"), "--since", "30m", "--json"]
    command = lab.words("hub", sys.executable, *words)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Gaps] = {commune: [] for commune in (*LABELS, *UNHARMED)}
    for gap in json.loads(done.stdout)["gaps"]:
        found[gap["commune"]].append(gap)
    return found


def labels(found: Gaps, truth: Truth) -> list[list[str]]:
    """Return the labels of the gaps that have anything to do with a fault, gap by gap."""
    start, _, end = truth
    near = [gap for gap in found if gap["end"]["latest"] > start and gap["start"]["at"] < end]
    return [[piece["label"] for piece in gap["pieces"]] for gap in near]


def suffer(lab: LabClient, *faults: tuple[str, str]) -> Truth:
    """Have faults for a while, all at once; returns when they were so."""
    asked = time.time()
    for fault, what in faults:
        lab.ask("fault", fault=fault, what=what)
    began = time.time()
    time.sleep(SECONDS)
    ended = time.time()
    lab.ask("heal")
    return asked, began, ended


def is_said(lab: LabClient, expected: dict[str, tuple[Truth, str]]) -> bool:
    """Whether the command labels faults, by commune, as expected."""
    found = gaps(lab)
    return all(labels(found[one], truth) == [[label]] for one, (truth, label) in expected.items())


def until(condition: Callable[[], bool]) -> None:
    """Wait for what is to come; what does not come is for the tests to say."""
    end = time.monotonic() + TOLD_SECONDS
    while not condition() and time.monotonic() < end:
        time.sleep(1)


@pytest.fixture(scope="module")
def suffered(tmp_path_factory: pytest.TempPathFactory) -> Suffered:
    """What is said after all that was done, and when it was, by commune; the hub's troubles under "all"."""
    with LabClient(tmp_path_factory.mktemp("gaps")) as lab:
        until(lambda: [series["value"][1] for series in query(lab, STARTS)] == ["6"])
        truths: dict[str, Truth] = {}
        for faults in FAULTS:
            truths |= dict.fromkeys((what for _, what in faults), suffer(lab, *faults))
        until(lambda: is_said(lab, {one: (truths[one], label) for one, label in LABELS.items()}))
        truths["all"] = suffer(lab, ("stop_hub", ""))
        lab.ask("green", seconds=100)
        until(lambda: is_said(lab, dict.fromkeys(UNHARMED, (truths["all"], "hub_down"))))
        found = gaps(lab)
    return found, truths


@pytest.mark.parametrize(
    ("commune", "label"), [*LABELS.items(), *((commune, "hub_down") for commune in UNHARMED)]
)
def test_a_gap_is_labelled_with_what_was_done(suffered: Suffered, commune: str, label: str) -> None:
    said, truths = suffered
    asked, began, ended = truth = truths.get(commune, truths["all"])
    found = said[commune]
    assert labels(found, truth) == [[label]], f"{truth}: {json.dumps(found)}"
    gap = next(gap for gap in found if gap["end"]["latest"] > asked)
    assert gap["start"]["earliest"] - EDGE_SECONDS <= began
    assert asked <= gap["start"]["latest"] + EDGE_SECONDS
    assert ended <= gap["end"]["latest"] + EDGE_SECONDS
    assert not gap["open"]


def test_what_was_measured_behind_a_cut_line_arrived_and_both_sides_vouch(
    suffered: Suffered,
) -> None:
    said, truths = suffered
    gap = next(gap for gap in said["21085"] if gap["end"]["latest"] > truths["21085"][0])
    assert gap["data_ratio"] > 0.9
    assert gap["pieces"][0]["vouched_by"] == ["hub", "site"]


def test_nothing_else_is_a_gap(suffered: Suffered) -> None:
    said, truths = suffered
    first = truths["21085"][0]
    for commune in UNHARMED:
        found = [gap for gap in said[commune] if gap["start"]["at"] > first]
        assert [gap["pieces"][0]["label"] for gap in found] == ["hub_down"]
