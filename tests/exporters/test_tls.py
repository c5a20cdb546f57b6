"""The tls probe: what a handshake shows, trusted or not, against Python's and OpenSSL's servers."""

import asyncio
import hashlib
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy import debian
from exporters.base import Outcome, Target
from exporters.registry import convert_options, kinds
from exporters.tlsio.hello import encode_client_hello, parse_server_hello
from exporters.tlsio.shown import MAX_LABEL, distinguished, label
from inventory.names import (
    PROBE_SSL_CHAIN_EXPIRY,
    PROBE_SSL_CHAIN_INFO,
    PROBE_SSL_EXPIRY,
    PROBE_TLS_CIPHER,
    PROBE_TLS_VERSION,
    TLS_CERTIFICATE_EXPIRY,
    Reason,
)
from tests.exporters.conftest import server_context
from tests.exporters.pki import Pki
from tests.exporters.servers import closed_port, serve, then_silent
from tests.exporters.test_certificate import der_of

Y2035 = ssl.cert_time_to_seconds("Jan  1 00:00:00 2035 GMT")
Y2038 = ssl.cert_time_to_seconds("Jan  1 00:00:00 2038 GMT")
DAY = 86400.0


async def measure(port: int, pki: Pki, host: str = "127.0.0.1", **options: Any) -> Outcome:
    target = Target(name="t", address=f"{host}:{port}", timeout_seconds=10.0)
    return await kinds()["tls"].probe(target, convert_options("tls", {"ca_file": str(pki.ca), **options}))


async def show(context: ssl.SSLContext, pki: Pki, host: str = "127.0.0.1", **options: Any) -> Outcome:
    """Measure a server on loopback that uses ``context``."""
    async with serve(then_silent(), context) as port:
        return await measure(port, pki, host, **options)


def values(outcome: Outcome) -> dict[str, float]:
    return {sample.metric.name: sample.value for sample in outcome.samples if not sample.labels}


def labels(outcome: Outcome, metric: object) -> dict[str, str]:
    [found] = [dict(sample.labels) for sample in outcome.samples if sample.metric is metric]
    return found


def expiries(outcome: Outcome) -> dict[str, float]:
    return {
        dict(s.labels)["position"]: s.value for s in outcome.samples if s.metric is TLS_CERTIFICATE_EXPIRY
    }


@pytest.fixture(scope="session")
def chain_pem(pki: Pki) -> Path:
    return pki.host("chained", issuer="intermediate")


# --- what is shown -------------------------------------------------------------------------------


async def test_every_certificate_is_seen(pki: Pki, chain_pem: Path) -> None:
    outcome = await show(server_context(chain_pem), pki)
    assert (outcome.reason, outcome.evidence) == (Reason.OK, "")
    assert expiries(outcome) == {"0": Y2038, "1": Y2035}
    found = values(outcome)
    assert found[PROBE_SSL_EXPIRY.name] == Y2035
    assert found[PROBE_SSL_CHAIN_EXPIRY.name] == Y2035  # the root lasts longer
    info = labels(outcome, PROBE_SSL_CHAIN_INFO)
    assert info["fingerprint_sha256"] == hashlib.sha256(der_of(chain_pem)).hexdigest()
    assert (info["subject"], info["issuer"]) == ("CN=chained", "CN=intermediate")
    assert info["subjectalternative"] == "localhost,127.0.0.1,0:0:0:0:0:0:0:1"
    assert len(info["serialnumber"]) == 4
    assert labels(outcome, PROBE_TLS_VERSION) == {"version": "TLSv1.3"}
    assert labels(outcome, PROBE_TLS_CIPHER)["cipher"].startswith("TLS_")


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("expired", {}, "certificate: certificate has expired"),
        ("stranger", {"ca_file": None}, "certificate: unable to get local issuer certificate"),
        ("stranger", {"server_name": "other.example"}, "certificate: Hostname mismatch"),
    ],
)
async def test_what_is_not_trusted_is_seen_all_the_same(
    pki: Pki, name: str, options: dict[str, Any], words: str
) -> None:
    expires = "20210203040506Z" if name == "expired" else "20380101000000Z"
    outcome = await show(server_context(pki.host(name, expires=expires)), pki, **options)
    assert outcome.reason is Reason.TLS
    assert words in outcome.evidence
    assert list(expiries(outcome)) == ["0"]
    assert PROBE_SSL_EXPIRY.name in values(outcome)
    assert PROBE_SSL_CHAIN_EXPIRY.name not in values(outcome)
    assert PROBE_SSL_CHAIN_INFO not in {sample.metric for sample in outcome.samples}
    assert {dict(s.labels).get("phase") for s in outcome.samples} >= {"resolve", "connect"}
    assert "tls" not in {dict(s.labels).get("phase") for s in outcome.samples}


