"""Names as a whole agent machine resolves them: its own /etc, Debian's dnsmasq on port 53, and its death.

A network namespace of its own, because resolv.conf names no ports.
"""

import asyncio
import json
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from deploy import debian
from exporters.base import Outcome, Target
from exporters.dnsio import stub
from exporters.dnsio.system import load
from exporters.net import resolve
from exporters.probes import dns, tcp
from inventory.names import DNS_ANSWER_STALE, DNS_RESOLVER_UP

pytestmark = pytest.mark.lab

MACHINE = "ip link set lo up && exec {python} -m tests.exporters.test_names_lab {etc}"
RESOLV = "search ba-to.vn\nnameserver 127.0.0.1\nnameserver 127.0.0.2\noptions timeout:1 attempts:1\n"
ZONE = (
    "local-ttl=0\nhost-record=hub.ba-to.vn,127.0.0.9\nhost-record=portal.example,127.0.0.9\n"
    "local=/vn/example/\nbind-interfaces\n"
)
"""Nothing of it may be kept: whatever serves without a name server is stale."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What was measured, by what had happened before."""
    etc = tmp_path_factory.mktemp("etc")
    (etc / "resolv.conf").write_text(RESOLV)
    (etc / "hosts").write_text("127.0.0.1 localhost\n127.0.0.9 listed.example\n")
    (etc / "nsswitch.conf").write_text("hosts: files dns\n")
    script = MACHINE.format(etc=etc, python=sys.executable)
    command = ["unshare", "-n", "bash", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_names_of_hosts_file_zone_and_search_domain(told: dict[str, Any]) -> None:
    assert told["listed"] == ["ok", 0.0, ""]
    assert told["searched"] == ["ok", 0.0, ""]
    assert told["fresh"] == ["ok", 0.0, ""]
    assert told["absent"][0] == "dns"


def test_a_server_that_died_leaves_its_last_answer_marked(told: dict[str, Any]) -> None:
    reason, stale, evidence = told["stale"]
    assert (reason, stale) == ("ok", 1.0)
    assert "127.0.0.1 port 53: Connection refused" in evidence
    assert "127.0.0.2 port 53: Connection refused" in evidence
    assert "used the answer of " in evidence


def test_what_was_never_known_cannot_serve(told: dict[str, Any]) -> None:
    assert told["unknown"][0] == "dns"


def test_a_server_that_came_back_is_believed_again(told: dict[str, Any]) -> None:
    assert told["again"] == ["ok", 0.0, ""]


def test_the_second_server_serves_and_the_first_is_missed(told: dict[str, Any]) -> None:
    assert told["second"] == ["ok", 0.0, ""]
    assert told["watched"][0] == "ok"
    assert told["watched"][1] == {"127.0.0.1": 0.0, "127.0.0.2": 1.0}


# --- inside the namespaces -----------------------------------------------------------------------


class Dnsmasq:
    """A name server on port 53 of one address; started when it says so, gone when ``stop`` returns."""

    def __init__(self, etc: Path, address: str) -> None:
        conf = etc / f"dnsmasq-{address}.conf"
        conf.write_text(f"{ZONE}listen-address={address}\n")
        words = ["--no-daemon", f"--conf-file={conf}", "--no-resolv", "--no-hosts", "--pid-file", "--user="]
        self._process = subprocess.Popen(
            [str(debian.find("dnsmasq")), *words],
            stderr=subprocess.PIPE,
            text=True,
            env=debian.environment(),
        )
        assert self._process.stderr is not None
        assert any("started" in line for line in iter(self._process.stderr.readline, ""))

    def stop(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=10)


def told_of(outcome: Outcome) -> tuple[str, float | None, str]:
    stale = [sample.value for sample in outcome.samples if sample.metric is DNS_ANSWER_STALE]
    return str(outcome.reason), stale[0] if stale else None, outcome.evidence


async def connect(name: str, port: int) -> tuple[str, float | None, str]:
    return told_of(await tcp.probe(target(f"{name}:{port}"), tcp.Config()))


def target(address: str) -> Target:
    return Target(name=address, address=address, timeout_seconds=20.0)


async def _all(etc: Path) -> dict[str, Any]:
    told: dict[str, Any] = {}
    with socket.create_server(("127.0.0.9", 0)) as listener:
        port = int(listener.getsockname()[1])
        server = Dnsmasq(etc, "127.0.0.1")
        told["listed"] = await connect("listed.example", port)
        told["searched"] = await connect("hub", port)
        told["fresh"] = await connect("portal.example", port)
        told["absent"] = await connect("gone.example", port)
        server.stop()
        told["stale"] = await connect("portal.example", port)
        told["unknown"] = await connect("other.example", port)
        server = Dnsmasq(etc, "127.0.0.1")
        told["again"] = await connect("portal.example", port)
        server.stop()
        second = Dnsmasq(etc, "127.0.0.2")
        told["second"] = await connect("portal.example", port)
        outcome = await dns.probe(target("portal.example"), dns.Config())
        up = {dict(s.labels)["resolver"]: s.value for s in outcome.samples if s.metric is DNS_RESOLVER_UP}
        told["watched"] = str(outcome.reason), up
        second.stop()
    return told


def main(etc: Path) -> None:
    """Measure with the files of ``etc``, asking again at once where an agent would wait for seconds."""
    read = partial(load, etc)
    with (
        mock.patch.object(stub, "load", read),
        mock.patch.object(dns, "load", read),
        mock.patch.object(resolve, "RETRY_SECONDS", 0.0),
    ):
        print(json.dumps(asyncio.run(_all(etc))))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
