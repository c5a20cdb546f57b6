"""The way from the communes to the hub: only through the gateway, and what the hub tells them back."""

import json
import time
import urllib.parse
from typing import Any

import pytest

from tests.lab.client import LabClient

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]
HUB = "10.51.0.1"
COMMUNE = "21040"
MINUTE = 75.0  # a minute, and the time to push what then runs


def curl(lab: LabClient, node: str, *words: str) -> tuple[int, str]:
    """Run curl in a node; returns the HTTP status (0: none) and the body."""
    command = ["curl", "-s", "-k", "-m", "4", "-w", "\n%{http_code}", *words]
    said = lab.ask("run", node=node, words=command, seconds=10)["output"]
    body, _, status = said.rpartition("\n")
    return int(status or 0), body


def query(lab: LabClient, expression: str) -> list[dict[str, Any]]:
    path = "http://127.0.0.1:9490/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    found: list[dict[str, Any]] = json.loads(curl(lab, "hub", path)[1])["data"]["result"]
    return found


def versions(lab: LabClient, metric: str) -> dict[str, str]:
    found = query(lab, f'{metric}{{commune!=""}}')
    return {series["metric"]["commune"]: series["metric"]["config"] for series in found}


def test_a_commune_reaches_the_gateway_and_nothing_else_of_the_hub(lab: LabClient) -> None:
    agent = f"agent-{COMMUNE}"
    assert curl(lab, agent, f"https://{HUB}:9499/-/healthy")[0] == 200
    assert curl(lab, agent, f"https://{HUB}:9499/api/v1/config")[0] == 401
    for port in (9490, 9492, 9493, 9494, 9495, 9496, 9497, 9498):
        assert curl(lab, agent, f"http://{HUB}:{port}/metrics")[0] == 0, port


def test_nothing_that_agents_send_is_left_out(lab: LabClient) -> None:
    assert query(lab, "sum(thongsuot_ingest_stored_samples_total) > 1000")
    assert query(lab, "thongsuot_ingest_left_out_samples_total") == []


def test_one_communes_token_reads_no_other_configuration(lab: LabClient) -> None:
    token = (lab.run_directory / "agents" / COMMUNE / "token").read_text().strip()
    header = f"Authorization: Bearer {token}"
    status, body = curl(lab, "agent-21061", "-H", header, f"https://{HUB}:9499/api/v1/config?site=21061")
    assert (status, f'site: "{COMMUNE}"' in body or f"site: '{COMMUNE}'" in body) == (200, True)


def test_a_changed_inventory_is_everywhere_within_a_minute(lab: LabClient) -> None:
    path = lab.run_directory / "province.yml"
    good = path.read_text(encoding="utf-8")
    before = versions(lab, "thongsuot_agent_build_info")
    assert before == versions(lab, "thongsuot_ingest_config_info")
    try:
        path.write_text(good + "\nprobing: {detail_push_seconds: 20}\n", encoding="utf-8")
        assert curl(lab, "hub", "-X", "POST", "-m", "60", "http://127.0.0.1:9497/-/reload")[0] == 200
        end = time.monotonic() + MINUTE
        while versions(lab, "thongsuot_agent_build_info").items() & before.items():
            assert time.monotonic() < end
            time.sleep(1)
        assert versions(lab, "thongsuot_agent_build_info") == versions(lab, "thongsuot_ingest_config_info")
        assert len(before) == 6
    finally:
        path.write_text(good, encoding="utf-8")
        assert curl(lab, "hub", "-X", "POST", "-m", "60", "http://127.0.0.1:9497/-/reload")[0] == 200
