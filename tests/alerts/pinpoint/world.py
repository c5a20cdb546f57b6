"""A province in virtual time: agents that probe and push as ours do, and a hub that has what they pushed.

Faults are components with a loss; a packet whose path runs through one is lost by it. Pings are bursts of
ten packets. What else is measured is three exchanges, each tried again once or twice, as TCP does: where a
part of the packets is lost, most requests and pushes succeed. A fault with another reason than silence is
one of the system itself, and hits by the request.

Agents probe as often as planned (systems every ``system_seconds``) at phases of their own, again every second
while in doubt, with deadlines of 2 s; they push results every 2 s and at once on a failure or a loss, and a
heartbeat every 2 s. What a cut-off agent pushes is lost to the present. ``noise``: share of results that fail
without a fault; as many bursts lose some packets at once, and as many packets are lost alone.
"""

import random
from collections.abc import Iterable, Iterator

from alerts.locate.locator import Locator
from alerts.locate.model import Cause
from alerts.pinpoint.events import events, latest_beats
from alerts.pinpoint.holding import Holding, Step
from alerts.pinpoint.judging import causes
from alerts.pinpoint.listening import Resumed
from alerts.pinpoint.sight import WINDOW_SECONDS, Heard, sight
from alerts.pinpoint.watching import Probe, Watching, watching
from alerts.promapi import Series
from inventory.graph import heartbeat_path, plans
from inventory.model import Inventory
from inventory.names import HUB_SITE, ICMP_LOST, ICMP_SENT, Reason
from inventory.plan import Path, Plan

AGAIN, DEADLINE, PUSH = 1.0, 2.0, 2.0
PACKETS, EXCHANGES = 10, 3
DOUBT = 4
KEPT = 18.0
START = 1_800_000_000
Counted = Reason | str
"""What a counter counts: results of a kind, or packets, by the name of the metric."""


