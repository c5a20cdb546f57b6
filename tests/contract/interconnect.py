"""Targets of dns, tls, ntp and smtp."""

import atexit
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

from inventory.names import Reason
from tests.contract.place import Address
from tests.exporters.conftest import server_context
from tests.exporters.dns_server import name_server, silent, zone
from tests.exporters.ntp_server import reply, time_server
from tests.exporters.pki import Pki
from tests.exporters.servers import full_backlog, serve, then_silent
from tests.exporters.smtp_server import mail_server


@cache
def _pki() -> tuple[str, Path]:
    """Return the authority's file, and that of a server with a certificate for 127.0.0.1."""
    directory = Path(tempfile.mkdtemp(prefix="pki-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    pki = Pki(directory)
    return str(pki.ca), pki.host("contract")


def _trusted() -> dict[str, Any]:
    return {"ca_file": _pki()[0]}


@asynccontextmanager
async def dns_well() -> AsyncIterator[Address]:
    async with name_server(zone) as port:
        yield Address(f"hub.example@127.0.0.1:{port}", Reason.OK)


@asynccontextmanager
async def dns_silent() -> AsyncIterator[Address]:
    async with name_server(silent) as port:
        yield Address(f"hub.example@127.0.0.1:{port}", Reason.TIMEOUT)


@asynccontextmanager
async def dns_mute() -> AsyncIterator[Address]:
    async with name_server(silent) as port:
        yield Address(f"hub.example@127.0.0.1:{port}", Reason.STALLED, options={"transport": "tcp"})


@asynccontextmanager
async def tls_well() -> AsyncIterator[Address]:
    async with serve(then_silent(), server_context(_pki()[1])) as port:
        yield Address(f"127.0.0.1:{port}", Reason.OK, options=_trusted())


@asynccontextmanager
async def tls_silent() -> AsyncIterator[Address]:
    with full_backlog() as port:
        yield Address(f"127.0.0.1:{port}", Reason.TIMEOUT)


@asynccontextmanager
async def tls_mute() -> AsyncIterator[Address]:
    async with serve(then_silent()) as port:
        yield Address(f"127.0.0.1:{port}", Reason.STALLED)


@asynccontextmanager
async def ntp_well() -> AsyncIterator[Address]:
    async with time_server(lambda request: (reply(request),)) as port:
        yield Address(f"127.0.0.1:{port}", Reason.OK)


@asynccontextmanager
async def ntp_silent() -> AsyncIterator[Address]:
    async with time_server(lambda _: ()) as port:
        yield Address(f"127.0.0.1:{port}", Reason.TIMEOUT)


@asynccontextmanager
async def smtp_well() -> AsyncIterator[Address]:
    async with serve(mail_server(server_context(_pki()[1]))) as port:
        yield Address(f"127.0.0.1:{port}", Reason.OK, options=_trusted())


@asynccontextmanager
async def smtp_silent() -> AsyncIterator[Address]:
    with full_backlog() as port:
        yield Address(f"127.0.0.1:{port}", Reason.TIMEOUT)


@asynccontextmanager
async def smtp_mute() -> AsyncIterator[Address]:
    async with serve(then_silent(b"220-mail.example\r\n")) as port:
        yield Address(f"127.0.0.1:{port}", Reason.STALLED)


@asynccontextmanager
async def tcp_mute() -> AsyncIterator[Address]:
    async with serve(then_silent(b"hel")) as port:
        yield Address(f"127.0.0.1:{port}", Reason.STALLED, options={"steps": [{"expect": "hello"}]})
