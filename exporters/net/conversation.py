"""Lines expected and bytes sent, in turn, over a connection."""

import asyncio
from collections.abc import Iterable
from time import thread_time
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from common.files import read_plain
from common.i18n import t
from exporters.httpio.options import check_pattern
from exporters.httpio.patterns import TooSlow, budget, find, readable
from exporters.httpio.veil import Veil
from exporters.net.failure import Failure
from exporters.net.wire import Wire
from inventory.names import Reason

MAX_LINE: Final = 4096
MAX_SECRET_BYTES: Final = 4096
SEARCH_SECONDS: Final = 0.5
"""CPU time that all searches of a conversation may take together."""
MAX_LINES: Final = 5000
"""Passed over in a whole conversation: a million empty lines fit into what may be received."""
LINES_AT_ONCE: Final = 100
"""Searched before others on the loop have their turn."""


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """First wait for a line that holds ``expect``, a regular expression; then send ``send`` and what
    the file ``send_file`` holds (secrets come from there only); then, with ``starttls``, put TLS on.

    A line is searched as soon as part of it has come, since a prompt may have no end.
    """

    expect: Annotated[str, Meta(min_length=1)] | None = None
    send: Annotated[str, Meta(max_length=65536)] = ""
    send_file: Annotated[str, Meta(min_length=1, max_length=4096)] | None = None
    starttls: bool = False


def check_steps(steps: tuple[Step, ...]) -> None:
    """Raise ValueError, as ``key: problem``, for a step that does nothing or cannot be searched for."""
    for number, step in enumerate(steps):
        check_pattern(f"steps[{number}].expect", step.expect)
        if step == Step():
            raise ValueError(f"steps[{number}]: {t('probes.step_empty')}")


async def secrets_of(steps: tuple[Step, ...]) -> list[bytes]:
    """Return what the files of the steps hold. Raises Failure(local); never says what is in them."""
    if not any(step.send_file for step in steps):
        return [b""] * len(steps)
    return await asyncio.to_thread(lambda: [_secret(step.send_file) for step in steps])


def _secret(path: str | None) -> bytes:
    if path is None:
        return b""
    try:
        held = read_plain(path, MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise Failure(Reason.LOCAL, f"send_file: {path}: {error.strerror}") from None
    if len(held) > MAX_SECRET_BYTES:
        raise Failure(Reason.LOCAL, f"send_file: {path}: over {MAX_SECRET_BYTES} bytes")
    return held


class Conversation:
    """What has been received and not yet been passed over. ``secrets`` are never quoted."""

    def __init__(self, wire: Wire, max_received_bytes: int, secrets: Iterable[bytes] = ()) -> None:
        self._wire, self._left = wire, max_received_bytes
        self._most = max_received_bytes
        self._held = b""
        self._last = ""
        self._searched_seconds, self._lines = 0.0, 0
        self._veil = Veil()
        for secret in secrets:
            self._veil.add(secret.decode("utf-8", "replace"))

    async def take(self, number: int, step: Step, secret: bytes) -> None:
        """Do one step, the TLS part left out. Raises Failure: body, too_large, reset, tls or local."""
        if step.expect is not None:
            await self._expect(number, step.expect)
        if step.send or secret:
            await self._wire.send(step.send.encode() + secret)

    def nothing_left(self, number: int) -> None:
        """Raise Failure(protocol) if the peer, or somebody in between, spoke on before TLS was put on.

        What came unprotected must not be taken for something said under protection (CVE-2011-0411).
        """
        if self._held:
            raise Failure(Reason.PROTOCOL, f"step {number}: {len(self._held)} bytes more before TLS began")

    async def _expect(self, number: int, pattern: str) -> None:
        while (found := self._found(pattern)) is not True:
            if self._lines > MAX_LINES:
                raise Failure(Reason.TOO_LARGE, f"step {number}: over {MAX_LINES} lines; {self._said()}")
            if found is None:
                await asyncio.sleep(0)
                continue
            more = await self._wire.receive()
            if not more:
                raise Failure(Reason.BODY, f"step {number}: {pattern[:80]!r} did not come; {self._said()}")
            self._held += more
            self._left -= len(more)
            if self._left < 0:
                raise Failure(Reason.TOO_LARGE, f"step {number}: over {self._most} bytes; {self._said()}")

    def _found(self, pattern: str) -> bool | None:
        """Search line by line; what does not match is passed over, but for a line still unfinished.

        None: there are more lines at hand than are searched at once.
        """
        began = thread_time()
        try:
            with budget():
                found = self._search(pattern)
        except TooSlow:
            raise _too_slow(pattern) from None
        self._searched_seconds += thread_time() - began
        if self._searched_seconds > SEARCH_SECONDS:
            raise _too_slow(pattern)
        return found

    def _search(self, pattern: str) -> bool | None:
        for _ in range(LINES_AT_ONCE):
            if not self._held:
                return False
            line, end, rest = self._held.partition(b"\n")
            finished = bool(end) or len(line) > MAX_LINE
            text = readable(line[:MAX_LINE].rstrip(b"\r").decode("utf-8", "replace"))
            if find(pattern, text) is not None:
                self._held, self._last = rest, text
                return True
            if not finished:
                return False
            self._held, self._last = rest if end else self._held[MAX_LINE:], text
            self._lines += 1
        return None

    def _said(self) -> str:
        text = self._held[:MAX_LINE].decode("utf-8", "replace") or self._last
        return f"last came {self._veil.quote(text, 120)}" if text else "nothing came"


def _too_slow(pattern: str) -> Failure:
    return Failure(Reason.LOCAL, f"searching for {pattern[:80]!r} takes too much CPU time: simplify it")
