"""Debian's snmpd as the commune's router: real bytes through it, counted exactly; slow, gone and back.

Three namespaces: this host (10.99.0.2), the router between (lan 10.99.0.1, wan 10.98.0.1), and a network
beyond that swallows everything. What is measured there comes back as JSON.
"""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Literal

import pytest

from deploy.lab import routers
from exporters.base import Outcome, Target
from exporters.collectors import traffic
from exporters.snmpio.options import Snmp
from inventory.model import Snmp as Asked

pytestmark = pytest.mark.lab

NETWORK = """
set -e
ip link set lo up
unshare -n sleep 100 & router=$!
unshare -n sleep 100 & beyond=$!
trap 'kill $router $beyond' EXIT
for pid in $router $beyond; do
  until [ "$(readlink /proc/$pid/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
done
ip link add here type veth peer name lan netns $router
ip addr add 10.99.0.2/24 dev here
ip addr add fd99::2/64 dev here nodad
ip link set here up
nsenter -t $router -n sh -e -c '
  echo 1 > /proc/sys/net/ipv4/ip_forward
  ip link set lo up
  ip addr add 10.99.0.1/24 dev lan
  ip addr add fd99::1/64 dev lan nodad
  ip link set lan up
  ip link add wan type veth peer name far netns '$beyond'
  echo 1 > /proc/sys/net/ipv6/conf/wan/disable_ipv6
  ip addr add 10.98.0.1/24 dev wan
  ip link set wan up
  ip neigh add 10.98.0.2 lladdr 02:00:00:00:00:02 dev wan'
nsenter -t $beyond -n sh -e -c '
  echo 1 > /proc/sys/net/ipv6/conf/far/disable_ipv6
  ip link set far up'
ip route add 10.98.0.0/24 via 10.99.0.1
{python} -m tests.exporters.test_snmp_real {scene} $router {directory}
"""
SECRETS = {"community_file": "cong-dong", "auth_key_file": "khoa-xac-thuc", "privacy_key_file": "khoa-ma-hoa"}
Asking = dict[str, Any]
V2C: Asking = {"community_file": ""}
USERS: dict[str, Asking] = {
    "v2c": V2C,
    "v3-sha-aes": {"auth_protocol": "sha", "privacy_protocol": "aes"},
    "v3-sha256-aes": {"auth_protocol": "sha256", "privacy_protocol": "aes"},
    "v3-sha512-aes": {"auth_protocol": "sha512", "privacy_protocol": "aes"},
    "v3-md5-des": {"auth_protocol": "md5", "privacy_protocol": "des"},
    "v3-sha-only": {"auth_protocol": "sha"},
}
PACKETS, PAYLOAD_BYTES = 400, 1000
FRAME_BYTES = 14 + 20 + 8 + PAYLOAD_BYTES


