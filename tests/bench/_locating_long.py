"""``python -m tests.bench._locating_long FILE [--minutes N] [--page PAGE]``: the whole protocol.

Both seeds, both sizes, every cell; 20,000 fault-free snapshots of the nation; thirty fault-free days of one
province. Done in pieces, each a line of JSON in FILE, so that it may be stopped and started at will: what is
there is not done again. ``--page`` puts the tables into the page, with how far the run has come.
"""

import argparse
import functools
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from tests.bench._locating_cells import CHUNK, HARDER, PROTOCOL, Cell, Setting, chunk, summary
from tests.bench._locating_soak import Soak
from tests.bench._page import Section, markdown
from tests.bench._rows import progress
from tests.bench.locating import claims, shown

SEEDS: Final = (2026, 4242)
SNAPSHOTS: Final = {100: 2000, 3321: 200}
QUIET_SNAPSHOTS: Final = 20_000
SOAK_HOURS: Final = 30 * 24
SECTION: Final = Section(
    "<!-- locating: written by tests/bench/_locating_long.py -->", "<!-- locating: end -->"
)

Line = dict[str, Any]


class Piece(NamedTuple):
    """One thing to do: its name in the file, when in the run, and how."""

    name: str
    place: float
    work: Callable[[], Line]


@functools.cache
def _setting(communes: int) -> Setting:
    return Setting(communes)


@functools.cache
def _soak() -> Soak:
    return Soak()


def pieces() -> list[Piece]:
    """Return everything to be done: the protocol in a province first, then in the nation, then without faults
    in the nation, then the soak, then what is harder; within each, all rows advancing together."""
    return sorted(
        (*_cells(), *_quiet(), *_hours()), key=lambda piece: (piece.place, piece.name.partition(" ")[0])
    )


def _cells() -> Iterator[Piece]:
    for communes, snapshots in SNAPSHOTS.items():
        count = snapshots // CHUNK
        for seed in SEEDS:
            for cell in (*PROTOCOL, *HARDER):
                for number in range(count):
                    name = f"{communes} {seed} {cell.name} {number}"
                    stage = (communes == 3321) + 4 * (cell not in PROTOCOL)
                    work = functools.partial(_cell, communes, seed, cell, number)
                    yield Piece(name, stage + number / count, work)


def _cell(communes: int, seed: int, cell: Cell, number: int) -> Line:
    return chunk(_setting(communes), seed, cell, number)


def _quiet() -> Iterator[Piece]:
    count = QUIET_SNAPSHOTS // CHUNK
    for number in range(count):
        yield Piece(f"quiet {number}", 2 + number / count, functools.partial(_quiet_chunk, number))


def _quiet_chunk(number: int) -> Line:
    """Ask about a nation without a fault; half of the snapshots of each seed."""
    setting, false, cpu_ms = _setting(3321), 0, []
    seed = SEEDS[number % len(SEEDS)]
    locator = setting.locator(Cell(0, 0), np.random.default_rng(0))
    for index in range(CHUNK):
        draw = np.random.default_rng([seed, 77, number, index])
        snapshot = setting.world.snapshot(draw, {})
        started = time.thread_time()
        answer = locator.locate(snapshot.sent, snapshot.failed)
        cpu_ms.append(round((time.thread_time() - started) * 1000, 2))
        false += len(answer.causes)
    return {"quiet": number, "seed": seed, "snapshots": CHUNK, "false": false, "cpu_ms": cpu_ms}


def _hours() -> Iterator[Piece]:
    for number in range(SOAK_HOURS):
        yield Piece(f"soak {number}", 3 + number / SOAK_HOURS, functools.partial(_hour, number))


def _hour(number: int) -> Line:
    return _soak().hour(SEEDS[1], number)


# --- what was found ------------------------------------------------------------------------------
def page(lines: list[Line]) -> str:
    """Return the section of the page of benchmarks."""
    rows = _rows(lines)
    quiet = [line for line in lines if "quiet" in line]
    hours = [line for line in lines if "soak" in line]
    held = claims([row for row in rows if _is_protocol(row)])
    parts = [SECTION.begin, "## Locating, simulated", "", _INTRODUCTION, "", markdown(_progressed(rows)), ""]
    parts += [_not_begun(rows), ""]
    parts += [_quiet_text(quiet), "", _soak_text(hours), "", "What was to be reached:", ""]
    parts += claimed(held)
    return "\n".join([*parts, "", SECTION.end])


