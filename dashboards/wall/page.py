"""The page around everything: head, header, banners, and the two views that it frames. Pure."""

from collections.abc import Mapping
from typing import Final

import msgspec

from .ended import ended_list
from .geo import Layout
from .map import province_map
from .markup import Html, el
from .matrix import matrix, rest, system_list
from .outage_list import Names, contact, outage_list
from .shapes import glyph
from .snapshot import Call, Cell, Health, Snapshot, State
from .wording import Words

REFRESH_SECONDS: Final = 15
"""Without JavaScript the page fetches itself again this often."""
_PATTERNS: Final = ("age_seconds", "age_minutes", "age_hours", "age_days", "more_outages", "more_communes")
"""Words that the browser fills in by itself."""


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What a page needs besides its content. ``theme``: light, dark, or "" for the system's choice;
    ``zones``: whether the map shows dead zones from the start.

    ``build`` changes with the program and the inventory: a browser that sees another one reloads.
    """

    words: Words
    province: str
    at: float
    build: str
    assets: Mapping[str, str] = {}
    theme: str = ""
    zones: bool = False
    user: str | None = None
    page: str = ""
    path: str = "/"


def document(frame: Frame, title: str, *body: object) -> Html:
    """Return a whole document."""
    words = frame.words
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content=frame.theme or "light dark"),
        el("meta", name="referrer", content="no-referrer"),
        el("noscript", el("meta", http_equiv="refresh", content=REFRESH_SECONDS)) if frame.page else None,
        el("title", title),
        el("link", rel="icon", href=frame.assets.get("icon.svg"), type="image/svg+xml"),
        el("link", rel="stylesheet", href=frame.assets.get("wall.css")),
        el("script", src=frame.assets.get("wall.js"), defer=True) if frame.page else None,
    )
    patterns = {f"data_{name}": words.say(name, **_HOLES) for name in _PATTERNS}
    root = el(
        "html",
        head,
        el("body", *body),
        lang=words.language,
        data_theme=frame.theme or None,
        data_page=frame.page or None,
        data_build=frame.build,
        data_at=f"{frame.at:.3f}",
        data_offset=words.offset_seconds(frame.at),
        **patterns,
    )
    return Html("<!doctype html>" + root)


_HOLES: Final = {"seconds": "{s}", "minutes": "{m}", "hours": "{h}", "days": "{d}", "count": "{count}"}


def wall(frame: Frame, shown: Snapshot, layout: Layout, names: Names) -> Html:
    """Return the wall page."""
    words = frame.words
    parts = fragments(shown, layout, names, words)
    title = words.say("title", province=shown.province)
    return document(
        frame,
        title,
        el("a", words.say("skip"), href="#outages-title", class_="skip"),
        header(
            frame,
            shown.health,
            el("h1", words.say("product"), el("span", shown.province)),
            live("counters", parts["counters"]),
        ),
        gone(words),
        live("banner", parts["banner"]),
        el(
            "main",
            _section("map", words.say("map"), layers(frame), live("map", parts["map"])),
            _section(
                "outages",
                words.say("outages"),
                live("duty", parts["duty"]),
                live("outages", parts["outages"]),
                live("ended", parts["ended"]),
            ),
            _section(
                "matrix",
                words.say("matrix"),
                live("systems", parts["systems"]),
                live("matrix", parts["matrix"]),
                live("rest", parts["rest"]),
            ),
            class_="wall",
        ),
    )


def fragments(shown: Snapshot, layout: Layout, names: Names, words: Words) -> dict[str, Html]:
    """Return the parts of the wall that change, by id."""
    return {
        "banner": banner(shown.health, words),
        "counters": counters(shown, words),
        "map": province_map(shown.communes, layout, words, shown.outages),
        "duty": duty(shown.on_call, words),
        "outages": outage_list(
            shown.outages, names, words, at=shown.at, health=shown.health, hidden=shown.hidden
        ),
        "ended": ended_list(shown.ended, words),
        "systems": system_list(shown.systems, words),
        "matrix": matrix(shown.communes, shown.systems, words),
        "rest": rest(shown.communes, shown.systems, words),
    }


def duty(on_call: Call | None, words: Words) -> Html:
    """Return who is on call, with the number; nothing where the inventory names nobody."""
    if on_call is None:
        return Html("")
    return el("p", el("span", words.say("on_call"), class_="key"), contact(on_call, words), class_="on-call")


def live(name: str, content: Html, *, tag: str = "div") -> Html:
    """Return an element that the browser fills anew when its fragment changes."""
    return el(tag, content, id=f"live-{name}", class_=f"live {name}")


def _section(name: str, title: str, *content: Html) -> Html:
    heading = el("h2", title, id=f"{name}-title", tabindex="-1")
    return el("section", heading, *content, class_=name, aria_labelledby=f"{name}-title")


def layers(frame: Frame) -> Html:
    """Return the switch of the map's layer of dead zones; the style sheet alone obeys it, so that it works
    without JavaScript and outlives every fragment."""
    box = el("input", type="checkbox", id="zones", checked=frame.zones)
    return el("label", box, frame.words.say("zones"), class_="layers")


def header(frame: Frame, health: Health, *content: Html) -> Html:
    """Return the header: content, clock, age of the data, language, theme, and who is logged in."""
    words = frame.words
    clock = el("time", words.clock(frame.at), id="clock")
    age = words.age(frame.at - health.newest) if health.newest is not None else words.say("data_none")
    newest = f"{health.newest:.3f}" if health.newest is not None else None
    data = el(
        "span", words.say("data_age"), " ", el("b", age, id="data-age", data_newest=newest), class_="data"
    )
    return el("header", *content, el("div", clock, data, _choices(frame), class_="meta"), class_="top")


def _choices(frame: Frame) -> Html:
    words = frame.words
    other = "en" if words.language == "vi" else "vi"
    leave = el("form", el("button", words.say("logout")), method="post", action="/logout")
    return el(
        "nav",
        el("a", words.say("other_language"), href=f"{frame.path}?lang={other}", lang=other, hreflang=other),
        *(
            el("a", words.say(f"theme_{theme}"), href=f"{frame.path}?theme={theme}", class_=f"to-{theme}")
            for theme in ("dark", "light")
        ),
        leave if frame.user else None,
    )


def gone(words: Words) -> Html:
    """Return the banner that the browser shows when the server itself is silent."""
    return el("div", words.say("gone"), id="gone", class_="alarm", role="alert", hidden=True)


def banner(health: Health, words: Words) -> Html:
    """Return what is wrong with the data itself, or nothing."""
    if not health.prometheus_ok:
        said = words.say("stale_prometheus")
    elif health.newest is None:
        said = words.say("stale_none")
    elif health.stale:
        said = words.say("stale_old", moment=words.moment(health.newest))
    else:
        return Html("")
    return el("div", said, class_="alarm", role="alert")


def counters(shown: Snapshot, words: Words) -> Html:
    """Return the key numbers: communes by state, systems down."""
    return el(
        "ul",
        (_counter(state, shown.count(state), words) for state in State),
        _number("open", len(shown.outages), words.say("open_outages")),
        _number("systems", sum(s.state is Cell.DOWN for s in shown.systems), words.say("systems_down")),
        aria_label=words.say("counters"),
    )


def _counter(state: State, number: int, words: Words) -> Html:
    return _number(str(state), number, words.say(f"state_{state}"), glyph(state))


def _number(kind: str, number: int, name: str, mark: Html | None = None) -> Html:
    classes = f"counter {kind}" + ("" if number else " zero")
    return el(
        "li", el("span", number, class_="number"), el("span", mark, name, class_="label"), class_=classes
    )


def message(frame: Frame, text: str) -> Html:
    """Return a page that only says something, such as an error."""
    words = frame.words
    home = el("a", words.say("back"), href="/")
    return document(frame, text, el("main", el("h1", text), el("p", home), class_="message"))


def names_of(shown: Snapshot) -> Names:
    """Return the names that outages refer to."""
    return Names({c.code: c.name for c in shown.communes}, {s.id: s.name for s in shown.systems})
