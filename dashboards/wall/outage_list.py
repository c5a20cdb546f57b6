"""Open outages as a list: what, why, how long, where, whom to call. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from inventory.model import Text

from .markup import Html, el
from .shapes import glyph
from .snapshot import Call, OutageView, State
from .wording import Words

MAX_SHOWN: Final = 30
_NAMED: Final = 6
_NOT_DIALLED: Final = re.compile(r"[^0-9+*#]")


class Names:
    """Names of communes and systems by id."""

    def __init__(self, communes: Mapping[str, Text], systems: Mapping[str, Text]) -> None:
        self.communes = communes
        self.systems = systems


def outage_list(
    outages: Sequence[OutageView], names: Names, words: Words, *, at: float, known: bool, hidden: int = 0
) -> Html:
    """Return the list; ``known`` is whether Alertmanager could be read."""
    parts: list[Html] = []
    if not known:
        parts.append(el("p", words.say("alerts_unknown"), class_="warning", role="status"))
    if not outages:
        said = words.say("no_outage" if known else "no_outage_unknown")
        mark = glyph(State.UP if known else State.UNKNOWN)
        parts.append(el("p", mark, said, class_="calm"))
    else:
        shown = (outage_item(outage, names, words, at) for outage in outages[:MAX_SHOWN])
        parts.append(el("ol", shown, class_="outages", data_total=len(outages)))
    if len(outages) > MAX_SHOWN:
        parts.append(el("p", words.say("more_outages", count=len(outages) - MAX_SHOWN), class_="note"))
    if hidden:
        parts.append(el("p", words.say("hidden", count=hidden), class_="note"))
    return Html("".join(parts))


def outage_item(outage: OutageView, names: Names, words: Words, at: float) -> Html:
    """Return one outage."""
    tag = "silenced" if outage.silenced else None if outage.page else "ticket"
    alone = outage.communes[0] if len(outage.communes) == 1 else None
    what = words.of(outage.what)
    title = el("h3", el("a", what, href=f"/commune/{alone}") if alone else what)
    key = el("span", words.say("cause"), class_="key")
    mark = el("span", words.say(tag), class_="tag") if tag else None
    shared = el("span", words.say("line_shared"), class_="tag shared-tag") if outage.shared else None
    cause = el("p", key, _cause(words.of(outage.cause)), " ", shared, " ", mark, class_="cause")
    head = (
        glyph(State.MAINTENANCE if outage.silenced else State.DOWN if outage.page else State.DEGRADED),
        el("div", title, cause, class_="what"),
        age(outage.since, at, words),
    )
    return el(
        "li",
        el("div", head, class_="head"),
        None if alone and alone in outage.component else _affected(outage, names, words),
        _systems(outage, names, words),
        el("p", words.say("shared_line"), class_="shared-line") if outage.shared else None,
        call_line(outage.calls, words),
        el("p", words.of(outage.evidence), class_="evidence") if outage.evidence else None,
        class_="muted" if outage.silenced else "page" if outage.page else "ticket",
        data_component=outage.component,
    )


def _cause(said: str) -> tuple[Html | str | None, str]:
    """What kind of thing it is stands by itself: the name tells it too, and a small place has no room."""
    kind, colon, trouble = said.partition(": ")
    return (el("span", kind + colon, class_="of"), trouble) if trouble else (None, kind)


def age(since: float, at: float, words: Words) -> Html:
    """Return how long something has lasted; the browser counts on from ``data-since``."""
    return el(
        "time",
        words.age(at - since),
        class_="age",
        data_since=f"{since:.0f}",
        title=words.say("since", moment=words.moment(since)),
    )


def call_line(calls: Sequence[Call], words: Words) -> Html:
    """Return whom to call, each number a link that a phone dials."""
    if not calls:
        return el("p", words.say("call_nobody"), class_="call none")
    people = (el("span", contact(call, words), class_="who") for call in calls)
    return el("p", el("span", words.say("call"), class_="key"), people, class_="call")


def contact(call: Call, words: Words) -> Html:
    """Return a name with its number and address."""
    number = _NOT_DIALLED.sub("", call.phone or "")
    phone = el("a", call.phone, href=f"tel:{number}", class_="phone") if number else None
    mail = el("a", call.email, href=f"mailto:{call.email}") if call.email and not number else None
    parts = [words.of(call.name), phone, mail, el("span", call.note, class_="note") if call.note else None]
    return Html(" ".join(el("span", part) for part in parts if part))


def _affected(outage: OutageView, names: Names, words: Words) -> Html | None:
    if not outage.communes:
        return None
    named = outage.communes[:_NAMED]
    links = [el("a", words.of(names.communes[c]), href=f"/commune/{c}") for c in named if c in names.communes]
    more = len(outage.communes) - len(named)
    rest = f" {words.say('and_more', count=more)}" if more else None
    return el(
        "p",
        el("span", words.say("affects", count=len(outage.communes)), class_="key"),
        el("span", Html(", ".join(links)), rest, class_="names"),
        class_="where",
    )


def _systems(outage: OutageView, names: Names, words: Words) -> Html | None:
    found = [words.of(names.systems[s]) for s in outage.systems if s in names.systems]
    if not found or outage.component.startswith("system:"):  # the outage is the system's own
        return None
    key = el("span", words.say("affects_systems"), class_="key")
    return el("p", key, el("span", ", ".join(found), class_="names"), class_="where")