class World:
    """``fault(component, loss)`` breaks, ``heal`` mends; ``step()`` advances a second and locates."""

    def __init__(
        self, inventory: Inventory, seed: int = 1, noise: float = 0.0, system_seconds: float = 5.0
    ) -> None:
        self.inventory = inventory
        self.system_seconds = system_seconds
        self.noise = noise
        self.resumed = Resumed()
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

    def restart(self) -> None:
        """The locator is another, which took what was open from the ledger."""
        self.holding = Holding(self.holding.open)
        self.holding.use_routes(self.watching.through)

    def heal(self, component: str = "") -> None:
        """Mend one, or everything."""
        if component:
            del self._faults[component]
        else:
            self._faults.clear()

    def step(self) -> Step:
        """Advance a second; returns what changed."""
        self._advance()
        at = self.now - 1.0
        results = events((one for site in self._sites for one in site.results(at)), at - WINDOW_SECONDS)
        beats = {site.code: site.last_beat(at) for site in self._sites}
        known = frozenset(site.code for site in self._sites)
        self.resumed.tick(beats)
        heard = Heard(at, results, beats, known, self._listening_since, self.resumed.at)
        seen = sight(self.watching, heard, resume_seconds=30.0)
        self.causes = causes(self.locator, self.watching, seen, self.known_down, self.holding.open)
        return self.holding.tick(self.causes, seen)

    def run(self, seconds: int) -> Iterator[tuple[float, Step]]:
        """Advance so many seconds; yields the seconds since it began with what changed then."""
        for second in range(1, seconds + 1):
            found = self.step()
            if found.begun or found.ended:
                yield float(second), found

    def fails(self, path: Path, *, tries: int = 2) -> Reason | None:
        """Throw the dice for a request over a path; None where it passes."""
        for _ in range(EXCHANGES):
            found = [self.loses(path) for _ in range(tries)]
            if Reason.TIMEOUT not in found:
                return found[0]
            if None not in found:
                return Reason.TIMEOUT
        return None

    def loses(self, path: Path) -> Reason | None:
        """Throw the dice for one packet over a path; None where it passes."""
        legs = [self._leg(leg) for leg in path.legs]
        return None if None in legs else legs[0]

    def burst(self, path: Path) -> int:
        """Return how many packets of a burst are lost."""
        lost = sum(self.loses(path) is not None or self.chance() for _ in range(PACKETS))
        return max(lost, self._random.randint(2, PACKETS - 1)) if self.chance() else lost

    def chance(self) -> bool:
        """Whether something goes wrong by itself."""
        return self.noise > 0 and self._random.random() < self.noise

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
        self._due = {
            plan.name: world.now + self._random.uniform(0, self._interval(plan)) for plan in self._plans
        }
        self._counts: dict[tuple[Probe, Counted], int] = {(_probe(p), Reason.OK): 0 for p in self._plans}
        self._done: list[tuple[float, Plan, Reason, int]] = []
        self._lossy: set[str] = set()
        self._doubt = dict.fromkeys(self._due, 0)
        self._pushed: list[tuple[float, dict[tuple[Probe, Counted], int]]] = []
        self._beats = [world.now]
        self._next_push = world.now + self._random.uniform(0, PUSH)
        self._home = None if code == HUB_SITE else heartbeat_path(world.inventory, code)

    def advance(self, now: float) -> None:
        """Probe what is due in the second that ends at ``now``, and push."""
        for plan in self._plans:
            if self._due[plan.name] <= now:
                reason, lost = self._measure(plan)
                took = DEADLINE if reason is Reason.TIMEOUT or lost else 0.05
                self._done.append((self._due[plan.name] + took, plan, reason, lost))
                self._doubt[plan.name] = DOUBT if reason is not Reason.OK else self._doubt[plan.name] - 1
                self._due[plan.name] += AGAIN if self._doubt[plan.name] > 0 else self._interval(plan)
        completed = [done for done in self._done if done[0] <= now]
        self._done = [done for done in self._done if done[0] > now]
        failed = sum(self._complete(now, plan, reason, lost) for _, plan, reason, lost in completed) > 0
        if now >= self._next_push or failed:
            self._next_push += PUSH if now >= self._next_push else 0
            if self._home is None or self._world.fails(self._home, tries=3) is None:
                self._keep(now)
                self._beats.append(now)

    def _interval(self, plan: Plan) -> float:
        return self._world.system_seconds if plan.role == "system" else plan.interval_seconds

    def _measure(self, plan: Plan) -> tuple[Reason, int]:
        """Return the result of a probe, and the packets that it lost."""
        wrong = self._world.chance()
        if plan.kind != "icmp":
            return Reason.TIMEOUT if wrong else self._world.fails(plan.path) or Reason.OK, 0
        lost = PACKETS if wrong else self._world.burst(plan.path)
        return Reason.TIMEOUT if lost == PACKETS else Reason.OK, lost

    def _complete(self, now: float, plan: Plan, reason: Reason, lost: int) -> bool:
        """Count what was measured; returns whether that must be pushed at once."""
        gained: dict[Counted, int] = {reason: 1}
        if plan.kind == "icmp":
            gained |= {ICMP_SENT.name: PACKETS, ICMP_LOST.name: lost}
        for what, count in gained.items():
            if (_probe(plan), what) not in self._counts:
                self._counts[_probe(plan), what] = 0
                self._keep(now - 0.5)  # a counter begins at 0
            self._counts[_probe(plan), what] += count
        urgent = reason is not Reason.OK or lost > 0 or plan.name in self._lossy
        (self._lossy.add if lost else self._lossy.discard)(plan.name)
        return urgent

    def _keep(self, at: float) -> None:
        self._pushed = [one for one in self._pushed if one[0] > at - 2 * KEPT]
        self._pushed.append((at, dict(self._counts)))

    def results(self, at: float) -> Iterator[Series]:
        """Yield the series as an instant query at ``at`` over the last seconds gives them."""
        points: dict[tuple[Probe, Counted], list[tuple[float, float]]] = {}
        for moment, counts in self._pushed:
            if at - KEPT < moment <= at:
                for key, value in counts.items():
                    points.setdefault(key, []).append((moment, float(value)))
        for (probe, what), found in points.items():
            own = {"result": str(what)} if isinstance(what, Reason) else {"__name__": what}
            yield Series(
                {
                    "site": probe.site, "commune": probe.commune, "line": probe.line, "target": probe.target,
                    "probe": probe.kind, **own,
                },
                tuple(found),
            )  # fmt: skip

    def last_beat(self, at: float) -> float:
        """Return the last heartbeat that the hub has at ``at``."""
        series = Series({"site": self.code}, tuple((beat, beat) for beat in self._beats[-40:] if beat <= at))
        return latest_beats([series]).get(self.code, 0.0)


def _probe(plan: Plan) -> Probe:
    return Probe(plan.site, plan.commune, plan.line, plan.target, plan.kind)
