"""The best explanation of a field: add greedily, then doubt everyone who was blamed."""

import math
from collections.abc import Callable
from typing import Final

import msgspec
import numpy as np

from alerts.locate.field import Field
from alerts.locate.fit import SURE, fit, refit, sharing
from alerts.locate.grow import MOST, grow
from alerts.locate.incidence import Floats, Ints
from alerts.locate.priors import GRID, HARD
from alerts.locate.state import State

Twins = Callable[[int], Ints]
"""Suspect of the field -> those of it that this snapshot cannot tell apart from it, itself included."""

_GRID: Final = np.array(GRID)
_ROUNDS: Final = 4
_ENOUGH: Final = 150_000_000
"""Entries looked at from which what was found is doubted no more: a second or two. Only storms of hundreds of
causes, or half of everything lost, come to that."""
_REGROWN: Final = 3
"""How many may replace one: a fault that looks like one wide component is seldom more than three."""
_CLEAR: Final = 30.0
"""Nats behind from which another explanation is not worked out to its end."""
_ALIKE: Final = 0.5
"""Nats of likelihood below which two suspects are not told apart: less than odds of five to three."""


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
    grow(fresh, np.array(_doubted(state), np.intp), len(state.blamed))
    return fresh if fresh.score() > state.score() + SURE else None


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
        fit(other, wide, _GRID)
        if other.score() > state.score() + SURE:
            return other
    return None


def _complete(state: State) -> None:
    """Let grow whoever pays. Again, as long as that adds anybody: who was let off meanwhile has left failures
    behind for others, who were passed over before."""
    everybody = np.arange(len(state.field.suspects))
    for _ in range(_ROUNDS):
        before = set(state.blamed)
        if before.union(grow(state, everybody, len(everybody))) == set(state.blamed):
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
        if margin < -SURE:
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
    if doubt.margin > _ALIKE + highest - state.penalty(suspect) or state.tired(MOST):
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
            fit(state, suspect, _GRID)


def _without(state: State, suspect: int, banned: Ints, score: float) -> tuple[State, int | None]:
    """Take a suspect out and let others than the banned grow in its place.

    Removal and swap are among that.

    Returns that explanation and who came first; it may be unfinished where it stays far behind ``score``.
    """
    other = state.copy()
    rows = state.rows_of(suspect)
    other.blame(suspect, None)
    for member in sharing(other, rows):
        refit(other, member)
    heirs = _standing(other, rows, banned)
    added = grow(other, heirs, _REGROWN, score - _CLEAR)
    return other, added[0] if added else None


def _standing(state: State, rows: Ints, banned: Ints) -> Ints:
    """Return the suspects, neither blamed nor banned, that stand on some of the rows."""
    found = (state.field.shares(rows) > 0) & state.unblamed()
    found[banned] = False
    return np.flatnonzero(found)
