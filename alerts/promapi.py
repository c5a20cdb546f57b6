"""Typed asynchronous client of the Prometheus query API (also VictoriaMetrics, Mimir, Thanos).

    async with PromApi("http://127.0.0.1:9490") as prometheus:
        for sample in await prometheus.query("thongsuot_target_up == 0"):
            print(sample.labels["target"], sample.value)

Times are Unix seconds. Every call has a deadline and a limit on its answer, and raises nothing but
ApiError (tree in ``alerts.httpapi``). API: https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from alerts.httpapi import (
    ApiError,
    BadAnswerError,
    DeadlineError,
    JsonApi,
    QueryError,
    UnreachableError,
)

__all__ = [
    "ApiError",
    "BadAnswerError",
    "DeadlineError",
    "PromApi",
    "QueryError",
    "Recording",
    "Sample",
    "Series",
    "UnreachableError",
    "parse_matrix",
    "parse_recordings",
    "parse_series",
    "parse_vector",
    "quote",
]


class Sample(msgspec.Struct, frozen=True):
    """One series at one instant. A scalar answer is a sample without labels."""

    labels: dict[str, str]
    value: float
    time: float

    def label(self, name: str) -> str:
        """Return a label's value; an absent label is the empty string, as in PromQL."""
        return self.labels.get(name, "")


class Series(msgspec.Struct, frozen=True):
    """One series over a range: ``points`` are (Unix time, value), oldest first."""

    labels: dict[str, str]
    points: tuple[tuple[float, float], ...]

    def label(self, name: str) -> str:
        """Return a label's value; an absent label is the empty string, as in PromQL."""
        return self.labels.get(name, "")


class Recording(msgspec.Struct, frozen=True):
    """A recording rule that a server evaluates, every ``interval_seconds``."""

    record: str
    query: str
    interval_seconds: float


class _Rule(msgspec.Struct, frozen=True):
    name: str
    query: str


class _Group(msgspec.Struct, frozen=True):
    interval: float
    rules: tuple[_Rule, ...] = ()


class _Groups(msgspec.Struct, frozen=True):
    groups: tuple[_Group, ...]


class _Result(msgspec.Struct, frozen=True):
    metric: dict[str, str] = {}
    value: tuple[float, str] | None = None
    values: tuple[tuple[float, str], ...] = ()


class _Data(msgspec.Struct, frozen=True, rename="camel"):
    result_type: str
    result: msgspec.Raw


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    status: str
    data: msgspec.Raw = msgspec.Raw(b"null")
    error_type: str = ""
    error: str = ""


def quote(text: str) -> str:
    """Return ``text`` as a PromQL string literal, safe whatever it holds.

    >>> quote('a"b')
    '"a\\\\"b"'
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _decode(body: bytes, type_: Any, what: str) -> Any:
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadAnswerError(f"{what}: {error}") from error


def _data(body: bytes) -> msgspec.Raw:
    answer: _Answer = _decode(body, _Answer, "answer")
    if answer.status != "success":
        raise QueryError(f"{answer.error_type or 'error'}: {answer.error[:500]}")
    return answer.data


def _results(body: bytes, expected: str) -> tuple[_Result, ...]:
    data: _Data = _decode(bytes(_data(body)), _Data, "data")
    if data.result_type != expected:
        raise BadAnswerError(f"expected a {expected}, got a {data.result_type[:40]}")
    results: tuple[_Result, ...] = _decode(bytes(data.result), tuple[_Result, ...], expected)
    return results


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise BadAnswerError(f"not a number: {text[:40]!r}") from error


def parse_vector(body: bytes) -> tuple[Sample, ...]:
    """Parse the answer to an instant query: a vector, or a scalar. Raises BadAnswerError, QueryError.

    Native histograms have no single value and are left out.
    """
    data: _Data = _decode(bytes(_data(body)), _Data, "data")
    if data.result_type == "scalar":
        time, text = _decode(bytes(data.result), tuple[float, str], "scalar")
        return (Sample({}, _number(text), time),)
    return tuple(
        Sample(result.metric, _number(result.value[1]), result.value[0])
        for result in _results(body, "vector")
        if result.value is not None
    )


def parse_matrix(body: bytes) -> tuple[Series, ...]:
    """Parse the answer to a range query. Raises BadAnswerError, QueryError."""
    return tuple(
        Series(result.metric, tuple((time, _number(text)) for time, text in result.values))
        for result in _results(body, "matrix")
        if result.values
    )


def parse_series(body: bytes) -> tuple[dict[str, str], ...]:
    """Parse the answer of ``/api/v1/series``: label sets. Raises BadAnswerError, QueryError."""
    found: tuple[dict[str, str], ...] = _decode(bytes(_data(body)), tuple[dict[str, str], ...], "series")
    return found


def parse_recordings(body: bytes) -> tuple[Recording, ...]:
    """Parse the answer of ``/api/v1/rules?type=record``. Raises BadAnswerError, QueryError."""
    found: _Groups = _decode(bytes(_data(body)), _Groups, "rules")
    return tuple(
        Recording(rule.name, rule.query, group.interval) for group in found.groups for rule in group.rules
    )


def _explained(status: int, body: bytes) -> bytes:
    """Return ``body`` where it may hold an answer; an HTTP error without JSON is a bad answer."""
    if status == 200 or body.lstrip()[:1] == b"{":
        return body
    raise BadAnswerError(f"HTTP status {status}")


class PromApi(JsonApi):
    """The query API below ``url``. See the module's docstring for use."""

    async def query(self, promql: str, at: float | None = None) -> tuple[Sample, ...]:
        """Evaluate ``promql`` at ``at`` (default: now); the result must be a vector or scalar."""
        return parse_vector(await self._instant(promql, at))

    async def query_raw(self, promql: str, at: float | None = None) -> tuple[Series, ...]:
        """Evaluate a range selector such as ``x[10s]``: raw samples with their own times."""
        return parse_matrix(await self._instant(promql, at))

    async def query_range(
        self, promql: str, start: float, end: float, step_seconds: float
    ) -> tuple[Series, ...]:
        """Evaluate ``promql`` at every step from ``start`` to ``end``, both included."""
        form = {
            "query": promql,
            "start": f"{start:.3f}",
            "end": f"{end:.3f}",
            "step": f"{step_seconds:g}",
            **self._limit(),
        }
        return parse_matrix(_explained(*await self.post("/api/v1/query_range", form)))

    async def series(self, matchers: Iterable[str], start: float, end: float) -> tuple[dict[str, str], ...]:
        """Return the label sets with samples between ``start`` and ``end``, from the index alone."""
        form = {"start": f"{start:.3f}", "end": f"{end:.3f}"}
        found: list[dict[str, str]] = []
        for matcher in matchers:
            body = _explained(*await self.post("/api/v1/series", {"match[]": matcher, **form}))
            found.extend(parse_series(body))
        return tuple(found)

    async def recordings(self) -> tuple[Recording, ...]:
        """Return the recording rules of the server."""
        return parse_recordings(_explained(*await self.get("/api/v1/rules", {"type": "record"})))

    async def _instant(self, promql: str, at: float | None) -> bytes:
        form = {"query": promql, **self._limit()} | ({} if at is None else {"time": f"{at:.3f}"})
        return _explained(*await self.post("/api/v1/query", form))

    def _limit(self) -> dict[str, str]:
        """Tell the engine our deadline, so that it gives up with us."""
        return {"timeout": f"{self._timeout_seconds:g}s"}
