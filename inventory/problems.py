"""What is wrong with a file, said so that a person can mend it.

    InventoryError          a file that is refused; ``errors`` holds every :class:`Problem`

Sentences come from the catalogue ``inventory`` when they are read, in the language of the moment.
"""

from typing import Final

import msgspec

from common.i18n import t

Location = tuple[str | int, ...]
"""Where a value stands: keys and positions from the top, such as ``("communes", 3, "lines", 0)``."""

_SHOWN_CHARACTERS: Final = 60


class Problem(msgspec.Struct, frozen=True):
    """One error. ``line`` counts from 1, 0 means the file as a whole; ``code`` names the sentence
    ``inventory.error_<code>`` and ``values`` what stands in it; ``expected`` names what belongs there
    (``inventory.expected_<name>`` with its own values); ``nearest`` is a valid value much like this one.
    """

    file: str
    line: int
    key: str
    code: str
    values: tuple[tuple[str, str], ...] = ()
    expected: tuple[str, tuple[tuple[str, str], ...]] | None = None
    nearest: str = ""

    def text(self, language: str | None = None) -> str:
        """Return what is wrong, what was expected and the nearest valid value, without the place."""
        said = t(f"inventory.error_{self.code}", language, **dict(self.values))
        if self.expected:
            name, values = self.expected
            what = t(f"inventory.expected_{name}", language, **dict(values))
            said += t("inventory.expected", language, what=what)
        if self.nearest:
            said += t("inventory.nearest", language, nearest=self.nearest)
        return said

    def full(self, language: str | None = None) -> str:
        """Return ``file:line: key: text``."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (place, self.key, self.text(language)) if part)

    @property
    def message(self) -> str:
        """:meth:`text` in the current language."""
        return self.text()

    def __str__(self) -> str:
        return self.full()


class InventoryError(Exception):
    """A refused file, with all its errors in the order of their lines."""

    def __init__(self, errors: tuple[Problem, ...]) -> None:
        super().__init__(errors)
        self.errors = errors

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)


def key_of(location: Location) -> str:
    """Return a location as people read it.

    >>> key_of(("communes", 3, "lines", 0, "carrier"))
    'communes[3].lines[0].carrier'
    """
    said = ""
    for part in location:
        said += f"[{part}]" if isinstance(part, int) else f".{shorten(part)}" if said else shorten(part)
    return said


def shorten(text: str, most: int = _SHOWN_CHARACTERS) -> str:
    """Return ``text`` on one line and short enough for a message."""
    line = " ".join("".join(c if c.isprintable() else "\ufffd" for c in text[: most + 1]).split())
    return line if len(line) <= most else line[: most - 1] + "…"
