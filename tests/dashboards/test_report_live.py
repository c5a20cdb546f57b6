"""``thongsuot report`` against a real Prometheus that was filled with a known truth."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts import rules_lines
from alerts.promapi import PromApi
from alerts.slo import Seconds
from dashboards.reports.collect import collect
from dashboards.reports.collect_load import collect_loads
from dashboards.reports.counters import Key
from dashboards.reports.load import Period, WayKey, loads
from dashboards.reports.month import DAY_SECONDS, month
from deploy.cli import main
from inventory import names
from inventory.model import Quality
from inventory.names import HUB_SITE, JOB_AGENT, State
from tests.dashboards import province
from tests.dashboards.history import History, Phase
from tests.dashboards.prometheus_server import Written, backfill, prometheus

pytestmark = pytest.mark.promtool

MARCH = month("2025-03", "Asia/Ho_Chi_Minh")
HOUR = 3600.0
SAMPLE_SECONDS = 120.0
UP, DOWN, UNKNOWN = State.UP, State.DOWN, State.UNKNOWN

WHOLE = (Phase(31 * DAY_SECONDS, UP),)
CUT = (
    Phase(10.2 * DAY_SECONDS, UP),
    Phase(2 * HOUR, DOWN),
    Phase(31 * DAY_SECONDS - 10.2 * DAY_SECONDS - 2 * HOUR, UP),
)
"""Two hours down, heard of at once."""
UNHEARD = (
    Phase(5 * DAY_SECONDS + 100, UP),
    Phase(9 * HOUR, DOWN, heard=False),
    Phase(26 * DAY_SECONDS - 9 * HOUR - 100, UP),
)
"""Nine hours down that nobody heard of until the line was back, and the counters told."""
RESTARTED = (
    Phase(3 * DAY_SECONDS + 1000, UP),
    Phase(HOUR, DOWN),
    Phase(20 * DAY_SECONDS, UP, restarts=True),
    Phase(8 * DAY_SECONDS - 1000 - HOUR, UP),
)
"""Counters that start again from 0 in the middle of an hour."""
LOST = (
    Phase(10 * DAY_SECONDS, UP),
    Phase(2 * DAY_SECONDS, DOWN, heard=False),
    Phase(19 * DAY_SECONDS, UP, restarts=True),
)
"""A box that was replaced: two days of which nothing will ever be known."""
YOUNG = (
    Phase(12 * DAY_SECONDS + 700, UNKNOWN, heard=False),
    Phase(19 * DAY_SECONDS - 700, UP, restarts=True),
)
"""An agent that was set up in the middle of an hour."""
UNSURE = (Phase(20 * DAY_SECONDS, UP), Phase(DAY_SECONDS, UNKNOWN), Phase(10 * DAY_SECONDS, UP))

LINES = {"21040": WHOLE, "21061": CUT, "21085": UNHEARD, "21484": RESTARTED, "21496": LOST}
SYSTEMS = {"ho-tich": CUT, "dvc": UNSURE, "lgsp": YOUNG}
SILENT = "21499"


def series(site: str, line: str, target: str, probe: str, phases: tuple[Phase, ...]) -> Iterator[Written]:
    history = History(MARCH.start, phases)
    for state in State:
        labels = {
            "__name__": names.TARGET_STATE_SECONDS.name, "job": JOB_AGENT, "instance": site, "site": site,
            "line": line, "target": target, "probe": probe, "state": str(state),
            "commune": "" if site == HUB_SITE else site,
        }  # fmt: skip
        yield {k: v for k, v in labels.items() if v}, history.samples(state, SAMPLE_SECONDS)


RATE = 25e6  # 200 Mbit/s, as contracted
BUSY_DAYS = range(9, 17)
RESET_AT = 20 * DAY_SECONDS + 4000
GAP = (24 * DAY_SECONDS, 25 * DAY_SECONDS)
"""What the router counted meanwhile was never sent."""


def used(offset: float) -> float:
    """The share of the contracted rate that was truly used, by seconds into the month."""
    return 0.95 if int(offset // DAY_SECONDS) in BUSY_DAYS else 0.3


def traffic(code: str) -> Iterator[Written]:
    """A month of a line's byte counters: a busy week, a router that restarts, a day that is lost."""
    points: list[tuple[float, float]] = []
    total = 0.0
    for step in range(int(31 * DAY_SECONDS / SAMPLE_SECONDS) + 1):
        offset = step * SAMPLE_SECONDS
        total = (
            0.0
            if abs(offset - RESET_AT) < SAMPLE_SECONDS / 2
            else total + used(offset) * RATE * SAMPLE_SECONDS
        )
        if not GAP[0] <= offset < GAP[1]:
            points.append((MARCH.start + offset, float(round(total))))
    about = {"job": JOB_AGENT, "instance": code, "site": code, "commune": code, "line": "main"}
    own = {**about, "target": f"line:{code}/main", "probe": "traffic"}
    hub = {**about, "target": "hub:main", "probe": "throughput"}
    for direction in ("down", "up"):
        labels = {"__name__": names.TRAFFIC_BYTES.name, **own, "direction": direction}
        scale = 1 if direction == "down" else 0.1
        yield labels, [(time, float(round(value * scale))) for time, value in points]
        tested = [(MARCH.start + hour * HOUR, (0.7 if hour < 300 else 0.75) * RATE) for hour in range(2, 740)]
        goodput = {"__name__": names.THROUGHPUT_GOODPUT.name, **hub, "direction": direction}
        yield goodput, [(time + part, value) for time, value in tested for part in (-200, 0)]
    dated = [
        (MARCH.start + hour * HOUR, MARCH.start + (1 if hour < 300 else 300) * HOUR) for hour in range(2, 740)
    ]
    yield (
        {"__name__": names.THROUGHPUT_MEASURED.name, **hub},
        [(time + part, value) for time, value in dated for part in (-200, 0)],
    )


