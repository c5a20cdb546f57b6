"""When the gateway's certificates expire: out of files, whatever stands in them, and on its own page."""

import shutil
import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.ingest.expiry import earliest
from deploy.ingest.listen import Identity
from inventory.names import CERTIFICATE_EXPIRY
from tests.deploy.ingest.running import Site, gateway
from tests.exporters.pki import Pki

SOON, LATE = "20270203040506Z", "20380101000000Z"
SOON_UNIX = ssl.cert_time_to_seconds("Feb  3 04:05:06 2027 GMT")
LATE_UNIX = ssl.cert_time_to_seconds("Jan  1 00:00:00 2038 GMT")


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


def test_the_first_of_a_chain_to_expire_counts(pki: Pki) -> None:
    soon, late = (pki.host(f"hub-{when}", expires=when).read_bytes() for when in (SOON, LATE))
    assert earliest(late + soon) == SOON_UNIX
    assert earliest(b"-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n" + soon) == SOON_UNIX


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_read_without_complaint(data: bytes, framed: bool) -> None:
    pem = b"-----BEGIN CERTIFICATE-----" + data + b"-----END CERTIFICATE-----" if framed else data
    assert earliest(pem) is None


def shown(site: Site, purpose: str) -> float | None:
    return site.service.registry.get_sample_value(CERTIFICATE_EXPIRY.name, {"certificate": purpose})


async def test_it_is_told_and_told_anew_once_renewed(pki: Pki, tmp_path: Path) -> None:
    file = tmp_path / "hub.pem"
    shutil.copy(pki.host("told-soon", expires=SOON), file)
    async with gateway(tmp_path, identity=Identity(certificate=file, client_ca=pki.ca)) as site:
        assert shown(site, "gateway") == SOON_UNIX
        assert shown(site, "clients") == earliest(pki.ca.read_bytes())
        shutil.copy(pki.host("told-late", expires=LATE), file)
        assert await site.service.reload() is None
        assert shown(site, "gateway") == LATE_UNIX
