"""Every commune of the lab measures its line against the hub's reflector, each way by itself."""

import json
import sys
from urllib.parse import quote

import pytest

from tests.lab.client import LabClient

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]
LOOKS = 12
LOOK_SECONDS = 5

ASK = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())"


def query(lab: LabClient, expression: str) -> dict[str, float]:
    """Return the values of an instant query at the hub, by commune."""
    url = f"http://127.0.0.1:9490/api/v1/query?query={quote(expression)}"
    answer = lab.ask("run", node="hub", words=[sys.executable, "-c", ASK, url], seconds=30)
    assert answer["status"] == 0, answer["output"]
    rows = json.loads(answer["output"])["data"]["result"]
    return {row["metric"]["commune"]: float(row["value"][1]) for row in rows}


def test_lines_are_measured_each_way(quiet_lab: LabClient) -> None:
    for _ in range(LOOKS):  # agents were there before the reflector was: their first packets are lost
        whole = query(quiet_lab, "sum by (commune) (thongsuot_stamp_loss_ratio) == 0")
        if len(whole) == 6:
            break
        quiet_lab.ask("pages", seconds=LOOK_SECONDS)
    assert len(whole) == 6
    sent = query(quiet_lab, "thongsuot_stamp_packets_sent_total > 100")
    assert len(sent) == 6
    trips = query(quiet_lab, 'thongsuot_stamp_rtt_seconds{stat="p50"}')
    assert trips.keys() == sent.keys()
    assert all(0 < seconds < 0.1 for seconds in trips.values())
