"""Open outages as a list: what, why, how long, where, whom to call. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from inventory.model import Text

from .markup import Html, anchor, el
from .shapes import glyph
from .snapshot import FAR, Call, Health, OutageView, State, Sure
from .wording import Words

MAX_SHOWN: Final = 30
MAX_NAMED: Final = 400
_NAMED: Final = 6
_NOT_DIALLED: Final = re.compile(r"[^0-9+*#]")


class Names:
    """Names of communes and systems by id."""

    def __init__(self, communes: Mapping[str, Text], systems: Mapping[str, Text]) -> None:
        self.communes = communes
        self.systems = systems


def outage_list(
    outages: Sequence[OutageView], names: Names, words: Words, *, at: float, health: Health, hidden: int = 0
) -> Html:
    """Return the list, and what is missing in it while a source cannot be read."""
    parts = [el("p", words.say(key), class_="warning", role="status") for key in _missing(health)]
    if not outages:
        known = health.alertmanager_ok
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


def _missing(health: Health) -> Iterator[str]:
    if not health.alertmanager_ok:
        yield "alerts_unknown"
    if health.locator_ok is False:
        yield "locator_away"


def outage_item(outage: OutageView, names: Names, words: Words, at: float) -> Html:
    """Return one outage."""
    alone = outage.communes[0] if len(outage.communes) == 1 else None
    what = words.of(outage.what)
    title = el("h3", el("a", what, href=f"/commune/{alone}") if alone else what)
    key = el("span", words.say("cause"), class_="key")
    shared = el("span", words.say("line_shared"), class_="tag shared-tag") if outage.shared else None
    cause = el("p", key, _cause(words.of(outage.cause)), " ", shared, _tags(outage, words), class_="cause")
    head = (
        glyph(_mark(outage)),
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
        _doubt(outage, words),
        _evidence(outage, words),
        class_="muted" if outage.silenced else "page" if outage.page else "ticket",
        id=anchor(outage.key),
        tabindex="-1",
        data_component=outage.component,
    )


def _mark(outage: OutageView) -> State:
    if outage.silenced:
        return State.MAINTENANCE
    return State.DOWN if outage.page and outage.loss is None else State.DEGRADED


def _tags(outage: OutageView, words: Words) -> Iterator[Html | str]:
    """Short words beside the cause: how much is lost, how sure that is, who is at it."""
    if outage.loss is not None:
        yield from (
            " ",
            el("span", words.say("loses", share=_percent(outage.loss, words)), class_="tag loss"),
        )
    if outage.sure is not None:
        yield from (" ", el("span", words.say(f"sure_{outage.sure}"), class_=f"tag {outage.sure}"))
    quiet = "silenced" if outage.silenced else None if outage.page else "ticket"
    if quiet:
        yield from (" ", el("span", words.say(quiet), class_="tag"))
    if outage.acknowledged_by is not None:
        yield from (
            " ",
            el("span", words.say("acknowledged", who=outage.acknowledged_by), class_="tag answered"),
        )


def _percent(share: float, words: Words) -> str:
    return words.say("percent", value=words.number(share * 100))


def _doubt(outage: OutageView, words: Words) -> Html | None:
    """Whom else to think of: those that cannot be told apart, and who is nearly as likely."""
    said = []
    if outage.others:
        said.append(words.say("not_told_apart", names=", ".join(words.of(one) for one in outage.others)))
    if outage.runner_up is not None and outage.sure is Sure.UNSURE:
        said.append(words.say("could_be", name=words.of(outage.runner_up)))
    return el("p", ". ".join(said), class_="doubt") if said else None


def _evidence(outage: OutageView, words: Words) -> Html | None:
    """One line: what the locator counted, else what the alert says."""
    if outage.counted is None:
        return el("p", words.of(outage.evidence), class_="evidence") if outage.evidence else None
    failed, sent = (words.number(number) for number in outage.counted)
    said = words.say("counted", failed=failed, sent=sent)
    if outage.runner_up is not None and outage.sure is not Sure.UNSURE:
        said = f"{said}. {words.say('next_best', name=words.of(outage.runner_up))}"
    return el("p", said, class_="evidence")


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
    """The first communes by name, the others folded away; of a system only how many do not reach it."""
    if not outage.communes:
        return None
    if FAR.issuperset(outage.kinds):
        return el("p", words.say("out_of_reach", count=len(outage.communes)), class_="where")
    named = [code for code in outage.communes if code in names.communes]
    links = [el("a", words.of(names.communes[code]), href=f"/commune/{code}") for code in named[:MAX_NAMED]]
    more = len(outage.communes) - _NAMED
    key = el("span", words.say("affects", count=len(outage.communes)), class_="key")
    first = el("span", Html(", ".join(links[:_NAMED])), class_="names")
    if more <= 0:
        return el("p", key, first, class_="where")
    beyond = len(outage.communes) - len(links)
    rest = Html(", ".join(links[_NAMED:])), f" {words.say('and_more', count=beyond)}" if beyond else None
    folded = el(
        "details", el("summary", words.say("and_more", count=more)), el("p", rest, class_="names"),
        id=f"{anchor(outage.key)}-all",
    )  # fmt: skip
    return Html(el("p", key, first, class_="where") + folded)


def _systems(outage: OutageView, names: Names, words: Words) -> Html | None:
    found = [words.of(names.systems[s]) for s in outage.systems if s in names.systems]
    if not found or outage.component.startswith("system:"):  # the outage is the system's own
        return None
    key = el("span", words.say("affects_systems"), class_="key")
    return el("p", key, el("span", ", ".join(found), class_="names"), class_="where")
