"""What else would name culprits from the same counts: a hierarchy of inhibition rules, and SCORE.

Both take a path for failing when at least half of its results fail, and both look at the same paths as our
locator. SCORE: Kompella et al., "IP fault localization via risk modeling" (NSDI 2005), hit ratio 0.8.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from alerts.locate.network import Network
from tests.bench._locating_world import Snapshot

Mask = npt.NDArray[np.bool_]
HIT_RATIO: Final = 0.8
RANK: Final = {
    "hub": 0, "wan": 0, "isp": 1, "datacentre": 1, "dns": 1, "ring": 2, "host": 2, "pop": 3, "area": 3,
    "system": 3, "power": 4, "line": 5, "lan": 6, "agent": 7,
}  # fmt: skip
"""Which rule silences which: a smaller number silences a larger one that it shares a failing path with."""


def _failing(network: Network, snapshot: Snapshot) -> tuple[Mask, Mask]:
    """Return by observation whether it is measured, and whether it fails."""
    count = network.observations
    sent, failed = (np.bincount(network.observation_of, part, minlength=count) for part in snapshot)
    return sent > 0, (sent > 0) & (2 * failed >= sent)


def _ratio(network: Network, measured: Mask, failing: Mask) -> npt.NDArray[np.float64]:
    """Return by suspect the share of its measured observations that fail."""
    solo = network.by_suspect.solo
    of, hit = (solo.sums(mask.take(solo.item).astype(float)) for mask in (measured, failing))
    return np.divide(hit, of, out=np.zeros_like(of), where=of > 0)


def score(network: Network, snapshot: Snapshot) -> list[int]:
    """Return the suspects that SCORE names: those that fail nearly everywhere, the best coverage first."""
    measured, failing = _failing(network, snapshot)
    ratio = _ratio(network, measured, failing)
    candidates = np.flatnonzero(ratio >= HIT_RATIO)
    unexplained, named = failing.copy(), []
    while len(candidates):
        part = network.by_suspect.solo.gather(candidates)
        covered = part.sums(unexplained.take(part.item).astype(float))
        best = int(np.argmax(covered + ratio[candidates] * 1e-3))
        if not covered[best]:
            break
        named.append(int(candidates[best]))
        unexplained[network.by_suspect.solo.of(named[-1])] = False
        candidates = candidates[covered > 0]
    return named


def hierarchy(network: Network, snapshot: Snapshot) -> list[int]:
    """Return the suspects whose rule fires and is not silenced by the rule of something larger."""
    measured, failing = _failing(network, snapshot)
    fired = np.flatnonzero(_ratio(network, measured, failing) >= HIT_RATIO).tolist()
    ranks = {suspect: RANK[network.members[suspect][0].kind] for suspect in fired}
    silenced, named = np.zeros(network.observations, np.bool_), []
    for rank in sorted(set(ranks.values())):
        loud = [suspect for suspect in fired if ranks[suspect] == rank]
        for suspect in loud:
            mine = network.by_suspect.solo.of(suspect)
            if not (silenced & failing)[mine].any():
                named.append(suspect)
        for suspect in loud:
            silenced[network.by_suspect.solo.of(suspect)] = True
    return named
