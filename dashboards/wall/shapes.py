"""The marks of states: a shape as well as a colour each, so that colour alone never tells. Pure."""

from typing import Final

from inventory.names import DeadZone

from .markup import Html, el
from .snapshot import Cell, State

_SHAPES: Final[dict[str, Html]] = {
    State.UP: el("circle", r=7),
    State.DEGRADED: el("path", d="M0-10.5 10 7.5H-10Z"),
    State.DOWN: Html('<circle class="halo" r="14"/><path d="M0-10.5 10.5 0 0 10.5-10.5 0Z"/>'),
    State.UNKNOWN: el("circle", r=7.5, stroke_dasharray="3.2 2.4"),
    State.NEVER: el("path", d="M-6.5-6.5H6.5V6.5H-6.5Z"),
    State.MAINTENANCE: Html('<circle r="9"/><path class="on" d="M-3.5-4.5V4.5M3.5-4.5V4.5"/>'),
}
_ZONES: Final[dict[str, Html]] = {
    DeadZone.AVAILABILITY: Html('<circle r="16"/><path d="M0-21V-16M0 21V16M-21 0H-16M21 0H16"/>'),
    DeadZone.WEAK_SIGNAL: el("circle", r=17, stroke_dasharray="8 5.4"),
    DeadZone.NEVER_REPORTED: el("circle", r=17, stroke_dasharray="0.1 5.9"),
}
_CULPRIT: Final = Html(
    '<path d="M-6.2-15H6.2L15-6.2V6.2L6.2 15H-6.2L-15 6.2V-6.2Z"/><path class="on" d="M0-8V2M0 7.6V7.7"/>'
)
_OF_CELL: Final = {Cell.UP: State.UP, Cell.DOWN: State.DOWN, Cell.UNKNOWN: State.UNKNOWN}


def shape(state: State | Cell) -> Html:
    """Return the mark about the origin, for use inside an SVG; its class colours it."""
    return _SHAPES[_OF_CELL[state] if isinstance(state, Cell) else state]


def glyph(state: State | Cell) -> Html:
    """Return the mark as a small picture beside words that say the same."""
    of = _OF_CELL[state] if isinstance(state, Cell) else state
    return el(
        "svg", shape(of), class_=f"glyph {of}", viewBox="-16 -16 32 32", aria_hidden="true", focusable="false"
    )


def culprit() -> Html:
    """Return the mark of what failed and is no place itself, such as a POP: a stop sign."""
    return el("g", _CULPRIT, class_="mark")


def culprit_glyph() -> Html:
    """Return the same as a small picture beside words that say it."""
    return el(
        "svg", culprit(), class_="glyph", viewBox="-16 -16 32 32", aria_hidden="true", focusable="false"
    )


def zone(why: DeadZone) -> Html:
    """Return the ring about a dead zone's mark: the way it is drawn says why."""
    return el("g", _ZONES[why], class_="zone")


def zone_glyph(why: DeadZone) -> Html:
    """Return the ring as a small picture beside words that say the same."""
    return el(
        "svg", zone(why), class_="glyph", viewBox="-22 -22 44 44", aria_hidden="true", focusable="false"
    )