def play(scene: str, directory: Path) -> Any:
    """Return what a scene returns, played in the network."""
    for name, secret in SECRETS.items():
        (directory / name).write_text(secret + "\n")
    script = NETWORK.format(python=sys.executable, scene=scene, directory=directory)
    command = ["unshare", "-n", "bash", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_byte_that_was_sent_is_counted(tmp_path: Path) -> None:
    assert play("bytes", tmp_path) == {
        "first": ["ok", ""],
        "up": {"bytes": PACKETS * FRAME_BYTES, "packets": PACKETS, "errors": 0, "drops": 0},
        "down": {"bytes": 0, "packets": 0, "errors": 0, "drops": 0},
        "lan, facing in": True,
    }


def test_versions_users_and_wrong_keys(tmp_path: Path) -> None:
    found = play("users", tmp_path)
    assert {name: reason for name, (reason, _) in found.items()} == dict.fromkeys(USERS, "ok") | {
        "over IPv6": "ok",
        "wrong community": "timeout",
        "unknown user": "auth",
        "wrong auth key": "auth",
        "wrong privacy key": "stalled",
        "wrong privacy key, again": "stalled",
        "too little security": "auth",
    }
    for _, evidence in found.values():
        assert not any(secret in evidence for secret in SECRETS.values())


def test_a_router_that_hangs_restarts_and_changes(tmp_path: Path) -> None:
    found = play("troubles", tmp_path)
    assert {name: reason for name, (reason, _) in found.items() if name != "loop"} == {
        "well": "ok",
        "stopped": "timeout",
        "continued": "ok",
        "killed": "refused",
        "restarted": "ok",
        "interface gone": "ok",
        "interface made again": "ok",
        "counted after that": "ok",
    }
    assert found["restarted"][1] == "0"
    assert found["interface gone"][1] == found["interface made again"][1] == "0"
    assert found["counted after that"][1] == str(10 * FRAME_BYTES)
    assert found["loop"] == ["ok", ""]  # all the while, the loop turned


# --- inside the network ------------------------------------------------------------------------------
class Field:
    """The router's snmpd, and who polls it."""

    def __init__(self, router: int, directory: Path) -> None:
        self.router, self.directory = router, directory
        self.targets: dict[str, Target] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def asked(self, options: Asking) -> Asking:
        """Options of one way of asking, with the files that it needs."""
        files = {name: str(self.directory / name) for name in SECRETS}
        if "community_file" in options:
            return {"community_file": files["community_file"]}
        found: Asking = {
            "version": "3",
            "user": "giam-sat",
            "auth_key_file": files["auth_key_file"],
            **options,
        }
        private = {"privacy_key_file": files["privacy_key_file"]} if "privacy_protocol" in found else {}
        return found | private

    def start(self, options: Asking, address: str = "10.99.0.1") -> None:
        """Run snmpd in the router's namespace, as the lab does."""
        self.stop()
        state = self.directory / "snmpd"
        state.mkdir(exist_ok=True)
        path = state / "snmpd.conf"
        path.write_text(routers.configuration(Asked(address=address, **self.asked(options))))
        words = ["nsenter", f"--net=/proc/{self.router}/ns/net", "--", *routers.command(path)]
        with (state / "log").open("ab") as log:
            self._process = subprocess.Popen(words, stderr=log, env=routers.environment(state))

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            if how is signal.SIGKILL:
                self._process.wait()
                self._process = None

    def run(self, *words: str) -> None:
        """Run a command in the router."""
        subprocess.run(["nsenter", f"--net=/proc/{self.router}/ns/net", "--", *words], check=True)

    async def poll(
        self,
        interface: str,
        options: Asking,
        *,
        seconds: float = 5.0,
        facing: Literal["out", "in"] = "out",
        address: str = "10.99.0.1",
    ) -> Outcome:
        """Poll; the same words are the same target."""
        config = traffic.Config(interface=interface, facing=facing, snmp=Snmp(**self.asked(options)))
        name = f"{interface} {facing} {options}"
        host = f"[{address}]:161" if ":" in address else f"{address}:161"
        target = self.targets.setdefault(name, Target(name=name, address=host, timeout_seconds=seconds))
        return await traffic.probe(target, config)

    async def answering(self, interface: str, options: Asking, address: str = "10.99.0.1") -> Outcome:
        """Poll until the daemon that was just started listens."""
        async with asyncio.timeout(20):
            while True:
                outcome = await self.poll(interface, options, address=address)
                if outcome.reason.value != "refused":
                    return outcome
                await asyncio.sleep(0.05)


def send(packets: int) -> None:
    """Send datagrams of a known size through the router."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _ in range(packets):
            sock.sendto(b"x" * PAYLOAD_BYTES, ("10.98.0.2", 9))
            time.sleep(0.0002)


def counted(outcome: Outcome, direction: str) -> dict[str, float]:
    return {
        sample.metric.name.split("_")[2]: sample.value
        for sample in outcome.samples
        if sample.labels == (("direction", direction),)
    }


def result(outcome: Outcome) -> list[str]:
    return [outcome.reason.value, outcome.evidence]


async def _bytes(field: Field) -> dict[str, Any]:
    """All bytes pass; snmpd looks at its interfaces every three seconds only."""
    field.start(V2C)
    first = await field.answering("wan", V2C)
    await field.poll("lan", V2C, facing="in")
    send(PACKETS)
    up, down = dict.fromkeys(("bytes", "packets", "errors", "drops"), 0.0), {}
    lan = 0.0
    async with asyncio.timeout(30):
        while up["packets"] < PACKETS or lan < PACKETS * FRAME_BYTES:
            outcome = await field.poll("wan", V2C)
            more, down = counted(outcome, "up"), counted(outcome, "down")
            up = {name: up[name] + value for name, value in more.items()}
            lan += counted(await field.poll("lan", V2C, facing="in"), "up")["bytes"]
            await asyncio.sleep(0.1)
    polls_too = PACKETS * FRAME_BYTES * 1.5  # our own questions reach the router by its lan
    return {"first": result(first), "up": up, "down": down, "lan, facing in": lan < polls_too}


async def _users(field: Field) -> dict[str, Any]:
    found = {}
    for name, options in USERS.items():
        field.start(options)
        found[name] = result(await field.answering("wan", options))
    ways = {
        "unknown user": {"user": "ai-do"},
        "wrong auth key": {"auth_key_file": str(field.directory / "other")},
        "too little security": {"user": "giam-sat"},
    }
    (field.directory / "other").write_text("khoa-khac-hoan-toan")
    full = {"auth_protocol": "sha", "privacy_protocol": "aes"}
    field.start(full)
    await field.answering("wan", full)
    for name, options in ways.items():
        kept = {} if name == "too little security" else full
        found[name] = result(await field.poll("wan", {**kept, **options}))
    wrong = {**full, "privacy_key_file": str(field.directory / "other")}
    found["wrong privacy key"] = result(await _poll_with(field, wrong))
    found["wrong privacy key, again"] = result(await _poll_with(field, wrong))
    field.start(V2C)
    await field.answering("wan", V2C)
    snmp = Snmp(community_file=str(field.directory / "other"))
    target = Target(name="wrong", address="10.99.0.1:161", timeout_seconds=1.0)
    found["wrong community"] = result(await traffic.probe(target, traffic.Config(interface="wan", snmp=snmp)))
    field.start(V2C, "fd99::1")
    field.targets.clear()
    found["over IPv6"] = result(await field.answering("wan", V2C, "fd99::1"))
    return found


_kept: list[Target] = []


async def _poll_with(field: Field, options: Asking) -> Outcome:
    """Poll with a privacy key of one's own: the same target each time."""
    if not _kept:
        _kept.append(Target(name="privacy", address="10.99.0.1:161", timeout_seconds=2.0))
    asked = field.asked({"auth_protocol": "sha", "privacy_protocol": "aes"}) | options
    return await traffic.probe(_kept[0], traffic.Config(interface="wan", snmp=Snmp(**asked)))


async def _troubles(field: Field) -> dict[str, Any]:
    turns = asyncio.create_task(_worst_turn())
    field.start(V2C)
    found = {"well": result(await field.answering("wan", V2C))}
    field.stop(signal.SIGSTOP)
    field.targets.clear()
    found["stopped"] = result(await field.poll("wan", V2C, seconds=1.0))
    field.stop(signal.SIGCONT)
    found["continued"] = result(await field.poll("wan", V2C))
    field.stop()
    found["killed"] = result(await field.poll("wan", V2C))
    send(50)
    field.start(V2C)
    found["restarted"] = _bytes_up(await field.answering("wan", V2C))
    field.run("ip", "link", "del", "wan")
    found["interface gone"] = _bytes_up(await _settled(field))
    field.run("ip", "link", "add", "wan", "type", "veth", "peer", "name", "far")
    for words in ("addr add 10.98.0.1/24 dev wan", "link set far up", "link set wan up"):
        field.run("ip", *words.split())
    field.run("ip", "neigh", "add", "10.98.0.2", "lladdr", "02:00:00:00:00:02", "dev", "wan")
    field.run("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6")
    found["interface made again"] = _bytes_up(await _settled(field))
    send(10)
    found["counted after that"] = _bytes_up(await _moved(field))
    found["loop"] = await _judged(turns)
    return found


async def _settled(field: Field) -> Outcome:
    """Wait until snmpd, which looks at its interfaces every 3 s, looked and saw nothing pass."""
    quiet = 0.0
    last = time.monotonic()
    async with asyncio.timeout(30):
        while quiet < 4.0:
            outcome = await field.poll("wan", V2C)
            quiet = 0.0 if counted(outcome, "up")["bytes"] else quiet + time.monotonic() - last
            last = time.monotonic()
            await asyncio.sleep(0.2)
    return outcome


async def _moved(field: Field) -> Outcome:
    async with asyncio.timeout(30):
        while True:
            outcome = await field.poll("wan", V2C)
            if counted(outcome, "up")["bytes"]:
                return outcome
            await asyncio.sleep(0.2)


def _bytes_up(outcome: Outcome) -> list[str]:
    return [outcome.reason.value, f"{counted(outcome, 'up')['bytes']:.0f}"]


async def _worst_turn() -> list[float]:
    """How late the loop was, each hundredth of a second."""
    late: list[float] = []
    while True:
        before = time.perf_counter()
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            return late
        late.append(time.perf_counter() - before - 0.01)


async def _judged(turns: asyncio.Task[list[float]]) -> list[str]:
    """A poll that blocked for its whole deadline of a second would show; a busy machine does not."""
    turns.cancel()
    late = await turns
    return ["ok", ""] if max(late) < 0.9 else ["late", f"{max(late):.3f} s"]


async def _main(scene: str, router: int, directory: Path) -> None:
    field = Field(router, directory)
    try:
        found = await {"bytes": _bytes, "users": _users, "troubles": _troubles}[scene](field)
    finally:
        field.stop(signal.SIGCONT)
        field.stop()
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
