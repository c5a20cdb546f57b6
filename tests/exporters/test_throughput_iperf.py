"""iperf3 as an engine: its own recordings, any bytes, and the real program on loopback."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy import debian
from exporters.base import Target
from exporters.net.failure import Failure
from exporters.probes import throughput
from exporters.throughputio import iperf
from exporters.throughputio.config import Config
from exporters.throughputio.estimate import estimate
from inventory.names import Reason
from tests.exporters.servers import closed_port
from tests.exporters.throughput import hub

RECORDINGS = Path(__file__).parents[1] / "recordings" / "iperf3"
TRUTH = 20e6 / 8 * 1448 / 1514
"""Of the path of the recordings: 20 Mbit/s of Ethernet frames."""


def recording(name: str) -> bytes:
    return (RECORDINGS / f"{name}.json").read_bytes()


def test_down() -> None:
    run = iperf.parse(recording("down"), "down")
    assert run.moved == json.loads(recording("down"))["end"]["sum_sent"]["bytes"]
    found = estimate(run.series)
    assert found is not None
    assert found.rate == pytest.approx(TRUTH, rel=0.03)


def test_up_is_what_the_server_received() -> None:
    output = json.loads(recording("up"))
    told = [one["sum"]["bytes"] for one in output["server_output_json"]["intervals"]]
    run = iperf.parse(recording("up"), "up")
    assert fmean(run.series) * len(run.series) / 10 == pytest.approx(sum(told), rel=0.06)
    found = estimate(run.series)
    assert found is not None
    assert found.rate == pytest.approx(TRUTH, rel=0.03)


def test_up_against_a_server_that_reports_as_text_is_what_was_sent() -> None:
    sent = [one["sum"]["bytes"] for one in json.loads(recording("up-text"))["intervals"]]
    run = iperf.parse(recording("up-text"), "up")
    assert fmean(run.series) * len(run.series) / 10 == pytest.approx(sum(sent), rel=0.06)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("unable to connect to server: Connection refused", Reason.REFUSED),
        ("unable to connect to server: Connection timed out", Reason.TIMEOUT),
        ("the server is busy running a test. try again later", Reason.STATUS),
        ("unable to receive control message: Connection reset by peer", Reason.PROTOCOL),
    ],
)
def test_errors_have_their_reasons(words: str, reason: Reason) -> None:
    with pytest.raises(Failure) as failed:
        iperf.parse(json.dumps({"error": words}).encode(), "down")
    assert failed.value.reason is reason
    assert words in failed.value.evidence


def test_the_recorded_error() -> None:
    with pytest.raises(Failure) as failed:
        iperf.parse(recording("refused"), "down")
    assert failed.value.reason is Reason.REFUSED


@given(st.binary(max_size=200), st.sampled_from(["up", "down"]))
def test_any_bytes(data: bytes, direction: str) -> None:
    with contextlib.suppress(Failure):
        iperf.parse(data, direction)  # type: ignore[arg-type]  # both are directions


number = st.one_of(st.integers(-5, 10**18), st.floats(allow_nan=False), st.none(), st.text(max_size=3))
interval = st.fixed_dictionaries(
    {"sum": st.fixed_dictionaries({"bytes": number, "start": number, "end": number})}
)
output = st.fixed_dictionaries(
    {"intervals": st.lists(interval, max_size=5)},
    optional={
        "end": st.fixed_dictionaries({"sum_sent": st.fixed_dictionaries({"bytes": number})}),
        "server_output_json": st.one_of(st.none(), st.fixed_dictionaries({"intervals": st.lists(interval)})),
        "error": st.text(max_size=9),
    },
)


@given(output)
def test_any_output(value: object) -> None:
    with contextlib.suppress(Failure):
        run = iperf.parse(json.dumps(value).encode(), "up")
        assert all(rate >= 0 for rate in run.series)
        assert run.moved > 0


# --- the real program ------------------------------------------------------------------------------
@contextlib.asynccontextmanager
async def server() -> AsyncIterator[int]:
    with closed_port() as port:
        pass
    process = await asyncio.create_subprocess_exec(
        str(debian.find("iperf3")), "-s", "-B", "127.0.0.1", "-p", str(port), "-J", "--forceflush",
        stdout=asyncio.subprocess.DEVNULL, env=debian.environment(),
    )  # fmt: skip
    try:
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                break
            await asyncio.sleep(0.01)
        yield port
    finally:
        process.kill()
        await process.wait()


@pytest.fixture
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine where Debian's package is installed."""
    for name, value in debian.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", str(debian.find("iperf3").parent))


def config(token_file: Path, port: int) -> Config:
    return Config(
        engine="iperf3",
        iperf3_address=f"127.0.0.1:{port}",
        token_file=str(token_file),
        contracted_down_mbps=40,
        contracted_up_mbps=40,
        streams=2,
        max_seconds=2,
    )


@pytest.mark.lab
@pytest.mark.usefixtures("_installed")
async def test_the_real_program_is_bounded_by_the_contract(tmp_path: Path) -> None:
    async with hub(tmp_path) as at, server() as port:
        target = Target(name="x", address=at.url, timeout_seconds=30)
        outcome = await throughput.probe(target, config(at.token_file, port))
    assert outcome.reason is Reason.OK, outcome.evidence
    rates = {
        dict(sample.labels)["direction"]: sample.value
        for sample in outcome.samples
        if sample.metric.name == "thongsuot_throughput_goodput_bytes_per_second"
    }
    assert rates.keys() == {"down", "up"}
    assert all(
        0 < rate < 40 * 125000 * 1.25 * 1.2 for rate in rates.values()
    )  # on loopback nothing else does


@pytest.mark.lab
@pytest.mark.usefixtures("_installed")
async def test_where_no_server_listens(tmp_path: Path) -> None:
    with closed_port() as port:
        async with hub(tmp_path) as at:
            target = Target(name="x", address=at.url, timeout_seconds=30)
            outcome = await throughput.probe(target, config(at.token_file, port))
    assert outcome.reason is Reason.REFUSED, outcome.evidence


async def test_where_the_program_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    async with hub(tmp_path) as at:
        target = Target(name="x", address=at.url, timeout_seconds=10)
        outcome = await throughput.probe(target, config(at.token_file, 5201))
    assert (outcome.reason, outcome.evidence) == (Reason.LOCAL, "iperf3 is not installed")
