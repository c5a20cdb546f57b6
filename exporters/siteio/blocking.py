"""Reading what only blocking calls can read, without ever waiting for it on the loop."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from exporters.net.failure import Failure
from inventory.names import Reason

T = TypeVar("T")


class Aside:
    """One thread's worth of reading for one target.

    A read that hangs (a dead mount, a controller that does not answer) keeps its thread; nothing more
    is started for that target until it returns.
    """

    def __init__(self) -> None:
        self._reading: asyncio.Task[object] | None = None

    async def read(self, function: Callable[[], T], seconds: float, what: str) -> T:
        """Return what ``function`` returns. Raises Failure(timeout) after ``seconds``, Failure(local) for
        an OSError."""
        if self._reading is not None and not self._reading.done():
            raise Failure(Reason.TIMEOUT, f"{what}: the read before has not returned yet")
        reading = asyncio.create_task(asyncio.to_thread(function))
        self._reading = reading
        reading.add_done_callback(_forget)
        try:
            return await asyncio.wait_for(asyncio.shield(reading), seconds)
        except TimeoutError:
            raise Failure(Reason.TIMEOUT, f"{what}: nothing within {seconds:g} s") from None
        except OSError as error:
            raise Failure(Reason.LOCAL, f"{what}: {error.strerror or error}") from None


def _forget(reading: "asyncio.Task[T]") -> None:
    """Look at an error that nobody waits for any more."""
    if not reading.cancelled():
        reading.exception()
