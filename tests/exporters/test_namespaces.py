"""Probes in network namespaces of their own: routers that answer, routes that are missing, cables cut.

A namespace with one router behind a pair of virtual Ethernet devices; what is measured there comes
back as JSON. Nothing leaves these namespaces.
"""

import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest

from exporters.base import Target
from exporters.icmpio.pinger import pinger_for
from exporters.icmpio.sockets import Manner
from exporters.net.resolve import literal
from exporters.registry import convert_options, kinds

pytestmark = pytest.mark.lab

NETWORK = """
set -e
ip link set lo up
echo '{groups}' > /proc/sys/net/ipv4/ping_group_range
unshare -n sleep 60 & router=$!
trap 'kill $router' EXIT
until [ "$(readlink /proc/$router/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
ip link add here type veth peer name there netns $router
ip addr add 10.99.0.2/24 dev here
ip addr add fd99::2/64 dev here nodad
ip link set here up
ip route add default via 10.99.0.1
ip -6 route add default via fd99::1
ip route add prohibit 10.98.0.1
nsenter -t $router -n sh -e -c '
  ip addr add 10.99.0.1/24 dev there
  ip addr add fd99::1/64 dev there nodad
  ip link set there up
  ip route add unreachable 10.97.0.0/16
  ip -6 route add unreachable fd97::/64
  ip route add blackhole 10.96.0.0/16
  echo 1 > /proc/sys/net/ipv4/ip_forward
  echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'
{python} -m tests.exporters.test_namespaces '{targets}'
"""


def measure(*targets: tuple[str, str], groups: str = "0 2147483647") -> dict[str, Any]:
    """Return reason and evidence by address, measured in the namespace."""
    script = NETWORK.format(groups=groups, python=sys.executable, targets=json.dumps(targets))
    command = ["unshare", "-n", "bash", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize(("groups", "raw"), [("0 2147483647", False), ("1 0", True)])
def test_ping_through_either_kind_of_socket(groups: str, raw: bool) -> None:
    measured = measure(
        *(("icmp", address) for address in ("10.99.0.1", "fd99::1", "10.97.0.1", "fd97::1", "10.99.0.77")),
        *(("icmp", address) for address in ("10.98.0.1", "10.96.0.1")),
        groups=groups,
    )
    assert measured.pop("raw") == [raw, raw]
    assert {address: reason for address, (reason, _) in measured.items()} == {
        "10.99.0.1": "ok",
        "fd99::1": "ok",
        "10.97.0.1": "unreachable",
        "fd97::1": "unreachable",
        "10.99.0.77": "unreachable",  # nobody there: our own machine says so after asking by ARP
        "10.98.0.1": "local",
        "10.96.0.1": "timeout",
    }
    assert measured["10.97.0.1"][1] == "10.97.0.1: host unreachable, says 10.99.0.1"
    assert measured["fd97::1"][1].endswith("says fd99::1")
    assert measured["10.99.0.77"][1] == "10.99.0.77: host unreachable, says 10.99.0.2"


def test_connections_tell_a_router_from_a_missing_route() -> None:
    measured = measure(
        ("tcp", "10.99.0.1:9"),
        ("tcp", "10.97.0.1:9"),
        ("tcp", "[fd97::1]:9"),
        ("tcp", "10.96.0.1:9"),
        ("tcp", "10.98.0.1:9"),
        ("http", "http://10.97.0.1/"),
    )
    del measured["raw"]
    assert {address: reason for address, (reason, _) in measured.items()} == {
        "10.99.0.1:9": "refused",
        "10.97.0.1:9": "unreachable",
        "[fd97::1]:9": "unreachable",
        "10.96.0.1:9": "timeout",
        "10.98.0.1:9": "local",
        "http://10.97.0.1/": "unreachable",
    }


async def _all(targets: list[tuple[str, str]]) -> dict[str, object]:
    """Measure all at once: an error for one must not become another's result."""

    async def one(kind: str, address: str) -> tuple[str, str]:
        target = Target(name=address, address=address, timeout_seconds=5.0 if "96" not in address else 0.5)
        outcome = await kinds()[kind].probe(target, convert_options(kind, {}))
        return str(outcome.reason), outcome.evidence

    outcomes = await asyncio.gather(*(one(kind, address) for kind, address in targets))
    raw = []
    for host in ("127.0.0.1", "::1"):
        address = literal(host)
        assert address is not None
        raw.append(pinger_for(Manner(address.family)).is_raw)
    return {address: outcome for (_, address), outcome in zip(targets, outcomes, strict=True)} | {"raw": raw}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_all(json.loads(sys.argv[1])))))
