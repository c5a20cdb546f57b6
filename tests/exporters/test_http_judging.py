"""Patterns on pages, in bounded time, and the options of the http probe."""

import signal
import time
import unicodedata
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.yaml.problems import Refused
from exporters.httpio.answer import Answer
from exporters.httpio.config import Config
from exporters.httpio.judge import judge
from exporters.httpio.patterns import MAINTENANCE, OVERLAP, WINDOW, TooSlow, budget, find, readable
from exporters.httpio.veil import Veil
from exporters.net.failure import Failure
from exporters.registry import convert_options
from inventory.names import Reason
from tests.exporters.servers import page

PHRASE = "Hệ thống đang bảo trì"


def verdict(body: str | bytes, config: Config | None = None, status: str = "200 OK") -> str:
    """Return "ok", or reason and evidence."""
    answer = Answer("GET", 1 << 20, 1 << 18)
    answer.feed(page(body if isinstance(body, bytes) else body.encode(), status))
    try:
        judge(answer, config or Config(), config or Config(), Veil())
    except Failure as failure:
        return f"{failure.reason}: {failure.evidence}"
    return "ok"


@pytest.mark.parametrize(
    "body",
    [
        f"<title>{PHRASE}</title>",
        f"<TITLE lang=vi>VNeID - {PHRASE.upper()}</TITLE>",
        f"<h1 class='x'> {PHRASE}, vui lòng quay lại sau</h1>",
        "<title>Cổng dịch vụ công đang được bảo trì</title>",
        "<title>Site under maintenance</title>",
        unicodedata.normalize("NFD", f"<title>{PHRASE}</title>"),
        "<title>H&#7879; th&#7889;ng &#273;ang b&#7843;o tr&igrave;</title>",
    ],
)
def test_a_maintenance_page_is_not_health(body: str) -> None:
    said = verdict(body)
    assert said.startswith("maintenance: status 200, but the page says ")
    assert verdict(body, Config(forbidden_body_regex=())) == "ok"


@pytest.mark.parametrize(
    ("pattern", "reason"), [("(?i)tạm ngừng để bảo trì", "maintenance"), ("(?i)tạm ngừng", "body")]
)
def test_a_persons_own_pattern_may_speak_of_maintenance(pattern: str, reason: str) -> None:
    said = verdict("<p>Tạm ngừng để bảo trì</p>", Config(forbidden_body_regex=(pattern,)))
    assert said.startswith(f"{reason}: ")


def test_a_flood_of_accents_is_composed_in_linear_time() -> None:
    """Of quadratic time these would be minutes, and the whole process would stand still."""
    flood = "\u0301\u0323" * 200_000
    before = time.process_time()
    assert len(readable("a" + flood + "b")) <= len(flood) + 2
    assert time.process_time() - before < 10


@given(st.text("ae\u0301\u0323\u1ea1 <ệ" + "\u4e00", max_size=200))
def test_only_absurd_runs_of_accents_are_composed_otherwise(text: str) -> None:
    assert readable(text) == unicodedata.normalize("NFC", text)
    long = text + "e\u0323\u0302" + "\u4e00" * 300 + "e\u0323\u0302"
    assert readable(long) == unicodedata.normalize("NFC", long)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<title>Cổng dịch vụ công</title><p>Thông báo: Hệ thống đang bảo trì từ 22 giờ thứ bảy.</p>",
        "<title>Lịch bảo trì hệ thống</title>",
        b"\xff\xfe\x00" * 100,
    ],
)
def test_a_page_that_announces_maintenance_is_healthy(body: str | bytes) -> None:
    assert verdict(body) == "ok"


def test_expected_text_and_status() -> None:
    config = Config(body_regex='"status":\\s*"UP"', expected_status=(200, 401), forbidden_body_regex=("lỗi",))
    assert verdict('{"status": "UP"}', config) == "ok"
    assert verdict('{"status": "UP"}', config, "401 x") == "ok"
    assert verdict('{"status": "DOWN"}', config).startswith("body: status 200, but ")
    assert verdict('{"status": "UP", "x": "lỗi"}', config) == "body: status 200, but the page says 'lỗi'"
    assert verdict("", config, "500 x") == "status: status 500, expected 200, 401"
    assert verdict("", status="302 x") == "status: status 302, expected 2xx"


