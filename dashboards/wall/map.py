"""The province as dots: an SVG with a link for every commune. Pure."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

from inventory.names import DeadZone

from .culprits import Mark, drawn, marks, strokes
from .geo import Inset, Layout, Point
from .markup import Html, el
from .shapes import culprit_glyph, glyph, shape, zone, zone_glyph
from .snapshot import CommuneView, OutageView, State
from .wording import Words
from .zones import zone_list

_LAND: Final = 44.0  # radius of the land drawn about each dot
_NEIGHBOUR: Final = 135.0  # dots closer than this stand on the same ground
_SPACING: Final = 40.0  # closer still, their circles do
_LABEL: Final = 21.0  # height of a label's line
_CHAR: Final = 10.6  # mean width of a character of a label
_GAP: Final = 17.0  # from a dot's middle to its label
_MAX_LABELS: Final = 40
_DOT: Final = 11.0  # half of the room that a dot takes, and a mark
_MARK: Final = 16.0
_PAINTED_LAST: Final = tuple(reversed(State))

Box = tuple[float, float, float, float]


def province_map(
    communes: Sequence[CommuneView], layout: Layout, words: Words, outages: Sequence[OutageView] = ()
) -> Html:
    """Return the map with what hits several, what is not on it, the legend, and the dead zones as a list."""
    if not layout.points:
        return el("p", words.say("map_empty"), class_="note")
    shown = [commune for commune in communes if commune.code in layout.points]
    shown.sort(key=lambda commune: _PAINTED_LAST.index(commune.state))
    wide = marks(outages, layout)
    apart = {code for inset in layout.insets for code in inset.codes}
    drawing = el(
        "svg",
        _land([point for code, point in sorted(layout.points.items()) if code not in apart]),
        (_inset(inset) for inset in layout.insets),
        strokes(wide, layout),
        (_dot(commune, layout.points[commune.code], words) for commune in shown),
        (drawn(mark, words) for mark in wide),
        el("g", _labels(shown, wide, layout, words), class_="labels", aria_hidden="true"),
        viewBox=f"0 0 {layout.width:g} {layout.height:g}",
        role="group",
        aria_label=words.say("map_label"),
    )
    missing = [words.of(c.name) for c in communes if c.code not in layout.points]
    note = el("p", words.say("not_on_map", names=", ".join(missing)), class_="note") if missing else None
    keys = legend(words, marked=bool(wide))
    below = el("div", note, keys, zone_legend(shown, words), zone_list(communes, words), class_="below")
    return Html(drawing + below)


def legend(words: Words, *, marked: bool = False) -> Html:
    """Return what the marks mean."""
    return el(
        "ul",
        el("li", culprit_glyph(), words.say("culprit"), class_="culprit") if marked else None,
        (el("li", glyph(state), words.say(f"state_{state}")) for state in reversed(State)),
        class_="legend",
        aria_label=words.say("legend"),
    )


def zone_legend(communes: Sequence[CommuneView], words: Words) -> Html:
    """Return what the rings of dead zones mean, and how many there are of each."""
    leading = [commune.dead_zone[0] for commune in communes if commune.dead_zone]
    return el(
        "ul",
        (
            el("li", zone_glyph(why), words.say(f"zone_{why}"), ": ", el("b", leading.count(why)))
            for why in DeadZone
        ),
        class_="legend zones",
        aria_label=words.say("zones"),
    )


def describe(commune: CommuneView, words: Words) -> str:
    """Return a commune's name and state in words, for those who do not see the dot."""
    why = words.say(f"reason_{commune.reason}") if commune.reason else None
    state = words.say(f"state_{commune.state}")
    zones = ", ".join(words.say(f"zone_{one}") for one in commune.dead_zone)
    behind = words.say("behind", name=words.of(commune.behind.name)) if commune.behind else None
    zoned = f"{words.say('zones')}: {zones}" if zones else None
    told = (f"{words.of(commune.name)}: {state}", why, behind, zoned)
    return ". ".join(part for part in told if part)


