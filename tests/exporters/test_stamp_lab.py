"""Two namespaces and a router between them that drops by order: what it counted is the truth.

The reflector is the real command. Nothing leaves these namespaces.
"""

import asyncio
import json
import subprocess
import sys
from collections import Counter

import pytest

from deploy.debian import environment, find
from exporters.base import Target
from exporters.probes import stamp
from exporters.registry import convert_options

pytestmark = pytest.mark.lab

NETWORK = """
set -e
ip link set lo up
unshare -n sleep 300 & router=$!
unshare -n sleep 300 & far=$!
trap 'kill $router $far $reflector 2>/dev/null' EXIT
for pid in $router $far; do
  until [ "$(readlink /proc/$pid/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
done
ip link add here type veth peer name near netns $router
ip addr add 10.99.0.2/24 dev here
ip addr add fd99::2/64 dev here nodad
ip link set here up
nsenter -t $router -n sh -e -c "
  ip link add away type veth peer name there netns $far
  ip addr add 10.99.0.1/24 dev near
  ip addr add fd99::1/64 dev near nodad
  ip addr add 10.98.0.1/24 dev away
  ip addr add fd98::1/64 dev away nodad
  ip link set near up
  ip link set away up
  echo 1 > /proc/sys/net/ipv4/ip_forward
  echo 1 > /proc/sys/net/ipv6/conf/all/forwarding"
nsenter -t $far -n sh -e -c "
  ip link set lo up
  ip addr add 10.98.0.2/24 dev there
  ip addr add fd98::2/64 dev there nodad
  ip link set there up
  ip route add default via 10.98.0.1
  ip -6 route add default via fd98::1"
ip route add default via 10.99.0.1
ip -6 route add default via fd99::1
nsenter -t $router -n {nft} -f - <<'RULES'
{rules}
RULES
nsenter -t $far -n {python} -m deploy.cli --lang en reflect --stamp-listen :862 >/dev/null & reflector=$!
until nsenter -t $far -n {python} -c \
  'import socket; socket.create_connection(("127.0.0.1", 9498), 1)' 2>/dev/null; do sleep 0.2; done
{python} -m tests.exporters.test_stamp_lab '{address}' {trains}
nsenter -t $router -n {nft} -j list counters
"""
RULES = """
table inet truth {{
  counter up {{ }}
  counter down {{ }}
  chain forward {{
    type filter hook forward priority 0;
    iifname "near" udp dport 862 numgen random mod 100 < {up} counter name up drop
    iifname "away" udp sport 862 numgen random mod 100 < {down} counter name down drop
  }}
}}
"""


def run(address: str, up: int, down: int, trains: int = 5) -> tuple[dict[str, float], dict[str, int]]:
    """Return what the probe told altogether, and the router's counters."""
    rules = RULES.format(up=up, down=down)
    script = NETWORK.format(
        nft=find("nft"), python=sys.executable, rules=rules, address=address, trains=trains
    )
    done = subprocess.run(
        ["unshare", "-n", "bash", "-c", script],
        capture_output=True, text=True, timeout=100, check=False, env=environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told, _, counters = done.stdout.partition("\n")
    truth = {
        item["counter"]["name"]: item["counter"]["packets"]
        for item in json.loads(counters)["nftables"]
        if "counter" in item
    }
    result: dict[str, float] = json.loads(told)
    return result, truth


@pytest.mark.parametrize(
    ("address", "up", "down"),
    [("10.98.0.2:862", 20, 0), ("10.98.0.2:862", 0, 20), ("10.98.0.2:862", 10, 15), ("[fd98::2]:862", 15, 5)],
)
def test_losses_each_way_are_what_the_router_dropped(address: str, up: int, down: int) -> None:
    told, truth = run(address, up, down)
    assert truth["up"] + truth["down"] > 20
    assert told["up"] == truth["up"]
    assert told["down"] == truth["down"]
    assert told["unknown"] == 0
    assert told["waiting"] == 0


def test_a_line_without_loss_has_none() -> None:
    told, truth = run("10.98.0.2:862", 0, 0, trains=2)
    assert truth == {"up": 0, "down": 0}
    assert (told["up"], told["down"], told["unknown"]) == (0, 0, 0)
    assert 0 < told["rtt"] < 0.1


async def _measure(address: str, trains: int) -> dict[str, float]:
    """Measure until nothing is waiting to be told apart by a later packet."""
    options = {"packets_per_second": 100, "train_seconds": 0.5}
    config = convert_options("stamp", options)
    assert isinstance(config, stamp.Config)
    target = Target(name="lab", address=address, timeout_seconds=1.2)
    told: Counter[str] = Counter()
    rtt = waiting = 0.0
    for number in range(trains + 20):
        outcome = await stamp.probe(target, config)
        for sample in outcome.samples:
            name, labels = sample.metric.name, dict(sample.labels)
            if name.endswith("lost_total"):
                told[labels["direction"]] += int(sample.value)
            elif name.endswith("loss_ratio") and labels["direction"] == "unknown":
                waiting = sample.value
            elif labels == {"stat": "p50"}:
                rtt = sample.value
        if number >= trains and waiting == 0:
            break
    return {
        "up": told["up"],
        "down": told["down"],
        "unknown": told["unknown"],
        "rtt": rtt,
        "waiting": waiting,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_measure(sys.argv[1], int(sys.argv[2])))))
