"""``uplink`` without a network of its own; with two lines: ``test_lines.py``."""

import socket
import subprocess
import sys

import psutil
import pytest

from exporters.base import Outcome, Target
from exporters.collectors import uplink
from exporters.net.resolve import Address
from inventory.names import Reason


async def ask(address: str = "127.0.0.1", source: str | None = None) -> Outcome:
    target = Target(name="uplink/main", address=address, timeout_seconds=2.0, source=source)
    return await uplink.probe(target, uplink.Config())


@pytest.mark.parametrize(
    ("address", "source", "carrying"),
    [
        ("127.0.0.1", "lo", 1.0),
        ("127.0.0.1", "127.0.0.1", 1.0),
        ("::1", "lo", 1.0),
        ("::1", "::1", 1.0),
        ("127.0.0.1", None, 1.0),
    ],
)
async def test_the_line_that_the_kernel_would_use(address: str, source: str | None, carrying: float) -> None:
    outcome = await ask(address, source)
    assert (outcome.reason, [sample.value for sample in outcome.samples]) == (Reason.OK, [carrying])


async def test_a_line_that_it_would_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uplink, "chosen_source", lambda to: "192.0.2.1")
    for source in ("lo", "127.0.0.1"):
        outcome = await ask(source=source)
        assert (outcome.reason, [sample.value for sample in outcome.samples]) == (Reason.OK, [0.0])


@pytest.mark.parametrize("source", ["192.0.2.77", "nosuch0", "2001:db8::1"])
async def test_a_source_that_is_not_ours_says_nothing_about_the_line(source: str) -> None:
    outcome = await ask("127.0.0.1" if ":" not in source else "::1", source)
    assert (outcome.reason, outcome.samples) == (Reason.LOCAL, ())
    assert source in outcome.evidence


async def test_a_source_of_the_other_version() -> None:
    outcome = await ask("127.0.0.1", "::1")
    assert (outcome.reason, outcome.samples) == (Reason.LOCAL, ())


async def test_no_packet_is_sent() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        uplink.chosen_source(Address(socket.AF_INET, "127.0.0.1"))
        with pytest.raises(BlockingIOError):
            receiver.recv(1)


async def test_a_service_that_may_not_read_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied() -> None:
        raise OSError(97, "")

    monkeypatch.setattr(psutil, "net_if_addrs", denied)
    outcome = await ask(source="lo")
    assert outcome.reason is Reason.LOCAL
    assert outcome.evidence.startswith("addresses of this machine: ")


def test_an_agent_without_routers_to_ask_does_not_import_snmp() -> None:
    script = "import sys; from exporters.registry import kinds; dict(kinds()); print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "psutil" in loaded
    assert not loaded & {"pysnmp", "pyasn1", "cryptography"}
