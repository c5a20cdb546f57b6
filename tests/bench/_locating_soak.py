"""Days without any fault, second by second, with the noise of the protocol: does anybody get a page?

Every probe runs every 5 s at its own second and fails one time in 200 for no reason; upon that it runs again
in each of the next three seconds. One result in twenty is lost. Heartbeats come every 2 s, one in 200 is
lost. What is counted is what the live locator would count (:mod:`alerts.pinpoint.sight`): ten seconds, of a
probe that fails at last only the failures at the end, of a silent agent only the silence. Causes go through
the holding rules of the live locator (:mod:`alerts.pinpoint.holding`).

An hour is drawn at once. The locator is asked only for the seconds in which some suspect might pay; for the
others its first bound, computed here for many seconds together, says that the answer is empty.
"""

from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from alerts.locate import Cause, Locator
from alerts.locate.priors import GRID, NOISE
from alerts.pinpoint.holding import Holding
from alerts.pinpoint.sight import Sight, Span
from tests.bench._locating_world import FALSE_FAILURE, MISSING, World

HOUR, WARM_UP, WINDOW, INTERVAL, AGAIN = 3600, 20, 10, 5, 3
BEAT, BEATS_MISSING = 2, 3
_BLOCK: Final = 600

Table = npt.NDArray[np.int8]
"""By path and second."""


class Hour(NamedTuple):
    """What is counted at the end of each second; ``fails``: the failures themselves."""

    sent: Table
    failed: Table
    fails: Table


