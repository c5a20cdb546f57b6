"""Asking another program: its answer bounded in size and time, and nothing of it left running."""

import asyncio
import os
import shutil
from collections.abc import Sequence
from typing import Final

import msgspec

from exporters.net.failure import Failure
from exporters.net.processes import end
from inventory.names import Reason

MAX_ANSWER_BYTES: Final = 256 * 1024
_SYSTEM: Final = "/usr/local/sbin:/usr/sbin:/sbin"


class Answer(msgspec.Struct, frozen=True):
    """What a program printed and how it ended."""

    status: int
    out: bytes
    err: bytes

    @property
    def complaint(self) -> str:
        """The last line that it said about what went wrong."""
        lines = [line for line in self.err.decode("utf-8", "replace").splitlines() if line.strip()]
        return " ".join(lines[-1].split())[:200] if lines else f"status {self.status}"


async def ask(words: Sequence[str], seconds: float, package: str) -> Answer:
    """Run a program of Debian's ``package`` and return its answer.

    Raises Failure: local where it is not installed or cannot be started, timeout when it does not end
    in ``seconds``, too_large when it says more than :data:`MAX_ANSWER_BYTES`.
    """
    program = shutil.which(words[0], path=f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM}")
    if program is None:
        raise Failure(Reason.LOCAL, f"{words[0]} is not installed (Debian package {package})")
    try:
        started = await asyncio.create_subprocess_exec(
            program,
            *words[1:],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C"},  # decimal points, and words that we know
            start_new_session=True,  # so that what it starts itself can be ended with it
        )
    except OSError as error:
        raise Failure(Reason.LOCAL, f"{words[0]}: {error.strerror}") from None
    try:
        async with asyncio.timeout(seconds):
            out, err = await asyncio.gather(_read(started.stdout), _read(started.stderr))
            status = await started.wait()
    except TimeoutError:
        raise Failure(Reason.TIMEOUT, f"{words[0]}: no answer within {seconds:g} s") from None
    finally:
        await end(started)
    if len(out) > MAX_ANSWER_BYTES:
        raise Failure(Reason.TOO_LARGE, f"{words[0]}: more than {MAX_ANSWER_BYTES} bytes")
    return Answer(status, out, err[:MAX_ANSWER_BYTES])


async def _read(stream: asyncio.StreamReader | None) -> bytes:
    """Read to the end, but keep no more than one byte too many."""
    kept = bytearray()
    while stream is not None and (chunk := await stream.read(65536)):
        kept += chunk[: MAX_ANSWER_BYTES + 1 - len(kept)]
    return bytes(kept)
