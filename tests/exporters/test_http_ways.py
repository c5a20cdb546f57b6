"""By which way requests go: client certificates, kept connections, proxies; with nginx and tinyproxy."""

import asyncio
import gc
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.debian import find
from exporters import evidence
from exporters.base import Outcome, Target
from exporters.evidence import Notes
from exporters.httpio.proxy import read_status
from exporters.net import tcp_info
from exporters.net.literal import literal
from exporters.net.wire import Wire, connect
from exporters.probes import http
from exporters.registry import convert_options
from inventory.names import Reason
from tests.bench.probe_cpu import free_port, running
from tests.exporters.pki import Pki
from tests.exporters.servers import answering, closed_port, full_backlog, page, serve, then_silent
from tests.exporters.test_http_answer import attempt

NGINX = """\
daemon off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/nginx.log crit;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
  uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
  default_type text/html;
  ssl_protocols TLSv1.2 TLSv1.3;
  gzip on; gzip_min_length 1; gzip_proxied any;
  ssl_certificate {pem}; ssl_certificate_key {pem};
  server {{
    listen 127.0.0.1:{http};
    location / {{ return 200 "<title>xin chào</title> $connection_requests"; }}
    location = /token {{ default_type application/json; return 200 '{{"token": "abc-123"}}'; }}
    location = /go {{ return 302 /there; }}
  }}
  server {{ listen 127.0.0.1:{https} ssl; location / {{ return 200 "under TLS $connection_requests"; }} }}
  server {{
    listen 127.0.0.1:{mutual} ssl;
    ssl_client_certificate {ca}; ssl_verify_client on;
    location / {{ return 200 "hello $ssl_client_s_dn"; }}
  }}
}}
"""
TINYPROXY = """\
Port {port}
Listen 127.0.0.1
Timeout 10
MaxClients 20
ConnectPort {https}
{more}
"""


class Ports:
    def __init__(self) -> None:
        self.http, self.https, self.mutual, self.proxy, self.locked = (free_port() for _ in range(5))


