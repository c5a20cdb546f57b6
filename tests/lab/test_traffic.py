"""Utilisation over the real thing: bytes through a commune's line, read from its router, at the hub."""

import json
import sys
from urllib.parse import quote

import pytest

from tests.lab.client import LabClient

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

BYTES = "thongsuot_traffic_bytes_total"
SENDING = """
import socket
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range({packets}):
    sock.sendto(bytes({size}), ("10.51.0.1", 9))
"""
ASKING = "import urllib.request; print(urllib.request.urlopen({url!r}).read().decode())"
PACKETS, SIZE = 20_000, 1000
FRAMED = PACKETS * (SIZE + 8 + 20 + 14)
LOOKS, LOOK_SECONDS = 12, 10


def run(lab: LabClient, node: str, *words: str) -> str:
    answer = lab.ask("run", node=node, words=list(words), seconds=60)
    assert answer["status"] == 0, answer
    said: str = answer["output"]
    return said


def query(lab: LabClient, expression: str) -> dict[str, float]:
    """Values by commune."""
    url = f"http://127.0.0.1:9490/api/v1/query?query={quote(expression)}"
    found = json.loads(run(lab, "hub", sys.executable, "-c", ASKING.format(url=url)))["data"]["result"]
    return {row["metric"].get("commune", ""): float(row["value"][1]) for row in found}


def sent_by_gateway(lab: LabClient, commune: str) -> int:
    """What the kernel of the router says that its uplink sent."""
    rows = run(lab, f"gw-{commune}", "cat", "/proc/net/dev").splitlines()
    (row,) = (row for row in rows if row.strip().startswith("up:"))
    return int(row.split()[9])


def test_bytes_through_a_line_are_those_that_the_hub_sees(quiet_lab: LabClient) -> None:
    for _ in range(LOOKS):
        both = query(quiet_lab, f"count by (commune) ({BYTES})")
        if len(both) == 6 and set(both.values()) == {2.0}:
            break
        quiet_lab.ask("pages", seconds=LOOK_SECONDS)
    assert set(both.values()) == {2.0}
    assert len(both) == 6
    for commune in ("21040", "21061"):  # SNMP v2c, v3
        _check(quiet_lab, commune)


def _check(lab: LabClient, commune: str) -> None:
    expression = f'{BYTES}{{commune="{commune}",direction="up"}}'
    before, truth_before = query(lab, expression)[commune], sent_by_gateway(lab, commune)
    run(lab, f"agent-{commune}", sys.executable, "-c", SENDING.format(packets=PACKETS, size=SIZE))
    for _ in range(LOOKS):
        lab.ask("pages", seconds=LOOK_SECONDS)
        counted = query(lab, expression)[commune] - before
        if counted >= FRAMED:
            break
    truth = sent_by_gateway(lab, commune) - truth_before
    assert truth >= FRAMED
    assert counted == pytest.approx(truth, rel=0.01)
