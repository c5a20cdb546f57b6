"""Fetches this agent's configuration from the hub's gateway.

A changed inventory reaches every site within a minute, without anybody going there. What the hub sends is
taken only when it is a valid configuration of this site, and is kept, so that a restart without the hub
goes on with it (:mod:`agent.kept`). When the address that the hub itself gave leads nowhere any more, that
of the machine's own file is asked too: a wrong address in the inventory must not cut off a province.
"""

import asyncio
import logging
import random
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Final

import aiohttp
import msgspec

from agent import kept
from agent.config import AgentConfig, Fetch, version_of
from agent.hub_http import new_session, read_token, tls_context
from agent.load import load_config, loads_config
from common.yaml.problems import Refused

TIMEOUT_SECONDS: Final = 15.0
FIRST_SECONDS: Final = 5.0
PATIENCE_POLLS: Final = 5
"""After this many polls without an answer the machine's own address is tried in turn."""
_EARLY: Final = (0.75, 0.95)
log = logging.getLogger(__name__)


class Fetched(StrEnum):
    """What became of a request; values of the label ``result``."""

    TAKEN = "taken"
    SAME = "same"
    REFUSED = "refused"  # not a configuration of this site
    UNAUTHORISED = "unauthorised"
    UNEXPECTED = "unexpected"  # an answer that no gateway gives
    UNREACHABLE = "unreachable"
    TLS = "tls"
    LOCAL = "local"  # our own files cannot be read or written


class Answer(msgspec.Struct, frozen=True):
    """``status`` 0: there was none, and ``failure`` says why."""

    status: int = 0
    body: bytes = b""
    etag: str = ""
    failure: Fetched = Fetched.UNREACHABLE
    detail: str = ""


Get = Callable[[Fetch, str], Awaitable[Answer]]


async def get(fetch: Fetch, etag: str) -> Answer:
    """Ask for the configuration, unless it is the one called ``etag``. Raises nothing but cancellation."""
    try:
        # A session for one request: a connection that is held for a minute costs more than a new one.
        async with asyncio.timeout(TIMEOUT_SECONDS), new_session() as session:
            tls = await asyncio.to_thread(tls_context, fetch) if fetch.url.startswith("https:") else True
            headers = {"If-None-Match": etag, "Accept-Encoding": "identity"}
            if fetch.bearer_token_file is not None:
                token = await asyncio.to_thread(read_token, Path(fetch.bearer_token_file))
                headers["Authorization"] = f"Bearer {token}"
            async with session.get(fetch.url, headers=headers, allow_redirects=False, ssl=tls) as answer:
                return await _read(answer)
    except (OSError, aiohttp.ClientError, ValueError) as error:
        return Answer(failure=_failure(error), detail=str(error) or type(error).__name__)


async def _read(answer: aiohttp.ClientResponse) -> Answer:
    if answer.content_type == "text/html":
        return Answer(failure=Fetched.UNEXPECTED, detail="a page for people")
    body = bytearray()
    async for piece in answer.content.iter_chunked(1 << 16):
        body += piece
        if len(body) > kept.MAX_BYTES:
            return Answer(failure=Fetched.UNEXPECTED, detail="too large")
    return Answer(answer.status, bytes(body), answer.headers.get("ETag", "")[:200])


def _failure(error: Exception) -> Fetched:
    if isinstance(error, aiohttp.ClientConnectorSSLError | aiohttp.ClientSSLError | ssl.SSLError):
        return Fetched.TLS
    if isinstance(error, TimeoutError | aiohttp.ClientError | ConnectionError):
        return Fetched.UNREACHABLE
    return Fetched.LOCAL if isinstance(error, OSError) else Fetched.UNEXPECTED


def _meaning(answer: Answer) -> Fetched:
    if not answer.status:
        return answer.failure
    if answer.status in {401, 403}:
        return Fetched.UNAUTHORISED
    return Fetched.SAME if answer.status == 304 else Fetched.UNEXPECTED


class Fetcher:
    """Polls for ever. ``path`` is the machine's own file; ``current`` the configuration in force;
    ``reload`` has the agent read both again, and returns what is wrong with them."""

    def __init__(
        self,
        path: Path,
        current: Callable[[], AgentConfig],
        reload: Callable[[], Awaitable[str | None]],
        counts: Counter[str],
        get: Get = get,
    ) -> None:
        self._path, self._current, self._reload = path, current, reload
        self._counts, self._get = counts, get
        self._etag = ""
        self._silent_polls = 0
        self._last: Fetched | None = None

    async def run(self) -> None:
        """Poll until cancelled. A bug in here must not stop the measuring: it is logged, and tried again."""
        wait = random.uniform(0, FIRST_SECONDS)  # noqa: S311 - spreads load, hides nothing
        while True:
            await asyncio.sleep(wait)
            try:
                result = await self.poll()
                self._counts[result] += 1
            except Exception:
                log.exception("a bug while fetching the configuration")
            fetch = self._current().fetch
            seconds = fetch.seconds if fetch is not None else 60.0
            wait = seconds * random.uniform(*_EARLY)  # noqa: S311 - spreads load, hides nothing

    async def poll(self) -> Fetched:
        """Ask once, and take what is new."""
        try:
            local = await asyncio.to_thread(load_config, self._path)
        except Refused as error:
            return self._noted(Fetched.LOCAL, str(error))
        fetch = self._source(local)
        if fetch is None:
            return self._noted(Fetched.LOCAL, "the file names no gateway")
        answer = await self._get(fetch, self._etag or f'"{version_of(self._current())}"')
        self._silent_polls = 0 if answer.status in {200, 304} else self._silent_polls + 1
        if answer.status == 200:
            return await self._take(local, answer)
        return self._noted(_meaning(answer), answer.detail or str(answer.status))

    def _source(self, local: AgentConfig) -> Fetch | None:
        """Return whom to ask: whom the hub named, and after a long silence in turn whom the file names."""
        named = self._current().fetch
        turn = self._silent_polls >= PATIENCE_POLLS and self._silent_polls % 2 == 1
        return local.fetch if named is None or turn else named

    async def _take(self, local: AgentConfig, answer: Answer) -> Fetched:
        """Take a configuration if it is one; the one in force goes on if not."""
        try:
            sent = await asyncio.to_thread(loads_config, answer.body, "(hub)")
            wanted = kept.adopted(local, sent)
        except Refused as error:
            return self._noted(Fetched.REFUSED, str(error))
        before = await asyncio.to_thread(kept.read, local)
        try:
            if before != answer.body:
                await asyncio.to_thread(kept.keep, local, answer.body)
            if wanted == self._current():
                self._etag = answer.etag
                return self._noted(Fetched.SAME)
            problem = await self._reload()
            if problem is not None:
                await asyncio.to_thread(kept.keep, local, before)
                return self._noted(Fetched.REFUSED, problem)
        except OSError as error:
            return self._noted(Fetched.LOCAL, str(error))
        self._etag = answer.etag
        return self._noted(Fetched.TAKEN)

    def _noted(self, result: Fetched, detail: str = "") -> Fetched:
        """Log a result when it is another than the last."""
        if result is not self._last:
            level = logging.INFO if result in {Fetched.TAKEN, Fetched.SAME} else logging.WARNING
            log.log(level, "configuration from the hub: %s", result.value, extra={"detail": detail[:1000]})
        self._last = result
        return result
