"""A hub's end of throughput tests for the contract, slow enough that twenty tests leave the machine air."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry

from exporters.throughputhub.app import make_app
from exporters.throughputhub.leases import Limits
from exporters.throughputhub.listen import serve
from exporters.throughputhub.tokens import Tokens
from inventory.names import Reason
from tests.contract.place import Address
from tests.exporters.servers import full_backlog, then_silent
from tests.exporters.servers import serve as serve_raw


@asynccontextmanager
async def throughput_well() -> AsyncIterator[Address]:
    with tempfile.TemporaryDirectory() as directory:
        tokens = Path(directory) / "tokens"
        tokens.write_text("0123456789abcdef\n")
        app = make_app(Tokens(tokens), Limits(tests=40, bytes_per_second=4e6), CollectorRegistry())
        async with serve(app, "127.0.0.1:0") as (host, port):
            options = {"token_file": str(tokens), "streams": 1}
            yield Address(f"http://{host}:{port}/", Reason.OK, options=options)


@asynccontextmanager
async def throughput_silent() -> AsyncIterator[Address]:
    with full_backlog() as port:
        yield Address(f"http://127.0.0.1:{port}/", Reason.TIMEOUT)


@asynccontextmanager
async def throughput_mute() -> AsyncIterator[Address]:
    async with serve_raw(then_silent()) as port:
        yield Address(f"http://127.0.0.1:{port}/", Reason.STALLED)


@asynccontextmanager
async def throughput_mute_tls() -> AsyncIterator[Address]:
    async with serve_raw(then_silent()) as port:
        yield Address(f"https://127.0.0.1:{port}/", Reason.STALLED)
