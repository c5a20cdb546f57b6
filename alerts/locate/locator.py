"""The locator: a network prepared once, snapshots answered one after the other."""

import math
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from alerts.locate import search
from alerts.locate.answer import Doubt, Snapshot, Verdict, read, unexplained
from alerts.locate.classes import alike
from alerts.locate.field import Beliefs, Counts, Field, field
from alerts.locate.incidence import Floats, Ints, summed
from alerts.locate.model import Answer, Component, Route
from alerts.locate.network import Network, network
from alerts.locate.priors import GRID, NOISE, penalty

Numbers = Sequence[int] | npt.NDArray[np.integer]

_RESTLESS: Final = 1.5
"""Times the assumed noise from which the unexplained failures are taken for the noise."""
_NOISE_MOST: Final = 0.2
_SIGMAS: Final = 3.0
_WARM: Final = 50


class Locator:
    """Answers for one inventory. Holds nothing from snapshot to snapshot, so two of them agree."""

    def __init__(self, components: Iterable[Component], routes: Sequence[Route]) -> None:
        """Prepare. Raises KeyError for a path through a component that is not given."""
        self.network = network(components, routes)
        self.penalty = _penalties(self.network)
        self._warm_up()

    def locate(self, sent: Numbers, failed: Numbers, known_down: Iterable[str] = ()) -> Answer:
        """Return the causes of a snapshot.

        ``sent`` and ``failed``: results in the window and failures among them, by path, 0 <= failed <= sent;
        a path that was not measured lately has 0. ``known_down``: components that are planned to be down;
        they are blamed free of charge, as far as they fail, and never named.
        """
        snapshot = self._snapshot(sent, failed)
        known = self._known(snapshot.counts, known_down)
        verdict = self._verdict(snapshot.counts, known, NOISE)
        noise = self._noise(snapshot.counts, verdict)
        if noise > NOISE:
            verdict = self._verdict(snapshot.counts, known, noise)
        return read(self.network, snapshot, verdict)

    def _warm_up(self) -> None:
        """Ask once, of a few paths that fail: what is done once in a process is no part of an inference."""
        sent = np.full(len(self.network.observation_of), 2)
        self.locate(sent, np.where(np.arange(len(sent)) < _WARM, sent, 0))

    def _snapshot(self, sent: Numbers, failed: Numbers) -> Snapshot:
        by_path = np.asarray(sent, np.intp), np.asarray(failed, np.intp)
        place, count = self.network.observation_of, self.network.observations
        merged = (summed(place, numbers, count) for numbers in by_path)
        return Snapshot(*by_path, Counts(*merged))

    def _known(self, counts: Counts, ids: Iterable[str]) -> Ints:
        """Return the suspects that are known to be down, or cannot be told apart from one that is."""
        suspect_of = self.network.suspect_of
        found = {suspect_of[name] for name in ids if name in suspect_of}
        alike_ones = [alike(self.network, counts, suspect) for suspect in sorted(found)]
        return np.unique(np.concatenate([np.zeros(0, np.intp), *alike_ones]))

    def _noise(self, counts: Counts, verdict: Verdict) -> float:
        """Return the noise to assume: more where more is left unexplained than chance allows."""
        sent, failed = unexplained(self.network, counts, verdict)
        expected = NOISE * sent
        if failed <= _RESTLESS * expected or failed <= expected + _SIGMAS * math.sqrt(expected):
            return NOISE
        return min(failed / sent, _NOISE_MOST)

    def _verdict(self, counts: Counts, known: Ints, noise: float) -> Verdict:
        cut = field(self.network, counts, Beliefs(self.penalty, known, noise))
        if cut is None:
            return Verdict(noise)
        return _named(cut, search.best(cut, self._twins(counts, cut)))

    def _twins(self, counts: Counts, cut: Field) -> search.Twins:
        number = np.full(len(self.network.members), -1)
        number[cut.suspects] = np.arange(len(cut.suspects))

        def twins(suspect: int) -> Ints:
            found = number[alike(self.network, counts, int(cut.suspects[suspect]))]
            return found[found >= 0]

        return twins


def _named(cut: Field, found: search.Found) -> Verdict:
    """Return what was found with the numbers of the network instead of those of the field."""
    name = cut.suspects.tolist()
    doubts = {
        name[suspect]: Doubt(
            doubt.margin,
            None if doubt.instead is None else name[doubt.instead],
            tuple(name[peer] for peer in doubt.peers),
        )
        for suspect, doubt in found.doubts.items()
    }
    return Verdict(cut.noise, {name[suspect]: loss for suspect, loss in found.losses.items()}, doubts)


def _penalties(prepared: Network) -> Floats:
    """Return nats by suspect and position in the grid: those of the likeliest member."""
    kinds = {member.kind for members in prepared.members for member in members}
    by_kind = {kind: [penalty(kind, loss, prepared.components) for loss in GRID] for kind in kinds}
    rows = [np.min([by_kind[member.kind] for member in members], axis=0) for members in prepared.members]
    return np.array(rows).reshape(len(rows), len(GRID))
