"""Charts of one commune's last 24 hours as inline SVG, drawn on the server. Pure."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from .history import HOURS, STEP_SECONDS, STEPS, History, Track, Values
from .markup import Html, el
from .wording import Words

_LEFT: Final = 60.0
_RIGHT: Final = 12.0
_WIDTH: Final = 1000.0
_PLOT: Final = _WIDTH - _LEFT - _RIGHT
_TOP: Final = 12.0
_HEIGHT: Final = 190.0
_BASE: Final = _TOP + _HEIGHT
_TICK_HOURS: Final = 4
_STRIP: Final = 26.0
MAX_TRACKS: Final = 6
_LEAST_SHARE: Final = {"loss": 5.0, "load": 100.0}
"""Percent that a chart of shares reaches at least."""


def charts(history: History, words: Words) -> Html:
    """Return state strips, latency, loss and, where it is counted, load; or that nothing is known."""
    if history.empty:
        return el("p", words.say("chart_none"), class_="note")
    return Html(
        _figure("chart_state", _strips(history, words), words, ())
        + _figure("chart_rtt", _round_trips(history, words), words, history.round_trips)
        + _figure("chart_loss", _shares("loss", history.losses, history.end, words), words, history.losses)
        + (_figure("chart_load", _shares("load", history.loads, history.end, words), words, history.loads)
           if history.loads else "")
    )  # fmt: skip


def _figure(title: str, drawing: Html, words: Words, tracks: Sequence[Track]) -> Html:
    keys = (
        el("li", el("span", class_=f"swatch track{i}"), t.line) for i, t in enumerate(tracks[:MAX_TRACKS])
    )
    key = el("ul", keys, class_="key-list") if len(tracks) > 1 else None
    return el(
        "figure", el("figcaption", words.say(title), key), el("div", drawing, class_="plot"), class_="chart"
    )


def _svg(height: float, label: str, *children: object) -> Html:
    return el("svg", *children, viewBox=f"0 0 {_WIDTH:g} {height:g}", role="img", aria_label=label)


def _x(step: float) -> float:
    return _LEFT + _PLOT * step / STEPS


def _hours(end: float, top: float, base: float, words: Words) -> Iterator[Html]:
    """Upright lines at full hours of local time, with their names below."""
    start = end - (STEPS - 1) * STEP_SECONDS
    shift = words.offset_seconds(end)
    first = math.ceil((start + shift) / (_TICK_HOURS * 3600)) * _TICK_HOURS * 3600 - shift
    for count in range(HOURS // _TICK_HOURS):
        time = first + count * _TICK_HOURS * 3600
        x = _x((time - start) / STEP_SECONDS)
        yield el("line", x1=x, x2=x, y1=top, y2=base, class_="grid")
        yield el("text", words.clock(time), x=x, y=base + 20, text_anchor="middle", class_="tick")


# --- state strips --------------------------------------------------------------------------------
def _strips(history: History, words: Words) -> Html:
    """One strip for each line and side: up, down, unknown."""
    rows = [(words.say("from_commune"), track) for track in history.inside]
    rows += [(words.say("from_hub"), track) for track in history.outside]
    several = len({track.line for _, track in rows}) > 1
    named = [(f"{side} · {track.line}" if several else side, track.values) for side, track in rows]
    named = named[: 2 * MAX_TRACKS] or [(words.say("from_commune"), (None,) * STEPS)]
    base = _TOP + len(named) * (_STRIP + 24)
    label = ". ".join(_strip_label(name, values, words) for name, values in named)
    strips = (_strip(name, values, _TOP + i * (_STRIP + 24)) for i, (name, values) in enumerate(named))
    return _svg(base + 26, label, strips, _hours(history.end, _TOP + 18, base, words))


def _strip(name: str, values: Values, top: float) -> Html:
    bars = (
        el("rect", x=_x(start), y=top + 20, width=max(_x(stop) - _x(start), 1.5), height=_STRIP, class_=kind)
        for kind, start, stop in runs(values)
    )
    return Html(el("text", name, x=_LEFT, y=top + 13, class_="strip-name") + "".join(bars))


def runs(values: Values) -> list[tuple[str, int, int]]:
    """Return stretches of equal state as (up, down or unknown; first step; step after the last)."""
    found: list[tuple[str, int, int]] = []
    for step, value in enumerate(values):
        kind = "unknown" if value is None else "up" if value > 0 else "down"
        if found and found[-1][0] == kind:
            found[-1] = (kind, found[-1][1], step + 1)
        else:
            found.append((kind, step, step + 1))
    return found


def _strip_label(name: str, values: Values, words: Words) -> str:
    totals = dict.fromkeys(("up", "down", "unknown"), 0)
    for kind, start, stop in runs(values):
        totals[kind] += (stop - start) * STEP_SECONDS
    spent = {kind: words.age(seconds) for kind, seconds in totals.items()}
    return words.say("chart_state_label", name=name, **spent)


# --- curves --------------------------------------------------------------------------------------
def _round_trips(history: History, words: Words) -> Html:
    scaled = [_scaled(track, 1000.0) for track in history.round_trips[:MAX_TRACKS]]
    top = nice(max((value for track in scaled for value in track.values if value), default=1.0))
    known = [(track.line or "–", [v for v in track.values if v is not None]) for track in scaled]
    label = ". ".join(
        words.say("chart_rtt_label", line=line, value=_number(values[-1]), highest=_number(max(values)))
        for line, values in known
        if values
    )
    return _curves(scaled, top, history.end, label, words)


def _shares(kind: str, tracks: Sequence[Track], end: float, words: Words) -> Html:
    scaled = [_scaled(track, 100.0) for track in tracks[:MAX_TRACKS]]
    known = [(track.line or "–", [v for v in track.values if v is not None]) for track in scaled]
    label = ". ".join(
        words.say(
            f"chart_{kind}_label",
            line=line, value=_number(sum(values) / len(values)), highest=_number(max(values)),
        )
        for line, values in known
        if values
    )  # fmt: skip
    highest = max((value for track in scaled for value in track.values if value), default=0.0)
    return _curves(scaled, nice(max(highest, _LEAST_SHARE[kind])), end, label, words)


def _scaled(track: Track, factor: float) -> Track:
    return Track(track.line, tuple(None if v is None else max(0.0, v * factor) for v in track.values))


def _number(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".") if value < 100 else f"{value:.0f}"


def nice(highest: float) -> float:
    """Return the least of 1, 2, 2.5, 4, 5, 8 times a power of ten that is not below ``highest``."""
    if not 1e-9 < highest < 1e12:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(highest))
    return next(unit * step for step in (1, 2, 2.5, 4, 5, 8, 10, 20) if unit * step >= highest * 0.999999)


def _curves(tracks: Sequence[Track], top: float, end: float, label: str, words: Words) -> Html:
    def y(value: float) -> float:
        return _BASE - _HEIGHT * min(value, top) / top

    scale = (
        (
            el("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y(value), y2=y(value), class_="grid"),
            el("text", _number(value), x=_LEFT - 10, y=y(value) + 5, text_anchor="end", class_="tick"),
        )
        for value in (0.0, top / 2, top)
    )
    curves = (el("path", d=path(t.values, y), class_=f"curve track{i}") for i, t in enumerate(tracks))
    return _svg(_BASE + 26, label, scale, _hours(end, _TOP, _BASE, words), curves)


def path(values: Values, y: Callable[[float], float]) -> str:
    """Return an SVG path with a gap where nothing is known; a lone value is a short stroke."""
    parts: list[str] = []
    pen_down = False
    for step, value in enumerate(values):
        if value is None:
            pen_down = False
            continue
        at = f"{_x(step + 0.5):.1f} {y(value):.1f}"
        parts.append(f"L{at}" if pen_down else f"M{at}h.8")
        pen_down = True
    return "".join(parts)
