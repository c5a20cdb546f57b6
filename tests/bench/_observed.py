"""The agent as the service runs it, with a watch on its loop: ``python -m tests.bench._observed CONFIG``.

A task that sleeps a millisecond notes how long each of its turns took to come: what the loop's thread
did meanwhile is the longest that anybody had to wait. Wall time counts what the machine gave to other
processes as well, CPU time only what this thread used. Printed as JSON at the end (SIGTERM).
"""

import asyncio
import gc
import json
import signal
import sys
import time
from pathlib import Path

from agent.build import state_directory
from agent.heap import settle
from agent.load import load_config
from agent.run import Agent
from agent.web import make_app
from common import log, statedir
from common.web import serve

TICK_SECONDS = 0.001
SETTLE_SECONDS = 15.0


class Watch:
    """The longest turns, in seconds, since the agent has settled."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []
        self.longest_gc = 0.0
        self._gc_began = 0.0
        gc.callbacks.append(self._collected)

    def _collected(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._gc_began = time.perf_counter()
        elif self.wall:
            self.longest_gc = max(self.longest_gc, time.perf_counter() - self._gc_began)

    async def run(self) -> None:
        """Tick for ever."""
        await asyncio.sleep(SETTLE_SECONDS)
        wall, cpu = time.perf_counter(), time.thread_time()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now, used = time.perf_counter(), time.thread_time()
            self.wall.append(now - wall - TICK_SECONDS)
            self.cpu.append(used - cpu)
            wall, cpu = now, used

    def said(self) -> dict[str, float]:
        """Return the longest turn and its 99.9th percentile, in ms."""
        found = {"longest_gc_ms": self.longest_gc * 1000}
        for name, values in (("wall", sorted(self.wall)), ("cpu", sorted(self.cpu))):
            found[f"longest_{name}_ms"] = values[-1] * 1000 if values else 0.0
            found[f"p999_{name}_ms"] = values[int(len(values) * 0.999)] * 1000 if values else 0.0
        return found


async def main(path: Path) -> dict[str, float]:
    """Run until SIGTERM; returns what the watch saw."""
    config = load_config(path)
    stopped, watch = asyncio.Event(), Watch()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    with statedir.Lock(state_directory(config), "agent.lock"):
        agent = Agent(path, config)
        async with serve(make_app(agent), config.listen):
            await agent.start()
            settling = settle(lambda: agent.ready, lambda: agent.itself.config_hash)
            tasks = [asyncio.create_task(work) for work in (watch.run(), settling)]
            await stopped.wait()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await agent.stop()
    return watch.said()


if __name__ == "__main__":
    log.set_up(level="warning")
    print(json.dumps(asyncio.run(main(Path(sys.argv[1])))))
