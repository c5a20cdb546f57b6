"""One remote-write request: HTTP, credentials, and what an answer means."""

import asyncio
import logging
import re
import ssl
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

import aiohttp
import msgspec

from agent.clock import SANE_UNIX, parse_date
from agent.config import Push
from agent.hub_http import FILES_SECONDS, Tls, new_session, read_token
from agent.remote_write import HEADERS
from common.delivery import HUB_START_HEADER, LEFT_OUT_HEADER

MAX_RETRY_AFTER_SECONDS: Final = 600.0
_NUMBER: Final = re.compile(r"[0-9]{1,11}(\.[0-9]{1,9})?")
log = logging.getLogger(__name__)


class Result(StrEnum):
    """What became of a request; values of the label ``result``."""

    OK = "ok"
    REFUSED = "refused"  # the hub will never take this: something in it has to go
    TOO_OLD = "too_old"  # the hub says that it is outside its window: true of old samples, else an alarm
    UNAUTHORISED = "unauthorised"
    BUSY = "busy"  # 429
    SERVER_ERROR = "server_error"
    UNEXPECTED = "unexpected"  # a redirect, a page for people, or another protocol
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    TLS = "tls"
    LOCAL = "local"  # our own token or CA file cannot be read


class Reply(msgspec.Struct, frozen=True):
    """Times on the agent's clock; ``date_unix`` is the hub's clock, where it said so; ``start_unix`` when
    the hub says that it was started; ``retry_after_seconds`` what it asks for; ``left_out`` how many samples
    of what it took it will never store."""

    result: Result
    sent_seconds: float
    received_seconds: float
    date_unix: float | None = None
    detail: str = ""
    start_unix: float | None = None
    retry_after_seconds: float | None = None
    left_out: int = 0


_ABOUT_THE_REQUEST: Final = frozenset([400, 409, 413, 422])
_INVALID: Final = re.compile(r"invalid sample", re.IGNORECASE)
_TOO_OLD: Final = re.compile(r"too[ _-]old|out[ _-]of[ _-]bounds", re.IGNORECASE)


def meaning(status: int, said: str = "") -> Result:
    """Return what an HTTP answer says about a request.

    5xx and 429 are worth another try, other 4xx are not (remote-write specification). But only some 4xx
    speak about the samples: a wrong path (404) must not make an agent throw away what it measured.
    Prometheus 2.42 answers 500, not 400, to samples older than its window and to labels that occur twice, so
    its words decide.
    """
    if 200 <= status < 300:
        return Result.OK
    if (status >= 500 or status in _ABOUT_THE_REQUEST) and _TOO_OLD.search(said):
        return Result.TOO_OLD
    if status in {401, 403, 407}:
        return Result.UNAUTHORISED
    if status in {408, 429}:
        return Result.BUSY
    if status in _ABOUT_THE_REQUEST or (status >= 500 and _INVALID.search(said)):
        return Result.REFUSED
    return Result.SERVER_ERROR if status >= 500 else Result.UNEXPECTED


def parse_unix(header: str | None) -> float | None:
    """Return the Unix time in a header of plain seconds, None for nonsense."""
    if not header or not _NUMBER.fullmatch(header):
        return None
    unix = float(header)
    return unix if SANE_UNIX[0] <= unix <= SANE_UNIX[1] else None


def parse_count(header: str | None) -> int:
    """Return the number in a header, 0 for nonsense."""
    return int(header) if header and len(header) < 10 and header.isascii() and header.isdigit() else 0


def parse_retry_after(header: str | None, date_unix: float | None) -> float | None:
    """Return the seconds of a ``Retry-After`` header (RFC 9110, 10.2.3), None for nonsense.

    A date counts from the ``Date`` of the same answer: no other clock can be compared with it.
    """
    if not header:
        return None
    if _NUMBER.fullmatch(header):
        return min(float(header), MAX_RETRY_AFTER_SECONDS)
    until = parse_date(header)
    if until is None or date_unix is None:
        return None
    return min(max(0.0, until - date_unix), MAX_RETRY_AFTER_SECONDS)


class Transport:
    """Sends to one hub over one connection that is kept alive."""

    def __init__(
        self, push: Push, now: Callable[[], float], version: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self._push, self._now = push, now
        self._headers = {**HEADERS, "User-Agent": f"thongsuot-agent/{version}", **(headers or {})}
        self._session: aiohttp.ClientSession | None = None
        self._tls = Tls(push, now) if push.url.startswith("https:") else None
        self._token = ""
        self._token_read_seconds: float | None = None

    async def send(self, body: bytes, timeout_seconds: float | None = None) -> Reply:
        """Send one compressed WriteRequest. Never raises but for cancellation."""
        sent = self._now()
        try:
            async with asyncio.timeout(timeout_seconds or self._push.timeout_seconds):
                if self._session is None:
                    self._session = new_session(self._headers)
                tls = True if self._tls is None else await self._tls.context()
                headers = await self._authorisation()
                sent = self._now()
                async with self._session.post(
                    self._push.url, data=body, headers=headers, allow_redirects=False, ssl=tls
                ) as answer:
                    received = self._now()
                    said = await answer.content.read(1000)
        except (OSError, aiohttp.ClientError) as error:
            self._doubt_files()  # a hub that refuses a certificate may just hang up
            return Reply(_failure(error), sent, self._now(), detail=str(error) or type(error).__name__)
        text = said.decode(errors="replace").strip()[:300]
        result = meaning(answer.status, text)
        if result is Result.OK and answer.content_type == "text/html":
            result = Result.UNEXPECTED  # no hub speaks HTML: a carrier's page asks somebody to log in or pay
        if result is Result.UNAUTHORISED:
            self._doubt_files()
        date = parse_date(answer.headers.get("Date"))
        return Reply(
            result,
            sent,
            received,
            date,
            "" if result is Result.OK else f"{answer.status} {text}",
            parse_unix(answer.headers.get(HUB_START_HEADER)),
            parse_retry_after(answer.headers.get("Retry-After"), date),
            parse_count(answer.headers.get(LEFT_OUT_HEADER)),
        )

    async def close(self) -> None:
        """Close the connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _doubt_files(self) -> None:
        """Have credentials read again before the next request: perhaps they were changed."""
        self._token_read_seconds = None
        if self._tls is not None:
            self._tls.doubt()

    async def _authorisation(self) -> dict[str, str]:
        """Return the header with the bearer token, read again every 30 s and after a refusal."""
        path = self._push.bearer_token_file
        if path is None:
            return {}
        now = self._now()
        if self._token_read_seconds is None or now - self._token_read_seconds > FILES_SECONDS:
            self._token = await asyncio.to_thread(read_token, Path(path))
            self._token_read_seconds = now
        return {"Authorization": f"Bearer {self._token}"}


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
