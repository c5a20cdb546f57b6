"""A path to measure over, made of four network namespaces. Inside a sandbox only (see :func:`inside`).

    near --wan-- left ==line== right --wan-- far       line: the relay of the lab, or a plain wire

``tc`` limits the rate where packets leave near and far, ``nft`` drops and counts where they pass left
(from near to far) and right (back). Addresses: near 10.99.1.2, far 10.99.2.2; fd99:1::2 and fd99:2::2.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from deploy.debian import environment, find
from deploy.lab import sandbox
from deploy.lab.impair import Impairment, Record, decode
from deploy.lab.relay import RelayOrder

NEAR, FAR = "10.99.1.2", "10.99.2.2"
NEAR6, FAR6 = "fd99:1::2", "fd99:2::2"
NODES: Final = ("near", "left", "right", "far")
GOODPUT: Final = 1448 / 1514
"""Of the rate on the wire (tc counts Ethernet frames), what TCP with time stamps carries."""
_SYSCTLS: Final = """
echo '0 0' > /proc/sys/net/ipv4/ping_group_range
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
ip link set lo up
"""
_DROPS: Final = """table inet loss {{
  counter up {{}}
  counter down {{}}
  chain forward {{
    type filter hook forward priority 0;
    iifname "{side}" {match} numgen random mod 10000 < {share} counter name {name} drop
  }}
}}
"""


def inside(module: str, *words: str, seconds: float) -> str:
    """Run ``python -m module words`` in a sandbox of its own; returns its stdout. Needs no root where
    user namespaces are allowed. Nothing is left behind, however it ends."""
    command = [*sandbox.unshare_command(), sys.executable, "-m", module, *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=seconds, check=True)
    return done.stdout


class Lane:
    """The path while the context is open. ``up`` and ``down`` go to the relay; both None: a wire.

    ``spin``: the relay takes a core of its own, where there are several, to see each packet at once.
    """

    def __init__(
        self,
        directory: Path,
        up: Impairment | None = None,
        down: Impairment | None = None,
        *,
        seed: int = 1,
        spin: bool = False,
    ) -> None:
        self.directory = directory
        self._impaired = None if up is None and down is None else (up or Impairment(), down or Impairment())
        self._seed, self._spin = seed, spin and (os.cpu_count() or 1) > 1
        self._relay: subprocess.Popen[str] | None = None
        self._running: list[subprocess.Popen[Any]] = []

    def __enter__(self) -> Self:
        try:
            self._build()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _build(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        for node in NODES:
            self._file(node).touch()
            _must(["unshare", f"--net={self._file(node)}", "true"])
            self.must(node, "sh", "-ec", _SYSCTLS)
        self._veth("near", "wan", NEAR, NEAR6, "left", "near", "10.99.1.1", "fd99:1::1")
        self._veth("far", "wan", FAR, FAR6, "right", "far", "10.99.2.1", "fd99:2::1")
        for node, other in (("near", 1), ("far", 2)):
            self.must(node, "ip", "route", "add", "default", "via", f"10.99.{other}.1")
            self.must(node, "ip", "-6", "route", "add", "default", "via", f"fd99:{other}::1")
        if self._impaired is None:
            self._veth("left", "line", "10.99.0.1", "fd99::1", "right", "line", "10.99.0.2", "fd99::2")
        else:
            self._start_relay(*self._impaired)
        for node, other, via in (("left", 2, 2), ("right", 1, 1)):
            self.must(node, "ip", "route", "add", f"10.99.{other}.0/24", "via", f"10.99.0.{via}")
            self.must(node, "ip", "-6", "route", "add", f"fd99:{other}::/64", "via", f"fd99::{via}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_all()
        for node in NODES:
            subprocess.run(["umount", str(self._file(node))], check=False, stderr=subprocess.DEVNULL)

    def stop_all(self) -> None:
        """End what :meth:`start` started, then the relay, whose log is then complete."""
        for process in (*reversed(self._running), self._relay):
            if process is not None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                if process.stdout is not None:
                    process.stdout.close()
        self._running, self._relay = [], None

    def words(self, node: str, *words: str) -> list[str]:
        """Return the command that runs ``words`` in a node."""
        return ["nsenter", f"--net={self._file(node)}", "--", *words]

    def must(self, node: str, *words: str) -> str:
        """Run a command to its end; returns its stdout. Raises CalledProcessError."""
        return _must(self.words(node, *words))

    def start(self, node: str, *words: str, **options: Any) -> subprocess.Popen[Any]:
        """Start a program that stays until the context ends."""
        process = subprocess.Popen(self.words(node, *words), env=environment(), **options)
        self._running.append(process)
        return process

    def python(self, node: str, module: str, *words: str) -> list[str]:
        """Return the command that runs a module of ours in a node."""
        return self.words(node, sys.executable, "-m", module, *words)

    def records(self) -> list[Record]:
        """Return the release log; complete once the relay has ended."""
        return list(decode(self._log.read_bytes()))

    def rate(self, node: str, bits_per_second: int, queue_ms: int = 50) -> None:
        """Limit what leaves ``near`` or ``far``, and let that much wait."""
        burst = max(3200, bits_per_second // 8 // 250)
        self.must(
            node, "tc", "qdisc", "replace", "dev", "wan", "root", "tbf", "rate", f"{bits_per_second}bit",
            "burst", str(burst), "latency", f"{queue_ms}ms",
        )  # fmt: skip

    def drop(self, direction: str, ratio: float, match: str) -> None:
        """Have nft drop ``ratio`` of what matches, in direction ``up`` or ``down``, and count it."""
        node, side = ("left", "near") if direction == "up" else ("right", "far")
        self.nft(node, _DROPS.format(side=side, match=match, share=round(ratio * 10_000), name=direction))

    def nft(self, node: str, rules: str) -> None:
        """Have nft take rules in a node. Raises CalledProcessError."""
        command = self.words(node, str(find("nft")), "-f", "-")
        subprocess.run(command, input=rules, text=True, check=True, env=environment())

    def dropped(self, direction: str) -> int:
        """Return nft's counter of packets dropped in a direction."""
        node = "left" if direction == "up" else "right"
        said = self.must(node, str(find("nft")), "-j", "list", "counter", "inet", "loss", direction)
        found = msgspec.json.decode(said)["nftables"]
        return int(next(item["counter"]["packets"] for item in found if "counter" in item))

    def namespace(self, node: str) -> Path:
        """Return the file by which a node is entered."""
        return self._file(node)

    @property
    def _log(self) -> Path:
        return self.directory / "relay.log"

    def _file(self, node: str) -> Path:
        return self.directory / f"net-{node}"

    def _start_relay(self, up: Impairment, down: Impairment) -> None:
        order = RelayOrder(
            near=str(self._file("left")), far=str(self._file("right")), log=str(self._log), up=up, down=down,
            seed=self._seed, spin=self._spin,
        )  # fmt: skip
        words = [sys.executable, "-m", "deploy.lab.relay", msgspec.json.encode(order).decode()]
        self._relay = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert self._relay.stdout is not None
        if self._relay.stdout.readline() != "ready\n":
            raise RuntimeError("the relay did not start")
        with contextlib.suppress(PermissionError):  # without root the relay waits its turn like others
            os.sched_setscheduler(self._relay.pid, os.SCHED_FIFO, os.sched_param(10))
        for node, place in (("left", 1), ("right", 2)):
            self._dress(node, "line", f"10.99.0.{place}", f"fd99::{place}", 30)

    def _veth(
        self, node: str, name: str, v4: str, v6: str, other: str, peer: str, peer4: str, peer6: str
    ) -> None:
        self.must(
            node, "ip", "link", "add", name, "type", "veth", "peer", "name", peer, "netns",
            str(self._file(other)),
        )  # fmt: skip
        self._dress(node, name, v4, v6, 24)
        self._dress(other, peer, peer4, peer6, 24)

    def _dress(self, node: str, name: str, v4: str, v6: str, length: int) -> None:
        self.must(node, "ip", "addr", "add", f"{v4}/{length}", "dev", name)
        self.must(node, "ip", "addr", "add", f"{v6}/64", "dev", name, "nodad")
        self.must(node, "ip", "link", "set", name, "up")


def _must(words: Sequence[str]) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, env=environment(), check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout
