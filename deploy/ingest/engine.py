"""What is behind the gateway: any engine with remote write, and what it says about itself."""

import asyncio
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import msgspec

MAX_METRICS_BYTES: Final = 8 << 20
ASK_SECONDS: Final = 4.0
MOST_SAID_BYTES: Final = 500
_LINE: Final = re.compile(
    rb"^(process_start_time_seconds|prometheus_tsdb_head_max_time_seconds)[ ]([0-9.eE+-]{1,40})$",
    re.MULTILINE,
)


class Engine(msgspec.Struct, frozen=True):
    """``url`` takes remote write; ``headers`` go with every request (a tenant, credentials);
    ``metrics_url`` is its page of metrics, by default beside it."""

    url: str
    headers: Mapping[str, str] = {}
    metrics_url: str = ""

    @property
    def page(self) -> str:
        """Where its metrics are."""
        parts = urlsplit(self.url)
        return self.metrics_url or f"{parts.scheme}://{parts.netloc}/metrics"


class About(msgspec.Struct, frozen=True):
    """Unix times: when the engine was started, and its newest sample; None where it does not say."""

    start: float | None = None
    newest: float | None = None


def parse(page: bytes) -> About:
    """Return what a page of metrics says (text format). Never raises."""
    found: dict[bytes, float] = {}
    for name, text in _LINE.findall(page):
        try:
            found[name] = float(text)
        except ValueError:
            continue
    return About(
        _sane(found.get(b"process_start_time_seconds")),
        _sane(found.get(b"prometheus_tsdb_head_max_time_seconds")),
    )


def _sane(unix: float | None) -> float | None:
    """An engine without samples gives the smallest number that there is."""
    return unix if unix is not None and 1e9 < unix < 1e11 else None


class Answer(msgspec.Struct, frozen=True):
    """``status`` 0: there was none. ``said`` is a little of what stood in it."""

    status: int
    said: str = ""


class Client:
    """Speaks with one engine. Use as an async context manager."""

    def __init__(self, engine: Engine, connections: int) -> None:
        self._engine, self._connections = engine, connections
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Client":
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections + 1, keepalive_timeout=20),
            timeout=aiohttp.ClientTimeout(total=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            headers={"Accept-Encoding": "identity"},
            auto_decompress=False,  # what is packed all the same is not worth what a bomb costs
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def write(self, body: bytes) -> Answer:
        """Hand over a compressed WriteRequest. Raises nothing but cancellation; the caller has a deadline."""
        answer = await self._post(body)
        # A connection that the engine closed while it was idle says nothing about the engine, and the same
        # samples twice are the same samples.
        return answer if answer is not None else await self._post(body) or Answer(0, "connection lost")

    async def _post(self, body: bytes) -> Answer | None:
        assert self._session is not None  # noqa: S101 - used while the context is open
        headers = {
            "Content-Encoding": "snappy",
            "Content-Type": "application/x-protobuf",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
            **self._engine.headers,
        }
        try:
            async with self._session.post(
                self._engine.url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                said = await answer.content.read(MOST_SAID_BYTES)
                return Answer(answer.status, said.decode(errors="replace").strip())
        except aiohttp.ServerDisconnectedError:
            return None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(0, type(error).__name__)

    async def about(self) -> About | None:
        """Return what the engine says about itself, None when it does not answer."""
        assert self._session is not None  # noqa: S101 - used while the context is open
        try:
            async with (
                asyncio.timeout(ASK_SECONDS),
                self._session.get(self._engine.page, headers=self._engine.headers) as answer,
            ):
                if answer.status != 200:
                    return None
                page = bytearray()
                async for piece in answer.content.iter_chunked(1 << 16):
                    page += piece
                    if len(page) > MAX_METRICS_BYTES:
                        return None
                return parse(bytes(page))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return None
