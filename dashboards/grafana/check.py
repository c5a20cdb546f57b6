"""Do the queries of the boards return data, and where one does not, why? Asked of a real Prometheus.

A board shows all that can be measured, and no province measures all of it: without a modem there is no
signal. So a query without data is looked into: which of its series are there, and for those that rules
record, which of the rule's. Only a query that has no data although all it asks for is measured is wrong.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal

import msgspec

from alerts.promapi import ApiError, PromApi, Recording
from common.i18n import LANGUAGES
from dashboards.grafana import line_queries, outage_queries
from dashboards.grafana import queries as overview_queries
from dashboards.grafana.boards import Query, fill_in, queries
from dashboards.grafana.layout import name_label
from inventory import names
from inventory.names import Recorded

ANY: Final = {"commune": ".*", "__range": "1h", "__rate_interval": "2m", "__interval": "30s"}
"""Values of the boards' variables: every commune, over the last hour."""
YOUNG_INTERVALS: Final = 2
YOUNG_SECONDS: Final = 600.0
"""What is measured for less than some intervals of a rule, and the rates and medians that it takes, need
not have been recorded yet."""
_NEEDS_SECONDS: Final[dict[str, float]] = {
    Recorded.LINE_LONG_DAYS: 2 * 86400.0,
    Recorded.LINE_LONG_UPPER: 5 * 86400.0,
}
"""What speaks of days has nothing to say until some of them have passed, at whatever hour they began."""

Verdict = Literal["refused", "missing", "young", "unmeasured", "quiet"]
FAILED: Final = frozenset({"refused", "missing"})

_WORD: Final = re.compile(r"[a-zA-Z_:][\w:]*")
_METRICS: Final = {metric.name: metric for metric in names.all_metrics()}
_PARTS: Final = ("_bucket", "_sum", "_count")
_WHEN_WRONG: Final = frozenset(
    {
        overview_queries.open_alerts(),
        *(line_queries.verdicts(name_label(one)) for one in LANGUAGES),
        *outage_queries.when_wrong(name_label(one) for one in LANGUAGES),
    }
)
"""They list what is wrong, and are empty on a good day."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A query without data, and why.

    ``refused``: ``detail`` is what the server said. ``missing``: all that it asks for is measured, and yet
    there is nothing. ``young``: it is recorded every ``detail`` seconds, and measured not much longer.
    ``unmeasured``: no agent sends the metrics in ``detail``. ``quiet``: nothing is wrong at the moment.
    """

    query: Query
    verdict: Verdict
    detail: str = ""

    @property
    def failed(self) -> bool:
        """Whether the board, or what feeds it, is wrong."""
        return self.verdict in FAILED


async def check_queries(
    prometheus: PromApi,
    boards: Iterable[Mapping[str, Any]],
    variables: Mapping[str, str] = ANY,
    at: float | None = None,
) -> tuple[Finding, ...]:
    """Run each query of each decoded board at ``at`` (default: now); return those without data.

    ``boards`` are decoded JSON. Raises KeyError for a variable that has no value.
    """
    why = _Why(prometheus, at)
    found = []
    for board in boards:
        for query in queries(board):
            try:
                if await prometheus.query(fill_in(query.expression, variables), at):
                    continue
                verdict, detail = await why.empty(query.expression)
            except ApiError as error:
                verdict, detail = "refused", str(error)
            found.append(Finding(query=query, verdict=verdict, detail=detail))
    return tuple(found)


def mentioned(expression: str) -> Iterator[str]:
    """Yield the names of series in an expression, each once."""
    for word in dict.fromkeys(_WORD.findall(expression)):
        if _metric(word) is not None or word in _RECORDED:
            yield word


_RECORDED: Final = frozenset(recorded.value for recorded in Recorded)


def _metric(word: str) -> names.Metric | None:
    """The metric that a series belongs to; a histogram has several series."""
    whole = next((word.removesuffix(part) for part in _PARTS if word.endswith(part)), word)
    return _METRICS.get(word) or _METRICS.get(whole)


class _Why:
    """Finds out why a query has no data; asks the server for each series and for its rules once."""

    def __init__(self, prometheus: PromApi, at: float | None) -> None:
        self._prometheus = prometheus
        self._at = at
        self._matchers = ""
        self._present: dict[str, bool] = {}
        self._recordings: dict[str, list[Recording]] | None = None

    async def empty(self, expression: str) -> tuple[Verdict, str]:
        """Return the verdict about an expression without data. Raises ApiError."""
        if expression in _WHEN_WRONG:
            return "quiet", ""
        # What the hub measures of itself does not answer for the communes.
        self._matchers = '{commune!=""}' if overview_queries.PICKED in expression else ""
        absent = [name for name in mentioned(expression) if not await self._is_there(name)]
        unsent = sorted({name for one in absent for name in await self._unsent(one, set())})
        if unsent:
            return "unmeasured", ", ".join(unsent)
        for name in absent:
            every = await self._young(name)
            if every:
                return "young", f"{every:g}"
        return "missing", ""

    async def _is_there(self, series: str, ago_seconds: float = 0) -> bool:
        metric = _metric(series)
        chosen = series + (self._matchers if metric is not None and metric.source == "agent" else "")
        asked = f"count({chosen} offset {ago_seconds:.0f}s)" if ago_seconds else f"count({chosen})"
        if asked not in self._present:
            self._present[asked] = bool(await self._prometheus.query(asked, self._at))
        return self._present[asked]

    async def _unsent(self, name: str, seen: set[str]) -> set[str]:
        """The metrics of agents that are not there, of which ``name``, itself not there, is made."""
        metric = _metric(name)
        if metric is not None:
            return {name} if metric.source == "agent" else set()
        found: set[str] = set()
        for item in await self._made_of(name):
            if item not in seen and not await self._is_there(item):
                seen.add(item)
                found |= await self._unsent(item, seen)
        return found

    async def _young(self, name: str) -> float:
        """The interval at which ``name`` is recorded where what it is made of is younger; else 0."""
        every = max((rule.interval_seconds for rule in await self._rules(name)), default=0.0)
        age = max(YOUNG_INTERVALS * every + YOUNG_SECONDS, _NEEDS_SECONDS.get(name, 0.0))
        for item in await self._made_of(name) if every else ():
            if await self._is_there(item) and not await self._is_there(item, age):
                return every
        return 0.0

    async def _made_of(self, name: str) -> list[str]:
        rules = await self._rules(name)
        return [item for rule in rules for item in mentioned(rule.query) if item != name]

    async def _rules(self, name: str) -> list[Recording]:
        if self._recordings is None:
            self._recordings = {}
            for rule in await self._prometheus.recordings():
                self._recordings.setdefault(rule.record, []).append(rule)
        return self._recordings.get(name, [])
