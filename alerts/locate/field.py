"""One snapshot, cut down to what can decide: suspects that might pay, and the rows that they stand on.

Without any cause each result fails with probability ``noise``. What a suspect could gain from then on only
falls as others are blamed, since failures are explained once (the likelihood is submodular; for a leg, the
gain of a suspect that stood there alone is a bound). So a suspect that does not pay at the beginning, with
every failure through it granted, never pays, and where none does, the answer is empty at once.
"""

from typing import NamedTuple

import msgspec
import numpy as np

from alerts.locate.incidence import Floats, Incidence, Ints, Mask, starts, summed
from alerts.locate.network import Network, Roles
from alerts.locate.priors import GRID

_LOSSES = np.array(GRID)


class Counts(NamedTuple):
    """Results and failures of each observation in the window."""

    sent: Floats
    failed: Floats


class Field(msgspec.Struct, frozen=True):
    """Suspects and rows have numbers of their own here: positions in ``suspects`` and ``rows``.

    ``leg_passed``: results of a row that passed, where two legs can decide (else 0); those of the solo role
    stand per suspect in ``passed``. ``penalty``: by suspect and position in the grid, 0 for ``known``.
    """

    noise: float
    suspects: Ints
    rows: Ints
    failed: Floats
    leg_passed: Floats
    roles: Roles
    passed: Floats
    penalty: Floats
    known: tuple[int, ...]
    has_leg: Mask


def field(network: Network, counts: Counts, penalty: Floats, known: Ints, noise: float) -> Field | None:
    """Cut a snapshot down; None where nobody can be blamed for anything.

    ``penalty``: by suspect of the network and position in the grid. ``known``: suspects that are down as
    planned, blamed free of charge.
    """
    kept, passed = _worth(network, counts, penalty, known, noise)
    if not len(kept):
        return None
    double = _double(network, counts, kept)
    deciding = counts.failed > 0
    solo = _only(network.by_suspect.solo, kept, deciding)
    near, far = (_only(relation, kept, double) for relation in network.by_suspect[1:])
    touched = double.copy()
    touched[solo.item] = True
    rows = np.flatnonzero(touched)
    number = np.cumsum(touched) - 1
    free = np.isin(kept, known)
    return Field(
        noise=noise,
        suspects=kept,
        rows=rows,
        failed=counts.failed[rows],
        leg_passed=np.where(double, counts.sent - counts.failed, 0.0)[rows],
        roles=Roles(*(Incidence(part.start, number[part.item]) for part in (solo, near, far))),
        passed=passed,
        penalty=np.where(free[:, None], 0.0, penalty[kept]),
        known=tuple(np.flatnonzero(free).tolist()),
        has_leg=(np.diff(near.start) + np.diff(far.start)) > 0,
    )


def _worth(
    network: Network, counts: Counts, penalty: Floats, known: Ints, noise: float
) -> tuple[Ints, Floats]:
    """Return the suspects whose blame can pay, and what passed through each of them in the solo role."""
    failing = np.flatnonzero(counts.failed)
    item, position = network.every.gather(failing)
    failed = summed(item, counts.failed[failing][position], len(penalty))
    per_failure = np.log((1 - (1 - noise) * (1 - _LOSSES)) / noise)
    kept = np.flatnonzero(failed * per_failure[0] > penalty.min(axis=1))
    kept = np.union1d(kept, known[failed[known] > 0])
    if not len(kept):
        return kept, np.zeros(0)
    passed = _passed(network.by_suspect.solo, counts.sent - counts.failed, kept)
    bound = failed[kept, None] * per_failure + passed[:, None] * np.log(1 - _LOSSES) - penalty[kept]
    pays = (bound > 0).any(axis=1) | np.isin(kept, known)
    return kept[pays], passed[pays]


def _passed(relation: Incidence, passed: Floats, owners: Ints) -> Floats:
    """Return the results that passed through each of ``owners``; whole numbers, so exact in any order."""
    item, position = relation.gather(owners)
    return summed(position, passed[item], len(owners))


def _double(network: Network, counts: Counts, kept: Ints) -> Mask:
    """Return the observations, measured lately, that have a suspect left on either leg."""
    near, far = (np.zeros(network.observations, np.bool_) for _ in range(2))
    near[network.by_suspect.near.gather(kept)[0]] = True
    far[network.by_suspect.far.gather(kept)[0]] = True
    return near & far & (counts.sent > 0)


def _only(relation: Incidence, owners: Ints, wanted: Mask) -> Incidence:
    """Return the lists of ``owners``, renumbered from 0, with nothing but the wanted items."""
    item, position = relation.gather(owners)
    chosen = wanted[item]
    return Incidence(starts(np.bincount(position[chosen], minlength=len(owners))), item[chosen])
