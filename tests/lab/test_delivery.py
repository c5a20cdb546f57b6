"""A commune's line is cut and its agent killed meanwhile: what was measured is at the hub all the same."""

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from agent.clock import boot_id, boottime
from agent.remote_write import compress
from deploy.debian import find
from tests.agent.oracle import decode
from tests.agent.recording_agent import at_risk, read, written
from tests.lab.client import LabClient

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

COMMUNE = "21085"
BEFORE, FIRST, SECOND = 6.0, 18.0, 12.0
"""Seconds of measuring before the cut, in it until the agent is killed, and from then on until it ends."""
ARRIVAL_SECONDS = 120.0
ROOT = Path(__file__).parents[2]
CUT = "table inet cut { chain forward { type filter hook forward priority 0; drop; }; }"
STATE_SECONDS = "thongsuot_target_state_seconds_total"
Sample = tuple[str, int]
"""(labels, Unix ms)"""


class Recording:
    """The commune's agent, which writes down what it measures. ``kills``: moments of the forward clock."""

    def __init__(self, lab: LabClient, log: Path) -> None:
        self._lab, self._log = lab, log
        self._process: subprocess.Popen[bytes] | None = None
        self.kills: list[float] = []

    def start(self) -> None:
        config = self._lab.run_directory / "agents" / COMMUNE / "local.yml"
        words = [sys.executable, "-m", "tests.agent.recording_agent", str(config), str(self._log), boot_id()]
        self._process = subprocess.Popen(
            self._lab.words(f"agent-{COMMUNE}", *words),
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        """It runs among the lab's processes, in which the words to enter it have turned into it."""
        if self._process is not None:
            self._lab.ask("kill", words=["tests.agent.recording_agent", str(self._log)])
            self._process.wait(10)
            self.kills.append(boottime())
            self._process = None

    def made(self) -> dict[Sample, tuple[float, bool]]:
        """Return the value of every sample, and whether it shows a change; ends of series left out."""
        return {
            (_key(dict(labels)), time_ms): (value, made.change)
            for made in read(self._log)
            for labels, points in decode(compress((made.raw,)))
            for value, time_ms in points
            if not math.isnan(value)
        }

    def at_risk(self) -> set[Sample]:
        """Return what a kill may have cost."""
        said = list(written(self._log))
        return {
            (_key(dict(labels)), time_ms)
            for made in read(self._log)
            if at_risk(said, self.kills, made)
            for labels, points in decode(compress((made.raw,)))
            for _, time_ms in points
        }


@pytest.fixture
def recording(quiet_lab: LabClient, tmp_path: Path) -> Iterator[Recording]:
    """In place of the lab's own agent, which comes back at the end."""
    agent = Recording(quiet_lab, tmp_path / "made")
    quiet_lab.ask("fault", fault="kill_agent", what=COMMUNE)
    try:
        agent.start()
        yield agent
    finally:
        agent.kill()
        quiet_lab.ask("heal")


@contextmanager
def cut(lab: LabClient) -> Iterator[None]:
    """The commune's line carries nothing while the context is open."""

    def nft(rules: str) -> None:
        words = lab.words(f"gw-{COMMUNE}", str(find("nft")), "-f", "-")
        subprocess.run(words, input=rules, text=True, check=True)

    nft(CUT)
    try:
        yield
    finally:
        nft("delete table inet cut")


def stored(lab: LabClient, query: str) -> list[dict[str, Any]]:
    url = "http://127.0.0.1:9490/api/v1/query?" + urlencode({"query": query})
    said = subprocess.run(lab.words("hub", "curl", "-s", url), capture_output=True, check=True, timeout=20)
    found: list[dict[str, Any]] = json.loads(said.stdout)["data"]["result"]
    return found


def samples(lab: LabClient) -> dict[Sample, float]:
    return {
        (_key(series["metric"]), round(at * 1000)): float(text)
        for series in stored(lab, f'{{job="thongsuot-agent",site="{COMMUNE}"}}[4m]')
        for at, text in series["values"]
    }


def until(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not (held := condition()) and time.monotonic() < end:
        time.sleep(0.5)
    return held


def _key(labels: dict[str, str]) -> str:
    return json.dumps(labels, sort_keys=True)


def test_what_was_measured_while_the_line_was_cut_and_the_agent_killed_arrives(
    quiet_lab: LabClient, recording: Recording
) -> None:
    time.sleep(BEFORE)
    began = time.time()
    with cut(quiet_lab):
        time.sleep(FIRST)
        recording.kill()
        recording.start()
        time.sleep(SECOND)
    ended = time.time()

    def in_the_cut() -> dict[Sample, float]:
        at_risk = recording.at_risk()
        return {
            sample: value
            for sample, (value, _) in recording.made().items()
            if began <= sample[1] / 1000 <= ended and sample not in at_risk
        }

    measured = in_the_cut()
    arrived = until(lambda: measured.keys() <= samples(quiet_lab).keys(), ARRIVAL_SECONDS)
    at_hub = samples(quiet_lab)
    missing = [sample for sample in measured if sample not in at_hub]
    assert arrived, (len(missing), len(measured), missing[:3])
    assert len(measured) > 500
    assert {sample: at_hub[sample] for sample in measured} == measured, "times and values are the same"
    assert any(change for _, change in recording.made().values()), "the cut was noticed"

    everything = recording.made()
    invented = {sample for sample in at_hub if sample[1] / 1000 >= began} - everything.keys()
    assert not invented, "nothing is stored that was not measured"
    assert stored(quiet_lab, f'resets({STATE_SECONDS}{{site="{COMMUNE}"}}[4m]) > 0') == []
