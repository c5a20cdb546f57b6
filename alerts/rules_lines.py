"""Recording rules: how well each line carries, and what that amounts to. Pure.

A verdict is 1 or 0 for each line (``line:thongsuot_verdict:bool{verdict=...}``), and absent where nothing
is measured; alerts, boards and wall read it there. Medians and rates over minutes stand behind them, so
that neither a lost ping nor a throughput test makes a line slow or congested. A line that is down is not
judged at all: that it is down is another page. One that was down a moment ago is not judged by its last
minutes: what was lost in the outage belongs to the outage, and one that comes and goes is not called lossy.

Slow and lossy are judged twice: by the limit of the line's contract or the province's, and by what the line
itself does as a rule (``rules_usual``).

The regulation's percentile (Circular 06/2026/TT-BKHCN, Art. 5.6) is taken hourly over raw counters, since
what agents send late counts too; its readers look back over some hours for it.
"""

from typing import Final

from alerts.rules_evidence import FIELD
from alerts.rules_model import Rule, selector
from alerts.rules_usual import Far, above, kept, usual
from inventory import names
from inventory.model import Quality
from inventory.names import LineVerdict, Metric, Recorded

LINE: Final = "commune, line"
EACH_WAY: Final = "commune, line, direction"
SAMPLE_SECONDS: Final = 300
"""The regulation's sampling: a mean over 5 minutes."""
BYTES_PER_MEGABIT: Final = 125_000
MIN_KNOWN_RATIO: Final = 0.5
"""Of the samples of the regulation's days: a percentile of fewer says nothing about the days."""
GOODPUT_DAYS: Final = 35
"""Tests have a monthly budget of bytes: the last one before it was spent holds until the next month."""
CARRYING_RATIO: Final = 0.2
"""A line carries traffic that has at least this share of its commune's bytes; probes alone have less."""
SETTLED_AFTER: Final = "10m"
"""A line must have been up so long before its last minutes say anything: more than any of them look back."""
USUAL_LOSS_QUANTILE: Final = 0.95
"""Most lines lose nothing in most hours: what is usual is what the worst hours of a day lose."""
_LASTING: Final = frozenset({LineVerdict.CHRONIC, LineVerdict.UNDER_CONTRACT})
"""Verdicts about days: an outage of a moment changes nothing about them."""
_TO_HUB: Final = f'{FIELD}, target=~"hub:.+", line!=""'
_OWN: Final = f'{FIELD}, line!=""'


def rules(quality: Quality, testable_mbps: float | None = None) -> tuple[Rule, ...]:
    """Return what is recorded every minute, in order of evaluation; lines above ``testable_mbps`` are not
    held to their contract (:mod:`inventory.testable`)."""
    return (
        Rule(Recorded.LINE_NOT_JUDGED, _not_judged()),
        Rule(Recorded.LINE_UNSETTLED, _unsettled()),
        *_traffic(),
        _median(Recorded.LINE_RTT_MEDIAN, names.PROBE_ICMP_DURATION, f'{_TO_HUB}, phase="rtt"'),
        _median(Recorded.LINE_JITTER_MEDIAN, names.ICMP_JITTER, f'{_TO_HUB}, method="rfc3550"'),
        _median(Recorded.LINE_SIGNAL_MEDIAN, names.CELLULAR_RSRP, _OWN),
        *_goodput(),
        *_verdicts(quality, testable_mbps),
    )


def hourly(quality: Quality) -> tuple[Rule, ...]:
    """Return what is recorded once an hour: subqueries over days of raw counters."""
    samples = f"{_rate()}[{quality.congestion_days}d:{SAMPLE_SECONDS}s]"
    used = f"max by ({EACH_WAY}) (quantile_over_time({quality.congestion_percentile:g}, {samples}))"
    return (
        Rule(Recorded.LINE_BUSY, f"{used} / {_contracted()}"),
        Rule(Recorded.LINE_BUSY_SAMPLES, f"max by ({EACH_WAY}) (count_over_time({samples}))"),
        Rule(Recorded.LINE_RTT_USUAL, usual(Recorded.LINE_RTT_MEDIAN, 0.5, LINE)),
        Rule(Recorded.LINE_LOSS_USUAL, usual(Recorded.LINE_LOSS, USUAL_LOSS_QUANTILE, LINE)),
    )


