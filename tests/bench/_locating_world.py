"""A synthetic province for the locator: what runs through what, what fails, and what is then counted.

Written apart from the locator, which knows nothing of it: truth is a path's chance of success with the
faults that were drawn, results are drawn from that and falsified both ways.

Ten seconds of results: a probe every 5 s, and after a first failure three more, a second apart; a heartbeat
every 2 s, counted at the hub and so never missing. What an agent measured behind a cut is missing.
"""

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from alerts.locate.model import Component, Route

Ints = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]

MIX: Final = {
    "line": 25, "power": 20, "lan": 8, "pop": 8, "agent": 7, "system": 7, "area": 6, "ring": 4, "isp": 3,
    "wan": 3, "dns": 3, "hub": 2, "datacentre": 2, "host": 1,
}  # fmt: skip
"""How often each kind fails, by weight."""
NEVER_PARTIAL: Final = frozenset({"power", "area", "agent"})
FALSE_FAILURE, FALSE_SUCCESS, MISSING, DUAL = 0.005, 0.01, 0.05, 0.1
ROUNDS, MORE_ROUNDS, HEARTBEATS = 2, 3, 5
SYSTEMS, CARRIERS, HOSTS = 24, 3, 4
FELT: Final = 0.05
"""Least change of some path's chance by which a fault shows beside the others."""


class Snapshot(NamedTuple):
    """What the locator is given."""

    sent: Ints
    failed: Ints


