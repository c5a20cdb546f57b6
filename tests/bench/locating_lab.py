"""``python -m tests.bench.locating_lab STATE_DIR [--injections N] [--minutes M] [--page PAGE]``: real faults.

Each kind of component is broken again and again in the lab of twelve communes: is the right one named, how
soon, how often? Then the same with what the ecosystem usually runs (``--usual N``), and an hour of blips
(``--blips MINUTES``). Every injection is a line of JSON in STATE_DIR/locating-lab.jsonl, so that it may be
stopped and started at will: what is there is not done again. The lab takes all that it made with it.
"""

import argparse
import contextlib
import json
import random
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import _lab_ours, _lab_usual
from tests.bench._lab_judge import BLIP_MINUTES, INJECTIONS, SECTION, Line, of, section
from tests.bench._lab_kinds import Injection, injections
from tests.bench._rows import progress
from tests.lab.client import LabClient, LabError

RESULTS = "locating-lab.jsonl"
USUAL = 3
BLIP_CHUNK_MINUTES = 10.0
BROKEN_LABS = 3
"""A lab that breaks down so often in a row has something wrong that a new one does not mend."""


class Book:
    """The file of results."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def lines(self) -> list[Line]:
        """Return what was done; a line that was cut off is done again."""
        found = []
        for text in self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else ():
            with contextlib.suppress(json.JSONDecodeError):
                found.append(json.loads(text))
        return [line for line in found if line]

    def add(self, line: Line) -> None:
        """Append a line, on a line of its own whatever was cut off before."""
        cut_off = self._path.exists() and not self._path.read_bytes().endswith(b"\n")
        with self._path.open("a", encoding="utf-8") as out:
            out.write("\n" * cut_off + json.dumps(line, ensure_ascii=False) + "\n")


def ours(book: Book, state: Path, count: int, until: float) -> None:
    """Play what is left of our own injections, in a new lab whenever one broke down. Raises LabError."""
    broken = 0
    while todo := _left(book, count):
        if time.monotonic() >= until:
            return
        try:
            with _fresh(state / "ours") as lab:
                _play(book, lab, todo, until)
            broken = 0
        except LabError as error:
            progress(f"a new lab: {error}")
            broken = 1 if len(_left(book, count)) < len(todo) else broken + 1
            if broken == BROKEN_LABS:
                raise


def _left(book: Book, count: int) -> list[Injection]:
    done = {line["injection"] for line in of(book.lines(), set="ours")}
    return [one for one in injections(count) if one.name not in done]


def _play(book: Book, lab: LabClient, todo: list[Injection], until: float) -> None:
    """Play one after the other, until time is up or the lab does not become well again."""
    for one in todo:
        if time.monotonic() >= until:
            return
        line = _lab_ours.inject(lab, one, random.Random(one.name))
        book.add({"set": "ours", "injection": one.name, "kind": one.kind, **line})
        progress(_told(one, line))
        if not line["quiet"]:
            return


def blips(book: Book, state: Path, minutes: float, until: float) -> None:
    """Go on until there are so many minutes of blips. Raises LabError."""
    left = minutes - sum(line["minutes"] for line in of(book.lines(), set="blips"))
    if left <= 0 or time.monotonic() >= until:
        return
    with _fresh(state / "ours") as lab:
        _lab_ours.green(lab)
        while left > 0 and time.monotonic() < until:
            chunk = min(left, BLIP_CHUNK_MINUTES)
            line = _lab_ours.blips(lab, chunk, random.Random())
            book.add({"set": "blips", **line})
            progress(f"{chunk:g} min of blips: {line['pages']} pages")
            left -= chunk


@contextlib.contextmanager
def _fresh(state: Path) -> Iterator[LabClient]:
    """Open a lab that remembers nothing of the one before."""
    shutil.rmtree(state, ignore_errors=True)
    with _lab_ours.opened(state) as lab:
        yield lab


def _told(one: Injection, line: Line) -> str:
    verdict = "right" if line["right"] else "WRONG"
    return f"{one.name}: {one.truth}, {line['fault']}: {verdict} {line['said']}"


def main(arguments: list[str] | None = None) -> int:
    """Play, then write the page; returns 1 while a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.locating_lab", description=__doc__)
    parser.add_argument("state", type=Path, metavar="STATE_DIR")
    parser.add_argument("--injections", type=int, default=INJECTIONS, metavar="N")
    parser.add_argument("--usual", type=int, default=USUAL, metavar="N")
    parser.add_argument("--blips", type=float, default=BLIP_MINUTES, metavar="MINUTES")
    parser.add_argument("--minutes", type=float, default=float("inf"), metavar="M")
    parser.add_argument("--page", type=Path, metavar="PAGE")
    chosen = parser.parse_args(arguments)
    book = Book(chosen.state / RESULTS)
    until = time.monotonic() + 60 * chosen.minutes
    parts: tuple[Callable[[], None], ...] = (
        lambda: ours(book, chosen.state, chosen.injections, until),
        lambda: blips(book, chosen.state, chosen.blips, until),
        lambda: _lab_usual.play(book.lines, book.add, chosen.state / "usual", chosen.usual, until),
    )
    for part in parts:
        part()
    own = section(book.lines())
    print(own)
    if chosen.page:
        SECTION.write(chosen.page, own)
    return int("not reached" in own)


if __name__ == "__main__":
    sys.exit(main())
