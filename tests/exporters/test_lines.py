"""Two lines at one commune: what is bound to a line leaves by it, IPv4 and IPv6, without privileges.

A namespace with lines ``a`` (10.1.0.2, the default) and ``b`` (10.2.0.2, a default of higher metric) to a
router that answers for 10.50.0.0/16 and fd50::/64. Each case has a destination of its own, and an
AF_PACKET socket tells on which interface its packets really left.
"""

import asyncio
import json
import select
import socket
import subprocess
import sys
from typing import Any, Final

import pytest

from exporters.base import Target
from exporters.registry import convert_options, kinds

pytestmark = pytest.mark.lab

NETWORK = """
set -e
ip link set lo up
echo '0 0' > /proc/sys/net/ipv4/ping_group_range
unshare -n sleep 60 & router=$!
trap 'kill $router' EXIT
until [ "$(readlink /proc/$router/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
for line in a:1 b:2; do
  name=${{line%:*}} n=${{line#*:}}
  ip link add name $name type veth peer name to-$name netns $router
  ip addr add 10.$n.0.2/24 dev $name
  ip addr add fd0$n::2/64 dev $name nodad
  ip link set dev $name up
  nsenter -t $router -n sh -e -c "
    echo 0 > /proc/sys/net/ipv4/conf/to-$name/rp_filter
    ip addr add 10.$n.0.1/24 dev to-$name
    ip addr add fd0$n::1/64 dev to-$name nodad
    ip link set dev to-$name up"
  ip route add default via 10.$n.0.1 dev $name metric $((n * 100))
  ip -6 route add default via fd0$n::1 dev $name metric $((n * 100))
done
nsenter -t $router -n sh -e -c '
  echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter
  ip link set lo up
  ip route add local 10.50.0.0/16 dev lo
  ip -6 route add local fd50::/64 dev lo'
{policy}
{python} -m tests.exporters.test_lines '{cases}'
"""
POLICY = """
for n in 1 2; do
  name=$(test $n = 1 && echo a || echo b)
  ip route add default via 10.$n.0.1 dev $name table 10$n
  ip rule add from 10.$n.0.2 lookup 10$n priority 10$n
  ip -6 route add default via fd0$n::1 dev $name table 10$n
  ip -6 rule add from fd0$n::2 lookup 10$n priority 10$n
done
"""
KINDS: Final = ("icmp", "tcp", "http", "stamp")
UNPRIVILEGED: Final = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all")
Case = tuple[str, str, str | None]
"""Kind, address, source."""


def cases(source: str | None, version: int, first: int) -> list[Case]:
    """One case a kind, each with a destination of its own from ``first`` on."""
    found: list[Case] = []
    for number, kind in enumerate(KINDS, first):
        host = f"10.50.0.{number}" if version == 4 else f"fd50::{number:x}"
        bracketed = host if version == 4 else f"[{host}]"
        address = {"icmp": host, "http": f"http://{bracketed}:9/"}.get(kind, f"{bracketed}:9")
        found.append((kind, address, source))
    return found


