"""Alerting rules about lines that carry, but badly: tickets, one a verdict of ``rules_lines``. Pure.

They are held for some minutes beyond what the verdicts smooth already, say what was measured against what
threshold, and whether the line is a shared one. Thresholds come from the inventory. A line that goes down
is not judged any more; a ticket that was open stays open until it is again: nothing has been repaired. It
closes once the line has been well for some minutes: one about the threshold makes one ticket, not ten.
"""

from typing import Final

from alerts import rules_notes as notes
from alerts.rules_labels import PLANNED, PLANNED_COMMUNE, TICKET, labelled, with_upstream
from alerts.rules_lines import EACH_WAY, LINE, not_judged, verdict
from alerts.rules_model import AlertRule, selector
from alerts.rules_usual import kept
from inventory import names
from inventory.model import Quality
from inventory.names import LineVerdict, Recorded

NAMES: Final = {
    LineVerdict.CONGESTED: "LineCongested",
    LineVerdict.CHRONIC: "LineChronicallyCongested",
    LineVerdict.SLOW: "LineSlow",
    LineVerdict.LOSSY: "LineLossy",
    LineVerdict.JITTERY: "LineJittery",
    LineVerdict.UNDER_CONTRACT: "LineUnderContract",
    LineVerdict.WEAK_SIGNAL: "LineWeakSignal",
}
"""Alert by verdict."""
HELD_SECONDS: Final = {
    LineVerdict.CONGESTED: 600,
    LineVerdict.SLOW: 300,
    LineVerdict.LOSSY: 300,
    LineVerdict.JITTERY: 600,
    LineVerdict.WEAK_SIGNAL: 600,
}
"""Others speak of days, and wait for nothing."""
WELL_FOR: Final = "10m"
_LINE: Final = ("commune", "line")
_OF_LINE: Final = "commune=%q, line=%q"
_DECIMAL: Final = "%.1f"
_MBIT: Final = 8e-6
"""Bytes a second to Mbit/s."""


def alerts(quality: Quality) -> tuple[AlertRule, ...]:
    """Return one alert a verdict."""
    said = _evidence(quality)
    return tuple(_alert(name, said[name]) for name in LineVerdict)


def _alert(name: LineVerdict, evidence: dict[str, str]) -> AlertRule:
    joined = f'label_join({_found(name)}, "component", "/", "commune", "line")'
    named = labelled(joined, "component", "line:$1", "component", "(.+)")
    found = with_upstream(f"({labelled(named, 'kind', 'line')})")
    return AlertRule(
        name=NAMES[name],
        expr=f"{found} unless on (component) {PLANNED} unless on (commune) {PLANNED_COMMUNE}",
        for_seconds=HELD_SECONDS.get(name, 0),
        labels=TICKET,
        annotations={
            "communes": "{{ $labels.commune }}",
            **evidence,
            **notes.shared_lines("line"),
            **notes.since(
                selector("ALERTS_FOR_STATE", f'alertname="{NAMES[name]}", component=%q'), "component"
            ),
        },
    )


def _found(name: LineVerdict) -> str:
    """The lines of which the verdict holds, and those of an open ticket that are not judged now, or have not
    been well for long."""
    matchers = f'verdict="{name}"'
    firing = selector("ALERTS", f'alertname="{NAMES[name]}", alertstate="firing"')
    lately = f"(max_over_time({selector(Recorded.LINE_VERDICT, matchers)}[{WELL_FOR}]) == 1)"
    held = f"({not_judged(name)} or on ({LINE}) {lately})"
    still = f"(max by ({LINE}) ({firing}) and on ({LINE}) {held})"
    return f"(max by ({LINE}) {verdict(name)} or {still})"