@pytest.fixture(scope="module")
def ports(pki: Pki, server_pem: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    """A real nginx, a real proxy, and one that wants a password."""
    directory, ports = tmp_path_factory.mktemp("ways"), Ports()
    conf, open_, locked = directory / "nginx.conf", directory / "open.conf", directory / "locked.conf"
    conf.write_text(
        NGINX.format(dir=directory, pem=server_pem, ca=pki.ca, http=ports.http, https=ports.https,
                     mutual=ports.mutual)
    )  # fmt: skip
    open_.write_text(TINYPROXY.format(port=ports.proxy, https=ports.https, more=""))
    locked.write_text(
        TINYPROXY.format(port=ports.locked, https=ports.https, more="BasicAuth agent mat-khau-9")
    )
    proxy = str(find("tinyproxy"))
    with (
        running([str(find("nginx")), "-c", str(conf), "-p", str(directory)], ports.http),
        running([proxy, "-d", "-c", str(open_)], ports.proxy),
        running([proxy, "-d", "-c", str(locked)], ports.locked),
    ):
        yield ports


async def get(url: str, within: float = 10.0, target: Target | None = None, **options: Any) -> Outcome:
    config = convert_options("http", options)
    at = target or Target(name="t", address=url, timeout_seconds=within)
    return await http.probe(at, config)  # type: ignore[arg-type]  # it is http's


async def look(url: str, **options: Any) -> tuple[Outcome, Notes]:
    with evidence.collecting() as notes:
        return await get(url, **options), notes


def phases(outcome: Outcome) -> list[str]:
    return [value for sample in outcome.samples for name, value in sample.labels if name == "phase"]


def value(outcome: Outcome, name: str) -> float | None:
    return next((sample.value for sample in outcome.samples if sample.metric.name == name), None)


# --- a real server -------------------------------------------------------------------------------


async def test_gzip_in_chunks(ports: Ports) -> None:
    outcome, notes = await look(f"http://127.0.0.1:{ports.http}/", body_regex="xin chào", all_series=True)
    assert outcome.ok
    text = "\n".join(line for _, line in notes.lines)
    assert "content-encoding: gzip" in text
    assert "transfer-encoding: chunked" in text
    assert value(outcome, "probe_http_content_length") == -1
    assert value(outcome, "probe_http_version") == 1.1
    assert value(outcome, "probe_http_ssl") == 0
    assert value(outcome, "probe_failed_due_to_regex") == 0


async def test_a_client_certificate_is_wanted(ports: Ports, pki: Pki) -> None:
    url, mine = f"https://127.0.0.1:{ports.mutual}/", pki.host("agent-21040")
    ca = str(pki.ca)
    refused = await get(url, ca_file=ca)
    assert refused.reason is Reason.STATUS
    assert "400" in refused.evidence
    outcome = await get(url, ca_file=ca, cert_file=str(mine), body_regex="CN=agent-21040")
    assert outcome.ok, outcome.evidence


async def test_all_series_under_tls(ports: Ports, pki: Pki) -> None:
    outcome = await get(f"https://127.0.0.1:{ports.https}/", ca_file=str(pki.ca), all_series=True)
    assert outcome.ok
    assert value(outcome, "probe_http_ssl") == 1
    chain = value(outcome, "probe_ssl_last_chain_expiry_timestamp_seconds")
    assert chain == value(outcome, "probe_ssl_earliest_cert_expiry")
    labels = dict(label for sample in outcome.samples for label in sample.labels)
    assert labels["version"] == "TLSv1.3"
    usual = await get(f"https://127.0.0.1:{ports.https}/", ca_file=str(pki.ca))
    assert len(usual.samples) <= 12 < len(outcome.samples)


async def test_debug_shows_a_chain_that_was_refused(ports: Ports) -> None:
    outcome, notes = await look(f"https://127.0.0.1:{ports.https}/")
    assert outcome.reason is Reason.TLS
    (shown,) = [text for name, text in notes.lines if name == "certificate"]
    assert shown == "0: CN=server; issued by CN=root; valid 2020-01-01 00:00 UTC to 2038-01-01 00:00 UTC"


async def test_the_kernel_tells_of_the_same_connection(ports: Ports) -> None:
    outcome = await get(f"http://127.0.0.1:{ports.http}/")
    rtt = value(outcome, "thongsuot_tcp_rtt_seconds")
    assert rtt is not None
    assert 0 < rtt < 1
    assert value(outcome, "thongsuot_tcp_retransmits_total") == 0


# --- connections that are kept -------------------------------------------------------------------


async def test_each_request_opens_its_own_connection_unless_told_otherwise(ports: Ports) -> None:
    url = f"http://127.0.0.1:{ports.http}/"
    target = Target(name="kept", address=url, timeout_seconds=5)
    for reuse, counts in (("never", "11"), ("within", "11"), ("between", "12")):
        for count in counts:
            outcome = await get("", target=target, reuse_connections=reuse, body_regex=f"</title> {count}$")
            assert outcome.ok, (reuse, count, outcome.evidence)
    assert phases(outcome) == ["processing", "transfer"]
    assert value(outcome, "probe_ip_protocol") == 4


async def test_steps_and_redirects_share_a_connection_within_a_probe(ports: Ports) -> None:
    steps: list[dict[str, Any]] = [
        {"url": "/token", "capture": {"t": {"json": "$.token"}}},
        {"url": "/go"},
        {"url": "/?${t}"},
    ]
    steps[2]["body_regex"] = "</title> 4$"
    outcome = await get(f"http://127.0.0.1:{ports.http}/", steps=steps, reuse_connections="within")
    assert outcome.ok, outcome.evidence
    assert value(outcome, "probe_http_redirects") == 1


async def test_kept_under_tls_and_by_proxy(ports: Ports, pki: Pki) -> None:
    target = Target(name="tls", address=f"https://127.0.0.1:{ports.https}/", timeout_seconds=5)
    for count in (1, 2, 3):
        outcome = await get(
            "", target=target, reuse_connections="between", ca_file=str(pki.ca), body_regex=f"TLS {count}$",
            proxy=f"http://127.0.0.1:{ports.proxy}",
        )  # fmt: skip
        assert outcome.ok, outcome.evidence
        assert value(outcome, "probe_ssl_earliest_cert_expiry") is not None
    assert "tls" not in phases(outcome)


@asynccontextmanager
async def counted(*answers: bytes) -> AsyncIterator[tuple[int, list[int]]]:
    """A server that gives each connection these answers and then closes it; counts its connections."""
    connections: list[int] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        for answer in answers:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()

    async with serve(handle) as port:
        yield port, connections


KEPT = page(b"hello").replace(b"Connection: close\r\n", b"")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_a_connection_that_the_server_gave_up_is_replaced(method: str) -> None:
    answer = KEPT if method != "HEAD" else KEPT.removesuffix(b"hello")
    async with counted(answer, answer) as (port, connections):
        target = Target(name=method, address=f"http://127.0.0.1:{port}/", timeout_seconds=5)
        for _ in range(5):
            assert (await get("", target=target, reuse_connections="between", method=method)).ok
    # What is not safe to send twice never trusts an idle connection.
    assert len(connections) == (5 if method == "POST" else 3)


@pytest.mark.parametrize(
    "answer",
    [page(b"hello"), KEPT + b"HTTP", KEPT + KEPT, KEPT[:-5] + b"hello!"],
)
async def test_what_came_unasked_is_nobodys_answer(answer: bytes) -> None:
    async with counted(answer, KEPT) as (port, connections):
        target = Target(name="t", address=f"http://127.0.0.1:{port}/", timeout_seconds=5)
        for _ in range(3):
            assert (await get("", target=target, reuse_connections="between")).ok
    assert len(connections) == 3


async def test_silence_on_a_kept_connection_proves_nothing() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(KEPT)
        await asyncio.Event().wait()

    async with serve(handle) as port:
        target = Target(name="t", address=f"http://127.0.0.1:{port}/", timeout_seconds=0.3)
        assert (await get("", target=target, reuse_connections="between")).ok
        outcome = await get("", target=target, reuse_connections="between")
        assert outcome.reason is Reason.TIMEOUT  # a line that was cut meanwhile looks the same


async def test_kept_connections_go_with_their_target() -> None:
    async with counted(KEPT) as (port, _):
        before = set(os.listdir("/proc/self/fd"))
        target = Target(name="t", address=f"http://127.0.0.1:{port}/", timeout_seconds=5)
        assert (await get("", target=target, reuse_connections="between")).ok
        del target
        gc.collect()
        await asyncio.sleep(0.01)  # the server's side of it closes
        assert set(os.listdir("/proc/self/fd")) <= before


# --- proxies -------------------------------------------------------------------------------------


async def test_http_through_a_proxy(ports: Ports) -> None:
    proxy = f"http://127.0.0.1:{ports.proxy}"
    outcome, notes = await look(f"http://127.0.0.1:{ports.http}/", proxy=proxy, body_regex="xin chào")
    assert outcome.ok, outcome.evidence
    assert any("via" in text.lower() for _, text in notes.lines)
    assert ("proxy", f"127.0.0.1:{ports.proxy}") in notes.lines


async def test_https_through_a_proxy(ports: Ports, pki: Pki) -> None:
    proxy, ca = f"http://127.0.0.1:{ports.proxy}", str(pki.ca)
    outcome = await get(f"https://127.0.0.1:{ports.https}/", proxy=proxy, ca_file=ca, body_regex="under TLS")
    assert outcome.ok, outcome.evidence
    assert phases(outcome) == ["resolve", "connect", "proxy", "tls", "processing", "transfer"]
    # tinyproxy may connect to one port only, and says so.
    forbidden = await get(f"https://127.0.0.1:{ports.mutual}/", proxy=proxy, ca_file=ca)
    assert forbidden.reason is Reason.LOCAL
    assert re.search(
        r"proxy 127.0.0.1:\d+: answers CONNECT 127.0.0.1:\d+ with status 403", forbidden.evidence
    )


async def test_a_proxy_that_wants_a_password(ports: Ports, pki: Pki, tmp_path: Path) -> None:
    file, proxy, ca = tmp_path / "proxy", f"http://127.0.0.1:{ports.locked}", str(pki.ca)
    url = f"https://127.0.0.1:{ports.https}/"
    wanting = await get(url, proxy=proxy, ca_file=ca)
    assert (wanting.reason, "407" in wanting.evidence or "401" in wanting.evidence) == (Reason.LOCAL, True)
    file.write_text("agent:mat-khau-9\n")
    for address in (url, f"http://127.0.0.1:{ports.http}/"):
        options = {"ca_file": ca} if address == url else {}
        outcome, notes = await look(address, proxy=proxy, proxy_credentials_file=str(file), **options)
        assert outcome.ok, outcome.evidence
        assert not [text for _, text in notes.lines if "mat-khau" in text or "Basic" in text]
    file.write_text("agent")
    wrong = await get(url, proxy=proxy, proxy_credentials_file=str(file), ca_file=ca)
    assert wrong.reason is Reason.LOCAL
    assert "user:password" in wrong.evidence


async def test_a_proxy_that_fails_is_not_the_system(ports: Ports) -> None:
    with closed_port() as nobody:
        proxy = f"http://127.0.0.1:{nobody}"
        for scheme in ("http", "https"):
            outcome = await get(f"{scheme}://127.0.0.1:{ports.http}/", proxy=proxy)
            assert outcome.reason is Reason.UNREACHABLE
            assert outcome.evidence.startswith(f"proxy 127.0.0.1:{nobody}: ")
    with full_backlog() as silent:
        outcome = await get("http://127.0.0.1:1/", within=0.2, proxy=f"http://127.0.0.1:{silent}")
        assert outcome.reason is Reason.TIMEOUT
    async with serve(then_silent()) as mute:
        for scheme in ("http", "https"):  # it took the connection, but what lies behind it is unknown
            outcome = await get(f"{scheme}://127.0.0.1:1/", within=0.2, proxy=f"http://127.0.0.1:{mute}")
            assert outcome.reason is Reason.TIMEOUT


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", Reason.UNREACHABLE),
        (b"HTTP/1.0 500 x\r\nContent-Length: 3\r\n\r\nabc", Reason.UNREACHABLE),
        (b"HTTP/1.1 407 x\r\nProxy-Authenticate: Basic\r\n\r\n", Reason.LOCAL),
        (b"HTTP/1.1 302 x\r\nLocation: http://evil.example/\r\n\r\n", Reason.UNREACHABLE),
        (b"HTTP/1.1 200 x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Reason.UNREACHABLE),
        (b"SSH-2.0-x\r\n\r\n", Reason.UNREACHABLE),
        (b"HTTP/1.1 200 x\r\n" + b"X: y\r\n" * 5000, Reason.UNREACHABLE),
        (b"", Reason.UNREACHABLE),
    ],
)
async def test_what_a_proxy_may_answer(answer: bytes, reason: Reason) -> None:
    async with serve(answering(answer)) as port:
        outcome = await get("https://127.0.0.1:1/", proxy=f"http://127.0.0.1:{port}")
    assert outcome.reason is reason
    assert outcome.evidence.startswith("proxy 127.0.0.1:")


