"""A ``requests`` session with a deadline for the whole answer and a limit on its size."""

import time
from typing import Any, Final

import requests
import urllib3

MAX_ANSWER_BYTES: Final = 16 << 20
_CHUNK_BYTES: Final = 1 << 16


class AnswerTooLarge(Exception):  # noqa: N818 - reads as what it says
    """The answer is over the limit."""


class DeadlinePassed(Exception):  # noqa: N818 - reads as what it says
    """The answer was not complete in time."""


class BoundedSession(requests.Session):
    """Reads every answer whole, within ``timeout_seconds`` and MAX_ANSWER_BYTES; follows no redirect.

    A redirect would turn a POST into a GET and carry the token on: the address must be right instead.
    """

    def __init__(self, timeout_seconds: float, max_answer_bytes: int = MAX_ANSWER_BYTES) -> None:
        super().__init__()
        self.max_redirects = 0
        self._timeout_seconds = timeout_seconds
        self._max_answer_bytes = max_answer_bytes

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send and read. Raises AnswerTooLarge, DeadlinePassed and what ``requests`` raises."""
        ends = time.monotonic() + self._timeout_seconds
        response = super().send(request, **{**kwargs, "stream": True})
        with response:
            try:
                response._content = self._read(response, ends)
            except urllib3.exceptions.TimeoutError as error:
                raise DeadlinePassed from error
            except urllib3.exceptions.HTTPError as error:
                raise requests.ConnectionError(error) from error
        return response

    def _read(self, response: requests.Response, ends: float) -> bytes:
        body = bytearray()
        while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
            body += chunk
            if len(body) > self._max_answer_bytes:
                raise AnswerTooLarge
            if time.monotonic() > ends:
                raise DeadlinePassed
        return bytes(body)