def _evidence(quality: Quality) -> dict[LineVerdict, dict[str, str]]:
    return {
        LineVerdict.CONGESTED: notes.evidence(
            "evidence.line_congested",
            **_both(selector(Recorded.LINE_UTILISATION, _OF_LINE), "* 100"),
            most=f"{quality.congested_now_ratio * 100:g}",
        ),
        LineVerdict.CHRONIC: notes.evidence(
            "evidence.line_chronic",
            **_both(kept(Recorded.LINE_BUSY, _OF_LINE), "* 100"),
            most=f"{quality.congestion_ratio_max * 100:g}",
            days=f"{quality.congestion_days}",
            percentile=f"{quality.congestion_percentile * 100:g}",
        ),
        LineVerdict.SLOW: _slow(),
        LineVerdict.LOSSY: _lossy(),
        LineVerdict.JITTERY: notes.evidence(
            "evidence.line_jittery",
            found=_one(Recorded.LINE_JITTER_MEDIAN, "* 1000"), most=f"{quality.jitter_ms_max:g}",
        ),
        LineVerdict.UNDER_CONTRACT: _under_contract(quality),
        LineVerdict.WEAK_SIGNAL: notes.evidence(
            "evidence.line_weak_signal",
            found=_one(Recorded.LINE_SIGNAL_MEDIAN, ""), least=f"{quality.weak_rsrp_dbm:g}",
        ),
    }  # fmt: skip


def _slow() -> dict[str, str]:
    """The median, the limit, and what is usual where that is known."""
    most = notes.number(f"{selector(names.LINE_RTT_LIMIT, _OF_LINE)} * 1000", *_LINE, form="%g")
    found = _one(Recorded.LINE_RTT_MEDIAN, "* 1000")
    said = notes.evidence("evidence.line_slow", found=found, most=most)
    usually = kept(Recorded.LINE_RTT_USUAL, _OF_LINE)
    shown = notes.number(f"{usually} * 1000", *_LINE)
    return notes.added(said, "evidence.usually_ms", usually, *_LINE, usual=shown)


def _lossy() -> dict[str, str]:
    """Loss of the round trip, and of each direction where they are told apart; and what is usual."""
    each_way = selector(Recorded.LINE_LOSS_EACH_WAY, _OF_LINE)
    most = notes.number(f"{selector(names.LINE_LOSS_LIMIT, _OF_LINE)} * 100", *_LINE, form="%g")
    said = notes.evidence("evidence.line_lossy", found=_one(Recorded.LINE_LOSS, "* 100", _DECIMAL), most=most)
    usually = kept(Recorded.LINE_LOSS_USUAL, _OF_LINE)
    shown = notes.number(f"{usually} * 100", *_LINE, form=_DECIMAL)
    said = notes.added(said, "evidence.usually_percent", usually, *_LINE, usual=shown)
    ways = _both(each_way, "* 100", _DECIMAL)
    return notes.added(said, "evidence.lost_each_way", each_way, *_LINE, **ways)


def _under_contract(quality: Quality) -> dict[str, str]:
    contracted = f"max by ({EACH_WAY}) ({selector(names.LINE_CONTRACTED, _OF_LINE)})"
    of = {f"{way}_of": value for way, value in _both(contracted, f"* {_MBIT:f}").items()}
    measured = _both(selector(Recorded.LINE_GOODPUT, _OF_LINE), f"* {_MBIT:f}")
    least = f"{quality.contracted_ratio_min * 100:g}"
    return notes.evidence("evidence.line_under_contract", **measured, **of, least=least)


def _one(recorded: Recorded, scale: str, form: str = "%.0f") -> str:
    query = f"{selector(recorded, _OF_LINE)} {scale}".rstrip()
    return notes.number(query, *_LINE, form=form, otherwise="?")


def _both(query: str, scale: str, form: str = "%.0f") -> dict[str, str]:
    """Return templates ``down`` and ``up``: the value of each direction, or a question mark."""
    return {
        way: notes.number(f"{_directed(query, way)} {scale}", *_LINE, form=form, otherwise="?")
        for way in ("down", "up")
    }


def _directed(query: str, way: str) -> str:
    return query.replace("line=%q", f'line=%q, direction="{way}"')
