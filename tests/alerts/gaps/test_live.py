"""Gaps read from a real Prometheus that was filled with a known truth, and the command that prints them."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from alerts.gaps.ask import Period
from alerts.gaps.model import Gap, GapLabel, Side
from alerts.gaps.read import read
from alerts.promapi import ApiError, PromApi
from alerts.rules import tuning
from dashboards.reports.collect_gaps import collect_gaps
from dashboards.reports.counters import Key
from deploy.cli import main
from deploy.commands import gaps as command
from tests.alerts.gaps import written
from tests.alerts.gaps.world import BOOTS, LABELS, START, STARTS_IN, Is, Phase, World
from tests.dashboards import province
from tests.dashboards.prometheus_server import Written, backfill, prometheus

pytestmark = pytest.mark.promtool

QUIET = 1800
FAULTS = {"21040": Is.LINE, "21061": Is.POWER, "21085": Is.CRASH, "21484": Is.STOP, "21496": Is.CLOCK}
LONG = 3 * 3600
HUB_OFF = Phase(400, Is.HUB)
HUB_WAS_OFF = START + QUIET + LONG + QUIET


def world(state: Is, *, spool: bool = True) -> World:
    """Three hours of a fault, then minutes in which the hub was down."""
    fine = Phase(QUIET, Is.FINE)
    return World((fine, Phase(LONG, state), fine, HUB_OFF, fine), spool=spool)


SCRAPED = replace(
    province.small(),
    communes=tuple(
        replace(commune, transport="scrape", scrape_address="10.51.40.3:9465")
        for commune in province.small().communes
    ),
)


def filled() -> Iterator[Written]:
    worlds = {code: world(state) for code, state in FAULTS.items()}
    return written.of_province(province.small(), worlds, world(Is.FINE))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("gaps")
    with prometheus(directory, backfill(directory, filled())) as url:
        yield url


PERIOD = Period(START + 60, world(Is.FINE).end)


async def gaps(url: str, code: str) -> list[Gap]:
    async with PromApi(url, timeout_seconds=60) as api:
        return list(await read(api, province.small(), PERIOD, {code}))


@pytest.mark.parametrize(
    ("code", "label"),
    [("21040", "line_down"), ("21061", "power_down"), ("21085", "agent_down"), ("21484", "agent_stopped"),
     ("21496", "clock_wrong")],
)  # fmt: skip
async def test_hours_of_a_fault_and_minutes_of_the_hub_are_found_and_told_apart(
    server: str, code: str, label: str
) -> None:
    fault, hub = await gaps(server, code)
    assert [str(piece.label) for piece in fault.pieces] == [label]
    start, late = START + QUIET, STARTS_IN if label == "power_down" else 0
    assert fault.start.earliest <= start <= fault.start.latest
    assert fault.end.earliest - 1 <= start + LONG + late <= fault.end.latest
    assert [piece.label for piece in hub.pieces] == [GapLabel.HUB_DOWN]
    assert hub.data_ratio > 0.9


async def test_a_commune_that_was_never_heard_is_unknown_but_for_the_hubs_own_time(server: str) -> None:
    (gap,) = await gaps(server, "21499")
    labels = [piece.label for piece in gap.pieces]
    assert labels == [GapLabel.UNKNOWN, GapLabel.HUB_DOWN, GapLabel.UNKNOWN]
    assert (gap.open, gap.start.at, gap.end.at) == (True, PERIOD.since, PERIOD.until)


async def test_all_communes_are_read_at_once_and_progress_is_told(server: str) -> None:
    told: list[tuple[int, int]] = []
    async with PromApi(server, timeout_seconds=60) as api:
        found = await read(api, province.small(), PERIOD, None, lambda *now: told.append(now))
    assert len(found) == 2 * len(FAULTS) + 1
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]


async def test_the_report_explains_what_is_unknown(server: str) -> None:
    async with PromApi(server, timeout_seconds=60) as api:
        found = await collect_gaps(api, province.small(), PERIOD, {})
    notes = found[Key("21484", "main", "hub:main", "icmp")].notes
    assert [(note.label, note.treated) for note in notes] == [
        (GapLabel.AGENT_STOPPED, "unknown"), (GapLabel.HUB_DOWN, "unknown"),
    ]  # fmt: skip
    line = found[Key("21040", "main", "hub:main", "icmp")]
    assert line.down_seconds == pytest.approx(LONG, abs=30)  # no counters: both sides vouch for it


@pytest.mark.parametrize(
    ("code", "label"), [("21040", "line_down"), ("21061", "power_down"), ("21085", "agent_down")]
)
@pytest.mark.parametrize("before", [True, False])
async def test_a_gap_across_midnight_is_told_as_well_as_any(
    server: str, code: str, label: str, before: bool
) -> None:
    midnight = START + QUIET + LONG / 2
    period = Period(START, midnight) if before else Period(midnight, world(Is.FINE).end)
    async with PromApi(server, timeout_seconds=60) as api:
        gap = (await read(api, province.small(), period, {code}))[0]
    assert [str(piece.label) for piece in gap.pieces] == [label]
    assert gap.start.earliest <= START + QUIET <= gap.start.latest
    assert (gap.end.at > START + QUIET + LONG - 10, gap.open) == (True, False)


@pytest.mark.parametrize("before", [True, False])
async def test_a_hub_that_was_down_across_midnight_was_so_on_both_sides(server: str, before: bool) -> None:
    midnight = HUB_WAS_OFF + 200
    period = Period(HUB_WAS_OFF - 600, midnight) if before else Period(midnight, midnight + 900)
    async with PromApi(server, timeout_seconds=60) as api:
        (gap,) = await read(api, province.small(), period, {"21040"})
    assert [piece.label for piece in gap.pieces] == [GapLabel.HUB_DOWN]
    assert gap.end.at - gap.start.at == pytest.approx(HUB_OFF.seconds, abs=10)


async def test_before_there_was_a_hub_it_was_not_down(server: str) -> None:
    async with PromApi(server, timeout_seconds=60) as api:
        period = Period(START - 2 * 3600, START + QUIET)
        (new,) = await read(api, province.small(), period, {"21040"})
        (never,) = await read(api, province.small(), period, {"21499"})
    assert [(piece.label, piece.facts[0].kind) for piece in new.pieces] == [(GapLabel.UNKNOWN, "first")]
    assert [piece.label for piece in never.pieces] == [GapLabel.UNKNOWN]


# --- communes that are scraped -----------------------------------------------------------------------
PULLED = {"21040": Is.LINE, "21061": Is.POWER, "21085": Is.CRASH, "21484": Is.STOP, "21496": Is.REBOOT}


@pytest.fixture(scope="module")
def scraping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The same three hours of a fault, of agents that are scraped: what was not scraped never comes."""

    def pulled() -> Iterator[Written]:
        yield from written.of_hub(world(Is.FINE), tuning(SCRAPED).evaluation_seconds)
        for code, state in PULLED.items():
            yield from written.of_scraped(world(state, spool=False), code)

    directory = tmp_path_factory.mktemp("scraped")
    with prometheus(directory, backfill(directory, pulled())) as url:
        yield url


