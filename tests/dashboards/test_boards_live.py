"""Every query of every board, run by Prometheus' own engine over a province with something wrong in it."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from alerts import rules
from alerts.promapi import PromApi
from common.i18n import LANGUAGES, t
from dashboards.grafana import boards, export, line_queries, outage_queries, queries
from dashboards.grafana.boards import fill_in
from dashboards.grafana.check import ANY, check_queries
from deploy.cli import main
from deploy.debian import find
from inventory import names
from inventory.names import HUB_SITE, Recorded
from tests.dashboards import province
from tests.dashboards.prometheus_server import backfill, prometheus
from tests.dashboards.province import Labels

BOARDS = [json.loads(body) for body in export().values()]
STEP_SECONDS = 2
STEPS = 360 // STEP_SECONDS
SILENT = "21499"  # stops reporting after two minutes
DOWN = frozenset({"system:lgsp"})
POOR = frozenset({"21061"})  # its line carries half of what was contracted

pytestmark = pytest.mark.promtool


def series() -> list[province.Written]:
    """Return six minutes of a province in which one commune falls silent and one system is down."""
    inventory = province.small()
    found = [*province.of_hub(inventory, STEPS), *province.of_locator(STEPS)]
    for site in (*(commune.code for commune in inventory.communes), HUB_SITE):
        steps = 60 if site == SILENT else STEPS
        found += province.of_site(inventory, site, steps, step_seconds=STEP_SECONDS, down=DOWN, poor=POOR)
    # What rules take from 28 days cannot be played in minutes.
    found += [(labels, f"1x{STEPS}") for labels in _of_weeks()]
    return found


def _of_weeks() -> Iterator[Labels]:
    for commune in province.small().communes:
        for recorded in (Recorded.LINE_LONG_AVAILABILITY, Recorded.LINE_LONG_UPPER, Recorded.LINE_LONG_DAYS):
            yield {"__name__": recorded, "commune": commune.code, "line": "main"}


def rule_test(expressions: dict[str, str], value: dict[str, float]) -> dict[str, object]:
    """Return a promtool test of each expression (by name) at the end of the six minutes: its value,
    or that it has an answer where no value is given."""
    return {
        "rule_files": ["rules.yml"],
        "evaluation_interval": f"{STEP_SECONDS}s",
        "tests": [
            {
                "interval": f"{STEP_SECONDS}s",
                "input_series": [
                    {"series": province.written(labels), "values": values} for labels, values in series()
                ],
                "promql_expr_test": [
                    {
                        "expr": _asked(name, expression, name in value),
                        "eval_time": "355s",
                        "exp_samples": [{"labels": f'{{query="{name}"}}', "value": value.get(name, 1)}],
                    }
                    for name, expression in expressions.items()
                ],
            }
        ],
    }


def _asked(name: str, expression: str, exact: bool) -> str:
    asked = f"sum({expression})" if exact else f"count({expression}) > bool 0"
    return f'label_replace({asked}, "query", "{name}", "", "")'


def run_promtool(
    directory: Path, expressions: dict[str, str], value: dict[str, float]
) -> subprocess.CompletedProcess[str]:
    (directory / "rules.yml").write_bytes(rules.to_yaml(rules.groups(province.small())))
    (directory / "test.yml").write_text(yaml.safe_dump(rule_test(expressions, value)), encoding="utf-8")
    return subprocess.run(
        [str(find("promtool")), "test", "rules", "test.yml"],
        cwd=directory, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


VALUES = {
    queries.communes_in(queries.STATE_UP): 5,
    queries.communes_in(queries.STATE_CUT_OFF): 1,  # it has no router that the hub could ping
    queries.communes_in(queries.STATE_SILENT): 0,
    queries.communes_in(queries.STATE_NEVER): 0,
    queries.systems_down(): 1,
    f"count({queries.commune_map('name')})": 6,
    f"count({queries.matrix('name')})": 24,  # stale results of the silent commune still stand here
    f"count({queries.open_alerts()})": 3,
    outage_queries.open_count(): 2,
    outage_queries.began(): 3,
    f"count({outage_queries.since('name')})": 2,
    line_queries.lines_with("under_contract"): 1,
    f"count({line_queries.by_direction(Recorded.LINE_UTILISATION, 'name')})": 12,
}


def test_every_query_finds_data_among_what_agents_hub_and_rules_write(tmp_path: Path) -> None:
    asked = {
        f"{query.board}/{query.panel}/{query.ref}": query.expression
        for board in BOARDS
        for query in boards.queries(board)
    }
    exact = {f"value {number}": expression for number, expression in enumerate(VALUES)}
    filled = {name: fill_in(expression, ANY) for name, expression in (asked | exact).items()}
    done = run_promtool(tmp_path, filled, dict(zip(exact, VALUES.values(), strict=True)))
    assert done.returncode == 0, done.stdout + done.stderr


AT = 1_741_600_000.0  # 10 March 2025, long enough ago to be written as blocks


BOTH_WAYS = (Recorded.LINE_UTILISATION, Recorded.LINE_TRAFFIC, Recorded.LINE_BUSY, Recorded.LINE_GOODPUT)


def _recorded() -> Iterator[Labels]:
    """What the rules record, by their levels, and one open alert."""
    inventory = province.small()
    yield from _of_weeks()
    for commune in inventory.communes:
        for recorded in (Recorded.SILENT, Recorded.CUT_OFF, Recorded.LAST_HEARD):
            yield {"__name__": recorded, "commune": commune.code}
        line = {"commune": commune.code, "line": "main"}
        for recorded in (Recorded.LINE_RTT, Recorded.LINE_LOSS, Recorded.LINE_AVAILABILITY):
            yield {"__name__": recorded, **line}
        yield {"__name__": Recorded.LINE_CARRYING, **line}
        yield {"__name__": Recorded.LINE_VERDICT, **line, "verdict": "slow"}
        for recorded in BOTH_WAYS:
            for direction in ("up", "down"):
                yield {"__name__": recorded, **line, "direction": direction}
    for system in inventory.systems:
        for recorded in (Recorded.SYSTEM_HUB_UP, Recorded.SYSTEM_UP_RATIO):
            yield {"__name__": recorded, "target": f"system:{system.id}"}
    alert = {"alertname": "SystemDown", "component": "system:lgsp", "severity": "page"}
    yield {"__name__": "ALERTS", "alertstate": "firing", **alert}
    yield {"__name__": "ALERTS_FOR_STATE", **alert}


def _points(grows: bool) -> list[tuple[float, float]]:
    return [(AT - 300 + step * 30, step * 30.0 if grows else 1.0) for step in range(11)]


def everything() -> Iterator[tuple[Labels, list[tuple[float, float]]]]:
    inventory = province.small()
    raw = [
        *province.of_hub(inventory, 1),
        *province.of_locator(4),
        *province.of_site(inventory, HUB_SITE, 1, step_seconds=30, down=DOWN),
    ]
    for commune in inventory.communes:
        raw += province.of_site(inventory, commune.code, 1, step_seconds=30, down=DOWN)
    for labels, values in raw:
        yield labels, _points(grows=values.startswith("0+"))
    for labels in _recorded():
        yield labels, _points(grows=False)


OVER_THE_RANGE = (
    "systems", "path_changes", "outages_count", "outages_commune_time", "locate_median",
    *["locate_p95", "pages_per_cause"] * 2,  # on two boards
    *["outages_worst"] * 3, "outages_by_kind", "outages_time_by_kind", "outages_told",
)  # fmt: skip
"""Panels, once for each query that asks for the board's time range."""


