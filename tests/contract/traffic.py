"""Routers and routes for the contract of ``traffic`` and ``uplink``."""

import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from inventory.names import Reason
from tests.contract.place import Address
from tests.exporters.snmp_agent import COMMUNITY, interface, router, running


def _options(folder: str) -> dict[str, Any]:
    community = Path(folder, "community")
    community.write_text(COMMUNITY)
    return {"interface": "wan0", "snmp": {"community_file": str(community)}}


@asynccontextmanager
async def traffic_well() -> AsyncIterator[Address]:
    with tempfile.TemporaryDirectory() as folder:
        async with running(router(interface(1, "lan0"), interface(2, "wan0"))) as (_, address):
            yield Address(address, Reason.OK, options=_options(folder))


@asynccontextmanager
async def traffic_silent() -> AsyncIterator[Address]:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        port = mute.getsockname()[1]
        yield Address(f"127.0.0.1:{port}", Reason.TIMEOUT, options=_options(folder))


@asynccontextmanager
async def uplink_well() -> AsyncIterator[Address]:
    yield Address("127.0.0.1", Reason.OK)
