"""The tcp probe on loopback."""

import socket

import pytest

from exporters.base import Outcome, Target
from exporters.probes import tcp
from inventory.names import Reason
from tests.exporters.servers import closed_port, full_backlog, serve, then_silent


async def connect(
    address: str, within: float = 10.0, source: str | None = None, **options: object
) -> Outcome:
    config = tcp.Config(**options)  # type: ignore[arg-type]  # options by name
    target = Target(name="t", address=address, timeout_seconds=within, source=source)
    return await tcp.probe(target, config)


@pytest.mark.parametrize(("host", "spelt", "version"), [("127.0.0.1", "127.0.0.1", 4), ("::1", "[::1]", 6)])
async def test_a_port_that_accepts(host: str, spelt: str, version: int) -> None:
    async with serve(then_silent(), host=host) as port:
        outcome = await connect(f"{spelt}:{port}")
    assert outcome.ok
    by_phase = {dict(sample.labels).get("phase", ""): sample.value for sample in outcome.samples}
    assert by_phase.pop("") == version
    assert set(by_phase) == {"resolve", "connect"}
    assert 0 < sum(by_phase.values()) <= outcome.duration_seconds


async def test_it_leaves_by_the_source_that_is_asked_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert (await connect(f"127.0.0.1:{port}", source="127.5.5.5")).ok
        connection, (host, _) = listener.accept()
        connection.close()
        assert (await connect(f"127.0.0.1:{port}", source="lo")).ok
    assert host == "127.5.5.5"


async def test_nobody_listens() -> None:
    with closed_port() as port:
        outcome = await connect(f"127.0.0.1:{port}")
    assert outcome.reason is Reason.REFUSED
    assert outcome.evidence == f"connect to 127.0.0.1 port {port}: Connection refused"


async def test_nothing_comes_back() -> None:
    with full_backlog() as port:
        outcome = await connect(f"127.0.0.1:{port}", within=0.05)
    assert outcome.reason is Reason.TIMEOUT
    assert outcome.evidence == "connect: no answer within 0.05 s"


async def test_a_name_that_does_not_resolve() -> None:
    assert (await connect("no-such-name.invalid:80")).reason is Reason.DNS


async def test_addresses_of_the_other_version() -> None:
    assert (await connect("127.0.0.1:80", ip_version=6)).reason is Reason.LOCAL
    assert (await connect("[::1]:80", source="127.0.0.1")).reason is Reason.LOCAL
