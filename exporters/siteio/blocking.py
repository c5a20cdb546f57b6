"""Reading what only blocking calls can read, without ever waiting for it on the loop."""

import asyncio
from collections.abc import Callable
from typing import TypeVar, cast

from exporters.net import threads
from exporters.net.failure import Failure
from inventory.names import Reason

T = TypeVar("T")


class Aside:
    """One thread's worth of reading for one target.

    A read that hangs (a dead mount, a controller that does not answer) keeps its thread; nothing more
    is started for that target until it returns.
    """

    def __init__(self) -> None:
        self._reading: asyncio.Future[object] | None = None

    async def read(self, function: Callable[[], T], seconds: float, what: str) -> T:
        """Return what ``function`` returns. Raises Failure(timeout) after ``seconds``, Failure(local) for
        an OSError."""
        if self._reading is not None and not self._reading.done():
            raise Failure(Reason.TIMEOUT, f"{what}: the read before has not returned yet")
        try:
            reading = threads.start(function, f"read {what}")
        except RuntimeError as error:  # no more threads on this machine
            raise Failure(Reason.LOCAL, f"{what}: {error}") from None
        self._reading = cast("asyncio.Future[object]", reading)
        reading.add_done_callback(_forget)
        try:
            return await asyncio.wait_for(asyncio.shield(reading), seconds)
        except TimeoutError:
            raise Failure(Reason.TIMEOUT, f"{what}: nothing within {seconds:g} s") from None
        except OSError as error:
            raise Failure(Reason.LOCAL, f"{what}: {error.strerror or error}") from None


def _forget(reading: "asyncio.Future[T]") -> None:
    """Look at an error that nobody waits for any more."""
    if not reading.cancelled():
        reading.exception()