async def test_no_environment_variable_is_heeded(ports: Ports, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert (await get(f"http://127.0.0.1:{ports.http}/")).ok


@given(st.binary(max_size=80).map(lambda data: b"HTTP/1.1 " + data + b"\r\n\r\n") | st.binary(max_size=80))
def test_any_answer_to_connect_has_a_status_or_a_reason(data: bytes) -> None:
    status, said = attempt(lambda: read_status(data))
    assert said in {None, Reason.PROTOCOL, Reason.RESET, Reason.TOO_LARGE}
    assert status is None or 101 <= status <= 999


# --- what the kernel knows -----------------------------------------------------------------------


@given(st.binary(max_size=400))
def test_tcp_info_of_any_kernel(raw: bytes) -> None:
    info = tcp_info.parse(raw)
    assert (info.retransmits is None) == (len(raw) < 104)
    assert info.rtt_seconds is None or 0 < info.rtt_seconds < 2**32 / 1e6
    longer = tcp_info.parse(raw + bytes(200))
    assert info.retransmits is None or longer == info


async def test_tcp_info_of_this_kernel() -> None:
    async with serve(answering(page(b"x"))) as port:
        address = literal("127.0.0.1")
        assert address is not None
        with Wire(await connect(address, port, None)) as wire:
            info = tcp_info.read(wire.sock)
        assert info is not None
        assert info.retransmits == 0
        assert info.rtt_seconds
        assert tcp_info.read(wire.sock) is None  # closed
