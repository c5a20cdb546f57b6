"""A line that the lab makes bad: as bad as told, and well again."""

import re

import pytest

from deploy.lab.impair import Fate, decode
from tests.lab.client import LabClient

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

NODE, HUB = "agent-21085", "10.51.0.1"
SIZE = 300
"""Of the payload, by which the log knows our pings among the agent's."""


def ping(lab: LabClient, count: int) -> str:
    words = ["ping", "-n", "-c", str(count), "-i", "0.01", "-W", "5", "-s", str(SIZE), HUB]
    output: str = lab.ask("run", node=NODE, words=words, seconds=30)["output"]
    return output


def test_a_line_is_as_bad_as_told_and_heals(quiet_lab: LabClient) -> None:
    up = {"delay_seconds": 0.15, "loss_ratio": 0.2}
    quiet_lab.ask("fault", fault="impair_line", what="21085", up=up, down={"delay_seconds": 0.05})
    said = ping(quiet_lab, 50)
    answered = [float(time) for time in re.findall(r"time=([\d.]+) ms", said)]
    assert answered
    assert min(answered) >= 200, "nothing comes back earlier than the delays allow"
    quiet_lab.ask("pages", seconds=1)  # the relay writes its log when it has nothing else to do
    quiet_lab.ask("heal")
    assert "10.51.0.1" in ping(quiet_lab, 1)
    assert "relay" not in quiet_lab.ask("run", node="gw-21085", words=["ip", "route"])["output"]
    log = (quiet_lab.run_directory / "logs" / "relay-21085.bin").read_bytes()
    ours = [r for r in decode(log) if r.size == SIZE + 28 and r.direction == 0]
    assert len(ours) == 50
    assert sum(record.fate is Fate.LOST for record in ours) == 50 - len(answered)
