"""The service around the decisions: what a restart, a reload and a disk that fails or hangs must not do."""

import asyncio
import functools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.samples import Sample

from alerts.ledger import Entry, Ledger, LedgerError
from alerts.locate.model import Cause
from alerts.pinpoint import ledger_page, revising
from alerts.pinpoint import service as module
from alerts.pinpoint.events import Events
from alerts.pinpoint.holding import Open, Step
from alerts.pinpoint.ledger_page import LedgerPage
from alerts.pinpoint.listening import Listening
from alerts.pinpoint.post import stamp
from alerts.pinpoint.service import MOST_UNWRITTEN, Service, Settings, Unwritten, entry
from alerts.pinpoint.sight import Heard, Sight, Span
from alerts.threads import OneJob
from common.web import serve
from tests.dashboards import province

AT = 1_800_000_000.0
POP, OTHER = "pop:ba-to", "pop:son-tay"


def cause(component: str, **more: Any) -> Cause:
    found = Cause(
        component=component, kind="pop", members=(component,), loss=0.99, confidence=9.0, runner_up=None,
        affected=(0, 1), communes=("21040",), systems=(), evidence=(), sent=9, failed=9,
    )  # fmt: skip
    return msgspec.structs.replace(found, **more)


def outage(component: str = POP) -> Open:
    return Open(identity=component, kind="pop", cause=cause(component), since=AT - 60, known_at=AT - 50)


def row(component: str = POP) -> Entry:
    return entry(outage(component), AT, "found")


class Told(Service):
    """A locator whose Prometheus is a list of what each look finds."""

    def __init__(self, state: Path, *before: Open) -> None:
        path = state / "ledger.sqlite"
        ledger = Ledger(path)
        ledger.add(*(entry(one, AT - 50, "found") for one in before))
        ledger.close()
        super().__init__(Settings(ledger_path=path), province.small(), province.small)
        self.at = AT
        self.found: tuple[Cause, ...] = ()
        self.looks = 0
        self.meanwhile: Callable[[], None] = lambda: None
        self.resumed: dict[str, float] = {}
        self._reader = self  # type: ignore[assignment]
        self._listening = Listening(AT - 60, AT)

    async def heartbeats(self, at: float) -> dict[str, float]:
        return {"hub": at}

    async def results(self, at: float) -> Events:
        return {}

    def _look(self, known: module.Known, heard: Heard) -> tuple[Sight, tuple[Cause, ...]]:
        self.looks += 1
        self.meanwhile()
        failing = {route: Span(heard.at - 9, heard.at) for one in self.found for route in one.affected}
        well = {} if self.found else {0: heard.at - 1, 1: heard.at - 1}
        sent = [9] * len(known.watching.routes)
        return Sight(heard.at, sent, [0] * len(sent), failing, frozenset(), deaf=False, well=well), self.found

    async def tick(self, *found: Cause) -> None:
        self.found, self.at = found, self.at + 1
        assert await self._tick(self.at) == "judged"
        await self._write()

    def posted(self) -> list[tuple[str, bool]]:
        """Outages that are posted just now, and whether as ones that last."""
        alerts = [one for one in self._alerts(self.at) if one.labels["component"].startswith("pop:")]
        return [(a.labels["component"], a.ends_at > stamp(self.at)) for a in alerts]


def samples(service: Service, name: str) -> list[Sample]:
    """What it exports of one metric."""
    return [one for family in service._meters.collect() if family.name == name for one in family.samples]


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.pinpoint.service.time.time", lambda: AT + 30)


@pytest.fixture
def hang() -> Iterator[threading.Event]:
    """Until it is set, a disk hangs."""
    event = threading.Event()
    yield event
    event.set()


# --- restart -----------------------------------------------------------------------------------------
async def test_what_a_run_before_told_of_is_told_once_it_is_found_again(tmp_path: Path) -> None:
    service = Told(tmp_path, outage(POP), outage(OTHER))
    assert service.posted() == []
    service._news.clear()
    await service.tick(cause(POP))
    assert service.posted() == [(POP, True)]
    assert service._news.is_set()
    await service.tick()
    assert service.posted() == [(POP, True)], "found once is enough"
    shown = {one.labels["component"] for one in samples(service, "thongsuot_outage")}
    assert shown == {POP}, "boards show what people hear of, though nothing changed since the start"


async def test_what_ended_while_it_was_away_is_told_as_over_and_never_as_lasting(tmp_path: Path) -> None:
    service = Told(tmp_path, outage())
    posted = []
    for _ in range(90):
        await service.tick()
        posted += service.posted()
        if not service._holding.open:
            break
    assert not service._holding.open
    assert set(posted) == {(POP, False)}


# --- reload ------------------------------------------------------------------------------------------
async def test_a_reload_numbers_the_routes_anew(tmp_path: Path) -> None:
    service = Told(tmp_path)
    for _ in range(5):
        await service.tick(cause(POP))
    (before,) = service._holding.open
    assert before.cause.affected == (0, 1)
    assert await service.reload() is None
    (after,) = service._holding.open
    routes = service._known.watching.routes
    through = tuple(n for n, route in enumerate(routes) if POP in route.path)
    assert through
    assert after.cause == msgspec.structs.replace(before.cause, affected=through)
    assert msgspec.structs.replace(after, cause=before.cause) == before
    await service.tick(cause(POP))
    assert service._holding.open[0].cause.affected == (0, 1)


async def test_a_refused_reload_forgets_nothing(tmp_path: Path) -> None:
    def refuse() -> Any:
        raise ValueError("no province")

    service = Told(tmp_path)
    for _ in range(5):
        await service.tick(cause(POP))
    service._load = refuse
    assert await service.reload() == "no province"
    assert service._holding.open[0].cause.affected == (0, 1)