async def test_the_check_asks_a_real_prometheus_and_names_what_has_no_data(tmp_path: Path) -> None:
    data = backfill(tmp_path, everything())
    with prometheus(tmp_path, data) as url:
        async with PromApi(url) as api:
            assert await check_queries(api, BOARDS, at=AT) == ()
            missing = await check_queries(api, BOARDS, at=AT - 7 * 86400)
            wrong = await check_queries(api, BOARDS, {**ANY, "__range": "nonsense"}, at=AT)
    always = {query.expression for board in BOARDS for query in boards.queries(board)}
    always = {expression for expression in always if expression.endswith("or vector(0)")}
    assert {finding.verdict for finding in missing} == {"missing", "unmeasured", "quiet"}
    assert not {finding.query.expression for finding in missing} & always
    assert len(missing) == sum(len(list(boards.queries(board))) for board in BOARDS) - 2 * len(always)
    assert sorted(finding.query.panel for finding in wrong) == sorted(
        t(f"boards.{key}", language) for key in OVER_THE_RANGE for language in LANGUAGES
    )
    assert all(finding.verdict == "refused" and "bad_data" in finding.detail for finding in wrong)


AGENT = {"commune": "21040", "line": "main", "target": "line:21040/main"}
HUB_SELF = {"site": HUB_SITE, "target": "hub:main"}
BUSY = f'{{record: "{Recorded.LINE_BUSY}", expr: "{names.TRAFFIC_BYTES.name} > 9e9"}}'
SIGNAL = f'{{record: "{Recorded.LINE_SIGNAL_MEDIAN}", expr: "{names.CELLULAR_RSRP.name}"}}'
RULES = f"""
groups:
  - {{name: hourly, interval: 1h, rules: [{BUSY}]}}
  - {{name: often, interval: 1m, rules: [{SIGNAL}]}}
"""


