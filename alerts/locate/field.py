"""One snapshot, cut down to what can decide: suspects that might pay, and the rows that they stand on.

Without any cause each result fails with probability ``noise``. What a suspect could gain from then on only
falls as others are blamed, since failures are explained once (the likelihood is submodular; for a leg, the
gain of a suspect that stood there alone is a bound). So a suspect that does not pay at the beginning, with
every failure through it granted, never pays, and where none does, the answer is empty at once.
"""

from typing import Final, NamedTuple

import msgspec
import numpy as np

from alerts.locate.incidence import Floats, Incidence, Ints, Mask, summed
from alerts.locate.network import Network, Roles
from alerts.locate.priors import GRID

_LOSSES: Final = np.array(GRID)
_MANY: Final = 8
"""Times as many items: going through all of them in a row is then faster than picking some."""


class Counts(NamedTuple):
    """Results and failures of each observation in the window."""

    sent: Floats
    failed: Floats


class Beliefs(NamedTuple):
    """What is held before a snapshot is looked at.

    ``penalty``: nats by suspect of the network and position in the grid. ``known``: suspects that are down as
    planned, blamed free of charge. ``noise``: share of false failures.
    """

    penalty: Floats
    known: Ints
    noise: float


class Field(msgspec.Struct, frozen=True):
    """Suspects and rows have numbers of their own here: positions in ``suspects`` and ``rows``.

    By row: results that ``failed`` and those that are ``clear``. A row without failures is ``double``: it
    has two legs with a suspect on either. By suspect, in the solo role: ``failed_through`` and
    ``passed_through`` all its observations, ``passed_elsewhere`` those of them that are no rows. ``sizes``:
    number of its rows in any role. ``penalty``: by suspect and position in the grid, 0 for ``known``.

    ``dues``: by suspect, what blaming it costs at least. ``number``: suspect of
    the network -> its number here, or -1.
    """

    noise: float
    suspects: Ints
    rows: Ints
    failed: Floats
    clear: Floats
    double: Mask
    roles: Roles
    failed_through: Floats
    passed_through: Floats
    passed_elsewhere: Floats
    penalty: Floats
    sizes: Ints
    known: tuple[int, ...]
    has_leg: Mask
    dues: Floats
    number: Ints
    network: Network

    def shares(self, rows: Ints) -> Ints:
        """Return by suspect on how many of these rows it stands, in whatever role."""
        found = np.zeros(len(self.suspects), np.intp)
        counted = self.failed > 0, self.double, self.double
        touched: Floats | None = None
        for relation, by_observation, there_is in zip(
            self.roles, self.network.by_observation, counted, strict=True
        ):
            observations = self.rows[rows.compress(there_is.take(rows))]
            if _MANY * by_observation.sizes(observations).sum() < len(relation.item):
                places = self.number.take(by_observation.gather(observations).item)
                found += np.bincount(places.compress(places >= 0), minlength=len(found))
                continue
            if touched is None:
                touched = np.zeros(len(self.rows))
                touched[rows] = 1
            found += relation.sums(touched.take(relation.item)).astype(np.intp)
        return found