def verdict(name: LineVerdict) -> str:
    """Return the lines of which verdict ``name`` holds."""
    chosen = selector(Recorded.LINE_VERDICT, f'verdict="{name}"')
    return f"({chosen} == 1)"


def not_judged(name: LineVerdict) -> Recorded:
    """Return the lines of which nothing is said by verdict ``name``."""
    return Recorded.LINE_NOT_JUDGED if name in _LASTING else Recorded.LINE_UNSETTLED


# --- measurements ----------------------------------------------------------------------------------
def _not_judged() -> str:
    """Down, as the causes have it or as its own probe says, or nothing is heard from its commune."""
    lines = selector(Recorded.FAILED, 'line!=""')
    failed = f"({lines} == 1)"
    own = f"({selector(names.TARGET_UP, _TO_HUB)} == 0)"
    silent = f"({names.LINE_INFO.name} and on (commune) {Recorded.SILENT} == 1)"
    return f"max by ({LINE}) ({failed} or {own} or {silent}) * 0 + 1"


def _unsettled() -> str:
    lines = selector(Recorded.FAILED, 'line!=""')
    failed = f"(max_over_time({lines}[{SETTLED_AFTER}]) == 1)"
    own = f"(min_over_time({selector(names.TARGET_UP, _TO_HUB)}[{SETTLED_AFTER}]) == 0)"
    return f"{Recorded.LINE_NOT_JUDGED} or max by ({LINE}) ({failed} or {own}) * 0 + 1"


def _rate() -> str:
    return f"rate({selector(names.TRAFFIC_BYTES, _OWN)}[{SAMPLE_SECONDS}s])"


def _contracted() -> str:
    return f"on ({EACH_WAY}) max by ({EACH_WAY}) ({names.LINE_CONTRACTED.name})"


def _traffic() -> tuple[Rule, ...]:
    return (
        Rule(Recorded.LINE_TRAFFIC, f"max by ({EACH_WAY}) ({_rate()})"),
        Rule(Recorded.LINE_UTILISATION, f"{Recorded.LINE_TRAFFIC} / {_contracted()}"),
        Rule(Recorded.LINE_CARRYING, _carrying()),
    )


def _carrying() -> str:
    """By the bytes of all lines of a commune where each is counted, else as the agent's routes say."""
    every = f"count by (commune) (max by ({LINE}) ({names.LINE_INFO.name}))"
    own = f"sum by ({LINE}) ({Recorded.LINE_TRAFFIC})"
    whole = f"(sum by (commune) ({Recorded.LINE_TRAFFIC}) > 0)"
    counted = f"(count by (commune) ({own}) == on (commune) {every})"
    by_bytes = f"({own} / on (commune) group_left () {whole} >= bool {CARRYING_RATIO:g})"
    routed = f"max by ({LINE}) ({names.LINE_CARRYING.name})"
    return f"({by_bytes} and on (commune) {counted}) or on (commune) {routed}"


def _median(recorded: Recorded, metric: Metric, matchers: str) -> Rule:
    return Rule(recorded, f"max by ({LINE}) (quantile_over_time(0.5, {selector(metric, matchers)}[10m]))")


def _goodput() -> tuple[Rule, ...]:
    """The last test of each line: it is days old, and outlives a restart of the agent."""
    high = selector(names.THROUGHPUT_BOUND, f'{_TO_HUB}, bound="high"')
    return (
        _last(Recorded.LINE_GOODPUT, EACH_WAY, selector(names.THROUGHPUT_GOODPUT, _TO_HUB)),
        _last(Recorded.LINE_GOODPUT_HIGH, EACH_WAY, high),
        _last(Recorded.LINE_GOODPUT_AT, LINE, selector(names.THROUGHPUT_MEASURED, _TO_HUB)),
    )


def _last(recorded: Recorded, by: str, measured: str) -> Rule:
    known = f"max by ({LINE}) ({names.LINE_INFO.name})"
    return Rule(recorded, f"(max by ({by}) ({measured}) or {recorded}) and on ({LINE}) {known}")


