"""A second province, of another mould: so that the locator is not judged by a world that was made for it.

Written from the description of the protocol alone, without a look at :mod:`tests.bench._locating_world`, and
with what that description leaves open as switches: how results are spread over paths, whether a silent
agent's results are missing or failing, whether areas and agents stand on every path, how many results a path
has. Everything is in the form of a file for ``thongsuot locate --offline``.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

WEIGHTS: Final = {
    "line": 25, "power": 20, "lan": 8, "pop": 8, "agent": 7, "system": 7, "area": 6, "ring": 4, "isp": 3,
    "wan": 3, "dns": 3, "hub": 2, "datacentre": 2, "host": 1,
}  # fmt: skip
WHOLE: Final = frozenset({"power", "area", "agent"})
FALSE_FAILURE, FALSE_SUCCESS, MISSING, SECOND_LINE = 0.005, 0.01, 0.05, 0.1
SYSTEMS: Final = 23


class Mould(NamedTuple):
    """What the description leaves open.

    ``results``: of each path in the window, from and to; ``again``: more on a path after a first failure.
    ``lost``: results go missing one by one instead of path by path. ``silent``: an agent that is cut off
    reports nothing, only its heartbeats fail; else all its paths fail. ``agent_everywhere``: agents stand on
    all paths that they measure. ``hosts``: share of the systems on hosts of ours. ``crowded``: communes on a
    POP.
    """

    results: tuple[int, int] = (2, 2)
    again: int = 3
    lost: bool = False
    silent: bool = True
    agent_everywhere: bool = False
    hosts: float = 0.5
    crowded: int = 6
    beats: int = 4


class Other:
    """A province of ``communes`` communes."""

    def __init__(self, communes: int, mould: Mould, seed: int) -> None:
        self.mould, self.communes = mould, communes
        self._draw = np.random.default_rng([seed, communes])
        self.kinds: dict[str, list[str]] = {kind: [] for kind in WEIGHTS}
        self.paths: list[dict[str, Any]] = []
        self.by: list[int] = []  # whose agent measures; -1 the hub
        self.beat: list[int] = []  # whose heartbeats these are, or -1
        self._upstream()
        for index in range(communes):
            self._commune(index)
        for _, _, pop in self.pops:
            self._path([pop])
        for ring, isp, _ in sorted({(ring, isp, "") for ring, isp, _ in self.pops}):
            self._path([ring, isp])
        for target in self.targets:
            self._path(["hub/0", *target])
        self.components = [{"id": name, "kind": kind} for kind, names in self.kinds.items() for name in names]
        self.index = {item["id"]: place for place, item in enumerate(self.components)}
        self._stand()

    def _new(self, kind: str, count: int) -> list[str]:
        names = self.kinds[kind]
        names += [f"{kind}/{number}" for number in range(len(names), len(names) + count)]
        return names[-count:]

    def _upstream(self) -> None:
        draw, some = self._draw, self.communes
        self._new("hub", 1)
        isps, rings = self._new("isp", 3), self._new("ring", max(2, some // 25))
        wans, centres, hosts = self._new("wan", 2), self._new("datacentre", 2), self._new("host", 4)
        self._new("dns", 1)
        self._new("area", max(2, some // 12))
        carrier = {ring: isps[number % 3] for number, ring in enumerate(rings)}
        self.pops = []
        for pop in self._new("pop", max(6, some // self.mould.crowded)):
            ring = rings[int(draw.integers(len(rings)))]
            self.pops.append((ring, carrier[ring], pop))
        self.targets = []
        for system in self._new("system", SYSTEMS):
            wan = wans[int(draw.integers(2))]
            host = int(draw.integers(4))
            own = draw.random() < self.mould.hosts
            behind = [hosts[host], centres[host % 2]] if own else []
            self.targets.append([wan, *behind, *(["dns/0"] if draw.random() < 0.7 else []), system])

    def _path(
        self, path: list[str], alternate: list[str] | None = None, by: int = -1, beat: int = -1
    ) -> None:
        self.paths.append({"path": path, "alternate": alternate})
        self.by.append(by)
        self.beat.append(beat)

    def _commune(self, index: int) -> None:
        area = self.kinds["area"][index % len(self.kinds["area"])]
        ((power,), (lan,), (agent,)) = (self._new(kind, 1) for kind in ("power", "lan", "agent"))
        inside = [area, power, lan, *([agent] if self.mould.agent_everywhere else [])]
        legs: list[list[str]] = []
        for _ in range(2 if self._draw.random() < SECOND_LINE else 1):
            ring, isp, pop = self.pops[int(self._draw.integers(len(self.pops)))]
            while legs and isp == legs[0][3]:
                ring, isp, pop = self.pops[int(self._draw.integers(len(self.pops)))]
            legs.append([*self._new("line", 1), pop, ring, isp])
        self._path(inside, by=index)
        for leg in legs:
            self._path([area, power, *leg])  # the hub pings the router
            self._path([*inside, leg[0]], by=index)
            self._path([*inside, *leg[:2]], by=index)
            self._path([*inside, *leg], by=index)
            self._path([*inside, *leg, "hub/0"], by=index)

        def both(*rest: str, by: int = index, beat: int = -1) -> None:
            ways = [[*inside, *leg, "hub/0", *rest] for leg in legs]
            self._path(ways[0], ways[1] if len(ways) == 2 else None, by, beat)

        both(*([] if self.mould.agent_everywhere else [agent]), beat=index)
        both("dns/0")
        for target in self.targets:
            both(*target)

    def _stand(self) -> None:
        """Lay out which component stands where: in every way, on the first only, on the second only."""
        entries: tuple[list[tuple[int, int]], ...] = ([], [], [])
        for place, path in enumerate(self.paths):
            first = set(path["path"])
            second = first if path["alternate"] is None else set(path["alternate"])
            for role, names in enumerate((first & second, first - second, second - first)):
                entries[role].extend((self.index[name], place) for name in names)
        self._where = tuple(
            np.array(sorted(part) or np.zeros((0, 2)), np.int64).reshape(-1, 2) for part in entries
        )
        self._start = tuple(
            np.searchsorted(part[:, 0], np.arange(len(self.index) + 1)) for part in self._where
        )
        self.by_commune, self.beats = np.array(self.by), np.array(self.beat)
        self._beat_of = np.flatnonzero(self.beats >= 0)

    def where(self, name: str) -> list[Ints]:
        """Return the paths of a component, by role."""
        place = self.index[name]
        return [
            part[start[place] : start[place + 1], 1]
            for part, start in zip(self._where, self._start, strict=True)
        ]

    def passes(self, faults: dict[str, float]) -> Floats:
        """Return by path which share gets through."""
        both, one, two = (np.ones(len(self.paths)) for _ in range(3))
        for name, loss in faults.items():
            for values, rows in zip((both, one, two), self.where(name), strict=True):
                values[rows] *= 1 - loss
        return both * (one + two - one * two)

    def draw(self, draw: np.random.Generator, hard: int, partial: int, loss: float = 0.5) -> dict[str, float]:
        """Draw faults by the weights."""
        faults: dict[str, float] = {}
        kinds = list(WEIGHTS)
        share = np.array(list(WEIGHTS.values()), float)
        while len(faults) < hard + partial:
            kind = kinds[int(draw.choice(len(kinds), p=share / share.sum()))]
            soft = len(faults) >= hard
            if not (soft and kind in WHOLE):
                faults.setdefault(str(draw.choice(self.kinds[kind])), loss if soft else 1.0)
        return faults

    def snapshot(self, draw: np.random.Generator, faults: dict[str, float]) -> dict[str, Any]:
        """Draw what is counted in a window."""
        mould, through = self.mould, self.passes(faults)
        down = self.passes({name: loss for name, loss in faults.items() if loss == 1.0})
        good = np.where(through > 0, through * (1 - FALSE_FAILURE), 0) + (1 - through) * FALSE_SUCCESS
        sent = draw.integers(mould.results[0], mould.results[1] + 1, len(through))
        sent[self._beat_of] = mould.beats
        if mould.lost:
            sent = draw.binomial(sent, 1 - MISSING)
        failed = sent - draw.binomial(sent, good)
        more = np.where((failed > 0) & (self.beats < 0), mould.again, 0)
        failed += more - draw.binomial(more, good)
        sent += more
        gone = np.zeros(len(sent), bool)
        if not mould.lost:
            gone = (draw.random(len(sent)) < MISSING) & (self.beats < 0)
        if mould.silent:
            cut = np.zeros(self.communes + 1, bool)
            cut[self.beats[self._beat_of]] = down[self._beat_of] == 0
            gone |= cut[self.by_commune] & (self.beats < 0) & (self.by_commune >= 0)
        else:
            dead = np.array([f"agent/{commune}" in faults for commune in range(self.communes)] + [False])
            hit = dead[self.by_commune] & (self.by_commune >= 0)
            failed[hit] = sent[hit]
        sent[gone] = failed[gone] = 0
        return {"sent": sent.tolist(), "failed": failed.tolist(), "known_down": []}

    def file(self, snapshots: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the object of a file."""
        return {"components": self.components, "paths": self.paths, "snapshots": snapshots}

    # --- judging -----------------------------------------------------------------------------------
    def shown(self, faults: dict[str, float], sent: Ints) -> dict[str, float]:
        """Return the faults that others do not mask fully."""
        kept = dict(faults)
        for name in sorted(faults, key=lambda one: (sum(map(len, self.where(one))), one)):
            rest = {other: loss for other, loss in kept.items() if other != name}
            felt = np.abs(self.passes(rest) - self.passes(kept)) > 0.02
            if not felt[sent > 0].any():
                kept = rest
        return kept

    def judged(self, faults: dict[str, float], sent: Ints, classes: list[set[str]]) -> tuple[int, int, int]:
        """Return right answers, false answers and missed faults: right is who has a true one in its class."""
        shown = self.shown(faults, sent)
        right = sum(bool(members & set(shown)) for members in classes)
        false = sum(not members & set(faults) for members in classes)
        named = set().union(*classes) if classes else set()
        return right, false, len(set(shown) - named)
