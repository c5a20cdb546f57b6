"""A pusher in virtual time, and a hub that judges every byte with protobuf."""

import asyncio
import math
from collections.abc import Callable, Iterable
from pathlib import Path

from agent.clock import HubClock
from agent.config import Push
from agent.expose import Group, Point, Series, Site, Tier
from agent.itself import Itself
from agent.push import Pusher
from agent.spool.shelf import Limits, Shelf
from agent.spool.spool import Spool
from agent.transport import Reply, Result
from inventory.names import PROBE_DURATION, PROBE_RESULTS, TARGET_UP, Metric
from tests.agent import virtual
from tests.agent.oracle import Series as Decoded
from tests.agent.oracle import decode

IDENTITY = {"job", "instance", "site", "commune"}
EPOCH = 1_795_000_000.0


Judge = Callable[[list[Decoded]], Result | None]


class Hub:
    """Takes requests. ``result`` says what it answers, ``judge`` what it says to some bodies; ``off`` is its
    clock minus true time, ``start`` when it says that it was started."""

    def __init__(self) -> None:
        self.result, self.delay, self.off = Result.OK, 0.05, 0.0
        self.start: float | None = None
        self.retry_after: float | None = None
        self.judge: Judge = lambda _: None
        self.bodies: list[tuple[float, bytes]] = []
        self.samples: dict[str, list[tuple[float, float]]] = {}

    async def send(self, body: bytes, timeout_seconds: float | None = None) -> Reply:
        sent = virtual.now()
        self.bodies.append((sent, body))
        await asyncio.sleep(self.delay)
        series = decode(body)
        result = self.result
        if result is Result.OK:
            result = self.judge(series) or Result.OK
        if result is Result.OK:
            self._take(series)
        date = None if result is Result.UNREACHABLE else float(math.floor(EPOCH + virtual.now() + self.off))
        return Reply(
            result, sent, virtual.now(), date, start_unix=self.start, retry_after_seconds=self.retry_after
        )

    async def close(self) -> None:
        """Nothing to close."""

    def _take(self, series: list[Decoded]) -> None:
        for labels, samples in series:
            assert labels == sorted(labels)
            assert ("job", "thongsuot-agent") in labels
            key = " ".join(f"{name}={value}" for name, value in labels if name not in IDENTITY)
            self.samples.setdefault(key, []).extend((ms / 1000, value) for value, ms in samples)

    def times(self, key: str) -> list[float]:
        return [at for at, _ in self.samples[key]]

    def last(self, key: str) -> float:
        return self.samples[key][-1][1]


class Fake:
    """A group with values set by hand."""

    def __init__(self, site: Site, key: str) -> None:
        self._site, self.key = site, key
        self.series: dict[tuple[Tier, str], Series] = {}
        self.values: dict[tuple[Tier, str], float] = {}

    def set(self, tier: Tier, metric: Metric, value: float | None, **labels: str) -> None:
        at = tier, metric.name + str(labels)
        if value is None:
            self.values.pop(at)
            return
        if at not in self.series:
            self.series[at] = self._site.series(metric, {"target": self.key, **labels})
            self.series[at].from_zero = metric is PROBE_RESULTS
        self.values[at] = value

    def points(self, tier: Tier) -> Iterable[Point]:
        return [(self.series[at], value) for at, value in self.values.items() if at[0] is tier]


class Bench:
    """A pusher with a spool, in memory where there is no ``directory``; a backlog begins at once."""

    def __init__(
        self,
        wall_off: float = 0.0,
        *,
        directory: Path | None = None,
        boot: str = "boot",
        hub: Hub | None = None,
        rate: float = 125_000,
    ) -> None:
        self.hub, self._rate = hub or Hub(), rate
        self.clock = HubClock(virtual.now, lambda: EPOCH + virtual.now() - wall_off, boot)
        site = Site("21040", "21040")
        self.itself = Itself(site, self.clock, "0")
        self.itself.pushing = True
        self.a, self.b = Fake(site, "a"), Fake(site, "b")
        self.groups: dict[str, Group] = {"agent": self.itself, "a": self.a, "b": self.b}
        for group in (self.a, self.b):
            group.set(Tier.STATE, TARGET_UP, 1)
            group.set(Tier.DETAIL, PROBE_DURATION, 0.5)
        self.spool = Spool(
            Shelf(directory, "21040", Limits(8 << 20, 14), self.clock.now), self.clock, self.itself.dropped
        )
        self.itself.spool = self.spool
        self.pusher = self.make()
        self.tasks = [asyncio.create_task(work) for work in (self.pusher.run(), self.keep())]

    def make(self) -> Pusher:
        push = Push(
            url="http://hub/api/v1/write",
            heartbeat_seconds=2,
            detail_seconds=30,
            backlog_bytes_per_second=self._rate,
        )
        senders = self.hub, self.hub
        return Pusher(
            push, self.clock, self.groups, self.itself, self.spool, senders=senders, rng=lambda: 0.0
        )

    async def keep(self) -> None:
        await self.spool.open()
        await self.spool.run()

    async def pause(self) -> None:
        self.tasks[0].cancel()
        await asyncio.gather(self.tasks[0], return_exceptions=True)

    async def stop(self) -> None:
        """Kill it: nothing is written or said any more."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        vanish(self.spool)


def vanish(spool: Spool) -> None:
    """Let go of the spool's file as a process does that is killed."""
    for store in (spool._shelf._disk, spool._shelf._memory):
        if store is not None:
            store.close()
    spool._thread.shutdown(wait=False)


HEARTBEAT = "__name__=thongsuot_agent_heartbeat_timestamp_seconds"
UP_A, UP_B = "__name__=thongsuot_target_up target=a", "__name__=thongsuot_target_up target=b"
DURATION_A = "__name__=probe_duration_seconds target=a"
