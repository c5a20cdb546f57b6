"""The search for lines in the wrong place: over a real Prometheus, as a command, as a gauge of the hub."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from alerts.outage_history import line_outages
from alerts.promapi import PromApi
from alerts.suspects import Down, suspects
from common import i18n
from deploy.cli import main
from deploy.commands.suspects import text
from deploy.suspect_search import Searcher, search
from inventory.names import INVENTORY_SUSPECT, Recorded
from tests.alerts.test_suspects import WINDOW, moved, province, weeks
from tests.dashboards.prometheus_server import Written, backfill, prometheus

pytestmark = [pytest.mark.promtool, pytest.mark.timeout(180)]
NOW = 1_745_000_000.0
START = NOW - WINDOW
WRONG, POP = 7, 4
LINE = f"line:{10000 + WRONG}/main"


def truth() -> dict[str, list[Down]]:
    """What happened, in seconds from the start."""
    return weeks(moved(province(), WRONG, POP), random.Random(11))


def recorded() -> Iterator[Written]:
    """What the rules recorded of it, thinned out: a sample a minute in outages, and one that ends them."""
    for member, downs in truth().items():
        points: dict[float, float] = {}
        for begins, ends in downs:
            first = START + begins
            count = int((ends - begins) // 60)
            points |= {round(first + 60.0 * step, 1): 1.0 for step in range(count + 1)}
            points[round(START + ends, 1)] = 0.0
        commune, _, line = member.removeprefix("line:").partition("/")
        labels = {"__name__": Recorded.FAILED, "member": member, "commune": commune, "line": line}
        yield labels, sorted(points.items())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("outages")
    with prometheus(directory, backfill(directory, recorded())) as url:
        yield url


async def test_outages_are_read_as_they_were(server: str) -> None:
    async with PromApi(server, timeout_seconds=60) as api:
        found = await line_outages(api, START, NOW)
    for line, downs in truth().items():
        long = [(a, b) for a, b in downs if b - a > 120]
        read = [(a - START, b - START) for a, b in found[line] if b - a > 150]
        missed = [a for a, _ in long if not any(abs(a - other) <= 31 for other, _ in read)]
        assert len(missed) <= len(long) / 10, line  # some begin within seconds of the end of another


async def test_the_search_finds_the_line_in_the_wrong_place(server: str) -> None:
    async with PromApi(server, timeout_seconds=60) as api:
        (found,) = await search(api, province(), NOW)
    assert (found.line, found.suspected) == (LINE, f"pop:p{POP}")
    assert found.declared == f"pop:p{WRONG % 6}"


async def test_the_hub_exports_what_it_found(server: str) -> None:
    searcher = Searcher(server, lambda: NOW)
    registry = CollectorRegistry()
    registry.register(searcher)
    assert INVENTORY_SUSPECT.name not in generate_latest(registry).decode()
    assert await searcher.once(province())
    shown = generate_latest(registry).decode()
    labels = f'commune="{10000 + WRONG}",declared="pop:p1",line="main",suspected="pop:p{POP}"'
    (line,) = (one for one in shown.splitlines() if one.startswith(f"{INVENTORY_SUSPECT.name}{{"))
    given = line.partition("{")[2].partition("}")[0]
    assert sorted(given.split(",")) == labels.split(",")


async def test_a_prometheus_that_is_away_leaves_the_last_result(server: str) -> None:
    searcher = Searcher("http://127.0.0.1:9", lambda: NOW)
    assert not await searcher.once(province())
    assert list(searcher.collect()) == []


def test_the_command_says_it_and_finds_nothing_where_nothing_is(
    server: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.commands.suspects.time.time", lambda: NOW)
    small = str(Path(__file__).parents[1] / "inventory" / "small.yml")
    assert main(["suspects", small, "--prometheus", server, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    for language in i18n.LANGUAGES:
        assert main(["suspects", small, "--prometheus", server, "--lang", language]) == 0
        assert "28" in capsys.readouterr().out
    assert main(["suspects", small, "--prometheus", "http://127.0.0.1:9"]) == 1
    assert main(["suspects", small + ".none"]) == 2


@pytest.mark.parametrize(("language", "words"), [
    ("en", ("went down with x (pop:p4)", "Ask the carrier")),
    ("vi", ("mất cùng lúc với x (pop:p4)", "Hỏi nhà mạng")),
])  # fmt: skip
def test_a_suspect_in_words(language: str, words: tuple[str, ...]) -> None:
    found = suspects(province(), truth())
    said = "\n".join(text(found, province(), language))
    assert all(word in said for word in words)
    assert LINE in said