# --- verdicts --------------------------------------------------------------------------------------
def _verdicts(quality: Quality, testable_mbps: float | None) -> tuple[Rule, ...]:
    busy, days = Recorded.LINE_UTILISATION, kept(Recorded.LINE_BUSY)
    known = f"({kept(Recorded.LINE_BUSY_SAMPLES)} >= {_enough(quality)})"
    found = {
        LineVerdict.CONGESTED: f"{busy} > bool {quality.congested_now_ratio:g}",
        LineVerdict.CHRONIC: f"({days} > bool {quality.congestion_ratio_max:g}) and on ({EACH_WAY}) {known}",
        LineVerdict.SLOW: _slow(quality),
        LineVerdict.LOSSY: _lossy(quality),
        LineVerdict.JITTERY: f"{Recorded.LINE_JITTER_MEDIAN} > bool {quality.jitter_ms_max / 1000:g}",
        LineVerdict.UNDER_CONTRACT: _under_contract(quality, testable_mbps),
        LineVerdict.WEAK_SIGNAL: f"{Recorded.LINE_SIGNAL_MEDIAN} < bool {quality.weak_rsrp_dbm:g}",
    }
    return tuple(_verdict(name, found[name]) for name in LineVerdict)


def _slow(quality: Quality) -> str:
    far = Far(quality.rtt_times_usual, quality.rtt_ms_above_usual / 1000)
    return above(Recorded.LINE_RTT_MEDIAN, _limit(names.LINE_RTT_LIMIT), Recorded.LINE_RTT_USUAL, far, LINE)


def _lossy(quality: Quality) -> str:
    """What is usual is of the round trip, so it is the round trip that is held against it."""
    lost = f"(min_over_time({Recorded.LINE_LOSS}[5m]) and {Recorded.LINE_LOSS} offset 5m)"
    more = f"({lost} - on ({LINE}) {kept(Recorded.LINE_LOSS_USUAL)})"
    far = f"({more} > bool {quality.loss_ratio_above_usual:g})"
    over = f"(({_lost()}) > bool {_limit(names.LINE_LOSS_LIMIT)})"
    return f"((({over} + on ({LINE}) {far}) or {over}) > bool 0)"


def _limit(metric: Metric) -> str:
    return f"on ({LINE}) max by ({LINE}) ({metric.name})"


def _lost() -> str:
    """Of every 5 minutes that end in the last 5 the best, so that no single gap counts: of the worse
    direction where directions are told apart, else of the round trip. An agent that has just begun is waited
    for."""
    each_way = f"max by ({LINE}) (min_over_time({Recorded.LINE_LOSS_EACH_WAY}[5m]))"
    lost = f"({each_way} or on ({LINE}) min_over_time({Recorded.LINE_LOSS}[5m]))"
    return f"{lost} and on ({LINE}) {Recorded.LINE_LOSS} offset 5m"


def _under_contract(quality: Quality, testable_mbps: float | None) -> str:
    """Doubt speaks for the carrier: the upper bound of what was measured is held against the contract, and
    nothing is said of lines that the hub tests with less than they should carry."""
    share = f"({Recorded.LINE_GOODPUT_HIGH} or {Recorded.LINE_GOODPUT}) / {_contracted()}"
    recent = f"(time() - {Recorded.LINE_GOODPUT_AT} < {GOODPUT_DAYS * 86400})"
    under = f"({share} < bool {quality.contracted_ratio_min:g}) and on ({LINE}) {recent}"
    if testable_mbps is None:
        return under
    most = testable_mbps * BYTES_PER_MEGABIT
    return f"({under}) and on ({EACH_WAY}) ({names.LINE_CONTRACTED.name} <= {most:.0f})"


def _enough(quality: Quality) -> int:
    return round(quality.congestion_days * 86400 / SAMPLE_SECONDS * MIN_KNOWN_RATIO)


def _verdict(name: LineVerdict, found: str) -> Rule:
    judged = f"max by ({LINE}) ({found}) unless on ({LINE}) {not_judged(name)}"
    return Rule(Recorded.LINE_VERDICT, judged, {"verdict": str(name)})
