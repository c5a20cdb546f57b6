"""The losses of those who are blamed, fitted to what was counted."""

from typing import Final

import numpy as np

from alerts.locate.incidence import Floats, Ints
from alerts.locate.priors import GRID, HARD
from alerts.locate.state import State

_GRID: Final = np.array(GRID)
_NARROWINGS: Final = 3
_STEPS: Final = 7
_SHARE: Final = 0.02
"""Share of a suspect's rows from which what happens to them may change its loss."""
BATCH: Final = 8
"""How many are looked at one by one."""
SURE: Final = 1e-6
"""Nats below which two explanations are the same: sums differ in the last digits between machines."""


def settle(state: State, newest: int) -> bool:
    """Fit the losses again of those who share rows with the newest: failures that it explains are theirs no
    more. Who no longer pays is let off. Returns whether there was anybody."""
    others = [suspect for suspect in sharing(state, state.rows_of(newest)) if suspect != newest]
    for suspect in others:
        refit(state, suspect)
    if newest in state.blamed:
        refit(state, newest)
    return bool(others) or newest not in state.blamed


def sharing(state: State, rows: Ints) -> list[int]:
    """Return those blamed, or free to be blamed, of whose rows enough are among these to change a loss."""
    field = state.field
    members = np.array(sorted({*state.blamed, *field.known}), np.intp)
    if len(members) <= BATCH:
        touched = np.zeros(len(field.rows), np.bool_)
        touched[rows] = True
        own = ((one, touched[state.rows_of(one)].sum()) for one in members.tolist())
        return [one for one, shared in own if shared > _SHARE * field.sizes[one]]
    enough = field.shares(rows)[members] > _SHARE * field.sizes[members]
    return [int(member) for member in members[enough]]


def refit(state: State, suspect: int) -> None:
    """Move from step to step of the grid as far as that pays, or in one leap to a hard fault."""
    loss = state.blamed.get(suspect)
    fit(state, suspect, _GRID if loss is None else np.array([HARD, loss, *_around(loss)]))


def fit(state: State, suspect: int, candidates: Floats) -> None:
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
    below, above = grid[grid < loss - SURE], grid[grid > loss + SURE]
    return float(below.max(initial=0.0) or loss), float(above.min(initial=1.0) if len(above) else loss)