async def test_nothing_is_verified_where_nothing_is_wanted(pki: Pki) -> None:
    pem = pki.host("unwanted", expires="20210203040506Z")
    outcome = await show(server_context(pem), pki, insecure_skip_verify=True)
    assert outcome.ok
    assert list(expiries(outcome)) == ["0"]


async def test_a_certificate_that_expires_soon(pki: Pki) -> None:
    soon = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + 9.5 * DAY))
    context = server_context(pki.host("soon", expires=soon))
    assert (await show(context, pki, min_valid_days=9)).ok
    outcome = await show(context, pki, min_valid_days=10)
    assert outcome.reason is Reason.TLS
    assert outcome.evidence == (
        "certificate 0 of 1 (0 is the server's own) expires in 9.5 days, at least 10 wanted"
    )


async def test_an_intermediate_that_expires_soon(pki: Pki, chain_pem: Path) -> None:
    outcome = await show(server_context(chain_pem), pki, min_valid_days=3650)
    assert outcome.reason is Reason.TLS
    assert outcome.evidence.startswith("certificate 1 of 2")


async def test_a_name_is_sent_and_checked(pki: Pki) -> None:
    seen: list[str | None] = []
    context = server_context(pki.host("named", san="DNS:mail.example"))
    context.sni_callback = lambda _socket, name, _context: seen.append(name)
    assert (await show(context, pki, server_name="mail.example")).ok
    assert seen == ["mail.example"]


# --- versions ------------------------------------------------------------------------------------


async def test_the_floor_of_the_version(pki: Pki, server_pem: Path) -> None:
    context = server_context(server_pem)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    outcome = await show(context, pki)
    assert outcome.ok
    assert labels(outcome, PROBE_TLS_VERSION) == {"version": "TLSv1.2"}
    outcome = await show(context, pki, min_tls_version="TLSv1.3")
    assert outcome.reason is Reason.TLS
    assert outcome.evidence == "TLSv1.2 was negotiated, at least TLSv1.3 wanted"
    assert labels(outcome, PROBE_TLS_VERSION) == {"version": "TLSv1.2"}


async def test_a_server_that_would_settle_on_less(pki: Pki, server_pem: Path) -> None:
    options: dict[str, Any] = {"min_tls_version": "TLSv1.3", "refuse_older": True}
    context = server_context(server_pem)
    outcome = await show(context, pki, **options)
    assert outcome.reason is Reason.TLS
    assert outcome.evidence == "also settles on TLSv1.2, at least TLSv1.3 wanted"
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    assert (await show(context, pki, **options)).ok
    assert (await show(context, pki, refuse_older=True)).ok


