"""The best explanation of a field: add greedily, then doubt everyone who was blamed."""

import heapq
import math
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec
import numpy as np

from alerts.locate.field import Field
from alerts.locate.incidence import Floats, Ints, Mask
from alerts.locate.priors import GRID, HARD, SCREEN
from alerts.locate.state import State

Twins = Callable[[int], Ints]
"""Suspect of the field -> those of it that this snapshot cannot tell apart from it, itself included."""

_GRID: Final = np.array(GRID)
_SCREEN: Final = np.array(SCREEN)
_REFINED: Final = 3
"""How many of the best by screening are refined over the grid."""
_NARROWINGS: Final = 3
_STEPS: Final = 7
_SHARE: Final = 0.02
"""Share of a suspect's rows from which what happens to them may change its loss."""
_ROUNDS: Final = 4
_ENOUGH: Final = 150_000_000
"""Entries looked at from which what was found is doubted no more: a second or two. Only storms of hundreds of
causes, or half of everything lost, come to that."""
_MOST: Final = 200_000_000
"""Entries looked at from which nobody else is blamed."""
_MANY: Final = 8
"""Share of all entries, as a divisor, from which suspects are looked at by their bounds."""
_QUEUE: Final = 256
"""How many of those that were looked at may be blamed before all are looked at again."""
_BATCH: Final = 8
"""How many are looked at first, those with the highest bounds; then twice as many and so on."""
_REGROWN: Final = 3
"""How many may replace one: a fault that looks like one wide component is seldom more than three."""
_CLEAR: Final = 30.0
"""Nats behind from which another explanation is not worked out to its end."""
_ALIKE: Final = 0.5
"""Nats of likelihood below which two suspects are not told apart: less than odds of five to three."""
_SURE: Final = 1e-6
"""Nats below which two explanations are the same: sums differ in the last digits between machines."""


class Doubt(msgspec.Struct, frozen=True):
    """The best explanation without one suspect: how much worse it is, and whom it blames first instead.

    ``peers``: suspects that would explain as much in its place, priors aside; that explanation is without
    them, too.
    """

    margin: float
    instead: int | None
    peers: tuple[int, ...] = ()


class Found(msgspec.Struct, frozen=True):
    """The best explanation: the loss of everybody who is blamed, doubts about those who are not known."""

    losses: dict[int, float]
    doubts: dict[int, Doubt]


def best(field: Field, twins: Twins) -> Found:
    """Return the best explanation found."""
    state = State(field)
    _start_known(state)
    _complete(state)
    doubts: dict[int, Doubt] = {}
    for _ in range(_ROUNDS):
        if state.tired(_ENOUGH):
            break
        better, doubts = _improved(state, twins)
        if better is None:
            break
        state = better
        _complete(state)
    doubts = doubts or _examined(state, twins)[1]
    return Found(
        losses={suspect: state.blamed[suspect] for suspect in sorted(state.blamed)},
        doubts={suspect: _widened(state, suspect, doubt, twins) for suspect, doubt in doubts.items()},
    )


def _improved(state: State, twins: Twins) -> tuple[State | None, dict[int, Doubt]]:
    """Return a better explanation if one of the moves finds one, or else the doubts about this one."""
    better = _rebuilt(state)
    if better is not None:
        return better, {}
    better, doubts = _examined(state, twins)
    if better is None:
        better = _rolled_up(state, doubts)
    return better, {} if better is not None else doubts


def _rebuilt(state: State) -> State | None:
    """Begin anew with nobody but those who are blamed, the best first, if that is better.

    A partial fault that was blamed early, beside others that are gone by now, keeps a loss that suits small
    ones who explain the rest; taking out any one of them alone does not free it.
    """
    if len(state.blamed) < 2 or all(loss == HARD for loss in state.blamed.values()):
        return None
    fresh = state.fresh()
    _start_known(fresh)
    _grow(fresh, np.array(_doubted(state), np.intp), len(state.blamed))
    return fresh if fresh.score() > state.score() + _SURE else None


def _rolled_up(state: State, doubts: dict[int, Doubt]) -> State | None:
    """Blame a runner-up for all that two or more who are blamed did within it, if that is better."""
    for wide in sorted({doubt.instead for doubt in doubts.values() if doubt.instead is not None}):
        inside = state.field.shares(state.rows_of(wide)) == state.field.sizes
        within = [one for one in _doubted(state) if inside[one]]
        if len(within) < 2:
            continue
        other = state.copy()
        for one in within:
            other.blame(one, None)
        _fit(other, wide, _GRID)
        if other.score() > state.score() + _SURE:
            return other
    return None


def _complete(state: State) -> None:
    """Let grow whoever pays. Again, as long as that adds anybody: who was let off meanwhile has left failures
    behind for others, who were passed over before."""
    everybody = np.arange(len(state.field.suspects))
    for _ in range(_ROUNDS):
        before = set(state.blamed)
        if before.union(_grow(state, everybody, len(everybody))) == set(state.blamed):
            return  # nobody was let off


