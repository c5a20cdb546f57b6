"""Collecting what is wrong with one file, and where its values stand."""

import re
from collections.abc import Collection
from typing import Final

from common.nearest import nearest
from common.yaml.problems import Expected, Location, Problem, Refused, key_of, shorten

MAX_PROBLEMS: Final = 1000
_MOST_SHOWN: Final = {"problem": 600}  # a sentence of a kind's own, not a value from the file
_MAX_SUGGESTIONS: Final = 100  # the nearest of 3,321 names costs 20 ms: not for a thousand errors
_MAX_CANDIDATES: Final = 5000
_PASSWORD: Final = re.compile(r"//[^/@]*@")


class Reporter:
    """Collects problems and the line of every value of one file."""

    def __init__(self, file: str, lines: dict[Location, int] | None = None) -> None:
        self.file = file
        self.lines = {} if lines is None else lines
        self._problems: list[Problem] = []
        self._more = 0
        self._suggestions = 0

    def add(
        self,
        location: Location,
        sentence: str,
        /,
        expected: Expected | None = None,
        nearest: str = "",
        line: int | None = None,
        **values: str,
    ) -> None:
        """Report what is wrong at ``location``; without ``line`` at the line known for it.

        ``sentence`` is a key of the catalogues; a password in a URL is not shown.
        """
        if len(self._problems) >= MAX_PROBLEMS:
            self._more += 1
            return
        at = self.line_of(location) if line is None else line
        said = tuple((name, _shown(name, value)) for name, value in values.items())
        self._problems.append(Problem(self.file, at, key_of(location), sentence, said, expected, nearest))

    def line_of(self, location: Location) -> int:
        """Return the line of a value, or of the nearest thing around it that has one."""
        while location not in self.lines and location:
            location = location[:-1]
        return self.lines.get(location, 0)

    def nearest(self, wrong: str, valid: Collection[str]) -> str:
        """Return the valid value most like ``wrong``, or nothing."""
        self._suggestions += 1
        worthwhile = self._suggestions <= _MAX_SUGGESTIONS and len(valid) <= _MAX_CANDIDATES
        close = nearest(wrong, valid) if worthwhile else ()
        return close[0] if close else ""

    @property
    def count(self) -> int:
        """How much was reported so far."""
        return len(self._problems) + self._more

    def problems(self) -> tuple[Problem, ...]:
        """Return everything reported, by line; a last one counts those beyond the limit."""
        found = sorted(self._problems, key=lambda problem: problem.line)
        if self._more:
            found.append(Problem(self.file, 0, "", "yaml.more", (("count", str(self._more)),)))
        return tuple(found)

    def refuse(self) -> None:
        """Raise Refused if anything was reported."""
        if self._problems:
            raise Refused(self.problems())


def _shown(name: str, value: str) -> str:
    return shorten(_PASSWORD.sub("//***@", value), _MOST_SHOWN.get(name, 60))