def claimed(held: dict[str, bool]) -> list[str]:
    """Return a line for each target, over all sizes and seeds, and one for each miss."""
    by_target: dict[str, list[bool]] = {}
    for claim, ok in held.items():
        by_target.setdefault(claim.split(", ", 2)[-1], []).append(ok)
    missed = [f"- **not reached**: {claim}" for claim, ok in held.items() if not ok]
    return [f"- {target}: in {sum(oks)} of {len(oks)} runs" for target, oks in by_target.items()] + missed


_INTRODUCTION: Final = """\
Precision/recall/exact set, judged on classes; without faults, false causes a snapshot. `rules` is a hierarchy
of inhibition rules, `SCORE` the greedy set cover with hit ratio 0.8, both on the same snapshots and given the
benefit of our classes. CPU ms is one core's time of one inference, wall ms what passed meanwhile on a machine
that did other things. Correlated noise and wrong inventory are harder than the protocol, without a target."""


def _rows(lines: list[Line]) -> list[Line]:
    grouped: dict[tuple[int, int, str], list[Line]] = {}
    for line in lines:
        if "cell" in line:
            grouped.setdefault((line["communes"], line["seed"], line["cell"]), []).append(line)
    order = [cell.name for cell in (*PROTOCOL, *HARDER)]
    return [summary(grouped[key]) for key in sorted(grouped, key=lambda k: (k[0], k[1], order.index(k[2])))]


def _progressed(rows: list[Line]) -> list[Line]:
    """Return the rows of the table, with how far each has come."""
    of = (f"{row['snapshots']:,} of {SNAPSHOTS[row['communes']]:,}" for row in rows)
    return [{**row, "snapshots": text} for row, text in zip(shown(rows), of, strict=True)]


def _not_begun(rows: list[Line]) -> str:
    """Return which rows there are none of yet."""
    begun = {(row["communes"], row["seed"], row["cell"]) for row in rows}
    cells = [
        f"{communes} communes, seed {seed}, {cell.name}"
        for communes in SNAPSHOTS
        for seed in SEEDS
        for cell in (*PROTOCOL, *HARDER)
        if (communes, seed, cell.name) not in begun
    ]
    return f"Not begun: {'; '.join(cells)}." if cells else "Every row has begun."


def _is_protocol(row: Line) -> bool:
    return row["cell"] in {cell.name for cell in PROTOCOL}


def _quiet_text(quiet: list[Line]) -> str:
    snapshots, false = (sum(line[key] for line in quiet) for key in ("snapshots", "false"))
    done = f"{snapshots:,} of {QUIET_SNAPSHOTS:,}"
    return f"Fault-free snapshots of 3,321 communes: {done}, false causes: {false}."


def _soak_text(hours: list[Line]) -> str:
    ticks, caused = (sum(line[key] for line in hours) for key in ("ticks", "caused"))
    pages = sum(len(line["pages"]) for line in hours)
    return (
        f"Fault-free soak of 100 communes, every second: {len(hours)} of {SOAK_HOURS} hours, "
        f"{ticks:,} ticks, {caused} of them with a cause, pages: {pages}."
    )


def read(file: Path) -> list[Line]:
    """Return what was done; a last line that was cut off is done again."""
    found = []
    for text in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        try:
            found.append(json.loads(text))
        except json.JSONDecodeError:
            progress("left out: a line that was cut off")
    return found


def work(file: Path, until: float) -> None:
    """Do what is not done, piece by piece, until the monotonic clock says ``until``."""
    done = {line["piece"] for line in read(file)}
    todo = [piece for piece in pieces() if piece.name not in done]
    with file.open("a", encoding="utf-8") as out:
        if out.tell():
            out.write("\n")  # behind a line that was cut off
        for number, piece in enumerate(todo):
            if time.monotonic() >= until:
                progress(f"{len(todo) - number} pieces are left")
                return
            out.write(json.dumps({"piece": piece.name, **piece.work()}) + "\n")
            out.flush()


def main(arguments: list[str] | None = None) -> int:
    """Work, then write the page; returns 1 while a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench._locating_long", description=__doc__)
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--minutes", type=float, default=float("inf"), metavar="N")
    parser.add_argument("--page", type=Path, metavar="PAGE")
    chosen = parser.parse_args(arguments)
    work(chosen.file, time.monotonic() + chosen.minutes * 60)
    lines = [line for line in read(chosen.file) if line]
    section = page(lines)
    print(section)
    if chosen.page:
        SECTION.write(chosen.page, section)
    return int("not reached" in section)


if __name__ == "__main__":
    sys.exit(main())
