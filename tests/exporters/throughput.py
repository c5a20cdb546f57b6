"""A hub's end of throughput tests on loopback, and what it counted."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from prometheus_client import CollectorRegistry

from exporters.throughputhub.app import make_app
from exporters.throughputhub.leases import Limits
from exporters.throughputhub.listen import serve
from exporters.throughputhub.tokens import Tokens

TOKEN = "a-token-for-tests-0123456789"
OTHER = "another-token-for-tests-0123"
PACED = Limits(bytes_per_second=4e6)
"""Slow enough to leave the machine air, and fast enough to be measured in two seconds."""


class Hub(msgspec.Struct, frozen=True):
    """Where it is, the file with the client's token, and its counters."""

    url: str
    token_file: Path
    registry: CollectorRegistry

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2].rstrip("/"))

    def count(self, name: str, **labels: str) -> float:
        """Return a sample of ``thongsuot_reflector_throughput_<name>``."""
        value = self.registry.get_sample_value(f"thongsuot_reflector_throughput_{name}", labels)
        assert value is not None, name
        return value

    @property
    def moved(self) -> float:
        """Payload bytes in both directions."""
        return sum(self.count("bytes_total", direction=direction) for direction in ("up", "down"))


@asynccontextmanager
async def hub(
    directory: Path, limits: Limits = PACED, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Hub]:
    """Serve while the context is open."""
    known, own = directory / "tokens", directory / "token"
    known.write_text(f"# sites\n{OTHER}\n\n{TOKEN}\n")
    own.write_text(f"{TOKEN}\n")
    registry = CollectorRegistry()
    async with serve(make_app(Tokens(known), limits, registry), "127.0.0.1:0", tls) as (host, port):
        yield Hub(f"http{'s' if tls else ''}://{host}:{port}/", own, registry)
