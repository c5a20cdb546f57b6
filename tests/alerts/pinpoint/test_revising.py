"""Looking back: a real Prometheus with a known truth, a ledger, and moments after an outage."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from alerts.gaps.ask import Period
from alerts.gaps.read import read
from alerts.ledger import Entry, Ledger, LedgerError
from alerts.ledgerapi import LedgerApi
from alerts.pinpoint.ledger_page import LedgerPage
from alerts.pinpoint.revising import Reviser
from alerts.promapi import BadAnswerError, PromApi
from alerts.revision import Revision, revision_of, shown
from common.web import serve
from deploy.cli import main
from tests.alerts.gaps import written
from tests.alerts.gaps.world import START, Is, Phase, World
from tests.alerts.processes import free_port
from tests.dashboards import province
from tests.dashboards.prometheus_server import Written, backfill, prometheus

QUIET, LASTED = 900, 600
BEGAN, HEALED = float(START + QUIET), float(START + QUIET + LASTED)
FAULTS = {"21040": Is.LINE, "21061": Is.POWER, "21085": Is.LINE, "21484": Is.FINE}
DAY = 86400.0
SPOOL_DAYS = province.small().storage.spool_days


def world(state: Is) -> World:
    return World((Phase(QUIET, Is.FINE), Phase(LASTED, state), Phase(QUIET, Is.FINE)))


def filled() -> Iterator[Written]:
    worlds = {code: world(state) for code, state in FAULTS.items()}
    return written.of_province(province.small(), worlds, world(Is.FINE))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("revising")
    with prometheus(directory, backfill(directory, filled())) as url:
        yield url


def ended(code: str, kind: str = "power|line", **more: Any) -> Entry:
    """An outage of one commune as the locator writes it."""
    cause = {
        "members": [f"power:{code}", f"line:{code}/main"],
        "communes": [code],
        "systems": [],
        "loss": 0.99,
    }
    found = Entry(
        id=f"{kind}:{code}@{BEGAN + 1:.0f}", said_at=HEALED + 8, status="ended", component=f"{kind}:{code}",
        kind=kind, since=BEGAN + 1, until=HEALED + 7, why="ended",
        record=msgspec.json.encode({"identity": f"{kind}:{code}", "cause": cause}),
    )  # fmt: skip
    return replace(found, **more)


class Desk:
    """A ledger, and a reviser over it."""

    def __init__(self, path: Path, url: str) -> None:
        self.path, self.url = path, url
        self.registry = CollectorRegistry()
        self.reviser = Reviser(path, url, province.small, self.registry)

    def keep(self, *entries: Entry) -> None:
        ledger = Ledger(self.path)
        ledger.add(*entries)
        ledger.close()

    def told(self, outage_id: str) -> list[Entry]:
        ledger = Ledger(self.path, reading=True)
        found = ledger.history(outage_id)
        ledger.close()
        return list(found)

    async def round(self, *moments: float) -> None:
        async with PromApi(self.url, timeout_seconds=20) as api:
            for at in moments:
                await self.reviser.round(api, at)

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
def desk(tmp_path: Path, server: str) -> Desk:
    return Desk(tmp_path / "hub" / "ledger.sqlite", server)


LINE, POWER = ended("21040"), ended("21061")


async def test_power_or_line_is_decided_with_the_edges_that_gaps_tells(desk: Desk, server: str) -> None:
    desk.keep(LINE, POWER)
    await desk.round(HEALED + 300)
    async with PromApi(server, timeout_seconds=20) as api:
        gaps = await read(api, province.small(), Period(START + 60, world(Is.FINE).end), {"21040", "21061"})
    for entry, component, gap in zip((LINE, POWER), ("line:21040/main", "power:21061"), gaps, strict=True):
        first, latest = desk.told(entry.id)
        assert first == entry
        revised = revision_of(latest)
        assert isinstance(revised, Revision)
        assert (latest.component, latest.why, latest.revision) == (component, "revised", 1)
        assert (revised.start, revised.end, revised.pieces) == (gap.start, gap.end, gap.pieces)
        assert (latest.since, latest.until) == (gap.start.at, gap.end.at)
        assert revised.said.component == entry.component
    assert desk.count("thongsuot_outage_revisions_total", verdict="cause") == 2


async def test_packets_that_pass_while_it_heals_do_not_make_it_a_partial_fault(desk: Desk) -> None:
    healing = LINE.record.replace(b"0.99", b"0.3")
    desk.keep(replace(LINE, status="open", until=None, why="found"), replace(LINE, record=healing))
    await desk.round(HEALED + 300)
    latest = desk.told(LINE.id)[-1]
    assert (latest.component, latest.revision) == ("line:21040/main", 2)


async def test_the_same_is_never_written_twice_not_even_by_another_run(desk: Desk) -> None:
    desk.keep(LINE)
    await desk.round(*(HEALED + 300 + 60 * n for n in range(5)), HEALED + DAY)
    again = Desk(desk.path, desk.url)
    await again.round(HEALED + DAY, HEALED + 2 * DAY, HEALED + (SPOOL_DAYS + 1) * DAY)
    assert [one.why for one in desk.told(LINE.id)] == ["ended", "revised"]
    assert again.count("thongsuot_outage_looks_total", result="known") == 2
    assert desk.count("thongsuot_outage_looks_total", result="known") >= 2


async def test_two_locators_side_by_side_write_the_same(tmp_path: Path, server: str) -> None:
    desks = [Desk(tmp_path / name / "ledger.sqlite", server) for name in ("one", "other")]
    for desk, at in zip(desks, (300.0, 340.0), strict=True):
        desk.keep(LINE, POWER)
        await desk.round(HEALED + at, HEALED + at + 900)
    one, other = ([desk.told(entry.id) for entry in (LINE, POWER)] for desk in desks)
    assert [[row.record for row in rows] for rows in one] == [[row.record for row in rows] for rows in other]
    assert [len(rows) for rows in one] == [2, 2]


async def test_it_is_asked_at_once_and_then_ever_more_seldom(desk: Desk) -> None:
    desk.keep(ended("21484"))  # it was heard all the time: no gap will ever decide
    await desk.round(*(HEALED + 30.0 * n for n in range(120)))
    looks = desk.count("thongsuot_outage_looks_total", result="no_gap")
    assert 12 <= looks <= 25


async def test_what_nothing_decides_is_called_undecided_once_the_backlog_can_come_no_more(desk: Desk) -> None:
    open_ = ended("21484")
    sure = ended("21484", "agent", id="agent:21484@1")
    desk.keep(open_, sure)
    await desk.round(HEALED + 300)
    assert desk.count("thongsuot_outages_undecided") == 1
    assert [one.why for one in desk.told(open_.id)] == ["ended"]
    late = HEALED + SPOOL_DAYS * DAY + 60
    await desk.round(late, late + 60, late + 3600)
    assert [one.why for one in desk.told(open_.id)] == ["ended", "undecided"]
    latest = desk.told(open_.id)[-1]
    assert (latest.component, latest.since, latest.until) == (open_.component, open_.since, open_.until)
    assert [one.why for one in desk.told(sure.id)] == ["ended"]
    await desk.round(late + 7200)
    assert desk.count("thongsuot_outages_undecided") == 0


async def test_the_edges_of_a_wide_outage_are_corrected_by_its_communes(desk: Desk) -> None:
    cause = {"members": ["pop:a"], "communes": ["21040", "21085"], "loss": 0.99}
    pop = ended("21040", "pop", id="pop:a@5", component="pop:a", record=msgspec.json.encode({"cause": cause}))
    desk.keep(pop)
    await desk.round(HEALED + 300)
    revised = revision_of(desk.told(pop.id)[-1])
    assert isinstance(revised, Revision)
    assert (revised.verdict, revised.component, revised.agreeing) == ("edges", "pop:a", 2)
    assert revised.start.earliest <= BEGAN <= revised.start.latest
    assert revised.end.earliest - 1 <= HEALED <= revised.end.latest


@pytest.mark.parametrize(
    "entry",
    [
        ended("21040", why="merged"),
        ended("21040", status="open", until=None, why="changed"),
        ended("21040", "system", component="system:a"),
        ended("21040", "line", component="line:21040/main", record=b'{"cause": {"loss": 0.3}}'),
        ended("99999"),
        ended("21040", "pop", component="pop:a", record=b"\xff no json"),
    ],
    ids=["merged", "open", "system", "partial", "unknown commune", "not understood"],
)
async def test_what_gaps_say_nothing_of_is_left_alone(desk: Desk, entry: Entry) -> None:
    desk.keep(entry)
    await desk.round(HEALED + 300, HEALED + 900)
    assert [one.why for one in desk.told(entry.id)] == [entry.why]


async def test_a_prometheus_that_does_not_answer_is_asked_again_later(desk: Desk, server: str) -> None:
    desk.keep(LINE)
    desk.url = f"http://127.0.0.1:{free_port()}"
    await desk.round(HEALED + 300)
    assert desk.count("thongsuot_outage_looks_total", result="failed") == 1
    desk.url = server
    await desk.round(HEALED + 600)
    assert desk.told(LINE.id)[-1].component == "line:21040/main"


async def test_a_ledger_that_cannot_be_opened_is_told_to_the_loop(tmp_path: Path, server: str) -> None:
    (tmp_path / "ledger.sqlite").write_text("no database at all, but text of some length")
    with pytest.raises(LedgerError):
        await Desk(tmp_path / "ledger.sqlite", server).round(HEALED)


async def test_it_starts_and_ends_with_its_context(desk: Desk) -> None:
    before = asyncio.all_tasks()
    async with desk.reviser.revising():
        await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_whose_cause_was_revised_shows_as_a_series_for_a_day(desk: Desk) -> None:
    desk.keep(LINE)
    await desk.round(HEALED + 300, HEALED + 400)
    labels = {"component": "line:21040/main", "kind": "line", "said": "power|line:21040"}
    name = "thongsuot_outage_revised_since_timestamp_seconds"
    latest = desk.told(LINE.id)[-1]
    assert desk.count(name, **labels) == latest.since
    await desk.round(HEALED + 2 * DAY)
    assert desk.count(name, **labels) == 0.0


# --- shown -------------------------------------------------------------------------------------------
async def get(path: Path, query: str) -> tuple[int, Any]:
    app = web.Application()
    LedgerPage(path).add(app)
    async with (
        serve(app, "127.0.0.1:0") as (host, port),
        aiohttp.ClientSession() as client,
        client.get(f"http://{host}:{port}/api/ledger{query}") as answer,
    ):
        body = await answer.read()
        return answer.status, json.loads(body) if answer.status == 200 else body.decode()


async def test_the_locator_answers_what_the_ledger_knows(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.keep(LINE, POWER)
    await desk.round(HEALED + 300)
    monkeypatch.setattr("alerts.pinpoint.ledger_page.time.time", lambda: HEALED + 900)
    status, found = await get(desk.path, f"?since={HEALED - 10:.0f}")
    assert status == 200
    assert {one["component"] for one in found["outages"]} == {"line:21040/main", "power:21061"}
    assert found["outages"][0]["revised"]["said"]["kind"] == "power|line"
    assert len((await get(desk.path, "?limit=1"))[1]["outages"]) == 1
    assert (await get(desk.path, "?since=-1e300&limit=1e300"))[1]["limit"] == 1000
    for wrong in ("?since=nan", "?since=x", "?limit=", "?limit=nan"):
        assert (await get(desk.path, wrong))[0] == 400
    assert (await get(desk.path.with_name("none"), ""))[0] == 503


async def test_whoever_shows_it_reads_the_same_rows(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.keep(LINE, POWER)
    await desk.round(HEALED + 300)
    monkeypatch.setattr("alerts.pinpoint.ledger_page.time.time", lambda: HEALED + 900)
    app = web.Application()
    LedgerPage(desk.path).add(app)
    async with serve(app, "127.0.0.1:0") as (host, port), LedgerApi(f"http://{host}:{port}") as api:
        found = await api.recent(HEALED - 10)
        assert {row.id: row for row in found} == {
            one.id: shown(desk.told(one.id)[-1]) for one in (LINE, POWER)
        }
        desk.path.unlink()
        with pytest.raises(BadAnswerError, match="503"):
            await api.recent(HEALED - 10)


async def test_the_command_lists_them_with_what_was_said_at_first(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.keep(LINE, POWER, ended("21484"))
    await desk.round(HEALED + 300)
    monkeypatch.setattr("deploy.commands.outages.time.time", lambda: HEALED + 900)
    words = ["outages", "--state", str(desk.path.parent.parent)]
    assert await asyncio.to_thread(main, [*words, "--lang", "en"]) == 0
    said = capsys.readouterr().out
    assert "revised: line down" in said
    assert "revised: power down" in said
    assert "as told: power|line:21040 (power or line)" in said
    assert "21484" in said
    assert await asyncio.to_thread(main, [*words, "--json", "--commune", "21040", "--lang", "vi"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["outages"]
    assert row == json.loads(msgspec.json.encode(shown(desk.told(LINE.id)[-1])))
    assert await asyncio.to_thread(main, [*words, "--since", "soon"]) == 2
    assert await asyncio.to_thread(main, ["outages", "--state", str(desk.path)]) == 1
