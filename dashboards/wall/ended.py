"""What is over since yesterday, as the ledger knows it now: from rows to views, from views to a list. Pure.

What was said at first stands beside what was learned since: nobody's memory of the page is called wrong.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from alerts.gaps.text import label_text
from alerts.revision import Revision, Shown
from common.i18n import LANGUAGES, t
from inventory.model import Text

from .directory import Directory
from .markup import Html, el
from .outages import kinds_text, split
from .snapshot import EndedView
from .wording import Words

DAY_SECONDS: Final = 86400.0
MAX_ENDED: Final = 40
MAX_SHOWN: Final = 6
_PLACE: Final = re.compile(r"[a-z|]+:([0-9]{5})(?:/.*)?")


def ended(directory: Directory, rows: Iterable[Shown], at: float) -> tuple[EndedView, ...]:
    """Return what ended within the day before ``at`` (Unix seconds), the latest first. What turned out to be
    part of something wider is told with that, and two that turned out to be the same are one."""
    over = [row for row in rows if row.why != "merged" and row.until is not None and row.status == "ended"]
    found = [_view(directory, row, row.until) for row in over if row.until and at - row.until <= DAY_SECONDS]
    ranked = sorted(found, key=lambda one: (-one.until, one.key))
    same = {(one.component, one.since, one.until): one for one in reversed(ranked)}
    return tuple(one for one in ranked if same[one.component, one.since, one.until] is one)[:MAX_ENDED]


def _view(directory: Directory, row: Shown, until: float) -> EndedView:
    revised = row.revised
    return EndedView(
        key=row.id,
        component=row.component,
        what=_what(directory, row.component),
        cause=kinds_text(split(row.component)[0]),
        since=row.since,
        until=until,
        communes=tuple(code for code in row.communes if code in directory.places),
        badge=None if revised is None else _badge(revised),
        is_undecided=revised is not None and revised.verdict == "undecided",
        said=None if revised is None else kinds_text(split(revised.said.component)[0]),
        said_since=None if revised is None else revised.said.since,
        said_until=None if revised is None else revised.said.until,
    )


def _badge(revised: Revision) -> Text:
    name = f"outages.badge_{revised.verdict}"
    vi, en = (t(name, language, label=label_text(revised.label, language)) for language in LANGUAGES)
    return Text(vi=vi, en=en)


def _what(directory: Directory, component: str) -> Text:
    """The commune of what is a commune's, else the component."""
    match = _PLACE.fullmatch(component)
    if match and match[1] in directory.places:
        return directory.places[match[1]].name
    return directory.name(component)


# --- as a list ---------------------------------------------------------------------------------------
def ended_list(found: Sequence[EndedView], words: Words, most: int = MAX_SHOWN) -> Html:
    """Return the list with its heading, or nothing where nothing ended."""
    if not found:
        return Html("")
    rows = (_item(one, words) for one in found[:most])
    more = None
    if len(found) > most:
        said = t("outages.ended_more", words.language, count=len(found) - most)
        more = el("p", said, class_="note")
    title = el("h3", t("outages.ended", words.language))
    return Html(title + el("ul", rows, class_="ended-list", data_total=len(found)) + (more or ""))


def _item(one: EndedView, words: Words) -> Html:
    alone = one.communes[0] if len(one.communes) == 1 else None
    what = words.of(one.what)
    classes = "tag revised" + (" undecided" if one.is_undecided else "")
    return el(
        "li",
        el("time", _span(one.since, one.until, words), class_="when"),
        el("b", el("a", what, href=f"/commune/{alone}") if alone else what),
        el("span", words.of(one.cause), class_="cause"),
        el("span", words.of(one.badge), class_=classes) if one.badge else None,
        _was(one, words),
        data_component=one.component,
    )


def _was(one: EndedView, words: Words) -> Html | None:
    """What the page said, where it was not this."""
    if one.said is None or one.said_since is None or one.said_until is None or one.is_undecided:
        return None
    start, end = (words.exactly(at) for at in (one.said_since, one.said_until))
    said = t("outages.was_said", words.language, kind=words.of(one.said), start=start, end=end)
    return el("span", said, class_="was")


def _span(since: float, until: float, words: Words) -> str:
    """Clock times, with the day where it is not one day's."""
    start, end = words.exactly(since), words.exactly(until)
    days = {words.moment(at)[6:] for at in (since, until)}
    return f"{start}–{end}" if len(days) == 1 else f"{words.moment(since)}–{words.moment(until)}"