def filled() -> Iterator[Written]:
    yield from traffic("21040")
    for code, phases in LINES.items():
        yield from series(code, "main", "hub:main", "icmp", phases)
    for system, phases in SYSTEMS.items():
        yield from series(HUB_SITE, "", f"system:{system}", "http", phases)
    yield from series("21040", "", "system:dvc", "http", UNSURE)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("march")
    with prometheus(directory, backfill(directory, filled())) as url:
        yield url


async def counted(url: str, until: float = MARCH.end, *, by_commune: bool = False) -> dict[Key, Seconds]:
    async with PromApi(url, timeout_seconds=60) as api:
        return await collect(api, MARCH, until, by_commune=by_commune)


def line(code: str) -> Key:
    return Key(code, "main", "hub:main", "icmp")


def truth(phases: tuple[Phase, ...], state: State) -> float:
    return History(MARCH.start, phases).spent(state)


async def test_what_was_heard_is_accounted_to_the_sample(server: str) -> None:
    found = await counted(server)
    for code in ("21040", "21061", "21085"):
        assert found[line(code)].up == pytest.approx(truth(LINES[code], UP), abs=SAMPLE_SECONDS)
        assert found[line(code)].down == pytest.approx(truth(LINES[code], DOWN), abs=SAMPLE_SECONDS)
    assert line(SILENT) not in found


async def test_increase_would_have_told_something_else(server: str) -> None:
    """Why counters are differenced here: hourly increases lose what was counted over a gap."""
    down = f'{names.TARGET_STATE_SECONDS.name}{{site="21085",state="down"}}'
    async with PromApi(server, timeout_seconds=60) as api:
        answer = await api.query(f"sum_over_time(increase({down}[1h])[31d:1h])", MARCH.end)
    assert answer[0].value < HOUR
    assert (await counted(server))[line("21085")].down == pytest.approx(9 * HOUR, abs=SAMPLE_SECONDS)


