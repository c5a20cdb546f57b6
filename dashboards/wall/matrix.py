"""Communes by systems, problems first, and the systems as a list for narrow screens. Pure."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from .line_cards import badges
from .markup import Html, anchor, el
from .shapes import glyph
from .snapshot import Behind, Cell, CommuneView, State, SystemView
from .view import problems_first
from .wording import Words

_SILENT: Final = (State.DOWN, State.UNKNOWN, State.NEVER)
_MARKS: Final = {Cell.UP: "●", Cell.DOWN: "✕", Cell.UNKNOWN: "?"}


def has_problem(commune: CommuneView, systems: Sequence[SystemView]) -> bool:
    """Whether a speaking commune has a trouble of its own, a bad line too: a system that is down for all is
    not that, nor is a wide outage, which has its own place."""
    pairs = zip(commune.cells, systems, strict=True)
    own = any(cell is Cell.DOWN and system.state is not Cell.DOWN for cell, system in pairs)
    bad = bool(commune.verdicts) or commune.on_battery
    alone = commune.behind is None and commune.state is State.DEGRADED
    return own or bad or alone or commune.state is State.MAINTENANCE


def speaks(commune: CommuneView) -> bool:
    """Whether a commune has anything to show in a row."""
    return commune.state not in _SILENT and set(commune.cells) != {Cell.UNKNOWN}


def matrix(communes: Sequence[CommuneView], systems: Sequence[SystemView], words: Words) -> Html:
    """Return rows with a problem, the systems' own state at the head, and who says nothing."""
    ranked = problems_first(tuple(communes))
    rows = [commune for commune in ranked if speaks(commune) and has_problem(commune, systems)]
    note = None
    if not rows:
        heard = any(speaks(commune) for commune in communes)
        note = el("p", words.say("matrix_all_good" if heard else "matrix_nothing"), class_="note good")
    return Html(_table(rows, systems, words) + (note or "") + _silent(ranked, words))


def rest(communes: Sequence[CommuneView], systems: Sequence[SystemView], words: Words) -> Html:
    """Return the other communes, folded away."""
    rows = [commune for commune in communes if speaks(commune) and not has_problem(commune, systems)]
    if not rows:
        return Html("")
    summary = el("summary", words.say("matrix_rest", count=len(rows)))
    return el("details", summary, _table(rows, systems, words), id="rest-rows")


def _silent(communes: Sequence[CommuneView], words: Words) -> Html:
    """Communes without a row: a line for each wide outage, which lists its communes itself, then one for each
    state."""
    mute = [commune for commune in communes if not speaks(commune)]
    behind = Counter(commune.behind for commune in mute if commune.behind is not None)
    groups = {state: [c for c in mute if c.state is state and c.behind is None] for state in State}
    lines = [_behind_group(outage, count, words) for outage, count in behind.most_common()]
    lines += (_silent_group(state, group, words) for state, group in groups.items() if group)
    return el("ul", lines, class_="silent", aria_label=words.say("matrix_silent"))


def _behind_group(outage: Behind, count: int, words: Words) -> Html:
    link = el("a", words.say("behind", name=words.of(outage.name)), href=f"#{anchor(outage.key)}")
    return el("li", glyph(State.DOWN), el("p", link, f" ({count})"))


def _silent_group(state: State, communes: Sequence[CommuneView], words: Words) -> Html:
    links = (el("a", words.of(commune.name), href=f"/commune/{commune.code}") for commune in communes)
    key = el("span", f"{words.say(f'state_{state}')} ({len(communes)})", class_="key")
    return el("li", glyph(state), el("p", key, Html(", ".join(links))))


def system_list(systems: Sequence[SystemView], words: Words) -> Html:
    """Return the systems with a problem, and the others folded away."""
    bad = [system for system in systems if _troubled(system)]
    good = [system for system in systems if not _troubled(system)]
    summary = el("summary", words.say("systems_rest", count=len(good)))
    folded = el("details", summary, _system_items(good, words), id="good-systems") if good else None
    return Html((_system_items(bad, words) if bad else "") + (folded or ""))


def _troubled(system: SystemView) -> bool:
    return system.planned or system.state is Cell.DOWN or system.reached < system.measured


def _system_items(systems: Sequence[SystemView], words: Words) -> Html:
    return el("ul", (_system(system, words) for system in systems), class_="systems")


def _system(system: SystemView, words: Words) -> Html:
    return el(
        "li",
        glyph(State.MAINTENANCE if system.planned else system.state),
        el("span", words.of(system.name), class_="name"),
        el("span", _reach(system, words), class_="reach"),
        class_="bad" if _troubled(system) else None,
    )


def _reach(system: SystemView, words: Words) -> str:
    if system.planned:
        return words.say("system_planned")
    return words.say("reached", reached=system.reached, measured=system.measured)


def _table(rows: Sequence[CommuneView], systems: Sequence[SystemView], words: Words) -> Html:
    marks = {cell: el("td", mark, class_=str(cell)) for cell, mark in _MARKS.items()}
    names = [words.of(system.name) for system in systems]
    heads = (
        _head(system, shared, words) for system, shared in zip(systems, shared_words(names), strict=True)
    )
    head = el("tr", el("th", words.say("matrix_commune"), scope="col"), heads)
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


def shared_words(names: Sequence[str]) -> list[int]:
    """Return how many characters of each name are words that it begins with as another does.

    A narrow column leaves them out: of "One-stop of Health" and "One-stop of Justice" the end tells which.

    >>> shared_words(["One-stop of Health", "One-stop of Justice", "Mail"])
    [12, 12, 0]
    """
    found = []
    for index, name in enumerate(names):
        others = [other for place, other in enumerate(names) if place != index]
        ends = [at + 1 for at, letter in enumerate(name) if letter == " "][1:]  # one word alone says little
        found.append(max((end for end in ends if any(o.startswith(name[:end]) for o in others)), default=0))
    return found


def _head(system: SystemView, shared: int, words: Words) -> Html:
    name = words.of(system.name)
    state = State.MAINTENANCE if system.planned else system.state
    said = words.say("state_maintenance" if system.planned else f"cell_{system.state}")
    return el(
        "th",
        el(
            "span",
            el("span", name[:shared], class_="shared") if shared else None,
            name[shared:],
            class_="name",
        ),
        glyph(state),
        el("span", said, class_="unseen"),
        scope="col",
        title=f"{name}: {_reach(system, words)}",
        class_="bad" if system.state is Cell.DOWN else None,
    )


def _row(commune: CommuneView, systems: Sequence[SystemView], marks: dict[Cell, Html], words: Words) -> Html:
    name = el(
        "th",
        el("a", glyph(commune.state), el("span", words.of(commune.name)), href=f"/commune/{commune.code}"),
        el("span", words.say(f"state_{commune.state}"), class_="unseen"),
        badges(commune.verdicts, words, on_battery=commune.on_battery),
        scope="row",
    )
    cells = (
        marks[cell] if cell is not Cell.DOWN else _failing(commune, system, words)
        for cell, system in zip(commune.cells, systems, strict=True)
    )
    return el("tr", name, cells)


def _failing(commune: CommuneView, system: SystemView, words: Words) -> Html:
    said = f"{words.of(commune.name)}: {words.of(system.name)} {words.say('cell_down')}"
    wide = system.state is Cell.DOWN  # not this commune's trouble: shown, but not loud
    return el("td", _MARKS[Cell.DOWN], class_="down wide" if wide else "down", title=said)
