"""What the ledger learned of an outage stands wherever the receiver shows it: on the page, in the API."""

import threading
from pathlib import Path

import msgspec
import pytest

from alerts import handling, learned, witness
from alerts.gaps.model import GapLabel, Side, exactly
from alerts.learned import Learned, ledger_ids
from alerts.ledger import Entry, Ledger
from alerts.links import Links
from alerts.locate.model import Cause
from alerts.outage import Outage
from alerts.pinpoint.holding import Open
from alerts.pinpoint.service import entry
from alerts.revision import Revision, Said, Verdict, entry_of
from alerts.store import Store
from tests.alerts.desk import commune
from tests.alerts.outages import T0, alert, body, outage
from tests.alerts.test_ackpage import KEY, Phone, phone
from tests.alerts.test_receiver import receiver

CLASS = "power|line:21040"
BEGAN, OVER = T0 + 0.5, T0 + 605


def located(component: str = CLASS, starts_at: float = BEGAN) -> Outage:
    return outage(
        id=f"{component}@told", fingerprint=component, component=component, source="locator",
        starts_at=starts_at,
    )  # fmt: skip


def revision(verdict: Verdict = "cause", label: GapLabel = GapLabel.POWER_DOWN) -> Revision:
    said = Said(component=CLASS, kind="power|line", since=BEGAN, until=OVER, communes=("21040",))
    return Revision(
        verdict=verdict, component="power:21040", kind="power", label=label, start=exactly(T0),
        end=exactly(T0 + 601), vouched_by=(Side.SITE,), said=said,
    )  # fmt: skip


def write(path: Path, *revisions: Revision, identity: str = ledger_ids(located())[0]) -> None:
    ledger = Ledger(path)
    told = Entry(
        id=identity, said_at=T0, status="ended", component=CLASS, kind="power|line", since=BEGAN, until=OVER,
        why="ended",
    )  # fmt: skip
    ledger.add(told, *(entry_of(identity, one, T0 + 900 + n) for n, one in enumerate(revisions)))
    ledger.close()


# --- which row --------------------------------------------------------------------------------------
@pytest.mark.parametrize("since", [T0, T0 + 0.4994, T0 + 0.5, T0 + 0.5006, T0 + 0.9999, T0 + 1.5])
def test_the_locators_own_name_is_among_those_that_are_looked_for(since: float) -> None:
    cause = Cause(
        component=CLASS, kind="power|line", members=(), loss=1.0, confidence=9.0, runner_up=None, affected=(),
        communes=(), systems=(), evidence=(), sent=9, failed=9,
    )  # fmt: skip
    told = Open(identity=CLASS, kind="power|line", cause=cause, since=since, known_at=since + 9)
    kept = entry(told, since + 9, "found")
    assert kept.id in ledger_ids(located(starts_at=float(f"{since:.3f}")))


async def test_the_newest_revision_counts_and_rows_of_others_do_not(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    write(path, revision("undecided"), revision())
    write(path, revision(), identity="pop:ba-to@1")
    found = await Learned(path).of({"a": (located(),), "b": (located("pop:ba-to"),), "c": ()})
    assert found == {"a": revision()}


async def test_nothing_is_learned_where_there_is_no_ledger_or_no_revision(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "ledger.sqlite"
    assert await Learned(path).of({"a": (located(),)}) == {}
    assert not path.exists()
    write(path)
    assert await Learned(path).of({"a": (located(),)}) == {}
    assert caplog.records == []


async def test_a_ledger_that_is_none_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"no database" * 1000)
    asked = Learned(path)
    for _ in range(3):
        assert await asked.of({"a": (located(),)}) == {}
    assert len(caplog.records) == 1


async def test_a_disk_that_hangs_is_waited_for_in_one_thread_and_not_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.sqlite"
    write(path, revision())
    go_on, running = threading.Event(), threading.active_count()
    monkeypatch.setattr(learned, "READ_SECONDS", 0.05)
    monkeypatch.setattr(learned, "revision_of", lambda _: go_on.wait(10))
    asked = Learned(path)
    assert [await asked.of({"a": (located(),)}) for _ in range(3)] == [{}, {}, {}]
    assert threading.active_count() <= running + 1
    go_on.set()


# --- the page behind a link --------------------------------------------------------------------------
async def ended(one: Phone) -> None:
    """The locator tells of the commune too, then it is over."""
    await one.desk.store(_joins, commune("21040").id)
    await one.desk.ends(commune("21040"), located())


def _joins(store: Store, outage_id: str) -> None:
    with store.transaction():
        witness.join(store, outage_id, located(), T0, spoken=True)


async def test_the_page_says_what_was_learned_in_both_languages(tmp_path: Path) -> None:
    async with phone(tmp_path) as one:
        write(tmp_path / "ledger.sqlite", revision())
        await ended(one)
        vi, en = (await one.get())[1], (await one.get(f"{one.url}?lang=en"))[1]
        assert "Xác định lại sau đó: mất điện, từ 08:13:20 ngày 22/11/2026 đến 08:23:21" in vi
        assert "Tin báo lúc đó ghi: nguồn điện hoặc đường truyền, từ 08:13:20" in vi
        assert "Revised afterwards: power down, from 08:13:20" in en
        assert "As told at the time: power or line" in en
        assert "Sự cố đã được khắc phục." in vi
        status, text = await one.post({"action": "acknowledge"})
        assert (status, "Xác định lại sau đó" in text) == (200, True)


@pytest.mark.parametrize(
    ("verdict", "said"),
    [("edges", "The cause was confirmed afterwards; it lasted from"), ("undecided", "cannot be decided")],
)
async def test_what_was_confirmed_or_cannot_be_known_is_said(
    tmp_path: Path, verdict: Verdict, said: str
) -> None:
    async with phone(tmp_path) as one:
        write(tmp_path / "ledger.sqlite", revision(verdict))
        await ended(one)
        text = (await one.get(f"{one.url}?lang=en"))[1]
        assert said in text
        assert ("As told at the time" in text) is (verdict == "edges")


async def test_a_page_without_a_ledger_is_shown_all_the_same(tmp_path: Path) -> None:
    async with phone(tmp_path) as one:
        await ended(one)
        status, text, _ = await one.get()
        assert (status, "revised" in text) == (200, False)


async def test_of_several_it_says_which(tmp_path: Path) -> None:
    async with phone(tmp_path) as one:
        write(tmp_path / "ledger.sqlite", revision())
        await one.desk.store(_joins, commune("21040").id)
        storm = outage(id="storm@1", fingerprint="", alertname="Storm", source="receiver", labels={})
        await one.desk.store(handling.begin, storm, ("sms",), [commune("21040").id], T0)
        text = (await one.get(Links(KEY, one.base, 1e9).url(storm.id, "sms", T0)))[1]
        assert "Xã Bình Sơn mất kết nối" in text
        assert "Xác định lại sau đó: mất điện" in text


# --- the API -----------------------------------------------------------------------------------------
async def test_the_api_shows_it(tmp_path: Path) -> None:
    async with receiver(tmp_path) as running:
        await running.post(body(alert(source="locator", component=CLASS, starts=BEGAN)))
        (plain,) = msgspec.json.decode((await running.get("/api/outages"))[1])
        assert plain["revised"] is None
        write(tmp_path / "ledger.sqlite", revision())
        (shown,) = msgspec.json.decode((await running.get("/api/outages"))[1])
        assert msgspec.convert(shown["revised"], Revision) == revision()
