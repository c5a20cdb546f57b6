"""What is wrong with a file that a person wrote, said so that they can mend it.

    Refused                 input that cannot be used; ``problems`` holds every :class:`Problem`

Sentences are named by their key in the catalogues (:mod:`common.i18n`) and made when they are read, in
the language of the moment.
"""

from collections.abc import Collection, Iterable
from typing import Final

import msgspec

from common.i18n import t

Location = tuple[str | int, ...]
"""Where a value stands: keys and positions from the top, such as ``("communes", 3, "lines", 0)``."""

Values = tuple[tuple[str, str], ...]
"""What stands in a sentence, by name."""

Expected = tuple[str, Values]
"""What belongs in a place: the key of its sentence, and what stands in it."""

_SHOWN_CHARACTERS: Final = 60
_MOST_NAMED: Final = 12  # a list of valid names longer than this helps nobody


class Problem(msgspec.Struct, frozen=True):
    """One error. ``line`` counts from 1, 0 means the file as a whole; ``sentence`` is the key of what is
    wrong and ``values`` what stands in it; ``nearest`` is a valid value much like this one.
    """

    file: str
    line: int
    key: str
    sentence: str
    values: Values = ()
    expected: Expected | None = None
    nearest: str = ""

    @property
    def code(self) -> str:
        """What is wrong, for programs: ``missing``, ``unknown_id`` ..."""
        return self.sentence.partition(".")[2]

    def text(self, language: str | None = None) -> str:
        """Return what is wrong, what was expected and the nearest valid value, without the place."""
        said = t(self.sentence, language, **dict(self.values))
        if self.expected:
            sentence, values = self.expected
            what = t(sentence, language, **dict(values))
            said += t("yaml.expected", language, what=what)
        if self.nearest:
            said += t("yaml.nearest", language, nearest=self.nearest)
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


class Refused(ValueError):  # noqa: N818 - the input was refused; ``problems`` say why
    """Input that cannot be used, with all its errors in the order of their lines."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def one_of(names: Iterable[str]) -> Expected:
    """Return that one of ``names`` was expected."""
    return "yaml.expected_one_of", (("names", ", ".join(names)),)


def few(names: Collection[str]) -> Expected | None:
    """Return :func:`one_of` what stands in the file, in order; None for none and for too many."""
    return one_of(sorted(names)) if 0 < len(names) <= _MOST_NAMED else None


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
