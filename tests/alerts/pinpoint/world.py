"""A province in virtual time: agents that probe and push as ours do, and a hub that has what they pushed.

Faults are components with a loss; a probe whose path runs through one fails by it. Agents probe every 5 s
at phases of their own, again every second after a failure, with deadlines of 2 s; they push results every
2 s and at once on a failure, and a heartbeat every 2 s. What a cut-off agent pushes is lost to the present.
"""

import random
from collections.abc import Iterable, Iterator

from alerts.locate.locator import Locator
from alerts.locate.model import Cause
from alerts.pinpoint.events import events, latest_beats
from alerts.pinpoint.holding import Holding, Step
from alerts.pinpoint.sight import WINDOW_SECONDS, Heard, sight
from alerts.pinpoint.watching import Probe, Watching, watching
from alerts.promapi import Series
from inventory.graph import heartbeat_path, plans
from inventory.model import Inventory
from inventory.names import HUB_SITE, Reason
from inventory.plan import Path, Plan

INTERVAL, AGAIN, DEADLINE, PUSH = 5.0, 1.0, 2.0, 2.0
KEPT = 18.0
START = 1_800_000_000


class World:
    """``fault(component, loss)`` breaks, ``heal`` mends; ``step()`` advances a second and locates."""

    def __init__(self, inventory: Inventory, seed: int = 1) -> None:
        self.inventory = inventory
        self.watching: Watching = watching(inventory)
        self.locator = Locator(self.watching.components, self.watching.routes)
        self.holding = Holding()
        self.now = float(START)
        self.known_down: set[str] = set()
        self.causes: tuple[Cause, ...] = ()
        self._random = random.Random(seed)
        self._faults: dict[str, tuple[float, Reason]] = {}
        self._sites = [
            _Site(self, code, seed + n)
            for n, code in enumerate((HUB_SITE, *(c.code for c in inventory.communes)))
        ]
        self._listening_since = self.now
        for _ in range(40):
            self._advance()

    def fault(self, component: str, loss: float = 1.0, reason: Reason = Reason.TIMEOUT) -> None:
        """Break a component."""
        self._faults[component] = (loss, reason)

    def heal(self) -> None:
        """Mend everything."""
        self._faults.clear()

    def step(self) -> Step:
        """Advance a second; returns what changed."""
        self._advance()
        at = self.now - 1.0
        results = events((one for site in self._sites for one in site.results(at)), at - WINDOW_SECONDS)
        beats = {site.code: site.last_beat(at) for site in self._sites}
        known = frozenset(site.code for site in self._sites)
        heard = Heard(at, results, beats, known, self._listening_since)
        seen = sight(self.watching, heard, resume_seconds=30.0)
        self.causes = () if seen.deaf else self.locator.locate(seen.sent, seen.failed, self.known_down).causes
        return self.holding.tick(self.causes, seen)

    def run(self, seconds: int) -> Iterator[tuple[float, Step]]:
        """Advance so many seconds; yields the seconds since it began with what changed then."""
        for second in range(1, seconds + 1):
            found = self.step()
            if found.begun or found.ended:
                yield float(second), found

    def fails(self, path: Path) -> Reason | None:
        """Throw the dice for one result over a path; None where it passes."""
        legs = [self._leg(leg) for leg in path.legs]
        return None if None in legs else legs[0]

    def _leg(self, leg: Iterable[str]) -> Reason | None:
        for component in leg:
            loss, reason = self._faults.get(component, (0.0, Reason.OK))
            if loss and self._random.random() < loss:
                return reason
        return None

    def _advance(self) -> None:
        self.now += 1.0
        for site in self._sites:
            site.advance(self.now)


class _Site:
    def __init__(self, world: World, code: str, seed: int) -> None:
        self.code = code
        self._world, self._random = world, random.Random(seed)
        self._plans = [plan for plan in plans(world.inventory, code) if plan.role != "measure"]
        self._due = {plan.name: world.now + self._random.uniform(0, INTERVAL) for plan in self._plans}
        self._counts: dict[tuple[Probe, Reason], int] = {(_probe(p), Reason.OK): 0 for p in self._plans}
        self._done: list[tuple[float, Plan, Reason]] = []
        self._pushed: list[tuple[float, dict[tuple[Probe, Reason], int]]] = []
        self._beats = [world.now]
        self._next_push = world.now + self._random.uniform(0, PUSH)
        self._home = None if code == HUB_SITE else heartbeat_path(world.inventory, code)

    def advance(self, now: float) -> None:
        """Probe what is due in the second that ends at ``now``, and push."""
        for plan in self._plans:
            if self._due[plan.name] <= now:
                reason = self._world.fails(plan.path) or Reason.OK
                took = DEADLINE if reason is Reason.TIMEOUT else 0.05
                self._done.append((self._due[plan.name] + took, plan, reason))
                self._due[plan.name] += INTERVAL if reason is Reason.OK else max(AGAIN, took)
        completed = [done for done in self._done if done[0] <= now]
        self._done = [done for done in self._done if done[0] > now]
        failed = False
        for _, plan, reason in completed:
            key = (_probe(plan), reason)
            failed |= reason is not Reason.OK
            if key not in self._counts:
                self._counts[key] = 0
                self._keep(now - 0.5)  # a counter begins at 0
            self._counts[key] += 1
        if now >= self._next_push or failed:
            self._next_push += PUSH if now >= self._next_push else 0
            if self._home is None or self._world.fails(self._home) is None:
                self._keep(now)
                self._beats.append(now)

    def _keep(self, at: float) -> None:
        self._pushed = [one for one in self._pushed if one[0] > at - 2 * KEPT]
        self._pushed.append((at, dict(self._counts)))

    def results(self, at: float) -> Iterator[Series]:
        """Yield the series as an instant query at ``at`` over the last seconds gives them."""
        points: dict[tuple[Probe, Reason], list[tuple[float, float]]] = {}
        for moment, counts in self._pushed:
            if at - KEPT < moment <= at:
                for key, value in counts.items():
                    points.setdefault(key, []).append((moment, float(value)))
        for (probe, reason), found in points.items():
            yield Series(
                {
                    "site": probe.site, "commune": probe.commune, "line": probe.line, "target": probe.target,
                    "probe": probe.kind, "result": str(reason),
                },
                tuple(found),
            )  # fmt: skip

    def last_beat(self, at: float) -> float:
        """Return the last heartbeat that the hub has at ``at``."""
        series = Series({"site": self.code}, tuple((beat, beat) for beat in self._beats[-40:] if beat <= at))
        return latest_beats([series]).get(self.code, 0.0)


def _probe(plan: Plan) -> Probe:
    return Probe(plan.site, plan.commune, plan.line, plan.target, plan.kind)
