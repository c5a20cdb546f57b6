"""The clients of Prometheus and Alertmanager against hostile answers and a hostile server."""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from alerts import amapi, promapi
from alerts.promapi import BadAnswerError, DeadlineError, PromApi, QueryError, UnreachableError
from common.web import serve

LABELS = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3)
TIME = st.floats(min_value=0, max_value=4e9, allow_nan=False)
VALUE = st.floats()
TEXT_OF = {math.inf: "+Inf", -math.inf: "-Inf"}


def text_of(value: float) -> str:
    return "NaN" if math.isnan(value) else TEXT_OF.get(value, repr(value))


def answer(kind: str, result: object) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}}).encode()


def same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


@given(st.lists(st.tuples(LABELS, TIME, VALUE), max_size=5))
def test_a_vector_comes_back_as_it_was(samples: list[tuple[dict[str, str], float, float]]) -> None:
    body = answer("vector", [{"metric": labels, "value": [at, text_of(v)]} for labels, at, v in samples])
    parsed = promapi.parse_vector(body)
    assert [(s.labels, s.time) for s in parsed] == [(labels, at) for labels, at, _ in samples]
    assert all(same(s.value, v) for s, (_, _, v) in zip(parsed, samples, strict=True))


@given(st.lists(st.tuples(LABELS, st.lists(st.tuples(TIME, VALUE), min_size=1, max_size=4)), max_size=4))
def test_a_matrix_comes_back_as_it_was(
    series: list[tuple[dict[str, str], list[tuple[float, float]]]],
) -> None:
    rows = [{"metric": labels, "values": [[at, text_of(v)] for at, v in points]} for labels, points in series]
    parsed = promapi.parse_matrix(answer("matrix", rows))
    assert [s.labels for s in parsed] == [labels for labels, _ in series]
    for mine, (_, theirs) in zip(parsed, series, strict=True):
        assert [at for at, _ in mine.points] == [at for at, _ in theirs]
        assert all(same(a, b) for (_, a), (_, b) in zip(mine.points, theirs, strict=True))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["status", "data", "resultType", "result", "value", "values", "metric", "labels"])
            | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
)
PARSERS: list[Callable[[bytes], object]] = [
    promapi.parse_vector,
    promapi.parse_matrix,
    promapi.parse_series,
    promapi.parse_recordings,
    amapi.parse_alerts,
]


def problem(parse: Callable[[bytes], object], body: bytes) -> str:
    """Return what ``parse`` says is wrong; an exception of any other kind fails the test."""
    try:
        parse(body)
    except promapi.ApiError as error:
        return str(error)
    return "nothing"


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_answer_raises_anything_but_our_errors(body: bytes) -> None:
    for parse in PARSERS:
        said = problem(parse, body)
        assert said
        assert "\n" not in said


@given(JSON, st.sampled_from(["vector", "matrix", "scalar", "string"]))
def test_no_result_raises_anything_but_our_errors(result: object, kind: str) -> None:
    for parse in PARSERS[:2]:
        assert problem(parse, answer(kind, result))


def test_a_scalar_is_a_sample_without_labels() -> None:
    assert promapi.parse_vector(answer("scalar", [5.5, "2"])) == (promapi.Sample({}, 2.0, 5.5),)


def test_a_native_histogram_has_no_value_and_is_left_out() -> None:
    rows = [{"metric": {}, "histogram": [1, {"count": "1"}]}, {"metric": {"a": "b"}, "value": [1, "2"]}]
    assert promapi.parse_vector(answer("vector", rows)) == (promapi.Sample({"a": "b"}, 2.0, 1.0),)


@pytest.mark.parametrize(
    ("body", "error", "text"),
    [
        (answer("matrix", []), BadAnswerError, "expected a vector, got a matrix"),
        (answer("vector", [{"metric": {}, "value": [1, "x"]}]), BadAnswerError, "not a number: 'x'"),
        (
            b'{"status":"error","errorType":"bad_data","error":"1:2: parse error"}',
            QueryError,
            "bad_data: 1:2: parse error",
        ),
        (b"<html>", BadAnswerError, "answer: JSON is malformed: invalid character (byte 0)"),
    ],
)
def test_what_is_wrong_is_said(body: bytes, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        promapi.parse_vector(body)
    assert str(caught.value) == text


@given(st.text())
def test_a_quoted_string_is_one_literal(text: str) -> None:
    quoted = promapi.quote(text)
    assert quoted[0] == quoted[-1] == '"'
    assert "\n" not in quoted
    inner = quoted[1:-1].replace("\\\\", "").replace('\\"', "").replace("\\n", "")
    assert '"' not in inner
    assert "\\" not in inner


def test_alerts_come_oldest_first_with_what_mutes_them() -> None:
    body = json.dumps(
        [
            {
                "labels": {"alertname": "b"},
                "annotations": {"communes": "21040"},
                "startsAt": "2026-11-22T00:01:00.500Z",
                "fingerprint": "f2",
                "status": {"state": "suppressed", "inhibitedBy": ["f1"], "silencedBy": []},
            },
            {"labels": {"alertname": "a"}, "startsAt": "2026-11-22T07:00:00+07:00", "fingerprint": "f1"},
        ]
    ).encode()
    first, second = amapi.parse_alerts(body)
    assert (first.label("alertname"), first.muted, first.starts) == ("a", False, 1795305600.0)
    assert (second.muted, second.inhibited_by, second.annotations["communes"]) == (True, ("f1",), "21040")
    assert second.starts == 1795305660.5
    assert second.label("absent") == ""


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(BadAnswerError, match="startsAt without a time zone"):
        amapi.parse_alerts(b'[{"labels":{},"startsAt":"2026-11-22T00:01:00"}]')


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[str]]


