"""One remote-write request: HTTP, credentials, and what an answer means."""

import asyncio
import logging
import os
import socket
import ssl
import stat
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Final

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult

from agent.clock import parse_date
from agent.config import Push
from agent.remote_write import HEADERS
from common.files import read_plain
from exporters.net.failure import Failure
from exporters.net.resolve import resolve

_CONNECT_SECONDS: Final = 2.0
_TOKEN_SECONDS: Final = 30.0
_MAX_TOKEN_BYTES: Final = 8192
log = logging.getLogger(__name__)


class Result(StrEnum):
    """What became of a request; values of the label ``result``."""

    OK = "ok"
    REFUSED = "refused"  # the hub will never take this: give it up
    UNAUTHORISED = "unauthorised"
    BUSY = "busy"  # 429
    SERVER_ERROR = "server_error"
    UNEXPECTED = "unexpected"  # a redirect, a page for people, or another protocol
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    TLS = "tls"
    LOCAL = "local"  # our own token or CA file cannot be read


class Reply(msgspec.Struct, frozen=True):
    """Times on the agent's clock; ``date_unix`` is the hub's clock, where it said so."""

    result: Result
    sent_seconds: float
    received_seconds: float
    date_unix: float | None = None
    detail: str = ""


def meaning(status: int) -> Result:
    """Return what an HTTP status says about a request.

    5xx and 429 are worth another try, other 4xx are not (remote-write specification). Prometheus
    answers 500, not 400, to samples older than its window.
    """
    if 200 <= status < 300:
        return Result.OK
    if status in {401, 403, 407}:
        return Result.UNAUTHORISED
    if status in {408, 429}:
        return Result.BUSY
    if 400 <= status < 500:
        return Result.REFUSED
    return Result.SERVER_ERROR if status >= 500 else Result.UNEXPECTED


class Transport:
    """Sends to one hub over one connection that is kept alive."""

    def __init__(self, push: Push, now: Callable[[], float], version: str) -> None:
        self._push, self._now = push, now
        self._headers = {**HEADERS, "User-Agent": f"thongsuot-agent/{version}"}
        self._session: aiohttp.ClientSession | None = None
        self._token = ""
        self._token_read_seconds: float | None = None

    async def send(self, body: bytes, timeout_seconds: float | None = None) -> Reply:
        """Send one compressed WriteRequest. Never raises but for cancellation."""
        sent = self._now()
        try:
            async with asyncio.timeout(timeout_seconds or self._push.timeout_seconds):
                session = await self._ready()
                headers = await self._authorisation()
                sent = self._now()
                async with session.post(
                    self._push.url, data=body, headers=headers, allow_redirects=False
                ) as answer:
                    received = self._now()
                    said = await answer.content.read(1000)
        except (OSError, aiohttp.ClientError) as error:
            return Reply(_failure(error), sent, self._now(), detail=str(error) or type(error).__name__)
        result = meaning(answer.status)
        if result is Result.OK and answer.content_type == "text/html":
            result = Result.UNEXPECTED  # no hub speaks HTML: a carrier's page asks somebody to log in or pay
        if result is Result.UNAUTHORISED:
            self._token_read_seconds = None
        detail = (
            "" if result is Result.OK else f"{answer.status} {said.decode(errors='replace').strip()[:300]}"
        )
        return Reply(result, sent, received, parse_date(answer.headers.get("Date")), detail)

    async def close(self) -> None:
        """Close the connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ready(self) -> aiohttp.ClientSession:
        if self._session is None:
            tls: ssl.SSLContext | bool = True
            if self._push.url.startswith("https:"):
                tls = await asyncio.to_thread(_trusting, self._push.ca_file)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=1, ssl=tls, resolver=_Resolver(), use_dns_cache=False, keepalive_timeout=75
                ),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
                headers=self._headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,  # nothing of an answer is worth what unpacking a bomb costs
            )
        return self._session

    async def _authorisation(self) -> dict[str, str]:
        """Return the header with the bearer token, read again every 30 s and after a refusal."""
        path = self._push.bearer_token_file
        if path is None:
            return {}
        now = self._now()
        if self._token_read_seconds is None or now - self._token_read_seconds > _TOKEN_SECONDS:
            self._token = await asyncio.to_thread(_read_token, Path(path))
            self._token_read_seconds = now
        return {"Authorization": f"Bearer {self._token}"}


class _Resolver(AbstractResolver):
    """Resolves as the probes do: old answers serve while name servers fail, and a stop waits for none."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of ``host``, best first. Raises OSError."""
        try:
            found = await resolve(host, patience_seconds=_CONNECT_SECONDS)
        except Failure as failure:
            raise OSError(None, failure.evidence) from None
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(hostname=host, host=one.host, port=port, family=one.family, proto=0, flags=flags)
            for one in found
            if family in {socket.AF_UNSPEC, one.family}
        ]

    async def close(self) -> None:
        """Do nothing: nothing is held."""


class CredentialError(OSError):
    """A token file that cannot be used; never holds the token."""


def _read_token(path: Path) -> str:
    try:
        token = read_plain(path, _MAX_TOKEN_BYTES).decode("ascii").strip()
    except UnicodeDecodeError:
        raise CredentialError(f"{path}: not a token") from None
    except OSError as error:
        raise CredentialError(f"{path}: {error.strerror}") from None
    if not token or any(not 33 <= ord(letter) <= 126 for letter in token):
        raise CredentialError(f"{path}: not a token")
    return token


def _trusting(ca_file: str | None) -> ssl.SSLContext:
    """Return a context that trusts who is in the file, or whom the system trusts. Raises OSError.

    Never aiohttp's own, see :mod:`agent.lean`.
    """
    if ca_file is not None and not stat.S_ISREG(os.stat(ca_file).st_mode):
        # OpenSSL would wait for a pipe's other end for ever.
        raise CredentialError(f"{ca_file}: Not a plain file")
    return ssl.create_default_context(cafile=ca_file)


def _failure(error: Exception) -> Result:
    if isinstance(
        error, aiohttp.ClientConnectorSSLError | aiohttp.ClientConnectorCertificateError | ssl.SSLError
    ):
        return Result.TLS
    if isinstance(error, TimeoutError):
        return Result.TIMEOUT
    if isinstance(error, aiohttp.ClientConnectionError | ConnectionError):
        return Result.UNREACHABLE
    return Result.LOCAL if isinstance(error, OSError) else Result.UNEXPECTED
