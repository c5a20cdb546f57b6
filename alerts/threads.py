"""Blocking work beside the loop: one writer thread for the store, work that may be abandoned, and one job at
a time."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

from alerts.store import Store, StoreError

P = ParamSpec("P")
R = TypeVar("R")
DISK_SECONDS: Final = 10.0


class StoreThread:
    """The store, used from the loop: ``await thread(Store.take, firing, resolved, ...)``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._executor = ThreadPoolExecutor(1, "store")
        self._store: Store | None = None

    async def __call__(
        self, method: Callable[Concatenate[Store, P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run a method of the store in its thread. Raises StoreError, also when the disk hangs."""

        def work() -> R:
            if self._store is None:
                self._store = Store(self._path)
            return method(self._store, *args, **kwargs)

        try:
            async with asyncio.timeout(DISK_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        except TimeoutError:
            raise StoreError(f"the disk did not answer within {DISK_SECONDS:g} s") from None

    async def close(self) -> None:
        """Close the file and end the thread; what waits on a hanging disk is left behind."""
        if self._store is not None:
            with contextlib.suppress(StoreError):
                await self(Store.close)
        self._executor.shutdown(wait=False, cancel_futures=True)


async def abandonable(work: Callable[[], None], deadline_seconds: float) -> None:
    """Run ``work`` in a daemon thread. Raises what it raises, or TimeoutError at the deadline.

    Unlike a pool's thread, one that hangs in a socket keeps neither the loop nor the process.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def run() -> None:
        failure: BaseException | None = None
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits any more
            loop.call_soon_threadsafe(settle, failure)

    threading.Thread(target=run, name="send", daemon=True).start()
    async with asyncio.timeout(deadline_seconds):
        await done


class OneJob:
    """Blocking work beside the loop, a piece at a time, each in a thread of its own: a disk that hangs holds
    one thread, keeps neither other work nor the process, and is given nothing more until it answers."""

    def __init__(self) -> None:
        self._idle = threading.Event()
        self._idle.set()

    async def __call__(self, work: Callable[[], R], deadline_seconds: float) -> R:
        """Return what ``work`` returns, or raise what it raises. Raises TimeoutError at the deadline, and at
        once while what was left behind at a deadline goes on. To be called from one loop."""
        if not self._idle.is_set():
            raise TimeoutError("the disk has not answered since the last time")
        found: list[R] = []

        def run() -> None:
            try:
                found.append(work())
            finally:
                self._idle.set()

        self._idle.clear()
        try:
            await abandonable(run, deadline_seconds)
        except RuntimeError:  # perhaps there was no thread to be had, then nothing runs
            self._idle.set()
            raise
        return found[0]

    async def rest(self, seconds: float) -> bool:
        """Wait until nothing is under way, at most for so long; return whether that is so."""

        def wait() -> None:
            self._idle.wait(seconds)

        if not self._idle.is_set():
            await abandonable(wait, seconds + 1.0)
        return self._idle.is_set()
