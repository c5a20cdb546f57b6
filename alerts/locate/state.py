"""An explanation in the making: which suspects lose how much, and what that says of every row.

What comes through to a result: the product over the blamed in the solo role of (1 - loss), and for two legs
x (1 - (1 - near)(1 - far)), each leg the product over its own; never less than a floor. It succeeds with
(1 - noise) times that.
"""

from typing import Self

import numpy as np

from alerts.locate.field import Field
from alerts.locate.incidence import Floats, Ints, Mask
from alerts.locate.priors import FLOOR, GRID, columns

_LOSSES = np.array(GRID)


class State:
    """Which suspects of a field are blamed: ``blamed`` maps each to its loss."""

    __slots__ = ("_far", "_near", "_solo", "blamed", "field", "way")

    def __init__(self, field: Field) -> None:
        rows = len(field.rows)
        self.field = field
        self.blamed: dict[int, float] = {}
        self._solo, self._near, self._far = np.ones(rows), np.ones(rows), np.ones(rows)
        self.way = np.ones(rows)

    def copy(self) -> Self:
        """Return a state of its own that says the same."""
        other = type(self).__new__(type(self))
        other.field, other.blamed, other.way = self.field, dict(self.blamed), self.way.copy()
        other._solo, other._near, other._far = self._solo.copy(), self._near.copy(), self._far.copy()
        return other

    def blame(self, suspect: int, loss: float | None) -> None:
        """Set the loss of a suspect; None blames it no more."""
        ratio = (1 - (loss or 0.0)) / (1 - self.blamed.pop(suspect, 0.0))
        if loss is not None:
            self.blamed[suspect] = loss
        solo, near, far = (relation.of(suspect) for relation in self.field.roles)
        self._solo[solo] *= ratio
        self._near[near] *= ratio
        self._far[far] *= ratio
        self._renew(np.concatenate((solo, near, far)))

    def _renew(self, rows: Ints) -> None:
        self.way[rows] = self._solo[rows] * self._leg(rows)

    def _leg(self, rows: Ints | slice) -> Floats:
        return 1 - (1 - self._near[rows]) * (1 - self._far[rows])

    def score(self) -> float:
        """Return the log-likelihood less penalties, up to what is the same for all explanations, in nats."""
        field = self.field
        seen = np.sum(self._likelihood(field.failed, field.passed, self.way))
        seen += np.sum(field.leg_passed * np.log(self._leg(slice(None))))
        paid = sum(
            field.passed_elsewhere[suspect] * np.log(1 - loss) - self.penalty(suspect)
            for suspect, loss in self.blamed.items()
        )
        return float(seen + paid)

    def penalty(self, suspect: int) -> float:
        """Return what blaming somebody who is blamed costs, in nats."""
        return float(self.field.penalty[suspect, columns(np.array([self.blamed[suspect]]))[0]])

    def _likelihood(self, failed: Floats, passed: Floats, way: Floats) -> Floats:
        """Return the log-likelihood of results on rows that let through ``way``, in nats."""
        through = np.maximum(way, FLOOR)
        return np.asarray(failed * np.log(1 - (1 - self.field.noise) * through) + passed * np.log(through))

    def gains(self, chosen: Ints, losses: Floats) -> Floats:
        """Return by how much blaming each of ``chosen``, none of them blamed yet, raises the score.

        One column for each of ``losses``.
        """
        field = self.field
        free = -field.penalty[np.ix_(chosen, columns(losses))]
        if not self.blamed:  # then all rows are alike, and no leg has lost its other
            per_failure = np.log((1 - (1 - field.noise) * (1 - losses)) / field.noise)
            free += np.outer(field.failed_through[chosen], per_failure)
            return np.asarray(free + np.outer(field.passed_through[chosen], np.log(1 - losses)))
        found: Floats = free + np.outer(field.passed_elsewhere[chosen], np.log(1 - losses))
        self._add_solo(found, chosen, losses)
        if field.has_leg[chosen].any():
            self._add_legs(found, chosen, losses)
        return found

    def promising(self, chosen: Ints) -> Ints:
        """Return those of ``chosen`` whose blame may pay or turn on a leg: a quick look before :meth:`gains`.

        A failure is explained the better the higher the loss, a pass contradicted the less the lower it is,
        so the best of both is a bound.
        """
        field = self.field
        if not self.blamed:
            return chosen
        nothing = np.zeros(len(field.rows))
        gained = self._likelihood(field.failed, nothing, self.way * (1 - _LOSSES[0]))
        gained -= self._likelihood(field.failed, nothing, self.way)
        solo = field.roles.solo
        through = solo.sums(gained.take(solo.item))
        least = field.penalty.min(axis=1) - field.passed_elsewhere * np.log(1 - _LOSSES[-1])
        hopeful: Mask = (through > least) | field.has_leg
        return chosen[hopeful[chosen]]

    def _add_solo(self, found: Floats, chosen: Ints, losses: Floats) -> None:
        """Add what the failures of rows gain on which each of ``chosen`` has the solo role."""
        field, solo = self.field, self.field.roles.solo
        everybody = 2 * solo.sizes(chosen).sum() > len(solo.item)  # then each row is looked at once
        part = solo if everybody else solo.gather(chosen)
        places = slice(None) if everybody else part.item
        failed, passed, way = field.failed[places], field.passed[places], self.way[places]
        base = self._likelihood(failed, passed, way)
        for column, loss in enumerate(losses):
            gained = self._likelihood(failed, passed, way * (1 - loss)) - base
            if everybody:
                found[:, column] += part.sums(gained.take(part.item))[chosen]
            else:
                found[:, column] += part.sums(gained)

    def _add_legs(self, found: Floats, chosen: Ints, losses: Floats) -> None:
        """Add what rows gain on whose other leg somebody is blamed; elsewhere the other leg carries all."""
        field = self.field
        for relation, own, other in (
            (field.roles.near, self._near, self._far),
            (field.roles.far, self._far, self._near),
        ):
            part = relation.gather(chosen).only(other < 1)
            rows = part.item
            if not len(rows):
                continue
            leg, way = self._leg(rows), self.way[rows]
            failed, passed = field.failed[rows], field.passed[rows]
            base = self._likelihood(failed, passed, way)
            for column, loss in enumerate(losses):
                ratio = (1 - (1 - own[rows] * (1 - loss)) * (1 - other[rows])) / leg
                gained = self._likelihood(failed, passed, way * ratio) - base
                gained += field.leg_passed[rows] * np.log(ratio)
                found[:, column] += part.sums(gained)

    def rows_of(self, suspect: int) -> Ints:
        """Return the rows that a suspect stands on, in any role."""
        return np.concatenate([relation.of(suspect) for relation in self.field.roles])
