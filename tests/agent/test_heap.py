"""What stays is set aside from the garbage collector, and comes back when the configuration changes."""

import asyncio
import gc
from collections.abc import Iterator

import pytest

from agent.heap import LOOK_SECONDS, PATIENCE_SECONDS, settle
from tests.agent import virtual


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


class Agent:
    ready, configuration = False, "a"

    def start(self) -> asyncio.Task[None]:
        return asyncio.create_task(settle(lambda: self.ready, lambda: self.configuration))


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_set_aside_once_measured_and_back_at_the_end() -> None:
    async def main() -> None:
        agent = Agent()
        task = agent.start()
        await asyncio.sleep(10)
        assert gc.get_freeze_count() == 0
        agent.ready = True
        await asyncio.sleep(2 * LOOK_SECONDS)
        assert gc.get_freeze_count() > 0
        await stop(task)
        assert gc.get_freeze_count() == 0

    virtual.run(main)


def test_a_new_configuration_is_measured_first() -> None:
    async def main() -> None:
        agent = Agent()
        agent.ready = True
        task = agent.start()
        await asyncio.sleep(2 * LOOK_SECONDS)
        agent.ready, agent.configuration = False, "b"
        await asyncio.sleep(2 * LOOK_SECONDS)
        assert gc.get_freeze_count() == 0
        agent.ready = True
        await asyncio.sleep(2 * LOOK_SECONDS)
        assert gc.get_freeze_count() > 0
        await stop(task)

    virtual.run(main)


def test_what_is_never_measured_is_not_waited_for() -> None:
    async def main() -> None:
        task = Agent().start()
        await asyncio.sleep(PATIENCE_SECONDS + 2)
        assert gc.get_freeze_count() > 0
        await stop(task)

    virtual.run(main)
