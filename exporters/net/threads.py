"""Blocking calls in threads that nobody has to wait for: neither the loop, nor the program when it ends.

A call that hangs (a dead mount, a name server, a controller that does not answer) keeps its thread for
as long as it likes. In the threads of ``asyncio.to_thread`` it would take the place of others', and the
program could not end before it.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

T = TypeVar("T")


def start(function: Callable[[], T], name: str) -> "asyncio.Future[T]":
    """Call ``function`` in a thread of its own; return what it will return or raise.

    Raises RuntimeError where this machine has no more threads.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    threading.Thread(target=_run, args=(loop, future, function), name=name, daemon=True).start()
    return future


def _run(loop: asyncio.AbstractEventLoop, future: "asyncio.Future[T]", function: Callable[[], T]) -> None:
    settle: Callable[[], None]
    try:
        settle = partial(future.set_result, function())
    except Exception as raised:  # noqa: BLE001 - handed to whoever awaits
        settle = partial(future.set_exception, raised)
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(_unless_done, future, settle)


def _unless_done(future: "asyncio.Future[T]", settle: Callable[[], None]) -> None:
    if not future.done():
        settle()
