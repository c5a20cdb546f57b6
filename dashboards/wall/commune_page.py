"""One commune: state, whom to call, what is measured now, and its last 24 hours. Pure."""

from collections.abc import Iterator

from .charts import charts
from .ended import MAX_ENDED, ended_list
from .history import History
from .line_cards import line_cards, site_card
from .map import describe
from .markup import Html, el
from .outage_list import Names, age, contact, outage_list
from .page import Frame, banner, document, gone, header, live
from .shapes import glyph
from .snapshot import CommuneDetail, TargetView
from .wording import Words


def commune(frame: Frame, shown: CommuneDetail, names: Names, day: Html) -> Html:
    """Return the page; ``day`` is :func:`last_day`."""
    words = frame.words
    name = words.of(shown.commune.name)
    parts = fragments(shown, names, words)
    back = el("a", words.say("back"), href="/", class_="back")
    return document(
        frame,
        f"{name} · {words.say('title', province=frame.province)}",
        header(frame, shown.health, el("div", back, el("h1", name), class_="crumbs")),
        gone(words),
        live("banner", parts["banner"]),
        el(
            "main",
            live("status", parts["status"], tag="section"),
            _section("calls", words.say("commune_contacts"), _calls(shown, words)),
            live("ended", parts["ended"], tag="section"),
            _section("quality", words.say("quality"), live("quality", parts["quality"])),
            _section("site", words.say("site"), live("site", parts["site"])),
            _section("day", words.say("last_day"), el("div", day, id="charts")),
            _section("targets", words.say("targets"), live("targets", parts["targets"])),
            class_="commune",
        ),
    )


def fragments(shown: CommuneDetail, names: Names, words: Words) -> dict[str, Html]:
    """Return the parts that change, by id."""
    return {
        "banner": banner(shown.health, words),
        "status": _status(shown, names, words),
        "ended": ended_list(shown.ended, words, MAX_ENDED),
        "quality": line_cards(shown.lines, shown.at, words),
        "site": site_card(shown.site, words),
        "targets": _targets(shown, words),
    }


def last_day(history: History | None, words: Words) -> Html:
    """Return the charts, or that they cannot be had."""
    if history is None:
        return el("p", words.say("chart_failed"), class_="warning")
    return charts(history, words)


def _section(name: str, title: str, content: Html) -> Html:
    heading = el("h2", title, id=f"{name}-title")
    return el("section", heading, content, class_=name, aria_labelledby=f"{name}-title")


def _status(shown: CommuneDetail, names: Names, words: Words) -> Html:
    view = shown.commune
    state = el("p", glyph(view.state), words.say(f"state_{view.state}"), class_=f"big {view.state}")
    lasting = age(view.since, shown.at, words) if view.since is not None else None
    why = el("p", words.say(f"reason_{view.reason}"), class_="why") if view.reason else None
    listed = (
        outage_list(shown.outages, names, words, at=shown.at, health=shown.health) if shown.outages else None
    )
    said = el("span", describe(view, words), class_="unseen")
    return Html(el("div", state, lasting, class_="state") + said + (why or "") + (listed or ""))


def _calls(shown: CommuneDetail, words: Words) -> Html:
    if not shown.calls:
        return el("p", words.say("call_nobody"), class_="note")
    several = len({about for about, _ in shown.calls} - {"site"}) > 1
    rows = (
        el("div", el("dt", _about(about, words, several)), el("dd", contact(call, words)))
        for about, call in shown.calls
    )
    return el("dl", rows)


def _about(about: str, words: Words, several: bool) -> str:
    if about == "site":
        return words.say("contact_site")
    return (
        words.say("contact_line", line=about.rpartition("/")[2]) if several else words.say("contact_carrier")
    )


def _targets(shown: CommuneDetail, words: Words) -> Html:
    if not shown.targets:
        return el("p", words.say("matrix_never"), class_="note")
    return el("ul", _rows(shown, words), class_="target-list")


def _rows(shown: CommuneDetail, words: Words) -> Iterator[Html]:
    several = len({target.line for target in shown.targets} - {""}) > 1
    for target in shown.targets:
        lasting = age(target.since, shown.at, words) if target.since is not None else None
        yield el(
            "li",
            glyph(target.state),
            el("span", words.of(target.name), _by_way(target, words, several), class_="name"),
            el("span", words.say(f"cell_{target.state}"), lasting, class_="what"),
            class_=str(target.state),
        )


def _by_way(target: TargetView, words: Words, several: bool) -> Html | None:
    said = words.say("from_hub") if target.from_hub else target.line if several else ""
    return el("span", said, class_="tag") if said else None