async def test_a_restart_in_the_middle_of_an_hour_loses_no_more_than_a_few_samples(server: str) -> None:
    found = (await counted(server))[line("21484")]
    lost = truth(RESTARTED, UP) + truth(RESTARTED, DOWN) - found.up - found.down
    assert 0 <= lost <= 3 * SAMPLE_SECONDS
    assert found.down == pytest.approx(HOUR, abs=2 * SAMPLE_SECONDS)


async def test_what_was_lost_with_the_box_is_unknown_not_down(server: str) -> None:
    found = (await counted(server))[line("21496")]
    assert found.down == 0
    assert found.up == pytest.approx(29 * DAY_SECONDS, abs=2 * HOUR)
    assert found.up <= 29 * DAY_SECONDS + 1


@pytest.mark.parametrize("minutes", [5, 48, 49, 200])
async def test_an_agent_that_began_minutes_ago_is_accounted_from_its_first_sample(
    server: str, minutes: int
) -> None:
    began = MARCH.start + 12 * DAY_SECONDS + 700
    found = (await counted(server, began + minutes * 60))[Key(HUB_SITE, "", "system:lgsp", "http")]
    assert found.up == pytest.approx(minutes * 60, abs=2 * SAMPLE_SECONDS)
    assert found.up <= minutes * 60


async def test_time_counted_as_unknown_stays_unknown(server: str) -> None:
    found = await counted(server, by_commune=True)
    for key in (Key(HUB_SITE, "", "system:dvc", "http"), Key("21040", "", "system:dvc", "http")):
        assert found[key].unknown == pytest.approx(DAY_SECONDS, abs=SAMPLE_SECONDS)
        assert found[key].up == pytest.approx(30 * DAY_SECONDS, abs=SAMPLE_SECONDS)


async def test_a_running_month_is_accounted_up_to_now(server: str) -> None:
    until = MARCH.start + 10 * DAY_SECONDS + 1234
    found = (await counted(server, until))[line("21061")]
    assert found.up == pytest.approx(until - MARCH.start, abs=SAMPLE_SECONDS)
    assert found.down == 0


async def test_load_and_tests_of_a_month_are_what_they_were(server: str) -> None:
    inventory = province.small()
    async with PromApi(server, timeout_seconds=60) as api:
        found = await collect_loads(api, inventory, MARCH, MARCH.end)
    (line, *others) = loads(inventory, Period(MARCH.start, MARCH.end), found)
    down, up = line.ways
    assert down.percentile == pytest.approx(0.95, rel=0.01)
    assert down.busiest == pytest.approx(0.95, rel=0.01)
    assert (down.verdict, up.verdict) == ("exceeded", "met")
    assert down.known == pytest.approx(30 / 31, abs=0.001)
    assert down.over == pytest.approx(8 / 30, abs=0.002)
    days = [day for day in range(31) if day != 24]
    sent = sum(used(day * DAY_SECONDS) for day in days) * DAY_SECONDS * RATE
    assert down.carried_bytes == pytest.approx(sent, rel=0.002)
    assert up.carried_bytes == pytest.approx(sent / 10, rel=0.002)
    assert (down.tests, down.contract) == (2, "missed")
    assert down.goodput == pytest.approx(0.725 * RATE)
    assert {way.verdict for other in others for way in other.ways} == {"open"}


async def test_the_regulation_as_a_subquery_says_the_same(server: str) -> None:
    """What the rules ask for once an hour, for the seven days that end with the busy ones."""
    asked = rules_lines.hourly(Quality())[0].expr.partition(" / ")[0]
    async with PromApi(server, timeout_seconds=60) as api:
        answers = await api.query(asked, MARCH.start + 17 * DAY_SECONDS)
        later = await api.query(asked, MARCH.start + 24 * DAY_SECONDS)
    by_way = {answer.label("direction"): answer.value / RATE for answer in answers}
    assert by_way == {"down": pytest.approx(0.95, rel=0.01), "up": pytest.approx(0.095, rel=0.01)}
    assert max(answer.value for answer in later) / RATE == pytest.approx(0.3, rel=0.01)