@asynccontextmanager
async def s_server(pem: Path, *words: str) -> AsyncIterator[int]:
    """Run ``openssl s_server``; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    command = [str(debian.find("openssl")), "s_server", "-accept", f"127.0.0.1:{port}", "-cert", str(pem)]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, *words, stdin=pipe, stdout=pipe)
    try:
        assert process.stdout is not None
        while (line := await process.stdout.readline()).strip() != b"ACCEPT":
            assert line, "openssl s_server did not start"
        yield port
    finally:
        process.kill()
        await process.communicate()


async def test_openssl_that_still_settles_on_what_is_long_broken(pki: Pki, server_pem: Path) -> None:
    async with s_server(server_pem, "-cipher", "ALL:@SECLEVEL=0", "-min_protocol", "TLSv1") as port:
        outcome = await measure(port, pki, refuse_older=True)
    assert outcome.reason is Reason.TLS
    assert outcome.evidence == "also settles on TLSv1.1, at least TLSv1.2 wanted"


async def test_openssl_that_speaks_nothing_newer(pki: Pki, server_pem: Path) -> None:
    async with s_server(server_pem, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0") as port:
        outcome = await measure(port, pki)
    assert outcome.reason is Reason.TLS
    assert "handshake: " in outcome.evidence


async def test_openssl_as_it_is_today(pki: Pki, server_pem: Path) -> None:
    async with s_server(server_pem) as port:
        assert (await measure(port, pki, refuse_older=True)).ok


# --- what is no TLS ------------------------------------------------------------------------------


async def test_servers_that_speak_something_else(pki: Pki) -> None:
    async with serve(then_silent(b"220 mail.example ESMTP\r\n")) as port:
        outcome = await measure(port, pki)
    assert (outcome.reason, outcome.evidence) == (Reason.TLS, "handshake: WRONG_VERSION_NUMBER")
    with closed_port() as port:
        assert (await measure(port, pki)).reason is Reason.REFUSED


async def test_our_own_files_are_ours(pki: Pki) -> None:
    outcome = await measure(1, pki, ca_file="/nowhere/ca.pem")
    assert outcome.reason is Reason.LOCAL


# --- hellos --------------------------------------------------------------------------------------


def test_a_hello_is_whole() -> None:
    record = encode_client_hello(0x0302, "hub.example", bytes(32))
    assert record[:3] == b"\x16\3\1"
    assert int.from_bytes(record[3:5], "big") == len(record) - 5
    assert int.from_bytes(record[6:9], "big") == len(record) - 9
    assert record[9:11] == b"\3\2"
    assert b"hub.example" in record
    assert b"127.0.0.1" not in encode_client_hello(0x0302, "127.0.0.1", bytes(32))


@pytest.mark.parametrize(
    ("data", "version"),
    [
        (b"", None),
        (b"\x16\3\3\0", None),
        (b"\x16\3\3\0\x40\2\0\0\x3c\3", None),
        (b"\x16\3\3\0\x40\2\0\0\x3c\3\2", 0x0302),
        (b"\x15\3\1\0\2\2\x46", 0),
    ],
)
def test_what_a_server_answers(data: bytes, version: int | None) -> None:
    assert parse_server_hello(data) == version


@given(st.binary(max_size=40))
def test_any_answer_is_a_version_or_a_value_error(data: bytes) -> None:
    try:
        version = parse_server_hello(data)
    except ValueError:
        return
    assert version is None or 0 <= version <= 0xFFFF


# --- labels --------------------------------------------------------------------------------------


@given(st.text(max_size=400))
def test_a_label_is_printable_and_bounded(text: str) -> None:
    found = label(text)
    assert found.isprintable() or not found
    assert len(found) <= MAX_LABEL


def test_a_distinguished_name() -> None:
    name = ((("countryName", "VN"),), (("organizationName", "Sở"), ("serial", "1")), (("commonName", "hub"),))
    assert distinguished(name) == "CN=hub,serial=1,O=Sở,C=VN"


@pytest.mark.parametrize("key", ["ca_file", "cert_file", "key_file"])
async def test_a_pipe_in_place_of_a_certificate_holds_nobody_up(tmp_path: Path, key: str) -> None:
    """OpenSSL would wait for its other end in one of the few threads that everybody shares."""
    os.mkfifo(tmp_path / "pipe")
    config = convert_options("tls", {key: str(tmp_path / "pipe")})
    target = Target(name="t", address="127.0.0.1:1", timeout_seconds=10)
    outcome = await kinds()["tls"].probe(target, config)
    assert outcome.reason is Reason.LOCAL
    assert outcome.evidence == f"TLS files: {tmp_path}/pipe: Not a plain file"
    assert await asyncio.to_thread(lambda: 7) == 7