@pytest.fixture
async def server() -> AsyncIterator[Serve]:
    """Yields a function that serves one handler for every path and returns the base URL."""
    stack: list[object] = []

    async def start(handler: Handler) -> str:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        context = serve(app, "127.0.0.1:0")
        host, port = await context.__aenter__()
        stack.append(context)
        return f"http://{host}:{port}"

    yield start
    for context in stack:
        await context.__aexit__(None, None, None)  # type: ignore[attr-defined] # an async context


async def test_a_query_posts_the_expression_its_time_and_our_deadline(server: Serve) -> None:
    seen: list[tuple[str, dict[str, str]]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.path, {key: str(value) for key, value in (await request.post()).items()}))
        kind = "matrix" if request.path.endswith("range") else "vector"
        return web.Response(body=answer(kind, []))

    async with PromApi(await server(handler), timeout_seconds=7) as api:
        assert await api.query("up", at=12.5) == ()
        assert await api.query_range("up", 1, 61, 15) == ()
    assert seen == [
        ("/api/v1/query", {"query": "up", "timeout": "7s", "time": "12.500"}),
        (
            "/api/v1/query_range",
            {"query": "up", "start": "1.000", "end": "61.000", "step": "15", "timeout": "7s"},
        ),
    ]


async def test_a_refused_query_says_why_though_the_status_is_400(server: Serve) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=400, body=b'{"status":"error","errorType":"bad_data","error":"no"}')

    async with PromApi(await server(handler)) as api:
        with pytest.raises(QueryError, match="bad_data: no"):
            await api.query("(")


@pytest.mark.parametrize("status", [302, 404, 500, 503])
async def test_an_http_error_without_json_is_a_bad_answer(server: Serve, status: int) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, text="Service Unavailable", headers={"Location": "/elsewhere"})

    url = await server(handler)
    async with PromApi(url) as api, amapi.AmApi(url) as alerts:
        with pytest.raises(BadAnswerError, match=f"HTTP status {status}"):
            await api.query("up")
        with pytest.raises(BadAnswerError, match=f"HTTP status {status}"):
            await alerts.alerts()


async def test_an_answer_over_the_limit_is_cut_off(server: Serve) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=b"{" + b" " * 2000)

    async with PromApi(await server(handler), max_answer_bytes=1000) as api:
        with pytest.raises(BadAnswerError, match="answer over 1000 bytes"):
            await api.query("up")


async def test_a_server_that_never_answers_meets_the_deadline(server: Serve) -> None:
    async def handler(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with PromApi(await server(handler), timeout_seconds=0.05) as api:
        with pytest.raises(DeadlineError, match=r"no answer within 0.05 s"):
            await api.query("up")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://[", "not a url"])
async def test_a_server_that_is_not_there_is_unreachable(url: str) -> None:
    async with PromApi(url) as api:
        with pytest.raises(UnreachableError):
            await api.query("up")


async def test_alertmanager_is_asked_for_muted_alerts_too(server: Serve) -> None:
    seen: list[dict[str, str]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(dict(request.query))
        return web.Response(body=b"[]")

    async with amapi.AmApi(await server(handler)) as api:
        assert await api.alerts() == ()
        assert await api.alerts(inhibited=False, silenced=False) == ()
    assert seen[0] == {"inhibited": "true", "silenced": "true", "active": "true", "unprocessed": "true"}
    assert (seen[1]["inhibited"], seen[1]["silenced"]) == ("false", "false")


async def test_recording_rules_come_with_how_often_they_are_evaluated(server: Serve) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path_qs)
        rule = {"name": "a:b:c", "query": "x > 1", "health": "ok", "type": "recording"}
        return web.json_response({"status": "success", "data": {"groups": [
            {"name": "g", "file": "f", "interval": 60, "rules": [rule]}, {"name": "none", "interval": 2.5},
        ]}})  # fmt: skip

    async with PromApi(await server(answer)) as prometheus:
        assert await prometheus.recordings() == (promapi.Recording("a:b:c", "x > 1", 60.0),)
    assert asked == ["/api/v1/rules?type=record"]
