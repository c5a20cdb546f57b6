"""The protocol of the locator's bench: which faults under which conditions, and how answers are judged.

Judged on classes: an answer is right when a fault that was drawn stands in its class. Faults that another
masks fully are neither missed when absent nor false when named. ``exact`` is the share of snapshots with
every visible fault named and nothing else. A snapshot is drawn from (seed, communes, cell, its number), so
a run may stop anywhere and go on later.
"""

import time
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import numpy as np

from alerts.locate import Locator
from alerts.locate.classes import alike
from alerts.locate.field import Counts
from alerts.locate.incidence import summed
from alerts.locate.network import Network
from tests.bench._locating_rivals import hierarchy, score
from tests.bench._locating_world import Ints, Snapshot, World

LOSS: Final = 0.5
METHODS: Final = ("ours", "hierarchy", "score")
CHUNK: Final = 50


class Cell(NamedTuple):
    """One row of the table."""

    hard: int
    partial: int
    correlated: bool = False
    wrong: float = 0.0

    @property
    def name(self) -> str:
        """What is drawn, and what makes it harder than the protocol."""
        faults = [f"{self.hard} hard"] * bool(self.hard) + [f"{self.partial} at 50 %"] * bool(self.partial)
        extra = ["correlated noise"] * self.correlated + [f"{self.wrong:.0%} wrong POP"] * bool(self.wrong)
        return ", ".join((faults or ["none"]) + extra)


PROTOCOL: Final = (*(Cell(hard, 0) for hard in range(6)), Cell(0, 1), Cell(0, 2))
HARDER: Final = (
    *(Cell(*faults, correlated=True) for faults in ((0, 0), (1, 0), (2, 0), (3, 0), (0, 1))),
    *(Cell(hard, 0, wrong=wrong) for wrong in (0.01, 0.03, 0.1) for hard in (1, 2, 3)),
)


class Setting:
    """A province, and the locator that believes an inventory of it."""

    def __init__(self, communes: int) -> None:
        self.world = World(communes)
        self._right = Locator(self.world.components, self.world.routes)

    def locator(self, cell: Cell, draw: np.random.Generator) -> Locator:
        """Return a locator for a chunk: with a wrong inventory each chunk has its own mistakes."""
        if not cell.wrong:
            return self._right
        return Locator(self.world.components, self.world.believed(draw, cell.wrong))


def chunk(setting: Setting, seed: int, cell: Cell, number: int) -> dict[str, Any]:
    """Run one chunk of snapshots; returns sums, and the times of our locator in ms."""
    communes = setting.world.communes
    base = [seed, communes, zlib.crc32(cell.name.encode()), number]
    locator = setting.locator(cell, np.random.default_rng([*base, CHUNK]))
    sums = {method: np.zeros(4, int) for method in METHODS}
    cpu_ms, wall_ms, sizes = [], [], []
    for index in range(CHUNK):
        draw = np.random.default_rng([*base, index])
        faults = setting.world.faults(draw, cell.hard, cell.partial, LOSS)
        snapshot = setting.world.snapshot(draw, faults, correlated=cell.correlated)
        started = time.perf_counter(), time.thread_time()
        answer = locator.locate(snapshot.sent, snapshot.failed)
        wall_ms.append((time.perf_counter() - started[0]) * 1000)
        cpu_ms.append((time.thread_time() - started[1]) * 1000)
        sizes += [len(cause.members) for cause in answer.causes]
        truth = _Truth(setting.world, faults, snapshot.sent)
        sums["ours"] += truth.judged(set(cause.members) for cause in answer.causes)
        for method, rival in (("hierarchy", hierarchy), ("score", score)):
            named = rival(locator.network, snapshot)
            sums[method] += truth.judged(_classes(locator.network, snapshot, named))
    return {
        "seed": seed, "communes": communes, "cell": cell.name, "chunk": number, "snapshots": CHUNK,
        **{method: found.tolist() for method, found in sums.items()},
        "causes": len(sizes), "members": sum(sizes), "largest": max(sizes, default=0),
        "cpu_ms": [round(ms, 2) for ms in cpu_ms], "wall_ms": [round(ms, 2) for ms in wall_ms],
    }  # fmt: skip


class _Truth:
    """What was drawn, as classes."""

    def __init__(self, world: World, faults: dict[str, float], sent: Ints) -> None:
        self._drawn = set(faults)
        visible = world.visible(faults, sent)
        self._class_of = {name: world.signature(name, sent) for name in visible}

    def judged(self, answers: Iterable[set[str]]) -> Ints:
        """Return right answers, false answers, missed faults, and 1 where all is exact."""
        hit: set[tuple[bytes, ...]] = set()
        right = false = 0
        for members in answers:
            found = {self._class_of[name] for name in members if name in self._class_of}
            right += bool(found)
            false += not found and not members & self._drawn
            hit |= found
        missed = len(set(self._class_of.values()) - hit)
        return np.array([right, false, missed, not false and not missed])


def _classes(network: Network, snapshot: Snapshot, suspects: list[int]) -> Iterator[set[str]]:
    """Give rivals the benefit of our classes: each named suspect with all that look the same."""
    count = network.observations
    counts = Counts(*(summed(network.observation_of, part, count) for part in snapshot))
    seen: set[int] = set()
    for suspect in suspects:
        if suspect not in seen:
            same = alike(network, counts, suspect).tolist()
            seen.update(same)
            yield {member.id for other in same for member in network.members[other]}


def summary(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one row from the chunks of one cell: our figures, then those of the rivals."""
    snapshots = sum(line["snapshots"] for line in lines)
    row: dict[str, Any] = {key: lines[0][key] for key in ("communes", "seed", "cell")}
    row["snapshots"] = snapshots
    for method in METHODS:
        right, false, missed, exact = np.sum([line[method] for line in lines], axis=0).tolist()
        row[f"{method}_precision"] = right / (right + false) if right + false else 1.0
        row[f"{method}_recall"] = right / (right + missed) if right + missed else 1.0
        row[f"{method}_exact"] = exact / snapshots
        row[f"{method}_false"] = false
    causes = sum(line["causes"] for line in lines)
    row["class_size"] = sum(line["members"] for line in lines) / causes if causes else 0.0
    row["class_largest"] = max(line["largest"] for line in lines)
    for clock in ("cpu_ms", "wall_ms"):
        times = np.concatenate([line[clock] for line in lines])
        row[f"{clock}_median"], row[f"{clock}_p95"] = np.percentile(times, (50, 95)).tolist()
    return row
