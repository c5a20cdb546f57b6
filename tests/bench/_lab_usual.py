"""The same faults where the ecosystem's usual set-up watches, in the same lab."""

from collections.abc import Callable
from pathlib import Path

from tests.bench._lab_judge import Line


def play(
    lines: Callable[[], list[Line]], add: Callable[[Line], None], state: Path, count: int, until: float
) -> None:
    """Play ``count`` of each kind."""
