"""How well lines carry and how a site is, as cards: numbers in words, shares as bars. Pure."""

from collections.abc import Iterator
from typing import Final

from inventory.names import LineVerdict

from .markup import Html, el
from .outage_list import age
from .snapshot import LineView, SiteView, WayView
from .wording import Words

MBIT: Final = 125_000
"""Bytes a second in a Mbit/s."""
GRADES: Final = ("A+", "A", "B", "C", "D", "F")
_BAR: Final = 200.0
_BAR_HEIGHT: Final = 10.0


def badges(verdicts: tuple[LineVerdict, ...], words: Words, *, on_battery: bool = False) -> Html | None:
    """Return a short word for everything that is wrong with lines, or nothing."""
    found = [str(verdict) for verdict in verdicts] + (["on_battery"] if on_battery else [])
    if not found:
        return None
    marks = (
        el("span", words.say(f"badge_{one}"), class_=f"badge {one}", title=words.say(f"verdict_{one}"))
        for one in found
    )
    return el("span", marks, class_="badges")


def line_cards(lines: tuple[LineView, ...], at: float, words: Words) -> Html:
    """Return a card for each line."""
    return el("ul", (_card(line, at, words) for line in lines), class_="line-list")


def _card(line: LineView, at: float, words: Words) -> Html:
    tags = [line.technology.upper(), *(words.say(key) for key in _tags(line))]
    head = el(
        "h3",
        words.say("line_name", line=line.id, carrier=words.of(line.carrier)),
        *(el("span", tag, class_="tag") for tag in tags),
        badges(line.verdicts, words),
    )
    facts = tuple(_facts(line, at, words))
    known = el("dl", facts, class_="facts") if facts else el("p", words.say("line_unmeasured"), class_="note")
    ways = (_way(key, way, line, words) for key, way in (("down", line.down), ("up", line.up)))
    return el("li", head, el("div", ways, class_="ways"), known, class_="bad" if line.verdicts else None)


def _tags(line: LineView) -> Iterator[str]:
    if line.shared:
        yield "line_shared"
    if line.carrying is not None:
        yield "line_carrying" if line.carrying else "line_idle"


# --- one direction -----------------------------------------------------------------------------------
def _way(key: str, way: WayView, line: LineView, words: Words) -> Html:
    """A bar of the contracted rate: used now, the regulation's percentile, what a test reached."""
    rate = words.say("mbit", value=words.number(way.contracted / MBIT))
    said = [el("span", words.say("way_unmeasured"), class_="note")] if way.used is None else []
    if way.used is not None:
        said.append(el("span", words.say("way_used", share=_percent(way.used, words)), class_="used"))
    if way.percentile is not None:
        of = {"percent": f"{line.busy_percent:g}", "days": line.busy_days}
        said.append(el("span", words.say("way_percentile", share=_percent(way.percentile, words), **of)))
    if way.goodput is not None:
        reached = words.number(way.goodput / MBIT)
        share = _percent(way.goodput / way.contracted, words)
        said.append(el("span", words.say("way_goodput", value=reached, share=share)))
    if way.loss is not None:
        said.append(el("span", words.say("way_loss", share=_percent(way.loss, words, 1))))
    return el(
        "div",
        el("p", el("span", words.say(f"way_{key}"), class_="key"), rate, class_="rate"),
        _bar(way, line.busy_limit),
        el("p", said, class_="said"),
        class_="way",
    )


def _bar(way: WayView, limit: float) -> Html:
    """The regulation's ``limit`` is marked on it. The words beside it say the same, so it is hidden from
    readers of the page."""
    full = "over" if (way.used or 0) > limit else "within"
    parts = [el("rect", width=_BAR, height=_BAR_HEIGHT, rx=3, class_="trough")]
    if way.used is not None:
        parts.append(el("rect", width=_x(way.used), height=_BAR_HEIGHT, rx=3, class_=f"fill {full}"))
    if way.percentile is not None:
        x = _x(way.percentile)
        parts.append(el("line", x1=x, x2=x, y1=-3, y2=_BAR_HEIGHT + 3, class_="usual"))
    parts.append(el("line", x1=_x(limit), x2=_x(limit), y1=0, y2=_BAR_HEIGHT, class_="limit"))
    return el(
        "svg", parts, viewBox=f"0 -4 {_BAR:g} {_BAR_HEIGHT + 8:g}", class_="bar", aria_hidden="true",
        focusable="false", preserveAspectRatio="none",
    )  # fmt: skip


def _x(share: float) -> float:
    return _BAR * min(max(share, 0.0), 1.0)


# --- the rest ----------------------------------------------------------------------------------------
def _facts(line: LineView, at: float, words: Words) -> Iterator[Html]:
    bad = frozenset(line.verdicts)
    if line.rtt is not None:
        yield _fact("fact_rtt", _ms(line.rtt, words), words, LineVerdict.SLOW in bad)
    if line.loss is not None:
        yield _fact("fact_loss", _percent(line.loss, words, 1), words, LineVerdict.LOSSY in bad)
    if line.jitter is not None:
        yield _fact("fact_jitter", _ms(line.jitter, words), words, LineVerdict.JITTERY in bad)
    if line.grade is not None and 0 <= line.grade < len(GRADES):
        loaded = f" ({_ms(line.rtt_loaded, words)})" if line.rtt_loaded is not None else ""
        yield _fact("fact_grade", GRADES[line.grade] + loaded, words)
    if line.signal_dbm is not None:
        dbm = words.say("dbm", value=words.number(line.signal_dbm))
        yield _fact("fact_signal", dbm, words, LineVerdict.WEAK_SIGNAL in bad)
    if line.hops is not None:
        yield _fact("fact_hops", words.number(line.hops), words)
    if line.tested_at is not None:
        yield _fact("fact_tested", age(line.tested_at, at, words), words)


def site_card(site: SiteView, words: Words) -> Html:
    """Return power and machine of a site."""
    if site.empty:
        return el("p", words.say("site_unmeasured"), class_="note")
    return el("dl", _site_facts(site, words), class_="facts")


def _site_facts(site: SiteView, words: Words) -> Iterator[Html]:
    if site.on_mains is not None:
        said = words.say("power_mains" if site.on_mains else "power_battery")
        yield _fact("fact_power", said, words, not site.on_mains)
    if site.charge is not None:
        yield _fact("fact_charge", _percent(site.charge, words), words)
    if site.runtime is not None:
        yield _fact("fact_runtime", words.age(site.runtime), words)
    for key, share in (("cpu", site.cpu), ("memory", site.memory_free), ("disk", site.disk_free)):
        if share is not None:
            yield _fact(f"fact_{key}", _percent(share, words), words)
    if site.celsius is not None:
        yield _fact("fact_celsius", words.say("celsius", value=words.number(site.celsius)), words)


def _fact(key: str, value: str, words: Words, bad: bool = False) -> Html:
    return el("div", el("dt", words.say(key)), el("dd", value), class_="bad" if bad else None)


def _percent(share: float, words: Words, decimals: int = 0) -> str:
    value = share * 100
    return words.say("percent", value=words.number(value, decimals if round(value, decimals) % 1 else 0))


def _ms(seconds: float, words: Words) -> str:
    value = seconds * 1000
    return words.say("ms", value=words.number(value, 1 if value < 10 else 0))