class World:
    """A province of ``communes`` communes. ``layout`` seeds what runs through what."""

    def __init__(self, communes: int, layout: int = 1) -> None:
        self._draw = np.random.default_rng([layout, communes])
        self.communes = communes
        self.kinds: dict[str, list[str]] = {}
        self.routes: list[Route] = []
        self._origin: list[int] = []  # commune whose agent measures; -1: the hub; -2 - c: its heartbeats
        self._shared(communes)
        self.lines = [self._lines(index) for index in range(communes)]
        for index in range(communes):
            self._commune(index)
        self._hub()
        self.components = [Component(i, kind) for kind, ids in self.kinds.items() for i in ids]
        self.origin = np.array(self._origin)
        self.on = _standing(self.routes)

    # --- layout ----------------------------------------------------------------------------------
    def _add(self, kind: str, name: object) -> str:
        self.kinds.setdefault(kind, []).append(f"{kind}:{name}")
        return f"{kind}:{name}"

    def _shared(self, communes: int) -> None:
        self.hub = self._add("hub", "0")
        for index in range(CARRIERS):
            self._add("isp", index)
        rings = [self._add("ring", index) for index in range(max(3, round(communes * 0.04)))]
        self.pops: list[tuple[str, str, str]] = []
        for index in range(max(6, round(communes * 0.16))):
            ring = index % len(rings)
            self.pops.append((self._add("pop", index), rings[ring], f"isp:{ring % CARRIERS}"))
        for index in range(max(1, round(communes * 0.1))):
            self._add("area", index)
        for index in range(2):
            self._add("wan", index)
            self._add("datacentre", index)
        self._add("dns", "0")
        for index in range(HOSTS):
            self._add("host", index)
        self.systems = [self._system(index) for index in range(SYSTEMS)]

    def _system(self, index: int) -> tuple[str, ...]:
        """Each third system stands outside of the province, without a host of ours."""
        name = self._add("system", index)
        wan = f"wan:{index % 2}"
        dns = ("dns:0",) if index % 4 else ()
        if index % 3 == 0:
            return (wan, *dns, name)
        host = index % HOSTS
        return (wan, *dns, f"host:{host}", f"datacentre:{host % 2}", name)

    def _lines(self, index: int) -> list[tuple[str, ...]]:
        """Return the legs of a commune beyond its LAN: one, or two over different carriers."""
        first = self.pops[int(self._draw.integers(len(self.pops)))]
        legs: list[tuple[str, ...]] = [(self._add("line", f"{index}/main"), *first)]
        if self._draw.random() < DUAL:
            others = [pop for pop in self.pops if pop[2] != first[2]]
            legs.append((self._add("line", f"{index}/second"), *others[self._draw.integers(len(others))]))
        return legs

    def _route(self, origin: int, legs: list[tuple[str, ...]], commune: str = "", system: str = "") -> None:
        self._origin.append(origin)
        self.routes.append(Route(legs[0], legs[1] if len(legs) > 1 else None, commune, system))

    def _commune(self, index: int) -> None:
        area = self.kinds["area"][index * len(self.kinds["area"]) // self.communes]
        power, lan = self._add("power", index), self._add("lan", index)
        agent, code = self._add("agent", index), str(index)
        inside, legs = (power, area, lan), self.lines[index]
        self._route(index, [inside], code)
        for leg in legs:
            for end in range(2, len(leg) + 1):
                self._route(index, [(*inside, *leg[:end])], code)
            self._route(index, [(*inside, *leg, self.hub)], code)
            self._route(-1, [(power, area, *leg)], code)
        home = [(*inside, *leg, self.hub) for leg in legs]
        self._route(-2 - index, [(*leg, agent) for leg in home], code)
        self._route(index, [(*leg, "dns:0") for leg in home], code)
        for system in self.systems:
            self._route(index, [(*leg, *system) for leg in home], code, system[-1])

    def _hub(self) -> None:
        for leg in self.pops:
            self._route(-1, [leg])
        for ring, isp in sorted({leg[1:] for leg in self.pops}):
            self._route(-1, [(ring, isp)])
        for isp in self.kinds["isp"]:
            self._route(-1, [(isp,)])
        for system in self.systems:
            self._route(-1, [(self.hub, *system)], system=system[-1])

    # --- faults ----------------------------------------------------------------------------------
    def faults(self, draw: np.random.Generator, hard: int, partial: int, loss: float) -> dict[str, float]:
        """Draw faults by the mix: component -> loss."""
        found: dict[str, float] = {}
        while len(found) < hard + partial:
            soft = len(found) >= hard
            kinds = [kind for kind in MIX if not (soft and kind in NEVER_PARTIAL)]
            weights = np.array([MIX[kind] for kind in kinds], float)
            kind = kinds[int(draw.choice(len(kinds), p=weights / weights.sum()))]
            name = self.kinds[kind][int(draw.integers(len(self.kinds[kind])))]
            found.setdefault(name, loss if soft else 1.0)
        return found

    def chance(self, faults: dict[str, float]) -> Floats:
        """Return each path's chance of success."""
        shared, near, far = (np.ones(len(self.routes)) for _ in range(3))
        for name, loss in faults.items():
            for role, part in zip((shared, near, far), self.on[name], strict=True):
                role[part] *= 1 - loss
        return shared * (1 - (1 - near) * (1 - far))

    def snapshot(
        self, draw: np.random.Generator, faults: dict[str, float], *, correlated: bool = False
    ) -> Snapshot:
        """Draw what is counted; ``correlated``: with moments in which an agent or a path fails by itself."""
        chance = self.chance(faults)
        reachable = self._reachable(faults)
        false = np.full(len(chance), FALSE_FAILURE)
        if correlated:
            false = self._bad_moments(draw, false)
        passes = chance * (1 - false) + (1 - chance) * FALSE_SUCCESS
        beats = self.origin <= -2
        sent = np.where(beats, HEARTBEATS, ROUNDS)
        failed = sent - draw.binomial(sent, passes)
        again = (failed > 0) & ~beats
        sent[again] += MORE_ROUNDS
        failed[again] += MORE_ROUNDS - draw.binomial(MORE_ROUNDS, passes[again])
        absent = draw.random(len(chance)) < MISSING
        absent |= (self.origin >= 0) & ~reachable[np.maximum(self.origin, 0)]
        absent &= ~beats
        sent[absent] = failed[absent] = 0
        return Snapshot(sent, failed)

    def _reachable(self, faults: dict[str, float]) -> npt.NDArray[np.bool_]:
        """Return by commune whether its agent gets anything through: a push is repeated until it passes."""
        hard = {name: 1.0 for name, loss in faults.items() if loss == 1.0}
        heard = np.ones(self.communes, np.bool_)
        beats = self.origin <= -2
        heard[-2 - self.origin[beats]] = self.chance(hard)[beats] > 0
        return heard

    def _bad_moments(self, draw: np.random.Generator, false: Floats) -> Floats:
        """Of the agents 1 % report three failures in ten, of the paths 0.2 % fail by half: no component of
        ours does that, and nobody is to be blamed for it."""
        troubled = draw.random(self.communes) < 0.01
        false[(self.origin >= 0) & troubled[np.maximum(self.origin, 0)]] += 0.3
        false[draw.random(len(false)) < 0.002] += 0.5
        return np.minimum(false, 1.0)

    # --- what can be asked of a locator ----------------------------------------------------------
    def visible(self, faults: dict[str, float], sent: Ints) -> dict[str, float]:
        """Return the faults that show beside the others; what another masks fully is dropped, the narrowest
        first, so that of two that mask each other the wider one stays. What nobody measured is not masked."""
        left = dict(faults)
        for name in sorted(faults, key=self._width):
            others = {other: loss for other, loss in left.items() if other != name}
            without = self.chance(others)
            changed = np.abs(without - self.chance(left)) > FELT
            hidden = (self.chance({name: left[name]}) < 1 - FELT) & (without < 1 - FELT)
            if not changed[sent > 0].any() and hidden.any():
                left = others
        return left

    def _width(self, name: str) -> tuple[int, str]:
        return sum(len(part) for part in self.on[name]), name

    def signature(self, name: str, sent: Ints) -> tuple[bytes, ...]:
        """Return what two components have in common that no result of a snapshot tells apart."""
        return tuple(part[sent[part] > 0].tobytes() for part in self.on[name])

    def believed(self, draw: np.random.Generator, wrong: float) -> list[Route]:
        """Return the paths of an inventory in which a share of the communes hangs on a wrong POP."""
        swaps: dict[str, dict[str, str]] = {}
        for index in np.flatnonzero(draw.random(self.communes) < wrong).tolist():
            true = self.lines[index][0]
            other = self.pops[int(draw.integers(len(self.pops)))]
            swaps[str(index)] = dict(zip(true[1:], other, strict=True))
        return [_swapped(route, swaps.get(route.commune)) for route in self.routes]


def _swapped(route: Route, names: dict[str, str] | None) -> Route:
    if names is None:
        return route
    return Route(
        tuple(names.get(i, i) for i in route.path),
        None if route.alternate is None else route.alternate,
        route.commune,
        route.system,
    )


def _standing(routes: list[Route]) -> dict[str, tuple[Ints, Ints, Ints]]:
    """Return by component the paths on which it is shared, on the first leg only, on the second only."""
    found: dict[str, tuple[list[int], list[int], list[int]]] = {}
    for index, route in enumerate(routes):
        first, second = set(route.path), set(route.alternate or ())
        for name in sorted(first | second):
            role = 0 if route.alternate is None or name in first & second else 1 if name in first else 2
            found.setdefault(name, ([], [], []))[role].append(index)
    return {name: tuple(np.array(part, np.intp) for part in parts) for name, parts in found.items()}  # type: ignore[misc]  # three of them


def interval(held: int, of: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    if not of:
        return 0.0, 1.0
    share, z = held / of, 1.96
    middle, spread = share + z * z / (2 * of), z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return (middle - spread) / (1 + z * z / of), (middle + spread) / (1 + z * z / of)
