"""What is known before anything is measured: how readily each kind of component is blamed.

A penalty is in nats: ln(number of components) + 2 + the offset of the kind, + 5 for a partial fault, + 8 for
a faint one. It grows with the province, since a thousand times as many components find chance coincidences as
often.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from inventory.names import ComponentKind

NOISE: Final = 0.005
"""Share of results that fail on a path without a fault."""
HARD: Final = 0.99
"""Loss of a component that is down: one result in a hundred passes nevertheless, or is counted wrong."""
FLOOR: Final = 1 - HARD
"""Share of results that pass whatever is down: two faults on a path let no less through than one."""
PARTIAL_BELOW: Final = 0.9
FAINT_BELOW: Final = 0.35
"""Losses that some stray failures at one commune look like: seen 1 time in 10,000 before this was dear."""
GRID: Final = (HARD, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05)
"""Losses that are tried first, falling; fits go on between them."""
SCREEN: Final = (HARD, 0.6, 0.2)
"""Losses by which components are compared before the best few are refined over the grid."""
RIGID: Final = frozenset({ComponentKind.POWER, ComponentKind.AREA, ComponentKind.AGENT})
"""Kinds that are up or down, never in part."""

_BASE: Final = 2.0
_PARTIAL: Final = 5.0
_FAINT: Final = 8.0
_OFFSET: Final = {
    ComponentKind.LINE: 0.0,
    ComponentKind.POWER: 0.5,
    ComponentKind.LAN: 0.5,
    ComponentKind.AGENT: 0.7,
}
_OTHER: Final = 1.5


def offset(kind: str) -> float:
    """Return the offset of a kind in nats; a kind that is not ours takes the default."""
    return next((nats for known, nats in _OFFSET.items() if known == kind), _OTHER)


def penalty(kind: str, loss: float, components: int) -> float:
    """Return the nats that blaming a component costs; infinite where its kind has no such fault."""
    if kind in RIGID and loss < HARD:
        return math.inf
    partial = _FAINT if loss < FAINT_BELOW else _PARTIAL if loss < PARTIAL_BELOW else 0.0
    return math.log(max(components, 1)) + _BASE + offset(kind) + partial


def columns(losses: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Return the positions in the grid that have the penalties of these losses."""
    return _COLUMNS.take(np.searchsorted(_BOUNDS, losses, side="right"))


_BOUNDS: Final = np.array((FAINT_BELOW, PARTIAL_BELOW, HARD))
_COLUMNS: Final = np.array((len(GRID) - 1, GRID.index(0.5), 1, 0))
