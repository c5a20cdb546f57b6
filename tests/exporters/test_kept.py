"""What kinds keep from call to call, and when it goes."""

import asyncio
import gc
import weakref

from exporters.base import Target
from exporters.kept import Kept


class Box:
    """Something that can be watched going."""


def target(name: str) -> Target:
    return Target(name=name, address="x", timeout_seconds=1)


async def test_one_for_each_target() -> None:
    kept = Kept(list[int])
    first, second = target("a"), target("b")
    kept.of(first).append(1)
    assert kept.of(first) == [1]
    assert kept.of(second) == []


async def test_it_goes_with_its_target() -> None:
    kept = Kept(Box)
    mine = target("a")
    watched = weakref.ref(kept.of(mine))
    gc.collect()
    assert watched() is not None
    del mine
    gc.collect()
    assert watched() is None


def test_every_loop_has_its_own() -> None:
    kept, mine = Kept(Box), target("a")

    async def ask() -> Box:
        return kept.of(mine)

    assert asyncio.run(ask()) is not asyncio.run(ask())
