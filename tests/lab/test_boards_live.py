"""Boards and report over the real thing: agents, hub and rules as they run."""

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.lab.client import LabClient

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

PROVINCE = Path(__file__).resolve().parents[2] / "deploy" / "lab" / "province.yml"
PATIENCE = 12
"""Looks at intervals of LOOK_SECONDS, until the cut has become an alert and the slow rules have run."""
LOOK_SECONDS = 10
NOT_HERE = {
    "On mains (1) or battery (0)", "Battery charge", "Battery time left", "Signal (RSRP)",
    "Signal to noise (SINR)",
    # Tests wait for their hour, which is half a day away.
    "Measured goodput and contracted rate", "Round trip: idle and under load", "Latency under load: grade",
    "Bytes left for tests this month",
}  # fmt: skip
"""Panels of what this province does not measure, or not now."""
MACHINES = {"Temperature", "One-way delay (as good as both clocks)"}
"""Panels of what not every machine can tell."""
HOURLY = {"95th percentile of utilisation over 7 days", "Communes and dead zones"}
"""Panels of what is worked out now and then, over days."""
QUIET = {"Lines that need attention"}


def at_hub(lab: LabClient, *words: str) -> tuple[int, str]:
    """Run the ``thongsuot`` command at the hub, where Prometheus listens."""
    answer = lab.ask("run", node="hub", words=[sys.executable, "-m", "deploy.cli", *words], seconds=60)
    return answer["status"], answer["output"]


def listed(said: str) -> dict[str, str]:
    """Panels without data, and why."""
    found = (LISTED.fullmatch(line) for line in said.splitlines())
    return {match["panel"]: match["why"] for match in found if match}


LISTED = re.compile(r"thongsuot-\w+-en: (?P<panel>.+) \((?:[A-Z]|variable)\): (?P<why>.+)")


def test_every_query_of_every_board_has_data_while_a_line_is_cut(quiet_lab: LabClient) -> None:
    quiet_lab.ask("fault", fault="cut_line", what="21040")
    try:
        for _ in range(PATIENCE):
            status, said = at_hub(quiet_lab, "boards", "check", "--lang", "en")
            found = listed(said)
            if status == 0 and found.keys() <= NOT_HERE | MACHINES | HOURLY | QUIET:
                break
            quiet_lab.ask("pages", seconds=LOOK_SECONDS)
    finally:
        quiet_lab.ask("heal")
    assert status == 0, said
    assert NOT_HERE <= found.keys() <= NOT_HERE | MACHINES | HOURLY | QUIET
    assert all("not measured here: no series of thongsuot_" in found[panel] for panel in NOT_HERE)
    assert said.splitlines()[-1].startswith("Every query about what is measured here has data")


def test_the_report_accounts_for_what_was_measured_and_invents_nothing(quiet_lab: LabClient) -> None:
    month = datetime.now(UTC).astimezone(ZoneInfo("Asia/Ho_Chi_Minh")).strftime("%Y-%m")
    status, said = at_hub(quiet_lab, "report", str(PROVINCE), "--month", month, "--format", "json")
    assert status == 0, said
    rows: list[dict[str, Any]] = json.loads(said)["rows"]
    assert {row["subject"] for row in rows} == {"line", "system"}
    for row in rows:
        assert row["heard"]
        assert row["up_seconds"] > 0, row
        assert row["availability_min"] < 0.5 < row["availability_max"]  # minutes of a month are known
