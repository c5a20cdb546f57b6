"""Many communes' agents in one process: ``python -m tests.bench._fleet DIRECTORY``.

Every ``DIRECTORY/<code>/agent.yml`` is an agent with its own file, token and connections to the hub, which
measures nothing real (:mod:`tests.bench._simulated`). What it has to send of an outage was made by one agent
in virtual time, and copied for the others under their names.
"""

import asyncio
import math
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Final

import msgspec

from agent.load import load_config
from agent.run import Agent
from agent.spool.piece import NewRow, Row
from agent.spool.shelf import FILE_NAME
from agent.spool.store import Store
from common import log
from deploy.render_agents import BYTES_PER_MBIT
from exporters.base import Outcome
from inventory.names import HEARTBEAT
from tests.agent import virtual
from tests.bench import _simulated
from tests.bench._delivered import samples
from tests.bench._province import LINE_MBPS
from tests.bench._virtual_site import Hub, Site

_TOP: Final = 1 << 62
_KNOWN_SECONDS: Final = 20.0
"""The hub is heard before the outage, so that the agent knows the time."""


class Backlog(msgspec.Struct, frozen=True):
    """What an agent has to send: its rows, newest first; how many samples of each metric, ends of series
    left out, and how many of them are heartbeats."""

    code: str
    rows: list[Row]
    samples: Counter[str]
    heartbeats: int

    @property
    def end(self) -> float:
        """Unix time of its last sample."""
        return max(row.last_ms for row in self.rows) / 1000

    def give(self, code: str, directory: Path) -> None:
        """Put it into the spool of another commune's agent. All codes are of the same length."""
        renamed = {
            number: NewRow(
                raw=row.raw.replace(self.code.encode(), code.encode()), samples=row.samples,
                first_ms=row.last_ms - 60_000, last_ms=row.last_ms, boot="before",
            )
            for number, row in enumerate(reversed(self.rows), 1)
        }  # fmt: skip
        store = Store(directory / FILE_NAME, code, 0.0)
        store.write(renamed, (), {})
        store.close()


def outage(directory: Path, code: str, minutes: float, outcome: Outcome) -> Backlog:
    """Return what an agent keeps that has had no hub for the last minutes."""

    async def main() -> None:
        epoch = time.time() - minutes * 60.0 - _KNOWN_SECONDS - virtual.now()
        site = Site(directory, Hub(LINE_MBPS * BYTES_PER_MBIT, epoch), LINE_MBPS, outcome)
        await site.start()
        await asyncio.sleep(_KNOWN_SECONDS)
        site.hub.up = False
        await asyncio.sleep(minutes * 60.0)
        await site.end()

    virtual.run(main)
    store, rows, below = Store(directory / FILE_NAME, code, 0.0), [], _TOP
    while (row := store.newest(below)) is not None:
        rows.append(row)
        below = row.seq
    store.close()
    kept = Counter(
        _name(labels) for row in rows for labels, value, _ in samples(row.raw) if not math.isnan(value)
    )
    return Backlog(code, rows, kept, kept[HEARTBEAT.name])


def _name(labels: bytes) -> str:
    """Return the metric's name; it is shorter than 128 bytes, so its length is one."""
    at = labels.index(b"__name__\x12") + len(b"__name__\x12")
    return labels[at + 1 : at + 1 + labels[at]].decode()


async def main(paths: list[Path]) -> None:
    """Run all agents until SIGTERM."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    outcome = await _simulated.measure()
    agents = [Agent(path, load_config(path), find=_simulated.find(outcome)) for path in paths]
    for agent in agents:
        await agent.start()
    await stopped.wait()
    await asyncio.gather(*(agent.stop() for agent in agents))


if __name__ == "__main__":
    log.set_up(level="error")
    asyncio.run(main(sorted(Path(sys.argv[1]).glob("*/agent.yml"))))