def _land(points: Sequence[Point]) -> Html:
    """Ground under the dots, since we hold no borders: wide strokes from each dot to its neighbours."""
    circles = (el("circle", cx=x, cy=y, r=_LAND) for x, y in points)
    strokes = "".join(
        f"M{one[0]:.0f} {one[1]:.0f}L{other[0]:.0f} {other[1]:.0f}"
        for index, one in enumerate(points)
        for other in points[index + 1 :]
        if _SPACING < math.dist(one, other) < _NEIGHBOUR
    )
    return el("g", el("path", d=strokes, stroke_width=2 * _LAND), circles, class_="land")


def _inset(inset: Inset) -> Html:
    return el("rect", x=inset.x, y=inset.y, width=inset.side, height=inset.side, rx=14, class_="inset")


def _dot(commune: CommuneView, point: Point, words: Words) -> Html:
    said = describe(commune, words)
    return el(
        "a",
        el("title", said),
        el("circle", r=20, class_="touch"),
        zone(commune.dead_zone[0]) if commune.dead_zone else None,
        shape(commune.state),
        href=f"/commune/{commune.code}",
        class_=f"dot {commune.state}",
        transform=f"translate({point[0]:.1f} {point[1]:.1f})",
        aria_label=said,
        # A hundred healthy dots are no stops on the way through the page; the matrix lists them all.
        tabindex="-1" if commune.state is State.UP else None,
        data_code=commune.code,
    )


def _labels(
    shown: Sequence[CommuneView], wide: Sequence[Mark], layout: Layout, words: Words
) -> Iterator[Html]:
    """Name what hits several, then communes with a problem of their own, worst first, as far as there is room
    beside the dots."""
    taken = [_around(layout.points[commune.code]) for commune in shown]
    taken += [_around(mark.at, _MARK) for mark in wide]
    own = [c for c in reversed(shown) if c.state is not State.UP and c.behind is None]
    named = [(mark.at, words.of(mark.outage.what), "culprit") for mark in wide]
    named += [(layout.points[c.code], _short(words.of(c.name)), str(c.state)) for c in own]
    for point, name, kind in named[:_MAX_LABELS]:
        mine = _around(point, _MARK if kind == "culprit" else _DOT)
        room = [place for place in _places(point, len(name) * _CHAR) if _inside(place[3], layout)]
        free = [
            place for place in room if not any(_overlap(place[3], other) for other in taken if other != mine)
        ]
        # What hits several is named even where its name lies over dots.
        for x, y, anchor, box in free[:1] or (room[:1] if kind == "culprit" else ()):
            taken.append(box)
            yield el("text", name, x=x, y=y, text_anchor=anchor, class_=kind)


def _inside(box: Box, layout: Layout) -> bool:
    return box[0] >= 0 and box[2] <= layout.width and box[1] >= 0 and box[3] <= layout.height


def _short(name: str) -> str:
    """The type of a commune is left out of labels: the map has no room for it."""
    for prefix in ("Xã ", "Phường ", "Đặc khu "):
        name = name.removeprefix(prefix)
    for suffix in (" commune", " ward", " special zone"):
        name = name.removesuffix(suffix)
    return name


def _around(point: Point, radius: float = _DOT) -> Box:
    return point[0] - radius, point[1] - radius, point[0] + radius, point[1] + radius


def _places(point: Point, width: float) -> Iterator[tuple[float, float, str, Box]]:
    """Where a label may stand: right, left, below, above, then aslant."""
    x, y = point
    half = _LABEL / 2
    yield x + _GAP, y + half - 3, "start", (x + _GAP, y - half, x + _GAP + width, y + half)
    yield x - _GAP, y + half - 3, "end", (x - _GAP - width, y - half, x - _GAP, y + half)
    for top in (y + _GAP, y - _GAP - _LABEL):
        yield x, top + _LABEL - 4, "middle", (x - width / 2, top, x + width / 2, top + _LABEL)
    for top in (y + 6, y - 6 - _LABEL):
        yield x + _GAP, top + _LABEL - 4, "start", (x + _GAP, top, x + _GAP + width, top + _LABEL)
        yield x - _GAP, top + _LABEL - 4, "end", (x - _GAP - width, top, x - _GAP, top + _LABEL)


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