class Soak:
    """A province without faults, and the locator that watches it."""

    def __init__(self, communes: int = 100) -> None:
        self.world = World(communes)
        self.locator = Locator(self.world.components, self.world.routes)
        network = self.locator.network
        self._solo = np.zeros((len(network.members), network.observations), np.float32)
        self._any = np.zeros_like(self._solo)
        for role, relation in enumerate(network.by_suspect):
            self._any[relation.owner(), relation.item] = 1
            if role == 0:
                self._solo[relation.owner(), relation.item] = 1
        if network.observations != len(self.world.routes):
            raise ValueError("two paths are the same: sums by observation are no sums by path")
        self._order = np.argsort(network.observation_of)

    def hour(self, seed: int, number: int) -> dict[str, Any]:
        """Run one hour; returns how many seconds were looked at, had a cause, and began an outage."""
        draw = np.random.default_rng([seed, number])
        counted = self.counted(draw)
        holding, ticks, caused, pages = Holding(), 0, 0, []
        worth = self.worth(counted)
        for second in range(WARM_UP - WINDOW, HOUR + WARM_UP):
            causes: tuple[Cause, ...] = ()
            if worth[second]:
                ticks += 1
                answer = self.locator.locate(counted.sent[:, second], counted.failed[:, second])
                causes, caused = answer.causes, caused + bool(answer.causes)
            step = holding.tick(causes, _sight(counted, second) if causes else _nothing(second))
            if second >= WARM_UP:
                pages += [outage.identity for outage in step.begun]
        return {
            "soak": number,
            "seed": seed,
            "ticks": HOUR,
            "looked": ticks,
            "caused": caused,
            "pages": pages,
        }

    def worth(self, counted: Hour) -> npt.NDArray[np.bool_]:
        """Return by second whether some suspect might pay: the first bound of the locator."""
        losses = np.array(GRID)
        per_failure = np.log((1 - (1 - NOISE) * (1 - losses)) / NOISE)
        penalty = self.locator.penalty
        found = np.zeros(counted.sent.shape[1], np.bool_)
        for start in range(0, len(found), _BLOCK):
            part = slice(start, start + _BLOCK)
            failed = counted.failed[self._order, part].astype(np.float32)
            passed = counted.sent[self._order, part].astype(np.float32) - failed
            through, clear = self._any @ failed, self._solo @ passed
            for at, loss in enumerate(losses):
                bound = through * per_failure[at] + clear * np.log(1 - loss) - penalty[:, at, None]
                found[part] |= (bound > -1e-3).any(axis=0)
        return found

    # --- an hour of results ----------------------------------------------------------------------
    def counted(self, draw: np.random.Generator) -> Hour:
        """Draw an hour and count it."""
        seconds = HOUR + WARM_UP
        beats = self.world.origin <= -2
        done, fails = self._results(draw, seconds, beats)
        sent, failed = _windowed(done), _windowed(fails)
        self._only_runs(done, fails, sent, failed)
        self._heartbeats(draw, sent, failed, fails)
        return Hour(sent, failed, fails)

    def _results(
        self, draw: np.random.Generator, seconds: int, beats: npt.NDArray[np.bool_]
    ) -> tuple[Table, Table]:
        """Return by path and second whether a result arrived, and whether it was a failure."""
        paths = len(beats)
        done, fails = (np.zeros((paths, seconds), np.int8) for _ in range(2))
        phase = draw.integers(INTERVAL, size=paths)
        slots = np.arange(0, seconds - INTERVAL + 1, INTERVAL)
        at = phase[:, None] + slots[None, :]
        rows = np.broadcast_to(np.arange(paths)[:, None], at.shape)
        false = draw.random(at.shape) < FALSE_FAILURE
        kept = (draw.random(at.shape) >= MISSING) & ~beats[:, None]
        done[rows[kept], at[kept]] = 1
        fails[rows[kept & false], at[kept & false]] = 1
        first = np.nonzero(fails)
        for later in range(1, AGAIN + 1):
            when = first[1] + later
            kept = (when < seconds) & (draw.random(len(when)) >= MISSING)
            done[first[0][kept], when[kept]] = 1
            again = kept & (draw.random(len(when)) < FALSE_FAILURE)
            fails[first[0][again], when[again]] = 1
        return done, fails

    def _only_runs(self, done: Table, fails: Table, sent: Table, failed: Table) -> None:
        """Of a probe whose last result failed, count the failures at the end alone."""
        for path in np.flatnonzero(fails.any(axis=1)).tolist():
            results = np.flatnonzero(done[path])
            for place in np.flatnonzero(fails[path, results]).tolist():
                at = int(results[place])
                end = int(results[place + 1]) if place + 1 < len(results) else done.shape[1]
                for second in range(at, min(end, at + WINDOW)):
                    window = results[(results > second - WINDOW) & (results <= second)]
                    sent[path, second] = failed[path, second] = _run(fails[path, window])

    def _heartbeats(self, draw: np.random.Generator, sent: Table, failed: Table, fails: Table) -> None:
        """Count heartbeats; while an agent is silent, nothing else of it counts."""
        beats = np.flatnonzero(self.world.origin <= -2)
        sent[beats] = WINDOW // BEAT
        for path in beats.tolist():
            commune = -2 - int(self.world.origin[path])
            slots = np.arange(int(draw.integers(BEAT)), sent.shape[1], BEAT)
            heard = slots[draw.random(len(slots)) >= FALSE_FAILURE]
            for last, following in pairwise(heard):
                for second in range(int(last) + BEAT * BEATS_MISSING + 1, int(following)):
                    missing = (second - int(last)) // BEAT
                    sent[self.world.origin == commune, second] = 0
                    failed[self.world.origin == commune, second] = 0
                    sent[path, second] = failed[path, second] = missing
                    fails[path, int(last) + BEAT : second + 1] = 1


def _windowed(table: Table) -> Table:
    """Return by second the sum of the last ten seconds."""
    running = np.cumsum(table, axis=1, dtype=np.int16)
    running[:, WINDOW:] -= running[:, :-WINDOW].copy()
    return running.astype(np.int8)


def _run(failures: npt.NDArray[np.int8]) -> int:
    """Return how many at the end are failures."""
    passes = np.flatnonzero(failures == 0)
    return len(failures) - (int(passes[-1]) + 1 if len(passes) else 0)


def _sight(counted: Hour, second: int) -> Sight:
    spans = {}
    for path in np.flatnonzero(counted.failed[:, second]).tolist():
        start = max(0, second - WINDOW + 1)
        when = np.flatnonzero(counted.fails[path, start : second + 1]) + start
        if len(when):
            spans[path] = Span(float(when[0]), float(when[-1]))
    return Sight(float(second), [], [], spans, frozenset(), deaf=False)


def _nothing(second: int) -> Sight:
    return Sight(float(second), [], [], {}, frozenset(), deaf=False)
