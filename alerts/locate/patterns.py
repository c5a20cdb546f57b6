"""What rows have in common: their results, and what the blamed let through on each part of the way.

Logarithms are what takes time, and a national outage has a hundred thousand rows, but few of them differ: in
a window of some seconds there are dozens of results that a path may have, and a handful of suspects who are
blamed. So each row has the number of its **pattern**, and logarithms are taken of patterns.
"""

from typing import Final

import numpy as np

from alerts.locate.incidence import Floats, Ints
from alerts.locate.priors import FLOOR

SOLO, NEAR, FAR = 0, 1, 2
_DIGITS: Final = float(1 << 40)
_FEW: Final = 1 << 20
_FIRST_ROOM: Final = 256


class Patterns:
    """A table that only grows; explanations of the same field share it.

    By pattern: results that failed and those that are clear; what comes through on the solo part, on the
    near and the far leg; ``seen``, the log-likelihood; ``hope``, by how much more loss could raise it at
    most. Where nothing failed, only what the legs let through counts: what passes in the solo role is no
    matter of rows. ``work``: entries looked at so far by all explanations, for a limit that is the same on
    every machine.
    """

    def __init__(self, noise: float, failed: Floats, clear: Floats) -> None:
        """Take the results of rows; ``first`` is then the pattern of each, with nobody blamed."""
        self._noise = noise
        self.work = 0
        self._room: Floats = np.zeros((7, _FIRST_ROOM))
        self._count = 0
        self._number: dict[tuple[float, ...], int] = {}
        self._steps: dict[tuple[int, float], Ints] = {}
        self.first, kinds = _kinds(failed, clear)
        self._add(np.concatenate((kinds, np.ones((3, kinds.shape[1])))))

    def __len__(self) -> int:
        """Return how many there are by now."""
        return self._count

    @property
    def seen(self) -> Floats:
        """Log-likelihood by pattern, in nats."""
        return np.asarray(self._room[5, : self._count])

    @property
    def hope(self) -> Floats:
        """Nats by pattern that more loss could raise its likelihood by."""
        return np.asarray(self._room[6, : self._count])

    def step(self, patterns: Ints, role: int, ratio: float) -> Ints:
        """Return the patterns of rows once ``ratio`` times as much comes through in ``role``."""
        known = self._steps.get((role, ratio))
        if known is None or len(known) < self._count:
            longer = np.full(self._room.shape[1], -1, np.intp)
            if known is not None:
                longer[: len(known)] = known
            known = self._steps[role, ratio] = longer
        found = known.take(patterns)
        if len(found) and found.min() < 0:
            new = np.flatnonzero(np.bincount(patterns.compress(found < 0)))
            wanted = self._room[:5, new].copy()
            wanted[2 + role] *= ratio
            known[new] = self._add(wanted)
            found = known.take(patterns)
        return found

    def gained(self, patterns: Ints | slice, role: int, losses: Floats) -> Floats:
        """Return by loss and pattern how much the likelihood rises by so much loss in ``role``."""
        part = self._room[:, : self._count][:, patterns]
        wanted = list(part[:5])
        wanted[2 + role] = part[2 + role] * (1 - losses)[:, None]
        return np.asarray(self._likelihood(*wanted) - part[5])

    def _add(self, wanted: Floats) -> Ints:
        """Return the numbers of patterns, given as columns; new ones are added."""
        mantissa, exponent = np.frexp(wanted)  # products in another order differ in the last digits
        keys = np.ldexp(np.round(mantissa * _DIGITS) / _DIGITS, exponent).T.tolist()
        numbers: list[int] = []
        new: list[int] = []
        for place, key in enumerate(map(tuple, keys)):
            number = self._number.setdefault(key, len(self._number))
            numbers.append(number)
            if number == self._count + len(new):
                new.append(place)
        if new:
            self._append(wanted[:, new])
        return np.array(numbers, np.intp)

    def _append(self, new: Floats) -> None:
        total = self._count + new.shape[1]
        if total > self._room.shape[1]:
            larger = np.zeros((len(self._room), 2 * total))
            larger[:, : self._count] = self._room[:, : self._count]
            self._room = larger
        failed, _, solo, near, far = new
        least = failed * np.log(1 - (1 - self._noise) * FLOOR)
        through = np.maximum(solo * (near + far - near * far), FLOOR)
        part = self._room[:, self._count : total]
        part[:5], part[5] = new, self._likelihood(*new)
        part[6] = least - failed * np.log(1 - (1 - self._noise) * through)
        self._count = total

    def _likelihood(self, failed: Floats, clear: Floats, solo: Floats, near: Floats, far: Floats) -> Floats:
        leg = near + far - near * far
        through = np.maximum(solo * leg, FLOOR)
        lost = failed * np.log(1 - (1 - self._noise) * through)
        return np.asarray(lost + clear * np.log(np.where(failed > 0, through, leg)))


def _kinds(failed: Floats, clear: Floats) -> tuple[Ints, Floats]:
    """Return by row which of the different pairs of results it has, and those pairs as columns."""
    base = int(clear.max(initial=0)) + 1
    joint = (failed * base + clear).astype(np.intp)
    if joint.max(initial=0) < _FEW:
        different = np.flatnonzero(np.bincount(joint))
        place = np.zeros(int(joint.max(initial=0)) + 1, np.intp)
        place[different] = np.arange(len(different))
        rows = place.take(joint)
    else:
        different, rows = np.unique(joint, return_inverse=True)
    return rows, np.array([different // base, different % base], np.float64)
