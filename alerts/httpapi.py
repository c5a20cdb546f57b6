"""One bounded JSON request to a service of ours, and the errors that can come of it.

ApiError
├── UnreachableError   no connection, or it broke off
├── DeadlineError      no complete answer in time
├── BadAnswerError     not the JSON expected, too large, or an HTTP error without an explanation
└── QueryError         the service understood the request and refused it (bad PromQL, too costly)
"""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

import aiohttp

MAX_ANSWER_BYTES: Final = 64 << 20
_CHUNK_BYTES: Final = 1 << 16
_CONNECTIONS: Final = 8


class ApiError(Exception):
    """Base of everything that a call can raise; ``str()`` is one line without credentials."""


class UnreachableError(ApiError):
    """No connection, or it broke off before the answer was complete."""


class DeadlineError(ApiError):
    """No complete answer before the deadline."""


class BadAnswerError(ApiError):
    """An answer that is not what the API promises."""


class QueryError(ApiError):
    """The service refused the query and said why."""


class JsonApi:
    """A base URL with a connection pool, a deadline for each call and a limit on each answer.

    Use as an async context manager, inside the event loop that calls it.
    """

    def __init__(
        self, url: str, *, timeout_seconds: float = 10.0, max_answer_bytes: int = MAX_ANSWER_BYTES
    ) -> None:
        self._url = url.rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._max_answer_bytes = max_answer_bytes
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_CONNECTIONS),
            timeout=aiohttp.ClientTimeout(total=None),  # the deadline below bounds the whole call
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, path: str, parameters: Mapping[str, str]) -> tuple[int, bytes]:
        """GET ``path``; return (HTTP status, body). Raises ApiError."""
        return await self._request("GET", path, params=parameters)

    async def post(self, path: str, form: Mapping[str, str]) -> tuple[int, bytes]:
        """POST ``form`` to ``path``; return (HTTP status, body). Raises ApiError."""
        return await self._request("POST", path, data=form)

    async def post_json(self, path: str, body: bytes) -> tuple[int, bytes]:
        """POST JSON to ``path``; return (HTTP status, body). Raises ApiError."""
        return await self._request("POST", path, data=body)

    async def delete(self, path: str) -> tuple[int, bytes]:
        """DELETE ``path``; return (HTTP status, body). Raises ApiError."""
        return await self._request("DELETE", path)

    async def _request(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | bytes | None = None,
    ) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"} if isinstance(data, bytes) else None
        if self._session is None:
            raise RuntimeError(f"{type(self).__name__} is used outside its context")
        try:
            async with (
                asyncio.timeout(self._timeout_seconds),
                self._session.request(
                    method, self._url + path, params=params, data=data, headers=headers, allow_redirects=False
                ) as answer,
            ):
                return answer.status, await self._read(answer)
        except TimeoutError as error:
            raise DeadlineError(f"{path}: no answer within {self._timeout_seconds:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise UnreachableError(f"{path}: {type(error).__name__}") from error

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in answer.content.iter_chunked(_CHUNK_BYTES):
            body += chunk
            if len(body) > self._max_answer_bytes:
                raise BadAnswerError(f"answer over {self._max_answer_bytes} bytes")
        return bytes(body)