@pytest.mark.parametrize(("code", "state"), PULLED.items())
async def test_gaps_of_a_scraped_commune_are_labelled_like_those_of_one_that_pushes(
    scraping: str, code: str, state: Is
) -> None:
    async with PromApi(scraping, timeout_seconds=60) as api:
        fault, hub = await read(api, SCRAPED, PERIOD, {code})
    start, late = START + QUIET, STARTS_IN if state in BOOTS else 0
    assert [piece.label for piece in fault.pieces] == [LABELS[state]]
    assert fault.start.earliest <= start <= fault.start.latest
    assert fault.end.earliest <= start + LONG + late <= fault.end.latest
    assert fault.end.uncertainty_seconds < 15
    assert [piece.label for piece in hub.pieces] == [GapLabel.HUB_DOWN]
    assert fault.data_ratio == hub.data_ratio == 0


async def test_the_counters_of_a_scraped_commune_vouch_for_its_line(scraping: str) -> None:
    async with PromApi(scraping, timeout_seconds=60) as api:
        (fault, _) = await read(api, SCRAPED, PERIOD, {"21040"})
        found = await collect_gaps(api, SCRAPED, PERIOD, {})
    (piece,) = fault.pieces
    assert piece.sides == (Side.HUB, Side.SITE)
    assert "counted_down" in [fact.kind for fact in piece.facts]
    assert found[Key("21040", "main", "hub:main", "icmp")].down_seconds == 0, "they count it already"