def _examined(state: State, twins: Twins) -> tuple[State | None, dict[int, Doubt]]:
    """Return a better explanation that lacks somebody whom ``state`` blames, or else the doubts."""
    score = state.score()
    doubts = {}
    for suspect in _doubted(state):
        if state.tired(_ENOUGH):
            doubts[suspect] = Doubt(_worth(state, suspect), None)
            continue
        other, instead = _without(state, suspect, twins(suspect), score)
        margin = score - other.score()
        if margin < -_SURE:
            return other, {}
        doubts[suspect] = Doubt(max(margin, 0.0), instead)
    return None, doubts


def _worth(state: State, suspect: int) -> float:
    """Return by how much the explanation is worse without a suspect, with nobody in its place."""
    loss = state.blamed[suspect]
    other = state.copy()
    other.blame(suspect, None)
    return max(float(other.gains(np.array([suspect]), np.array([loss]))[0, 0]), 0.0)


def _widened(state: State, suspect: int, doubt: Doubt, twins: Twins) -> Doubt:
    """Find the peers of a suspect; the doubt is then about all of them together."""
    penalty = state.field.penalty
    highest = float(penalty.max(initial=0.0, where=np.isfinite(penalty)))
    if doubt.margin > _ALIKE + highest - state.penalty(suspect) or state.tired(_MOST):
        return doubt  # with a peer in its place, no more than that could be lost
    peers = _peers(state, suspect, twins)
    if not len(peers):
        return doubt
    score = state.score()
    banned = np.concatenate((twins(suspect), peers))
    other, instead = _without(state, suspect, banned, score)
    return Doubt(max(score - other.score(), 0.0), instead, tuple(peers.tolist()))


def _peers(state: State, suspect: int, twins: Twins) -> Ints:
    """Return who, in the place of a suspect, makes what was counted as likely; its twins left out."""
    field, other = state.field, state.copy()
    other.blame(suspect, None)
    others = _standing(other, state.rows_of(suspect), np.array([*twins(suspect), *field.known]))
    own, theirs = (_likelihood(other, who).max(axis=1) for who in (np.array([suspect]), others))
    return others.compress(theirs >= own[0] - _ALIKE)


def _likelihood(state: State, chosen: Ints) -> Floats:
    """Return the gains over the grid without what the blame costs; where a kind has no such fault, none."""
    possible = np.isfinite(state.field.penalty[chosen])
    penalty = np.where(possible, state.field.penalty[chosen], 0.0)
    return np.where(possible, state.gains(chosen, _GRID) + penalty, -math.inf)


def _doubted(state: State) -> list[int]:
    return sorted(suspect for suspect in state.blamed if suspect not in state.field.known)


def _start_known(state: State) -> None:
    """Blame what is down as planned, as far as it fails at all."""
    for suspect in state.field.known:
        if not state.tired(_ENOUGH):
            _fit(state, suspect, _GRID)


def _without(state: State, suspect: int, banned: Ints, score: float) -> tuple[State, int | None]:
    """Take a suspect out and let others than the banned grow in its place.

    Removal and swap are among that.

    Returns that explanation and who came first; it may be unfinished where it stays far behind ``score``.
    """
    other = state.copy()
    rows = state.rows_of(suspect)
    other.blame(suspect, None)
    for member in _sharing(other, rows):
        _refit(other, member)
    heirs = _standing(other, rows, banned)
    added = _grow(other, heirs, _REGROWN, score - _CLEAR)
    return other, added[0] if added else None


def _standing(state: State, rows: Ints, banned: Ints) -> Ints:
    """Return the suspects, neither blamed nor banned, that stand on some of the rows."""
    found = state.field.shares(rows) > 0
    found[banned] = False
    return np.flatnonzero(_free(state, found))


def _free(state: State, suspects: Mask) -> Mask:
    suspects[list(state.blamed)] = False
    return suspects


class _Leading(NamedTuple):
    """The best suspects by number, what each gains on the screen, and what nobody else gains more than."""

    suspects: Ints
    gains: Floats
    rest: float


