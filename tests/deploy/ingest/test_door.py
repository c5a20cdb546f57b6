"""Who knocks without good intentions: slow, oversized, smuggling, in clear, or with others' papers."""

import asyncio
import ssl
import time
import warnings
from pathlib import Path

import pytest

from agent.remote_write import HEADERS
from deploy.ingest.limits import Limits, Patience, ServerLimits
from deploy.ingest.listen import Identity, names_of
from tests.deploy.ingest.bodies import OTHER, OWN, heartbeat, packed
from tests.deploy.ingest.running import Site, gateway
from tests.exporters.pki import Pki

WRITE = "/api/v1/write"
QUICK = Limits(
    patience=Patience(handshake_seconds=0.3, silent_seconds=0.3, body_seconds=0.3, idle_seconds=0.3)
)


def request(site: Site, body: bytes, *extra: str, length: int | None = None, token: str = "") -> bytes:
    size = len(body) if length is None else length
    own = [f"Content-Length: {size}"] if size >= 0 else []
    head = [
        f"POST {WRITE} HTTP/1.1", "Host: hub", f"Authorization: Bearer {token or site.tokens[OWN]}",
        "Content-Type: application/x-protobuf", "Content-Encoding: snappy", *own, *extra,
    ]  # fmt: skip
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def statuses(answer: bytes) -> list[int]:
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


# --- slow and large ----------------------------------------------------------------------------------
@pytest.mark.parametrize("said", [b"", b"G", b"POST /api/v1/write HTTP/1.1\r\nHost: h\r\nX-A: 1\r\n"])
async def test_who_does_not_say_who_he_is_is_hung_up_on(said: bytes, tmp_path: Path) -> None:
    async with gateway(tmp_path, QUICK) as site:
        assert await site.speak([said]) == b""
        assert (await site.push(packed([heartbeat()], time.time()))).status == 204


async def test_strangers_by_the_hundred_do_not_keep_an_agent_out(tmp_path: Path) -> None:
    limits = Limits(server=ServerLimits(connections=400, strangers=20))
    async with gateway(tmp_path, limits) as site:
        host, port = site.url.removeprefix("http://").split(":")
        crowd = [await asyncio.open_connection(host, int(port)) for _ in range(300)]
        try:
            for _, writer in crowd:
                writer.write(b"POST /api/v1/write HTTP/1.1\r\nX-Slow: ")
            assert (await site.push(packed([heartbeat()], time.time()))).status == 204
            assert len(site.service.door.strangers) <= 20
        finally:
            for _, writer in crowd:
                writer.close()
        await site.until(lambda: not site.service.door.strangers and not site.service.door.known)


async def test_a_body_that_drips_is_given_up(tmp_path: Path) -> None:
    async with gateway(tmp_path, QUICK) as site:
        assert statuses(await site.speak([request(site, b"abc", length=1000)])) == [408]


async def test_a_second_request_that_drips_is_hung_up_on(tmp_path: Path) -> None:
    async with gateway(tmp_path, QUICK) as site:
        body = packed([heartbeat()], time.time())
        parts = [request(site, body), b"POST /api/v1/write HTTP/1.1\r\nX-Slow: "]
        assert statuses(await site.speak(parts)) == [204]


@pytest.mark.parametrize(
    "extra", ["X-A: " + "a" * 5000, "\r\n".join(f"X-{n}: 1" for n in range(60)), "Cookie: " + "b" * 100_000]
)
async def test_oversized_headers_are_refused(extra: str, tmp_path: Path) -> None:
    async with gateway(tmp_path) as site:
        body = packed([heartbeat()], time.time())
        assert statuses(await site.speak([request(site, body, extra)])) in ([400], [])
        assert site.engine.bodies == []


@pytest.mark.parametrize("chunked", [False, True])
async def test_an_oversized_body_is_refused_without_being_read(chunked: bool, tmp_path: Path) -> None:
    async with gateway(tmp_path) as site:
        if chunked:
            piece = b"10000\r\n" + bytes(0x10000) + b"\r\n"
            said = [request(site, b"", "Transfer-Encoding: chunked", length=-1), *[piece] * 17]
        else:
            said = [request(site, b"x", length=1 << 40)]
        assert statuses(await site.speak(said)) in ([413], [])
        assert site.counted("thongsuot_ingest_requests_total", result="too_large") == 1