def left_by(*wanted: Case, policy: str = "") -> dict[str, list[str]]:
    """Return reason and interfaces by address."""
    script = NETWORK.format(python=sys.executable, cases=json.dumps(wanted), policy=policy)
    command = ["unshare", "-n", "bash", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def lines_of(found: dict[str, list[str]], wanted: list[Case]) -> set[str]:
    """The interfaces by which the cases left; all but test packets were answered."""
    answered = {"icmp": "ok", "tcp": "refused", "http": "refused"}  # routers limit what refuses UDP
    reasons = {address: found[address][0] for kind, address, _ in wanted if kind in answered}
    assert reasons == {address: answered[kind] for kind, address, _ in wanted if kind in answered}
    return {" ".join(found[address][1:]) for _, address, _ in wanted}


SOURCES: Final = {
    "a": ("a", 4), "b": ("b", 4), "a, IPv6": ("a", 6), "b, IPv6": ("b", 6),
    "10.1.0.2": ("10.1.0.2", 4), "10.2.0.2": ("10.2.0.2", 4),
    "fd01::2": ("fd01::2", 6), "fd02::2": ("fd02::2", 6),
    "unbound": (None, 4), "unbound, IPv6": (None, 6),
}  # fmt: skip


@pytest.mark.parametrize("policy", [POLICY, ""], ids=["ip rules", "no ip rules"])
def test_what_is_bound_to_a_line_leaves_by_it(policy: str) -> None:
    planned = {
        name: cases(source, version, 16 * number)
        for number, (name, (source, version)) in enumerate(SOURCES.items(), 1)
    }
    found = left_by(*(case for some in planned.values() for case in some), policy=policy)
    assert {name: lines_of(found, some) for name, some in planned.items()} == {
        "a": {"a"},
        "b": {"b"},
        "a, IPv6": {"a"},
        "b, IPv6": {"b"},
        "10.1.0.2": {"a"},
        "10.2.0.2": {"b" if policy else "a"},  # an address alone chooses no line: the README says how
        "fd01::2": {"a"},
        "fd02::2": {"b" if policy else "a"},
        "unbound": {"a"},
        "unbound, IPv6": {"a"},
    }


def test_which_line_carries() -> None:
    four, six = ("a", "b", "10.1.0.2", "10.2.0.2"), ("a", "b", "fd01::2", "fd02::2")
    wanted: list[Case] = [("uplink", f"10.50.1.{number}", source) for number, source in enumerate(four)]
    wanted += [("uplink", f"fd50::1:{number}", source) for number, source in enumerate(six)]
    found = left_by(*wanted)
    assert [found[address] for _, address, _ in wanted] == [["ok 1"], ["ok 0"], ["ok 1"], ["ok 0"]] * 2
    moved = left_by(*wanted, policy="ip link set dev a down")
    assert [moved[address] for _, address, _ in wanted][:4] == [["ok 0"], ["ok 1"], ["ok 0"], ["ok 1"]]
    assert [moved[address] for _, address, _ in wanted][5] == ["ok 1"]
    none = left_by(*wanted[:2], policy="ip link set dev a down; ip link set dev b down")
    assert [none[address] for _, address, _ in wanted[:2]] == [["local 0"], ["local 0"]]


# --- inside the network ------------------------------------------------------------------------------
def _sniffer() -> socket.socket:
    """Hears every packet that leaves any interface, from its IP header on."""
    sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))  # ETH_P_ALL
    sniffer.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)  # SO_RCVBUFFORCE: nothing is lost while probes run
    return sniffer


def _destination(packet: bytes) -> str:
    if packet[:1] and packet[0] >> 4 == 4:
        return socket.inet_ntop(socket.AF_INET, packet[16:20])
    return socket.inet_ntop(socket.AF_INET6, packet[24:40]) if len(packet) >= 40 else ""


def _heard(sniffer: socket.socket) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    while select.select([sniffer], [], [], 0)[0]:
        packet, (interface, _, direction, *_) = sniffer.recvfrom(2048)
        if direction == 4:  # PACKET_OUTGOING
            found.setdefault(_destination(packet), set()).add(interface)
    return found


async def _probe(kind: str, address: str, source: str | None) -> str:
    target = Target(name=address, address=address, timeout_seconds=5.0, source=source)
    outcome = await kinds()[kind].probe(target, convert_options(kind, {}))
    carrying = [f" {sample.value:.0f}" for sample in outcome.samples if kind == "uplink"]
    return "".join((outcome.reason.value, *carrying))


async def _all(wanted: list[Case]) -> list[str]:
    return list(await asyncio.gather(*(_probe(*case) for case in wanted)))


def _host(address: str) -> str:
    bare = address.removeprefix("http://").removesuffix("/").removesuffix(":9")
    return bare.strip("[]")


def _main(wanted: list[Case]) -> dict[str, list[str]]:
    with _sniffer() as sniffer:
        words = [*UNPRIVILEGED, sys.executable, "-m", __spec__.name, json.dumps(wanted), "probe"]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
        heard = _heard(sniffer)
    reasons: list[str] = json.loads(done.stdout)
    return {
        address: [reason, *sorted(heard.get(_host(address), ()))]
        for (_, address, _), reason in zip(wanted, reasons, strict=True)
    }


if __name__ == "__main__":
    asked: list[Any] = json.loads(sys.argv[1])
    print(json.dumps(asyncio.run(_all(asked)) if sys.argv[2:] else _main(asked)))
