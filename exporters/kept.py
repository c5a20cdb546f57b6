"""What a kind of measurement keeps from call to call: sessions, last counters, results of rare searches.

It belongs to one event loop and one target, and goes when either goes: nobody has to clean it up.
"""

import asyncio
import weakref
from collections.abc import Callable
from typing import Generic, TypeVar

from exporters.base import Target

T = TypeVar("T")


class Kept(Generic[T]):
    """State per target, made by ``make`` when it is asked for the first time."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._loops: weakref.WeakKeyDictionary[
            asyncio.AbstractEventLoop, weakref.WeakKeyDictionary[Target, T]
        ] = weakref.WeakKeyDictionary()

    def of(self, target: Target) -> T:
        """Return what is kept of ``target`` in the running loop.

        Two targets that are equal in every field share it; an agent has no two of one name.
        """
        loop = asyncio.get_running_loop()
        states = self._loops.get(loop)
        if states is None:
            states = self._loops[loop] = weakref.WeakKeyDictionary()
        state = states.get(target)
        if state is None:
            state = states[target] = self._make()
        return state
