"""A test through a shaper that the kernel counts for: nothing crosses the line that is not on account."""

import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from exporters.base import Target
from exporters.probes import throughput
from exporters.throughputio.config import Config

pytestmark = pytest.mark.lab

MBPS = 20
NETWORK = """
set -e
ip link set lo up
unshare -n sleep 90 & far=$!
trap 'kill $far' EXIT
until [ "$(readlink /proc/$far/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
ip link add near type veth peer name far netns $far
ip addr add 10.99.0.2/24 dev near
ip link set near up
nsenter -t $far -n ip addr add 10.99.0.1/24 dev far
nsenter -t $far -n ip link set lo up
nsenter -t $far -n ip link set far up
tc qdisc add dev near root tbf rate {mbps}mbit burst 16k latency 60ms
nsenter -t $far -n tc qdisc add dev far root tbf rate {mbps}mbit burst 16k latency 60ms
printf %s {token} > {directory}/token
nsenter -t $far -n {python} -m deploy.cli reflect --listen 127.0.0.1:9498 --stamp-listen 127.0.0.1:9462 \\
  --throughput-listen 10.99.0.1:9463 --token-file {directory}/token --plain-http > {directory}/log & hub=$!
trap 'kill $hub $far' EXIT
until grep -q 9463 {directory}/log; do sleep 0.05; kill -0 $hub; done
{python} -m tests.exporters.test_throughput_lab {directory}
tc -s -j qdisc show dev near
nsenter -t $far -n tc -s -j qdisc show dev far
"""


@pytest.fixture(scope="module")
def measured() -> tuple[dict[str, Any], int, int]:
    """What the probe said, and the bytes that went up and down the line, as the shapers counted them."""
    with tempfile.TemporaryDirectory() as directory:
        script = NETWORK.format(
            mbps=MBPS, token="0123456789abcdef", directory=directory, python=sys.executable
        )
        command = ["unshare", "-n", "bash", "-c", script]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    said, up, down = done.stdout.splitlines()
    return json.loads(said), int(json.loads(up)[0]["bytes"]), int(json.loads(down)[0]["bytes"])


def test_everything_on_the_line_is_on_account(measured: tuple[dict[str, Any], int, int]) -> None:
    said, up, down = measured
    assert said["reason"] == "ok", said["evidence"]
    assert up + down <= said["bytes_total"] == said["booked"]
    assert min(up, down) > 10 * MBPS * 12500  # a second of the line's rate in each direction


def test_no_goodput_is_more_than_the_line_carries(measured: tuple[dict[str, Any], int, int]) -> None:
    said, _, _ = measured
    truth = MBPS * 125000 * 1448 / 1514
    assert all(0 < rate <= truth * 1.03 for rate in said["goodput"])


async def _measure(directory: Path) -> dict[str, Any]:
    config = Config(
        token_file=str(directory / "token"),
        state_directory=str(directory),
        contracted_down_mbps=MBPS,
        contracted_up_mbps=MBPS,
        budget_gigabytes_per_month=100,
        streams=2,
    )
    target = Target(name="throughput/main", address="http://10.99.0.1:9463/", timeout_seconds=40)
    outcome = await throughput.probe(target, config)
    values = [(sample.metric.name, sample.value) for sample in outcome.samples]
    book = json.loads((directory / "throughput-main.json").read_text())
    return {
        "reason": outcome.reason,
        "evidence": outcome.evidence,
        "goodput": [value for name, value in values if name.endswith("_goodput_bytes_per_second")],
        "bytes_total": next(value for name, value in values if name.endswith("_bytes_total")),
        "booked": next(iter(book["spent"].values())),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_measure(Path(sys.argv[1])))))
