"""An explanation in the making: which suspects lose how much, and what that says of every row.

What comes through to a result: the product over the blamed in the solo role of (1 - loss), and for two legs
x (1 - (1 - near)(1 - far)), each leg the product over its own; never less than a floor. It succeeds with
(1 - noise) times that.
"""

from typing import Self

import numpy as np

from alerts.locate.field import Field
from alerts.locate.incidence import Floats, Incidence, Ints, Mask
from alerts.locate.patterns import SOLO, Patterns
from alerts.locate.priors import columns

CALL = 20_000
"""What a look costs however short it is, in entries."""


class State:
    """Which suspects of a field are blamed: ``blamed`` maps each to its loss."""

    __slots__ = ("_pattern", "_patterns", "_tally", "blamed", "field")

    def __init__(self, field: Field) -> None:
        """Begin with nobody blamed."""
        self.field = field
        self.blamed: dict[int, float] = {}
        self._patterns = Patterns(field.noise, field.failed, field.clear)
        self._pattern = self._patterns.first.copy()
        self._tally: tuple[int, list[tuple[Ints, Ints]]] = -1, []

    def fresh(self) -> Self:
        """Return an explanation of the same field with nobody blamed."""
        other = self.copy()
        other.blamed, other._pattern = {}, self._patterns.first.copy()
        other._tally = -1, []
        return other

    def tired(self, of: int) -> bool:
        """Say whether so much has been looked at that one should come to an end."""
        return self._patterns.work > of

    def copy(self) -> Self:
        """Return a state of its own that says the same."""
        other = type(self).__new__(type(self))
        other.field, other.blamed, other._patterns = self.field, dict(self.blamed), self._patterns
        other._pattern, other._tally = self._pattern.copy(), self._tally
        return other

    def blame(self, suspect: int, loss: float | None) -> None:
        """Set the loss of a suspect; None blames it no more."""
        self._tally = -1, []
        ratio = (1 - (loss or 0.0)) / (1 - self.blamed.pop(suspect, 0.0))
        if loss is not None:
            self.blamed[suspect] = loss
        for role, relation in enumerate(self.field.roles):
            rows = relation.of(suspect)
            if len(rows):
                self._patterns.work += CALL + len(rows)
                self._pattern[rows] = self._patterns.step(self._pattern.take(rows), role, ratio)

    def unblamed(self) -> Mask:
        """Return by suspect whether it is blamed for nothing."""
        found = np.ones(len(self.field.suspects), np.bool_)
        found[list(self.blamed)] = False
        return found

    def score(self) -> float:
        """Return the log-likelihood less penalties, up to what is the same for all explanations, in nats."""
        field = self.field
        seen = np.bincount(self._pattern, minlength=len(self._patterns)) @ self._patterns.seen
        paid = sum(
            field.passed_elsewhere[suspect] * np.log(1 - loss) - self.penalty(suspect)
            for suspect, loss in self.blamed.items()
        )
        return float(seen + paid)

    def penalty(self, suspect: int) -> float:
        """Return what blaming somebody who is blamed costs, in nats."""
        return float(self.field.penalty[suspect, columns(np.array([self.blamed[suspect]]))[0]])

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
        if len(chosen) == 1:
            for role, (patterns, counts) in enumerate(self._tallied(int(chosen[0]))):
                found[0] += self._patterns.gained(patterns, role, losses) @ counts
            return found
        for role, relation in enumerate(field.roles):
            if role == SOLO or field.has_leg[chosen].any():
                self._add(found, relation.gather(chosen), role, losses)
        return found

    def _add(self, found: Floats, part: Incidence, role: int, losses: Floats) -> None:
        """Add what the rows of ``part`` gain by losses in ``role``: none where the other leg carries all."""
        self._patterns.work += CALL + len(part.item) * len(losses)
        patterns = self._pattern.take(part.item)
        if len(patterns) < len(self._patterns):  # fewer entries than patterns: each by itself
            for column, gained in enumerate(self._patterns.gained(patterns, role, losses)):
                found[:, column] += part.sums(gained)
            return
        gained = self._patterns.gained(slice(None), role, losses)
        for column, by_pattern in enumerate(gained):
            found[:, column] += part.sums(by_pattern.take(patterns))

    def _tallied(self, suspect: int) -> list[tuple[Ints, Ints]]:
        """Return by role the patterns of the rows of a suspect, and how many rows have each.

        Kept for the next question, since a loss is fitted in several steps.
        """
        if self._tally[0] != suspect:
            tally = []
            for relation in self.field.roles:
                rows = relation.of(suspect)
                self._patterns.work += CALL + len(rows)
                counts = np.bincount(self._pattern.take(rows))
                present = np.flatnonzero(counts)
                tally.append((present, counts[present]))
            self._tally = suspect, tally
        self._patterns.work += CALL
        return self._tally[1]

    def bounds(self, chosen: Ints) -> Floats:
        """Return what blaming each of ``chosen`` cannot gain more than, whatever its loss on the grid.

        A failure is explained the better the higher the loss, a pass contradicted the less the lower it is,
        so the best of both is a bound; a leg explains no more than if there were no other.
        """
        self._patterns.work += CALL + len(self.field.roles.solo.item)
        hope = self._patterns.hope.take(self._pattern)
        through = sum(relation.sums(hope.take(relation.item)) for relation in self.field.roles)
        return np.asarray((through - self.field.dues)[chosen])

    def rows_of(self, suspect: int) -> Ints:
        """Return the rows that a suspect stands on, in any role."""
        return np.concatenate([relation.of(suspect) for relation in self.field.roles])
