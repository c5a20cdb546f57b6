"""What a measurement saw on its way, for somebody who asks (``/probe?debug=1``).

A probe asks :func:`asked` once; while nobody listens, that one look-up is all it costs. What is added
comes from strangers: it is made printable and bounded here, and free of secrets by whoever adds it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

MAX_LINES: Final = 300
MAX_LETTERS: Final = 1000
"""Of one line; the rest is cut."""


class Notes:
    """Named lines in the order in which they were added."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def add(self, name: str, text: str) -> None:
        """Add one line; beyond :data:`MAX_LINES` nothing is kept."""
        if len(self.lines) < MAX_LINES:
            shown = "".join(letter if letter.isprintable() else " " for letter in text[:MAX_LETTERS])
            self.lines.append((name, shown if len(text) <= MAX_LETTERS else f"{shown}…"))


_notes: ContextVar[Notes | None] = ContextVar("notes", default=None)


def asked() -> Notes | None:
    """Return where to write what is seen; None when nobody asked."""
    return _notes.get()


@contextmanager
def collecting() -> Iterator[Notes]:
    """Have whatever is measured within the context, and in tasks started there, take notes."""
    notes = Notes()
    token = _notes.set(notes)
    try:
        yield notes
    finally:
        _notes.reset(token)