async def test_a_tick_that_began_before_a_reload_looks_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Told(tmp_path)
    loop = asyncio.get_running_loop()

    def reloaded() -> None:
        if service.looks == 1:
            asyncio.run_coroutine_threadsafe(service.reload(), loop).result(10)
        else:
            service.found = (cause(POP, affected=(1,)),)

    service.meanwhile = reloaded
    ticked: list[tuple[Cause, ...]] = []

    def tick(found: tuple[Cause, ...], _: Sight) -> Step:
        ticked.append(found)
        return Step()

    monkeypatch.setattr(service._holding, "tick", tick)
    await service.tick(cause(POP))
    assert service.looks == 2
    assert [found[0].affected for found in ticked] == [(1,)]


# --- a disk that fails -------------------------------------------------------------------------------
class Disk:
    """A ledger that fails or hangs when told to."""

    def __init__(self) -> None:
        self.rows: list[Entry] = []
        self.full = False
        self.hang: threading.Event | None = None
        self.closed = False

    def add(self, *entries: Entry) -> None:
        if self.full:
            raise LedgerError("database or disk is full")
        if self.hang is not None:
            self.hang.wait(10)
        self.rows += entries

    def close(self) -> None:
        self.closed = True


async def test_rows_that_could_not_be_written_are_written_later_in_order_and_once() -> None:
    disk = Disk()
    unwritten = Unwritten(disk)  # type: ignore[arg-type]
    disk.full = True
    unwritten.keep(row(POP))
    with pytest.raises(LedgerError):
        await unwritten.write()
    disk.full = False
    unwritten.keep(row(OTHER))
    await unwritten.write()
    await unwritten.write()
    assert [one.component for one in disk.rows] == [POP, OTHER]


async def test_a_tick_without_news_writes_what_the_one_before_could_not(tmp_path: Path) -> None:
    service, disk = Told(tmp_path), Disk()
    service._unwritten = Unwritten(disk)  # type: ignore[arg-type]
    disk.full = True
    for _ in range(5):
        await service.tick(cause(POP))
    assert disk.rows == []
    disk.full = False
    await service.tick(cause(POP))
    assert [(one.component, one.why) for one in disk.rows] == [(POP, "found")]


async def test_what_is_kept_is_bounded() -> None:
    disk = Disk()
    unwritten = Unwritten(disk)  # type: ignore[arg-type]
    unwritten.keep(*(msgspec.structs.replace(row(), id=str(n)) for n in range(MOST_UNWRITTEN + 1)))
    await unwritten.write()
    assert [disk.rows[0].id, disk.rows[-1].id, len(disk.rows)] == ["1", "1000", MOST_UNWRITTEN]


async def test_no_row_is_written_twice_by_a_write_that_was_given_up(
    hang: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WRITE_SECONDS", 0.01)
    disk = Disk()
    disk.hang = hang
    unwritten = Unwritten(disk)  # type: ignore[arg-type]
    unwritten.keep(row(POP))
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await unwritten.write()
    await unwritten.close()
    assert not disk.closed
    unwritten.keep(row(OTHER))
    hang.set()
    monkeypatch.setattr(module, "WRITE_SECONDS", 10.0)
    await unwritten.close()
    assert [one.component for one in disk.rows] == [POP, OTHER]
    assert disk.closed


# --- a disk that hangs -------------------------------------------------------------------------------
async def test_one_job_holds_one_thread_and_goes_on_when_it_ends(hang: threading.Event) -> None:
    job = OneJob()
    begun: list[int] = []
    with pytest.raises(TimeoutError):
        await job(lambda: hang.wait(10), 0.01)
    for number in range(5):
        with pytest.raises(TimeoutError, match="since the last time"):
            await job(functools.partial(begun.append, number), 10)
    assert not begun
    assert not await job.rest(0.0)
    hang.set()
    assert await job.rest(10)
    assert await job(lambda: 7, 10) == 7


async def test_one_job_goes_on_after_a_failure_and_without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise LedgerError("broken")

    def none(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    job = OneJob()
    with pytest.raises(LedgerError):
        await job(broken, 10)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", none)
        with pytest.raises(RuntimeError):
            await job(lambda: 7, 10)
    assert await job(lambda: 7, 10) == 7


async def test_a_page_whose_disk_hangs_answers_503_and_starts_nothing_more(
    hang: threading.Event, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_page, "READ_SECONDS", 0.05)
    page, reads = LedgerPage(tmp_path / "ledger.sqlite"), []

    def read(*_: object) -> tuple[Entry, ...]:
        reads.append(1)
        hang.wait(10)
        return ()

    monkeypatch.setattr(page, "_read", read)
    app = web.Application()
    page.add(app)
    async with serve(app, "127.0.0.1:0") as (host, port), aiohttp.ClientSession() as client:

        async def status() -> int:
            async with client.get(f"http://{host}:{port}/api/ledger") as answer:
                return answer.status

        assert await asyncio.gather(*(status() for _ in range(4))) == [503] * 4
        assert reads == [1]
        hang.set()
        assert await page._job.rest(10)
        monkeypatch.setattr(ledger_page, "READ_SECONDS", 10.0)
        assert await asyncio.gather(*(status() for _ in range(4))) == [200] * 4


async def test_a_reviser_whose_disk_hangs_holds_one_thread(
    hang: threading.Event, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revising, "DISK_SECONDS", 0.01)
    opened: list[object] = []

    def open_ledger(path: object) -> None:
        opened.append(path)
        hang.wait(10)

    monkeypatch.setattr(revising, "Ledger", open_ledger)
    reviser = revising.Reviser(tmp_path / "ledger.sqlite", "", province.small, CollectorRegistry())
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await reviser._with_ledger(Ledger.latest)
    assert len(opened) == 1, "the others were turned away"
