"""What one kind last measured and another of the same agent wants to know: how busy each line is.

One loop, one agent: the last value by name of target, for whoever asks soon enough. Nothing is awaited.
"""

from time import monotonic
from typing import Final

import msgspec

MAX_NAMES: Final = 64


class Rates(msgspec.Struct, frozen=True):
    """Bytes per second in both directions, and when they were measured (monotonic seconds)."""

    down: float
    up: float
    at: float


_known: dict[str, Rates] = {}


def note_rates(target: str, down: float, up: float) -> None:
    """Remember what the target of this name last measured, in bytes per second."""
    if target not in _known and len(_known) >= MAX_NAMES:
        _known.pop(next(iter(_known)))
    _known[target] = Rates(down, up, monotonic())


def rates(target: str, within_seconds: float) -> Rates | None:
    """Return what the target measured within these seconds, None where it has not."""
    found = _known.get(target)
    return found if found is not None and monotonic() - found.at <= within_seconds else None
