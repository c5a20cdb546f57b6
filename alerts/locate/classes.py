"""Who cannot be told apart in a snapshot: the same measured observations in the same roles."""

import numpy as np

from alerts.locate.field import Counts
from alerts.locate.incidence import Incidence, Ints, Mask
from alerts.locate.network import Network


def alike(network: Network, counts: Counts, suspect: int) -> Ints:
    """Return the suspects that no result of this snapshot tells apart from ``suspect``, itself included.

    A suspect of which nothing was measured is alone.
    """
    measured = counts.sent > 0
    own = [_of(relation, suspect, measured) for relation in network.by_suspect]
    role = next((index for index, rows in enumerate(own) if len(rows)), None)
    if role is None:
        return np.array([suspect])
    neighbours = network.by_observation[role].of(int(own[role][0])).tolist()
    return np.array([other for other in neighbours if _same(network, own, other, measured)])


def _same(network: Network, own: list[Ints], other: int, measured: Mask) -> bool:
    return all(
        np.array_equal(rows, _of(relation, other, measured))
        for rows, relation in zip(own, network.by_suspect, strict=True)
    )


def _of(relation: Incidence, suspect: int, measured: Mask) -> Ints:
    rows = relation.of(suspect)
    return rows.compress(measured.take(rows))
