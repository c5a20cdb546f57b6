"""What stays is set aside from the garbage collector, and comes back when the configuration changes."""

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from agent.heap import (
    ALL_LOOKS,
    ELDER_LOOKS,
    LOOK_SECONDS,
    PATIENCE_SECONDS,
    SHOWN_SECONDS,
    generation,
    settle,
)
from tests.agent import virtual


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    usual = gc.get_threshold()
    gc.unfreeze()
    yield
    gc.set_threshold(*usual)
    gc.unfreeze()


class Agent:
    ready, configuration = False, "a"

    def start(self) -> asyncio.Task[None]:
        return asyncio.create_task(settle(lambda: self.ready, lambda: self.configuration))


class Cycle:
    """Something that only the garbage collector finds out is not needed."""

    def __init__(self) -> None:
        self.itself = self


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_all_is_set_aside_until_it_was_measured_and_shown() -> None:
    async def main() -> None:
        agent = Agent()
        task = agent.start()
        await asyncio.sleep(10)
        agent.ready = True
        await asyncio.sleep(SHOWN_SECONDS - 5)
        kept, before = [Cycle() for _ in range(1000)], gc.get_freeze_count()
        await asyncio.sleep(2 * LOOK_SECONDS)
        assert gc.get_freeze_count() >= before + len(kept)
        await stop(task)

    virtual.run(main)


def test_what_comes_later_is_looked_through() -> None:
    async def main() -> None:
        agent = Agent()
        agent.ready = True
        task = agent.start()
        await asyncio.sleep(SHOWN_SECONDS + 5)
        before = gc.get_freeze_count()
        cycle = Cycle()
        gone = weakref.ref(cycle)
        del cycle
        await asyncio.sleep(2 * LOOK_SECONDS)
        assert gone() is None
        assert gc.get_freeze_count() <= before
        await stop(task)

    virtual.run(main)


def test_a_new_configuration_brings_back_what_was_set_aside() -> None:
    async def main() -> None:
        agent = Agent()
        agent.ready = True
        task = agent.start()
        await asyncio.sleep(5)
        cycle = Cycle()
        gone = weakref.ref(cycle)
        await asyncio.sleep(2 * LOOK_SECONDS)
        del cycle
        await asyncio.sleep(SHOWN_SECONDS)
        assert gone() is not None
        agent.configuration = "b"
        await asyncio.sleep(2 * LOOK_SECONDS)
        assert gone() is None
        assert gc.get_freeze_count() > 0
        await stop(task)

    virtual.run(main)


def test_what_is_never_measured_is_not_waited_for() -> None:
    async def main() -> None:
        task = Agent().start()
        await asyncio.sleep(PATIENCE_SECONDS + SHOWN_SECONDS + 5)
        before = gc.get_freeze_count()
        kept = [Cycle() for _ in range(1000)]
        await asyncio.sleep(2 * LOOK_SECONDS)
        assert gc.get_freeze_count() < before + len(kept)
        await stop(task)

    virtual.run(main)


def test_the_end_has_nothing_to_look_through() -> None:
    async def main() -> None:
        task = Agent().start()
        await asyncio.sleep(5)
        await stop(task)
        assert gc.get_freeze_count() > 0

    virtual.run(main)


def test_the_older_are_looked_at_now_and_then() -> None:
    looks = [generation(number) for number in range(1, ELDER_LOOKS * ALL_LOOKS + 1)]
    assert looks[:ELDER_LOOKS] == [0] * (ELDER_LOOKS - 1) + [1]
    assert looks.count(2) == 1
