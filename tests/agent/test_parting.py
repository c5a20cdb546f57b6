"""How a run ended is told once by the next, and never for a run that was killed."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.parting import FILE_NAME, Farewell
from tests.agent import virtual
from tests.agent.push_bench import EPOCH
from tests.agent.test_run import TARGETS, World, kill, write

STOPPED = "__name__=thongsuot_agent_stopped_timestamp_seconds"


def test_a_stop_is_told_once(tmp_path: Path) -> None:
    Farewell(tmp_path, "21040").leave(1.8e9)
    assert Farewell(tmp_path, "21040").take() == 1.8e9
    assert Farewell(tmp_path, "21040").take() == 0
    assert list(tmp_path.iterdir()) == []


def test_the_stop_of_another_site_is_not_ours(tmp_path: Path) -> None:
    Farewell(tmp_path, "21061").leave(1.8e9)
    assert Farewell(tmp_path, "21040").take() == 0


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"null", b'{"site":"21040","stopped_unix":-1}', b'{"site":"21040","stopped_unix":1e300}',
     b'{"site":"21040"}', b"x" * 5000],
)  # fmt: skip
def test_a_damaged_file_says_nothing_and_is_gone(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(raw)
    assert Farewell(tmp_path, "21040").take() == 0
    assert not (tmp_path / FILE_NAME).exists()


@given(raw=st.binary(max_size=200))
def test_any_file_is_a_time_or_nothing(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    directory = tmp_path_factory.mktemp("parting")
    (directory / FILE_NAME).write_bytes(raw)
    assert 0 <= Farewell(directory, "21040").take() < 1e11


def test_a_directory_that_is_not_there_stops_nobody(tmp_path: Path) -> None:
    gone = Farewell(tmp_path / "gone", "21040")
    gone.leave(1.8e9)
    assert gone.take() == 0


def test_the_hub_hears_of_a_stop_on_purpose_in_the_last_word_and_from_the_next_run(tmp_path: Path) -> None:
    async def main() -> None:
        world = World(tmp_path)
        config = write(world.path, world.state, *TARGETS)
        agent = world.agent(config)
        await agent.start()
        await asyncio.sleep(20)
        assert {value for _, value in world.hub.samples[STOPPED]} == {0}
        await agent.stop(on_purpose=True)
        at = EPOCH + virtual.now()
        assert world.hub.samples[STOPPED][-2][1] == pytest.approx(at, abs=1)
        told = await next_run(world)
        assert told == pytest.approx(at, abs=1)
        assert await next_run(world) == 0  # the run before was killed

    virtual.run(main)


async def next_run(world: World) -> float:
    """Run an agent for 20 s; return what it tells of the run before; it is killed."""
    config = write(world.path, world.state, *TARGETS)
    agent = world.agent(config)
    await agent.start()
    await asyncio.sleep(20)
    told = world.hub.last(STOPPED)
    await kill(agent)
    assert told is not None
    return told