def _grow(state: State, alive: Ints, limit: int, wanted: float = -math.inf) -> list[int]:
    """Blame the best of ``alive`` again and again while it pays; returns whom, in that order.

    Where the score cannot reach ``wanted``, the first look at who is best has to do.
    """
    added: list[int] = []
    taken: list[int] = []
    while len(added) < limit and len(alive) and not state.tired(_MOST):
        free = _free(state, np.ones(len(state.field.suspects), np.bool_))
        alive, leading = _leading(state, alive.compress(free.take(alive)), 2 * len(taken))
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
    hopeful = np.flatnonzero(bounds > _SURE)
    order = hopeful[np.argsort(-bounds[hopeful], kind="stable")]
    looked, gains, best = 0, np.zeros((0, len(_SCREEN))), -math.inf
    while looked < len(order) and bounds[order[looked]] >= best:
        more = order[looked : max(_BATCH, batch, 2 * looked)]
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
    while len(taken) < most and not state.tired(_MOST):
        first = _first(state, leading, queue, stale)
        enough = len(first) == _REFINED and gains[first[-1]].max() >= rest
        if not first or (taken and rest > _SURE and not enough):
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
        if _settle(state, choice[0]) or wide:  # then most are out of date, and bounds are the faster way
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
        if renewed > _BATCH:
            return []
        leading.gains[place] = state.gains(np.array([suspect]), _SCREEN)[0]
        heapq.heappush(queue, (-float(leading.gains[place].max()), place))
    return first


def _promise(state: State, gains: Floats, more: int) -> float:
    """Return a score that ``more`` of those who gain this much will not exceed together."""
    return state.score() + float(np.sort(gains.max(axis=1, initial=0.0))[-more:].sum())


def _screened(leading: _Leading) -> tuple[int, float] | None:
    """Return the best suspect with its loss on the screen, None where nobody pays."""
    if not len(leading.suspects) or leading.gains.max() <= _SURE:
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
        if found[at] > (best[0] if best else _SURE):
            best = float(found[at]), suspect, float(near[at])
    return None if best is None else best[1:]


def _near(column: int) -> Floats:
    """Return the grid between the neighbours of a loss on the screen."""
    above = SCREEN[column - 1] if column else 1.0
    below = SCREEN[column + 1] if column + 1 < len(SCREEN) else 0.0
    grid = _GRID
    return grid[(grid < above) & (grid > below)]


def _settle(state: State, newest: int) -> bool:
    """Fit the losses again of those who share rows with the newest: failures that it explains are theirs no
    more. Who no longer pays is let off. Returns whether there was anybody."""
    others = [suspect for suspect in _sharing(state, state.rows_of(newest)) if suspect != newest]
    for suspect in others:
        _refit(state, suspect)
    if newest in state.blamed:
        _refit(state, newest)
    return bool(others) or newest not in state.blamed


def _sharing(state: State, rows: Ints) -> list[int]:
    """Return those blamed, or free to be blamed, of whose rows enough are among these to change a loss."""
    field = state.field
    members = np.array(sorted({*state.blamed, *field.known}), np.intp)
    if len(members) <= _BATCH:
        touched = np.zeros(len(field.rows), np.bool_)
        touched[rows] = True
        own = ((one, touched[state.rows_of(one)].sum()) for one in members.tolist())
        return [one for one, shared in own if shared > _SHARE * field.sizes[one]]
    enough = field.shares(rows)[members] > _SHARE * field.sizes[members]
    return [int(member) for member in members[enough]]


def _refit(state: State, suspect: int) -> None:
    """Move from step to step of the grid as far as that pays, or in one leap to a hard fault."""
    loss = state.blamed.get(suspect)
    _fit(state, suspect, _GRID if loss is None else np.array([HARD, loss, *_around(loss)]))


def _fit(state: State, suspect: int, candidates: Floats) -> None:
    """Blame a suspect at the best of the candidate losses and what lies between, or not at all."""
    state.blame(suspect, None)
    loss, gain = _best_of(state, suspect, candidates)
    if gain > 0:
        state.blame(suspect, loss if loss == HARD else _between(state, suspect, loss, gain))


def _between(state: State, suspect: int, loss: float, gain: float) -> float:
    """Return the best loss between the neighbours of ``loss`` on the grid.

    What a thousand results say of a loss of 0.45 is not said by 0.4 nor by 0.5: others would be blamed for
    the rest. The likelihood has one summit, so that narrowing finds it.
    """
    low, high = _around(loss)
    for _ in range(_NARROWINGS):
        steps = np.linspace(low, high, _STEPS)
        better, gained = _best_of(state, suspect, steps[1:-1])
        if gained > gain:
            loss, gain = better, gained
        low, high = max(low, loss - (steps[1] - low)), min(high, loss + (steps[1] - low))
    return loss


def _best_of(state: State, suspect: int, losses: Floats) -> tuple[float, float]:
    found = state.gains(np.array([suspect]), losses)[0]
    at = int(np.argmax(found))
    return float(losses[at]), float(found[at])


def _around(loss: float) -> tuple[float, float]:
    """Return the neighbours of a loss on the grid, the lower one first; the ends are their own."""
    grid = _GRID
    below, above = grid[grid < loss - _SURE], grid[grid > loss + _SURE]
    return float(below.max(initial=0.0) or loss), float(above.min(initial=1.0) if len(above) else loss)
