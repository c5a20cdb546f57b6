"""Power at one commune, the line of another: nobody can tell while it lasts; afterwards the ledger does."""

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
LINE, POWER = "21040", "21499"
"""Behind two POPs of two carriers, so that nothing wide explains both."""
TOLD_SECONDS, LEARNED_SECONDS = 90.0, 240.0
STARTS = 'count(last_over_time(thongsuot_agent_start_timestamp_seconds{commune!=""}[5m]))'
LASTS_SECONDS = 30.0
"""Longer than an agent takes to start on a slow machine, for which its router answers already."""
MARGIN_SECONDS = 2.0
"""Between our asking and its happening."""
FETCH = (
    "import sys, urllib.request as request; "
    "sys.stdout.buffer.write(request.urlopen('http://127.0.0.1:9491' + sys.argv[1], timeout=10).read())"
)
Rows = list[dict[str, Any]]


def hub(lab: LabClient, *words: str) -> Any:
    """Return what a program of ours at the hub prints, which is JSON."""
    command = lab.words("hub", sys.executable, *words)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def ledger(lab: LabClient, since: float) -> Rows:
    """Return the outages that the locator tells of, oldest first."""
    found = hub(lab, "-c", FETCH, f"/api/ledger?since={since:.0f}")["outages"]
    return sorted(found, key=lambda one: float(one["since"]))


def until(seconds: float, condition: Callable[[], bool]) -> None:
    """Wait for what is to come; what does not come is for the tests to say."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(1)


def of(rows: Rows, commune: str) -> dict[str, Any]:
    """Return the outage that was told of a commune."""
    (found,) = (row for row in rows if row["id"].startswith(f"power|line:{commune}@"))
    return found


@pytest.fixture(scope="module")
def learned(lab: LabClient) -> dict[str, Any]:
    """Everything that is said after all: by the ledger over HTTP and from its file, and by `gaps`."""
    lab.ask("green", seconds=100)
    until(TOLD_SECONDS, lambda: [one["value"][1] for one in query(lab, STARTS)] == ["6"])
    began = time.time()
    lab.ask("fault", fault="cut_line", what=LINE)
    lab.ask("fault", fault="cut_power", what=POWER)
    until(TOLD_SECONDS, lambda: len(ledger(lab, began)) == 2)
    told = ledger(lab, began)
    time.sleep(max(0.0, LASTS_SECONDS - (time.time() - began)))
    ended = time.time()
    lab.ask("heal")
    until(LEARNED_SECONDS, lambda: all(row["revised"] for row in ledger(lab, began)))
    rows = ledger(lab, began)
    lab.ask("green", seconds=100)
    lab.ask("pages", seconds=1)  # what was said is nobody else's
    state, province = str(lab.run_directory / "state"), str(lab.run_directory / "province.yml")
    cli = ("-m", "deploy.cli")
    listed = hub(lab, *cli, "outages", "--since", "1h", "--json", "--state", state)
    gaps = hub(lab, *cli, "gaps", province, "--since", "30m", "--json")["gaps"]
    return {
        "began": began, "ended": ended, "told": told, "ledger": rows, "command": listed["outages"],
        "gaps": gaps,
    }  # fmt: skip


@pytest.mark.parametrize("commune", [LINE, POWER])
def test_while_it_lasts_it_may_be_either(learned: dict[str, Any], commune: str) -> None:
    row = of(learned["told"], commune)
    assert (row["component"], row["status"], row["revised"]) == (f"power|line:{commune}", "open", None)


@pytest.mark.parametrize(
    ("commune", "component", "label"),
    [(LINE, f"line:{LINE}/main", "line_down"), (POWER, f"power:{POWER}", "power_down")],
)
def test_afterwards_the_ledger_says_which(
    learned: dict[str, Any], commune: str, component: str, label: str
) -> None:
    row = of(learned["ledger"], commune)
    revised = row["revised"]
    assert (row["component"], row["status"], row["why"]) == (component, "ended", "revised")
    assert (revised["verdict"], revised["label"]) == ("cause", label)
    assert revised["said"]["component"] == f"power|line:{commune}"
    assert revised["start"]["earliest"] - MARGIN_SECONDS <= learned["began"]
    assert learned["began"] <= revised["start"]["latest"] + MARGIN_SECONDS
    assert learned["ended"] <= revised["end"]["latest"] + MARGIN_SECONDS


def test_what_else_was_told_of_it_turns_out_to_be_the_same(learned: dict[str, Any]) -> None:
    """Its router is back before its agent: for these seconds it looked like another outage."""
    said = {commune: of(learned["ledger"], commune) for commune in (LINE, POWER)}
    for row in learned["ledger"]:
        one = said[row["communes"][0]]
        assert (row["component"], row["since"]) == (one["component"], one["since"])


@pytest.mark.parametrize("commune", [LINE, POWER])
def test_its_edges_are_those_of_the_gap(learned: dict[str, Any], commune: str) -> None:
    revised = of(learned["ledger"], commune)["revised"]
    gap = next(
        gap
        for gap in learned["gaps"]
        if gap["commune"] == commune and gap["end"]["latest"] > learned["began"]
    )
    for edge in ("start", "end"):
        for part in ("at", "earliest", "latest"):
            assert revised[edge][part] == pytest.approx(gap[edge][part], abs=0.5)


def test_the_command_lists_what_the_locator_tells(learned: dict[str, Any]) -> None:
    def said(rows: Rows) -> set[tuple[str, str, float]]:
        return {(row["id"], row["component"], row["since"]) for row in rows}

    assert said(learned["ledger"]) <= said(learned["command"])
