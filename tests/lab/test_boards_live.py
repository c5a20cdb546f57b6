"""Boards and report over the real thing: agents, hub and rules as they run."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.lab.client import LabClient

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

PROVINCE = Path(__file__).resolve().parents[2] / "deploy" / "lab" / "province.yml"
PATIENCE = 6
"""Looks at intervals of LOOK_SECONDS, until the cut has become an alert and the slow rules have run."""
LOOK_SECONDS = 10


def at_hub(lab: LabClient, *words: str) -> tuple[int, str]:
    """Run the ``thongsuot`` command at the hub, where Prometheus listens."""
    answer = lab.ask("run", node="hub", words=[sys.executable, "-m", "deploy.cli", *words], seconds=60)
    return answer["status"], answer["output"]


def test_every_query_of_every_board_has_data_while_a_line_is_cut(quiet_lab: LabClient) -> None:
    quiet_lab.ask("fault", fault="cut_line", what="21040")
    try:
        for _ in range(PATIENCE):
            status, said = at_hub(quiet_lab, "boards", "check", "--lang", "en")
            if status == 0:
                break
            quiet_lab.ask("pages", seconds=LOOK_SECONDS)
    finally:
        quiet_lab.ask("heal")
    assert (status, said.strip()) == (0, "Every query of the boards has data.")


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
