"""Whom to blame next: the best first, looked at by what they can gain at most."""

import heapq
import math
from typing import Final, NamedTuple

import numpy as np

from alerts.locate.fit import BATCH, SURE, settle
from alerts.locate.incidence import Floats, Ints, Mask
from alerts.locate.priors import GRID, SCREEN
from alerts.locate.state import State

_GRID: Final = np.array(GRID)
_SCREEN: Final = np.array(SCREEN)
_REFINED: Final = 3
"""How many of the best by screening are refined over the grid."""
MOST: Final = 200_000_000
"""Entries looked at from which nobody else is blamed."""
_MANY: Final = 8
"""Share of all entries, as a divisor, from which suspects are looked at by their bounds."""
_QUEUE: Final = 256
"""How many of those that were looked at may be blamed before all are looked at again."""


class _Leading(NamedTuple):
    """The best suspects by number, what each gains on the screen, and what nobody else gains more than."""

    suspects: Ints
    gains: Floats
    rest: float


def grow(state: State, alive: Ints, limit: int, wanted: float = -math.inf) -> list[int]:
    """Blame the best of ``alive`` again and again while it pays; returns whom, in that order.

    Where the score cannot reach ``wanted``, the first look at who is best has to do.
    """
    added: list[int] = []
    taken: list[int] = []
    while len(added) < limit and len(alive) and not state.tired(MOST):
        alive = alive.compress(state.unblamed().take(alive))
        alive, leading = _leading(state, alive, 2 * len(taken))
        if wanted > -math.inf and _promise(state, leading.gains, limit - len(added)) < wanted:
            choice = _screened(leading)
            if choice is not None:
                state.blame(*choice)
                added.append(choice[0])
            break
        taken = _taken(state, leading, limit - len(added))
        if not taken:
            break
        added += taken
    return added


def _leading(state: State, chosen: Ints, batch: int) -> tuple[Ints, _Leading]:
    """Return those of ``chosen`` that may pay from here on, and the best of them.

    A gain only falls as others are blamed, except where another leg has just lost its way. Where many are to
    be looked at, those with the highest bounds come first, until nobody who is left can be among the best.
    """
    field = state.field
    if not state.blamed or _MANY * field.roles.solo.sizes(chosen).sum() < len(field.roles.solo.item):
        gains = state.gains(chosen, _SCREEN)
        alive = chosen[(gains > 0).any(axis=1) | field.has_leg[chosen]]
        return alive, _Leading(chosen, gains, -math.inf)
    bounds = state.bounds(chosen)
    alive = chosen[(bounds > 0) | field.has_leg[chosen]]
    hopeful = np.flatnonzero(bounds > SURE)
    order = hopeful[np.argsort(-bounds[hopeful], kind="stable")]
    looked, gains, best = 0, np.zeros((0, len(_SCREEN))), -math.inf
    while looked < len(order) and bounds[order[looked]] >= best:
        more = order[looked : max(BATCH, batch, 2 * looked)]
        gains = np.concatenate((gains, state.gains(chosen[more], _SCREEN)))
        looked += len(more)
        best = float(np.sort(gains.max(axis=1))[-_REFINED:][0]) if looked >= _REFINED else best
    seen = np.argsort(order[:looked])
    rest = float(bounds[order[looked]]) if looked < len(order) else -math.inf
    return alive, _Leading(chosen[order[:looked]][seen], gains[seen], rest)


def _taken(state: State, leading: _Leading, most: int) -> list[int]:
    """Blame the best of the leading, one after the other, as long as nobody else can be better.

    Each is compared by what it gains by then: who stands on rows that have changed is looked at again, once
    its turn comes. Ends where a loss has been fitted again, since others may gain more from then on.
    """
    suspects, gains, rest = leading
    worth = gains.max(axis=1, initial=-math.inf)
    order = np.argsort(-worth, kind="stable")[:_QUEUE]
    rest = max(rest, float(worth[order[-1]])) if len(order) < len(worth) else rest
    queue = list(zip((-worth[order]).tolist(), order.tolist(), strict=True))  # in order, so a heap
    stale = np.zeros(len(state.field.suspects), np.bool_)
    taken: list[int] = []
    while len(taken) < most and not state.tired(MOST):
        first = _first(state, leading, queue, stale)
        enough = len(first) == _REFINED and gains[first[-1]].max() >= rest
        if not first or (taken and rest > SURE and not enough):
            break
        choice = _refined(state, suspects[first], gains[first])
        if choice is None:
            break
        for place in first:
            if suspects[place] != choice[0]:
                heapq.heappush(queue, (-gains[place].max(), place))
        state.blame(*choice)
        taken.append(choice[0])
        wide = _MANY * state.field.sizes[choice[0]] > len(state.field.rows)
        if settle(state, choice[0]) or wide:  # then most are out of date, and bounds are the faster way
            break
        touched = state.field.shares(state.rows_of(choice[0])) > 0
        stale |= touched
        if state.field.has_leg[choice[0]]:  # the gain of who stands on the other leg rises
            queue = [(-math.inf if touched[suspects[place]] else worth, place) for worth, place in queue]
            heapq.heapify(queue)
    return taken


def _first(state: State, leading: _Leading, queue: list[tuple[float, int]], stale: Mask) -> list[int]:
    """Take the best few from the queue, with their gains renewed where these are out of date: nobody where
    that are so many that their bounds are the faster way."""
    first: list[int] = []
    renewed = 0
    while queue and len(first) < _REFINED:
        _, place = heapq.heappop(queue)
        suspect = int(leading.suspects[place])
        if not stale[suspect]:
            first.append(place)
            continue
        stale[suspect] = False
        renewed += 1
        if renewed > BATCH:
            return []
        leading.gains[place] = state.gains(np.array([suspect]), _SCREEN)[0]
        heapq.heappush(queue, (-float(leading.gains[place].max()), place))
    return first


def _promise(state: State, gains: Floats, more: int) -> float:
    """Return a score that ``more`` of those who gain this much will not exceed together."""
    return state.score() + float(np.sort(gains.max(axis=1, initial=0.0))[-more:].sum())


def _screened(leading: _Leading) -> tuple[int, float] | None:
    """Return the best suspect with its loss on the screen, None where nobody pays."""
    if not len(leading.suspects) or leading.gains.max() <= SURE:
        return None
    place, column = divmod(int(np.argmax(leading.gains)), len(_SCREEN))
    return int(leading.suspects[place]), SCREEN[column]


def _refined(state: State, alive: Ints, gains: Floats) -> tuple[int, float] | None:
    """Return the best suspect with its loss on the grid, None where nobody pays."""
    if not len(alive):
        return None
    leading = np.argsort(-gains.max(axis=1), kind="stable")[:_REFINED]
    best: tuple[float, int, float] | None = None
    for suspect, screened in zip(alive[leading].tolist(), gains[leading], strict=True):
        near = _near(int(np.argmax(screened)))
        found = state.gains(np.array([suspect]), near)[0]
        at = int(np.argmax(found))
        if found[at] > (best[0] if best else SURE):
            best = float(found[at]), suspect, float(near[at])
    return None if best is None else best[1:]


def _near(column: int) -> Floats:
    """Return the grid between the neighbours of a loss on the screen."""
    above = SCREEN[column - 1] if column else 1.0
    below = SCREEN[column + 1] if column + 1 < len(SCREEN) else 0.0
    grid = _GRID
    return grid[(grid < above) & (grid > below)]