def board(*expressions: str) -> dict[str, object]:
    panels = [{"title": "one", "targets": [{"refId": "A", "expr": one}]} for one in expressions]
    return {"uid": "made-up", "panels": panels}


async def why(directory: Path, expression: str, series: dict[str, Labels], seconds: float) -> tuple[str, str]:
    """Ask a Prometheus that holds ``series`` (by name) of the last ``seconds``; return verdict and detail."""
    points = [(AT - seconds + step * 30, 1.0) for step in range(int(seconds) // 30 + 1)]
    data = backfill(directory, [({"__name__": name, **more}, points) for name, more in series.items()])
    with prometheus(directory, data, RULES) as url:
        async with PromApi(url) as api:
            (found,) = await check_queries(api, [board(expression)], at=AT)
    return found.verdict, found.detail


PICKED = '{commune=~"$commune"}'
TRAFFIC = names.TRAFFIC_BYTES.name


@pytest.mark.parametrize(
    ("expression", "series", "seconds", "expected"),
    [
        (f"{TRAFFIC}{PICKED} > 5", {TRAFFIC: AGENT}, 60, ("missing", "")),
        (f"{Recorded.LINE_BUSY}{PICKED}", {TRAFFIC: AGENT}, 3600, ("young", "3600")),
        (f"{Recorded.LINE_BUSY}{PICKED}", {TRAFFIC: AGENT}, 4 * 3600, ("missing", "")),
        (f"{Recorded.LINE_BUSY}{PICKED}", {}, 60, ("unmeasured", TRAFFIC)),
        (
            f"{Recorded.LINE_SIGNAL_MEDIAN} + {TRAFFIC}", {TRAFFIC: AGENT}, 60,
            ("unmeasured", names.CELLULAR_RSRP.name),
        ),
        (
            line_queries.site(names.HOST_TEMPERATURE, "name"),
            {names.HOST_TEMPERATURE.name: HUB_SELF, names.COMMUNE_INFO.name: AGENT}, 60,
            ("unmeasured", names.HOST_TEMPERATURE.name),
        ),
        (names.COMMUNE_INFO.name, {}, 60, ("missing", "")),
        (Recorded.SYSTEM_UP_RATIO.value, {}, 60, ("missing", "")),  # no rule here records it
    ],
)  # fmt: skip
async def test_the_check_tells_what_is_not_measured_from_what_is_wrong(
    tmp_path: Path, expression: str, series: dict[str, Labels], seconds: float, expected: tuple[str, str]
) -> None:
    anything = {"up": {"job": "x"}}  # a block must hold something
    assert await why(tmp_path, expression, {**anything, **series}, seconds) == expected


async def test_the_check_says_when_nobody_answers() -> None:
    async with PromApi("http://127.0.0.1:1") as api:
        failures = await check_queries(api, BOARDS[:1])
    assert len(failures) == len(list(boards.queries(BOARDS[0])))
    assert {failure.verdict for failure in failures} == {"refused"}


def test_the_command_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with prometheus(tmp_path, tmp_path / "empty") as url:
        assert main(["boards", "check", "--prometheus", url, "--lang", "en"]) == 1
    printed = capsys.readouterr()
    why = "no data, although it is measured here"
    line = f"thongsuot-overview-en: commune (variable): {why}: thongsuot_commune_info"
    assert line in printed.out.splitlines(), printed.out + printed.err


def test_where_nobody_answers_the_command_says_so_once(capsys: pytest.CaptureFixture[str]) -> None:
    url = "http://127.0.0.1:1"
    assert main(["boards", "check", "--prometheus", url, "--lang", "en"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"{url}: Prometheus cannot be read: /api/v1/query: ClientConnectorError\n"