async def test_a_running_month_has_no_load_of_tomorrow(server: str) -> None:
    until = MARCH.start + 3 * DAY_SECONDS + 1234
    async with PromApi(server, timeout_seconds=60) as api:
        found = await collect_loads(api, province.small(), MARCH, until)
    (down, _) = loads(province.small(), Period(MARCH.start, until), found)[0].ways
    assert (down.verdict, down.tests) == ("open", 1)
    assert down.known == pytest.approx(1, abs=0.01)
    assert max(time for time, _ in found[WayKey("21040", "main", "down")].samples) <= until


def run(server: str, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    status = main(["report", str(province.SMALL), "--month", "2025-03", "--prometheus", server, *words])
    captured = capsys.readouterr()
    assert (status, captured.err) == (0, "")
    return captured.out


def test_the_command_prints_a_final_month(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = {row["commune"]: row for row in json.loads(run(server, capsys, "--format", "json"))["rows"]}
    assert rows["21040"]["availability_min"] == pytest.approx(1, abs=1e-4)
    expected = 1 - 9 * HOUR / (31 * DAY_SECONDS)
    assert rows["21085"]["availability_min"] == pytest.approx(expected, abs=1e-4)
    assert rows["21085"]["availability_max"] == pytest.approx(expected, abs=1e-4)
    assert rows["21496"]["availability_max"] == pytest.approx(1, abs=1e-4)
    assert rows["21496"]["availability_min"] == pytest.approx(29 / 31, abs=1e-3)
    assert (rows[SILENT]["coverage"], rows[SILENT]["availability_max"]) == (0, 1)
    assert rows["21040"]["verdict"] == "met"
    assert not json.loads(run(server, capsys, "--format", "json"))["provisional"]


def test_the_command_prints_a_table_and_csv(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    table = run(server, capsys, "--lang", "en")
    assert "PROVISIONAL" not in table
    assert "21499 Xã Ba Dinh / main" in table
    text = run(server, capsys, "--format", "csv", "--bom", "--by-commune")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    assert len(rows) == 6 + 4 + 24 + 6 * 2
    measured = [row for row in rows if row["subject"] == "commune_system" and row["coverage"] != "0.000000"]
    assert [(row["commune"], row["system"]) for row in measured] == [("21040", "dvc")]


@pytest.mark.parametrize("form", ["xlsx", "pdf", "csv", "table"])
def test_the_command_writes_files(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    out = tmp_path / f"march.{form}"
    assert run(server, capsys, "--format", form, "--out", str(out), "--lang", "en") == f"Wrote {out}\n"
    begins = {"xlsx": b"PK", "pdf": b"%PDF", "csv": b"subject,", "table": b"Availability in 2025-03"}
    assert out.read_bytes().startswith(begins[form])


def test_a_place_that_cannot_be_written_is_one_line(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    words = ["report", str(province.SMALL), "--month", "2025-03", "--prometheus", server, "--lang", "en"]
    assert main([*words, "--format", "pdf", "--out", str(tmp_path / "file" / "x.pdf")]) == 1
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (["--month", "2026-13"], 2, "2026-13: expected a month as YYYY-MM, such as 2026-11"),
        (["--month", "2999-01"], 2, "2999-01: this month has not begun"),
        (["--month", "2025-03", "--bom"], 2, "--bom goes with --format csv only"),
        (
            ["--month", "2025-03", "--prometheus", "http://127.0.0.1:1"],
            1,
            "http://127.0.0.1:1: cannot read Prometheus: /api/v1/query_range: ClientConnectorError",
        ),
    ],
)
def test_what_cannot_be_done_is_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], status: int, text: str
) -> None:
    assert main(["report", str(province.SMALL), "--lang", "en", *words]) == status
    captured = capsys.readouterr()
    assert (captured.out, captured.err.strip()) == ("", text)


def test_a_wrong_inventory_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "wrong.yml"
    path.write_text("version: 7\n")
    assert main(["report", str(path), "--month", "2025-03", "--lang", "en"]) == 2
    assert "version" in capsys.readouterr().err
