"""Certificates, made once a session; messages in English."""

import gc
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from common import i18n
from tests.exporters.pki import Pki


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_chosen", "en")


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="session")
def server_pem(pki: Pki) -> Path:
    return pki.host("server")


@pytest.fixture
def server_tls(server_pem: Path) -> ssl.SSLContext:
    return server_context(server_pem)


@pytest.fixture
def silent_collector() -> Iterator[None]:
    """No callbacks of the garbage collector (hypothesis has one): what is raised in one is not lost, but
    reported as a fault of the test."""
    callbacks = gc.callbacks[:]
    gc.callbacks.clear()
    yield
    gc.callbacks[:] = callbacks


def server_context(pem: Path) -> ssl.SSLContext:
    """Return the context of a server with this key and certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    return context