def field(network: Network, counts: Counts, beliefs: Beliefs) -> Field | None:
    """Cut a snapshot down; None where nobody can be blamed for anything."""
    penalty, known, noise = beliefs
    failed_through = _failed_through(network.by_suspect.solo, network.by_observation.solo, counts)
    kept, passed = _worth(network, counts, beliefs, failed_through)
    if not len(kept):
        return None
    double = _double(network, counts, kept)
    wanted = (counts.failed > 0, double, double)
    solo, near, far = (
        _cut(relation, kept, rows) for relation, rows in zip(network.by_suspect, wanted, strict=True)
    )
    touched = double.copy()
    touched[solo.item] = True
    rows = np.flatnonzero(touched)
    place = np.cumsum(touched) - 1
    roles = Roles(*(Incidence(part.start, place.take(part.item)) for part in (solo, near, far)))
    failed, clear = counts.failed[rows], (counts.sent - counts.failed)[rows]
    here = np.where(failed > 0, clear, 0.0)
    free = np.isin(kept, known)
    own = np.where(free[:, None], 0.0, penalty[kept])
    elsewhere = passed - roles.solo.sums(here.take(roles.solo.item))
    number = np.full(len(network.members), -1)
    number[kept] = np.arange(len(kept))
    return Field(
        noise=noise,
        suspects=kept,
        rows=rows,
        failed=failed,
        clear=clear,
        double=double[rows],
        roles=roles,
        failed_through=failed_through[kept],
        passed_through=passed,
        passed_elsewhere=elsewhere,
        penalty=own,
        sizes=sum((np.diff(part.start) for part in roles), start=np.zeros(len(kept), np.intp)),
        known=tuple(np.flatnonzero(free).tolist()),
        has_leg=(np.diff(near.start) + np.diff(far.start)) > 0,
        dues=(own - np.outer(elsewhere, np.log(1 - _LOSSES))).min(axis=1),
        number=number,
        network=network,
    )


def _worth(network: Network, counts: Counts, beliefs: Beliefs, failed_through: Floats) -> tuple[Ints, Floats]:
    """Return the suspects whose blame can pay, and what passed through each of them in the solo role."""
    penalty, known, noise = beliefs
    failed = failed_through + _on_legs(network, counts)
    per_failure = np.log((1 - (1 - noise) * (1 - _LOSSES)) / noise)
    kept = np.flatnonzero(failed * per_failure[0] > penalty.min(axis=1))
    if len(known):
        kept = np.union1d(kept, known[failed[known] > 0])
    if not len(kept):
        return kept, np.zeros(0)
    passed = _through(network.by_suspect.solo, kept, counts.sent - counts.failed)
    bound = failed[kept, None] * per_failure + passed[:, None] * np.log(1 - _LOSSES) - penalty[kept]
    pays = (bound > 0).any(axis=1)
    pays |= np.isin(kept, known) if len(known) else False
    return kept[pays], passed[pays]


def _cut(relation: Incidence, kept: Ints, wanted: Mask) -> Incidence:
    """Return the lists of those kept, with the items that are wanted."""
    if _most(relation, kept):
        return relation.only(wanted).gather(kept)
    return relation.gather(kept).only(wanted)


def _through(relation: Incidence, kept: Ints, values: Floats) -> Floats:
    """Return for each of those kept the sum of the values of its items."""
    if _most(relation, kept):
        return relation.sums(values.take(relation.item))[kept]
    part = relation.gather(kept)
    return part.sums(values.take(part.item))


def _most(relation: Incidence, kept: Ints) -> bool:
    """Say whether it is faster to go through all lists than to pick those kept."""
    return bool(2 * relation.sizes(kept).sum() > len(relation.item))


def _failed_through(by_suspect: Incidence, by_observation: Incidence, counts: Counts) -> Floats:
    """Return by suspect the failures of its observations."""
    failing = np.flatnonzero(counts.failed)
    if _MANY * by_observation.sizes(failing).sum() > len(by_suspect.item):
        return by_suspect.sums(counts.failed.take(by_suspect.item))
    found = by_observation.gather(failing)
    return summed(found.item, np.repeat(counts.failed[failing], np.diff(found.start)), by_suspect.owners)


def _on_legs(network: Network, counts: Counts) -> Floats:
    """Return the failures of the observations on which each suspect lies on one of two legs."""
    pairs = zip(network.by_suspect[1:], network.by_observation[1:], strict=True)
    return sum(
        (_failed_through(*pair, counts) for pair in pairs), start=np.zeros(len(network.members))
    )  # fmt: skip


def _double(network: Network, counts: Counts, kept: Ints) -> Mask:
    """Return the observations, measured lately, that have a suspect left on either leg."""
    near, far = (np.zeros(network.observations, np.bool_) for _ in range(2))
    near[network.by_suspect.near.gather(kept).item] = True
    far[network.by_suspect.far.gather(kept).item] = True
    return near & far & (counts.sent > 0)
