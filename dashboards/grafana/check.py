"""Do the queries of the boards return data? Asked of a real Prometheus, in tests and in the lab."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from alerts.promapi import ApiError, PromApi
from dashboards.grafana.boards import Query, fill_in, queries

ANY: Final = {"commune": ".*", "__range": "1h", "__rate_interval": "2m", "__interval": "30s"}
"""Values of the boards' variables: every commune, over the last hour."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A query without an answer; ``problem`` is ``no data`` or what the server said."""

    query: Query
    problem: str


async def check_queries(
    prometheus: PromApi,
    boards: Iterable[Mapping[str, Any]],
    variables: Mapping[str, str] = ANY,
    at: float | None = None,
) -> tuple[Failure, ...]:
    """Run each query of each decoded board at ``at`` (default: now); return those without data.

    ``boards`` are decoded JSON. Raises KeyError for a variable that has no value.
    """
    found = []
    for board in boards:
        for query in queries(board):
            problem = await _problem(prometheus, fill_in(query.expression, variables), at)
            if problem:
                found.append(Failure(query=query, problem=problem))
    return tuple(found)


async def _problem(prometheus: PromApi, expression: str, at: float | None) -> str:
    try:
        return "" if await prometheus.query(expression, at) else "no data"
    except ApiError as error:
        return str(error)
