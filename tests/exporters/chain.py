"""A chain of routers in network namespaces of its own, and a job that measures through it.

    here -- r1 -- r2 -- r3 (the hub)       10.99.k.0/24 and fd99:k::/64 before router k
              \\-- r4 --/                   10.98.0.0/16: a second way from r1 to r3, unused at first

The hub's own addresses are 10.99.99.1 and fd99:99::1. The job is a function ``name(chain)`` of the module
that asks, run by a fresh interpreter inside; what it returns comes back as JSON. Nothing leaves.
"""

import asyncio
import importlib
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from deploy.debian import environment, find

HUB4, HUB6 = "10.99.99.1", "fd99:99::1"

_SCRIPT = """
set -e
ip link set lo up
echo 0 > /proc/sys/net/ipv6/conf/default/dad_transmits  # link-local addresses serve at once
echo '{groups}' > /proc/sys/net/ipv4/ping_group_range
pids=() links=()
trap 'kill "${{pids[@]}}"' EXIT
for k in 1 2 3 4; do
  unshare -n sleep 120 & pids+=($!)
  until [ "$(readlink /proc/$!/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
  nsenter -t $! -n sh -ec '
    ip link set lo up
    echo 0 > /proc/sys/net/ipv6/conf/default/dad_transmits
    echo 1 > /proc/sys/net/ipv4/ip_forward
    echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
    echo 0 > /proc/sys/net/ipv4/icmp_ratelimit
    echo 0 > /proc/sys/net/ipv6/icmp/ratelimit
    echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter'
done
link() {{  # near's pid, far's pid, near's device, far's device, IPv4 and IPv6 prefix
  nsenter -t $1 -n ip link add $3 type veth peer name $4 netns $2
  nsenter -t $1 -n sh -ec "
    ip addr add $5.2/24 dev $3; ip addr add $6::2/64 dev $3 nodad; ip link set $3 up"
  nsenter -t $2 -n sh -ec "
    ip addr add $5.1/24 dev $4; ip addr add $6::1/64 dev $4 nodad; ip link set $4 up"
  links+=("$1 $3" "$2 $4")
}}
ready() {{  # routers ask for neighbours from their link-local addresses
  until nsenter -t $1 -n ip -6 -o addr show dev $2 scope link -tentative | grep -q .; do sleep 0.01; done
}}
link $$ ${{pids[0]}} on back 10.99.1 fd99:1
link ${{pids[0]}} ${{pids[1]}} on back 10.99.2 fd99:2
link ${{pids[1]}} ${{pids[2]}} on back 10.99.3 fd99:3
link ${{pids[0]}} ${{pids[3]}} aside back 10.98.1 fd98:1
link ${{pids[3]}} ${{pids[2]}} on aside 10.98.2 fd98:2
route() {{ nsenter -t $1 -n ip route add $2 via $3; }}
route6() {{ nsenter -t $1 -n ip -6 route add $2 via $3; }}
route $$ default 10.99.1.1;                     route6 $$ default fd99:1::1
route ${{pids[0]}} default 10.99.2.1;           route6 ${{pids[0]}} default fd99:2::1
route ${{pids[1]}} default 10.99.3.1;           route6 ${{pids[1]}} default fd99:3::1
route ${{pids[1]}} 10.99.1.0/24 10.99.2.2;      route6 ${{pids[1]}} fd99:1::/64 fd99:2::2
route ${{pids[2]}} default 10.99.3.2;           route6 ${{pids[2]}} default fd99:3::2
route ${{pids[3]}} default 10.98.2.1;           route6 ${{pids[3]}} default fd98:2::1
route ${{pids[3]}} 10.99.1.0/24 10.98.1.2;      route6 ${{pids[3]}} fd99:1::/64 fd98:1::2
nsenter -t ${{pids[2]}} -n sh -ec "ip addr add {hub4}/32 dev lo; ip addr add {hub6}/128 dev lo nodad"
for each in "${{links[@]}}"; do ready $each; done
{python} -m tests.exporters.chain {module} {job} ${{pids[@]}}
"""


class Chain:
    """The routers, by number from 1, seen from inside."""

    def __init__(self, pids: list[int]) -> None:
        self._pids = pids

    def at(self, router: int, command: str) -> str:
        """Run a shell command on a router and return what it prints."""
        return self._run(router, ["sh", "-ec", command])

    def _run(self, router: int, words: list[str]) -> str:
        words = ["nsenter", "-t", str(self._pids[router - 1]), "-n", *words]
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=30, env=environment(), check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{words}: {done.stderr}")
        return done.stdout

    def nft(self, router: int, rules: str, hook: str = "forward") -> None:
        """Set rules on what a router passes on, or on what reaches it (``input``), in place of others."""
        head = f"flush ruleset\ntable inet t {{\nchain c {{\ntype filter hook {hook} priority 0"
        ruleset = f"{head}\n{rules}\n}}\n}}\n"
        self._run(router, [str(find("nft")), ruleset])

    def counters(self, router: int) -> list[int]:
        """Return the packets of each counter of the rules, in order."""
        listed = json.loads(self._run(router, [str(find("nft")), "-j", "list", "ruleset"]))["nftables"]
        rules = [entry["rule"]["expr"] for entry in listed if "rule" in entry]
        return [part["counter"]["packets"] for expr in rules for part in expr if "counter" in part]


Job = Callable[[Chain], Awaitable[Any]]


def run(job: Job, groups: str = "0 2147483647") -> Any:
    """Build the chain, run ``job`` in it and return its result."""
    module = sys.modules[job.__module__].__spec__
    assert module is not None
    script = _SCRIPT.format(
        groups=groups, python=sys.executable, hub4=HUB4, hub6=HUB6, module=module.name, job=job.__name__
    )
    command = ["unshare", "-n", "bash", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


if __name__ == "__main__":
    _, _module, _job, *_pids = sys.argv
    _function = getattr(importlib.import_module(_module), _job)
    print(json.dumps(asyncio.run(_function(Chain([int(pid) for pid in _pids])))))