async def test_a_gap_of_a_scraped_commune_across_midnight_is_whole(scraping: str) -> None:
    midnight = START + QUIET + LONG / 2
    for period in (Period(START, midnight), Period(midnight, world(Is.FINE).end)):
        async with PromApi(scraping, timeout_seconds=60) as api:
            gap = (await read(api, SCRAPED, period, {"21061"}))[0]
        assert [piece.label for piece in gap.pieces] == [GapLabel.POWER_DOWN]
        assert gap.end.at - gap.start.at == pytest.approx(LONG + STARTS_IN, abs=12)


async def test_a_prometheus_that_is_not_there_is_one_error() -> None:
    async with PromApi("http://127.0.0.1:1", timeout_seconds=5) as api:
        with pytest.raises(ApiError):
            await read(api, province.small(), PERIOD)


# --- the command -------------------------------------------------------------------------------------
@pytest.fixture
def then(monkeypatch: pytest.MonkeyPatch) -> None:
    """The moment at which the history ends."""
    monkeypatch.setattr(command, "time", SimpleNamespace(time=lambda: PERIOD.until))


def run(server: str, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    status = main(["gaps", str(province.SMALL), "--prometheus", server, "--since", "1d", *words])
    captured = capsys.readouterr()
    assert (status, captured.err) == (0, "")
    return captured.out


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (
            ["--since", "7x"],
            2,
            "7x: expected a time back such as 90m, 12h or 7d (at most 400d), or a date as",
        ),
        (["--since", "2999-01-01"], 2, "2999-01-01: expected"),
        (["--commune", "21041"], 2, "21041: no such commune; did you mean: 21040"),
        (["--prometheus", "http://127.0.0.1:1"], 1, "http://127.0.0.1:1: cannot read Prometheus: "),
    ],
)
def test_what_cannot_be_done_is_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], status: int, text: str
) -> None:
    assert main(["gaps", str(province.SMALL), "--lang", "en", *words]) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(text)
    assert captured.err.count("\n") == 1


@pytest.mark.usefixtures("then")
def test_the_command_prints_both_languages(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    vietnamese = run(server, capsys, "--lang", "vi", "--commune", "21061")
    english = run(server, capsys, "--lang", "en", "--commune", "21061")
    assert "mất điện" in vietnamese
    assert "máy đo đã khởi động lại" in vietnamese
    assert "21061 Xã Vạn Tường" in english
    assert "power down" in english
    assert "3:00:" in english


@pytest.mark.usefixtures("then")
def test_the_command_prints_json(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(run(server, capsys, "--json", "--commune", "21040"))
    (piece,) = found["gaps"][-2]["pieces"]
    assert (piece["label"], piece["vouched_by"]) == ("line_down", ["hub", "site"])
    assert piece["start"]["uncertainty_seconds"] <= 10
    assert {"outside_down", "own_down"} <= {fact["kind"] for fact in piece["evidence"]}


def test_a_wrong_inventory_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "wrong.yml"
    path.write_text("version: 7\n")
    assert main(["gaps", str(path), "--lang", "en"]) == 2
    assert "version" in capsys.readouterr().err
