"""Communes by systems, problems first, and the systems as a list for narrow screens. Pure."""

from collections.abc import Sequence
from typing import Final

from .markup import Html, el
from .shapes import glyph
from .snapshot import Cell, CommuneView, State, SystemView
from .view import problems_first
from .wording import Words

_SILENT: Final = (State.DOWN, State.UNKNOWN, State.NEVER)
_MARKS: Final = {Cell.UP: "●", Cell.DOWN: "✕", Cell.UNKNOWN: "?"}


def has_problem(commune: CommuneView) -> bool:
    """Whether a commune belongs to the rows shown first."""
    return commune.state is not State.UP or Cell.DOWN in commune.cells


def matrix(communes: Sequence[CommuneView], systems: Sequence[SystemView], words: Words) -> Html:
    """Return the rows with a problem, with the systems' own state at the head."""
    rows = [commune for commune in problems_first(tuple(communes)) if has_problem(commune)]
    if not rows:
        heard = any(commune.state is not State.NEVER for commune in communes)
        note = el("p", words.say("matrix_all_good" if heard else "matrix_nothing"), class_="note good")
        return Html(_table((), systems, words) + note)
    return _table(rows, systems, words)


def rest(communes: Sequence[CommuneView], systems: Sequence[SystemView], words: Words) -> Html:
    """Return the other communes, folded away."""
    rows = [commune for commune in communes if not has_problem(commune)]
    if not rows:
        return Html("")
    summary = el("summary", words.say("matrix_rest", count=len(rows)))
    return el("details", summary, _table(rows, systems, words), id="rest-rows")


def system_list(systems: Sequence[SystemView], words: Words) -> Html:
    """Return the systems, those with a problem first."""
    ranked = sorted(systems, key=lambda s: (s.state is not Cell.DOWN, s.reached >= s.measured))
    return el("ul", (_system(system, words) for system in ranked), class_="systems")


def _system(system: SystemView, words: Words) -> Html:
    return el(
        "li",
        glyph(State.MAINTENANCE if system.planned else system.state),
        el("span", words.of(system.name), class_="name"),
        el("span", _reach(system, words), class_="reach"),
        class_="bad" if system.state is Cell.DOWN or system.reached < system.measured else None,
    )


def _reach(system: SystemView, words: Words) -> str:
    if system.planned:
        return words.say("system_planned")
    return words.say("reached", reached=system.reached, measured=system.measured)


def _table(rows: Sequence[CommuneView], systems: Sequence[SystemView], words: Words) -> Html:
    marks = {cell: el("td", mark, class_=str(cell)) for cell, mark in _MARKS.items()}
    head = el("tr", el("th", words.say("matrix_commune"), scope="col"), (_head(s, words) for s in systems))
    body = el("tbody", (_row(commune, systems, marks, words) for commune in rows))
    # A region that scrolls is reachable by keyboard.
    return el(
        "div",
        el("table", el("caption", words.say("matrix"), class_="unseen"), el("thead", head), body),
        class_="scroll",
        tabindex="0",
        role="region",
        aria_label=words.say("matrix"),
    )


def _head(system: SystemView, words: Words) -> Html:
    name = words.of(system.name)
    state = State.MAINTENANCE if system.planned else system.state
    said = words.say("state_maintenance" if system.planned else f"cell_{system.state}")
    return el(
        "th",
        el("span", name, class_="name"),
        glyph(state),
        el("span", said, class_="unseen"),
        scope="col",
        title=f"{name}: {_reach(system, words)}",
        class_="bad" if system.state is Cell.DOWN else None,
    )


def _row(commune: CommuneView, systems: Sequence[SystemView], marks: dict[Cell, Html], words: Words) -> Html:
    name = el(
        "th",
        el("a", glyph(commune.state), words.of(commune.name), href=f"/commune/{commune.code}"),
        el("span", words.say(f"state_{commune.state}"), class_="unseen"),
        scope="row",
    )
    if commune.state in _SILENT or set(commune.cells) == {Cell.UNKNOWN}:
        return el(
            "tr", name, el("td", _silence(commune, words), colspan=max(1, len(systems)), class_="silent")
        )
    cells = (
        marks[cell] if cell is not Cell.DOWN else _failing(commune, system, words)
        for cell, system in zip(commune.cells, systems, strict=True)
    )
    return el("tr", name, cells)


def _failing(commune: CommuneView, system: SystemView, words: Words) -> Html:
    said = f"{words.of(commune.name)}: {words.of(system.name)} {words.say('cell_down')}"
    return el("td", _MARKS[Cell.DOWN], class_=str(Cell.DOWN), title=said)


def _silence(commune: CommuneView, words: Words) -> str:
    if commune.state is State.NEVER:
        return words.say("matrix_never")
    if commune.since is None:
        return words.say("matrix_stale" if commune.reason == "stale" else "cell_unknown")
    return words.say("matrix_silent", moment=words.moment(commune.since))