@pytest.mark.usefixtures("silent_collector")
@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(a|a)*$", r"(?:a?){40}a{40}$", r"(.*)*x"])
def test_a_pattern_that_explodes_is_broken_off(pattern: str) -> None:
    before = time.process_time()
    said = verdict("a" * 39 + "b" + "a" * 39 + "b", Config(body_regex=pattern))
    assert said.startswith(("local: a pattern or path took over 0.25 s", "body: "))
    assert time.process_time() - before < 5  # without the limit: years


@pytest.mark.usefixtures("silent_collector")
@pytest.mark.parametrize("swallowed", [0, 1, 3])
def test_work_that_swallows_being_broken_off_is_broken_off_again(swallowed: int) -> None:
    times = 0

    def work() -> None:
        nonlocal times
        began = time.process_time()
        while time.process_time() - began < 20:  # without the limit it would get there
            try:
                sum(range(1000))
            except TooSlow:
                times += 1
                if times > swallowed:
                    raise

    with pytest.raises(TooSlow), budget():
        work()
    assert times <= swallowed + 1  # one may strike between two tries
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)
    assert signal.getsignal(signal.SIGVTALRM) is signal.SIG_DFL


def test_a_signal_that_comes_when_the_block_is_over_strikes_nobody() -> None:
    with budget():
        strike: Any = signal.getsignal(signal.SIGVTALRM)
    strike(signal.SIGVTALRM, SimpleNamespace(f_code=type(budget()).__exit__.__code__))
    with pytest.raises(TooSlow):
        strike(signal.SIGVTALRM, None)


def test_a_match_is_found_wherever_it_is() -> None:
    for start in (0, WINDOW - 3, WINDOW - OVERLAP - 2, 3 * WINDOW, 100_000):
        text = "x" * start + "needle" + "y" * (120_000 - start)
        assert find("n.*?e.dle", text) == "needle"
        assert find("needle$", text) is None
    assert find("needle$", "x" * 99_999 + "needle") == "needle"
    assert find("^x", "a" * 100_000 + "x") is None


@given(st.text(max_size=200), st.sampled_from([MAINTENANCE, "a", "^b", r"\w+$", "(?i)Ế", ""]))
def test_any_text_can_be_searched(text: str, pattern: str) -> None:
    found = find(pattern, readable(text))
    assert found is None or found in readable(text)


@pytest.mark.parametrize(
    ("options", "key", "words"),
    [
        ({"headers": {"Cookie": "a=b"}}, "headers", "header_files"),
        ({"headers": {"authorization": "x"}}, "headers", "header_files"),
        ({"headers": {"X-A": "a\r\nX-B: b"}}, "headers", "X-A"),
        ({"headers": {"X A": "a"}}, "headers", "'X A'"),
        ({"headers": {"Content-Length": "1"}}, "headers", "Content-Length"),
        ({"headers": {f"X-{n}": "" for n in range(33)}}, "headers", "32"),
        ({"header_files": {"Connection": "/x"}}, "header_files", "Connection"),
        ({"body_regex": "("}, "body_regex", "'('"),
        ({"forbidden_body_regex": ["ok", "a" * 501]}, "forbidden_body_regex", "500"),
        ({"forbidden_body_regex": "x"}, "forbidden_body_regex", "a list"),
        ({"expected_status": [99]}, "expected_status[0]", "200"),
        ({"method": "DELETE"}, "method", "DELETE"),
        ({"max_redirects": 21}, "max_redirects", "20"),
        ({"max_body_bytes": 1 << 30}, "max_body_bytes", "67108864"),
        ({"ip_version": "4"}, "ip_version", "in quotes"),
    ],
)
def test_wrong_options_are_refused_by_name(options: dict[str, object], key: str, words: str) -> None:
    with pytest.raises(Refused) as refused:
        convert_options("http", options)
    (problem,) = refused.value.problems
    assert problem.key == key
    assert words in problem.text("en")
    assert str(refused.value).startswith(f"http: {key}: ")


def test_an_unknown_kind_is_refused_with_those_known() -> None:
    with pytest.raises(Refused, match="host, http, icmp, "):
        convert_options("gopher", {})


def test_evidence_names_the_reason_only() -> None:
    assert verdict("x", Config(body_regex="y")) == (
        f"{Reason.BODY}: status 200, but 'y' is not in the first 1 characters of the page"
    )