# --- smuggling ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "extra",
    [
        ("Transfer-Encoding: chunked",),  # beside a length
        ("Content-Length: 3",),  # another length
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding : chunked",),
        ("Transfer-Encoding: xchunked",),
        (" Folded: 1",),
        ("X: a\nTransfer-Encoding: chunked",),
        ("X: a\rb",),
        ("X: \x00",),
        ("X Y: 1",),
        ("Content-Encoding: gzip",),
    ],
)
async def test_requests_that_two_could_read_differently_reach_no_engine(
    extra: tuple[str, ...], tmp_path: Path
) -> None:
    async with gateway(tmp_path) as site:
        hidden = request(site, packed([heartbeat()], time.time()))
        answer = await site.speak([request(site, b"0\r\n\r\n" + hidden, *extra, length=5)])
        assert set(statuses(answer)) <= {400, 415}
        assert site.engine.bodies == []


@pytest.mark.parametrize("length", ["+5", "-5", "5, 5", "0x5", "", "٥", "99999999999999999999999"])
async def test_a_length_that_is_no_number_is_refused(length: str, tmp_path: Path) -> None:
    async with gateway(tmp_path) as site:
        said = request(site, b"", length=-1).replace(
            b"\r\n\r\n", f"\r\nContent-Length: {length}\r\n\r\nabcde".encode()
        )
        assert set(statuses(await site.speak([said]))) <= {400, 413}
        assert site.engine.bodies == []


# --- TLS ---------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("stranger"))


def trusting(pki: Pki, shown: Path | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(pki.ca))
    if shown is not None:
        context.load_cert_chain(shown)
    return context


def identity(pki: Pki) -> Identity:
    return Identity(certificate=pki.host("hub"), client_ca=pki.ca)


async def test_tls_below_1_2_is_refused(pki: Pki, tmp_path: Path) -> None:
    async with gateway(tmp_path, identity=identity(pki)) as site:
        host, port = site.url.removeprefix("https://").split(":")
        found = {}
        for version in (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = trusting(pki)
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # old versions are what is tested
                context.minimum_version = context.maximum_version = version
            try:
                _, writer = await asyncio.open_connection(host, int(port), ssl=context)
                found[version] = writer.get_extra_info("ssl_object").version()
                writer.close()
            except (ssl.SSLError, ConnectionError):
                found[version] = None
        assert list(found.values()) == [None, "TLSv1.2", "TLSv1.3"]


async def test_plain_http_on_the_tls_port_gets_nothing(pki: Pki, tmp_path: Path) -> None:
    async with gateway(tmp_path, QUICK, identity=identity(pki)) as site:
        site.url = site.url.replace("https", "http")
        assert b"HTTP" not in await site.speak([request(site, b"")])
        assert await site.speak([b""]) == b"", "nor does one who never shakes hands stay"


async def test_a_certificate_lets_its_commune_in_and_no_other(
    pki: Pki, stranger: Pki, tmp_path: Path
) -> None:
    async with gateway(tmp_path, identity=identity(pki)) as site:
        now = time.time()

        async def push(shown: Path | None, body_of: str, token: str | None = None) -> int:
            body, tls = packed([heartbeat(body_of)], now), trusting(pki, shown)
            return (await site.ask("POST", WRITE, token=token, body=body, headers=HEADERS, tls=tls)).status

        by_name, by_dns = pki.host(OWN, san="DNS:box.example"), pki.host("box", san=f"DNS:{OTHER}")
        nobody, both = pki.host("99999"), pki.host("two", san=f"DNS:{OWN}, DNS:{OTHER}")
        assert await push(by_name, OWN) == 204
        assert await push(by_dns, OTHER) == 204
        assert await push(by_name, OTHER) == 403
        assert [await push(shown, OWN) for shown in (nobody, both, None)] == [401] * 3
        assert await push(None, OWN, site.tokens[OWN]) == 204
        assert await push(by_name, OWN, site.tokens[OWN]) == 204
        assert await push(by_name, OTHER, site.tokens[OTHER]) == 401, "both must be of one commune"
        assert await push(by_name, OWN, "ts_21040_wrong") == 401, "a wrong token is no token"
        with pytest.raises(OSError, match=r"(?i)unknown.ca|reset|closed|disconnect|alert"):
            await push(stranger.host(OWN), OWN)


@pytest.mark.parametrize("certificate", [None, {}, b"", {"subject": ()}, 5])
def test_no_certificate_has_no_names(certificate: object) -> None:
    assert names_of(certificate) == frozenset()
