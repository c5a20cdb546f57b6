"""How outages are told, by a clock that the tests set: flapping, storms, tickets, hours, escalation."""

from collections.abc import AsyncIterator, Callable
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alerts import handling
from alerts.book import Book
from alerts.store import Store
from alerts.text import Telling, render
from inventory.model import Calendar, Commune, Inventory, Line, Text
from tests.alerts.desk import CHIEF, SINK, Desk, commune, oncall, province_with
from tests.alerts.outages import T0, outage, province

PAGE, OVER = "firing CommuneCutOff 0", "resolved CommuneCutOff 0"
MakeDesk = Callable[..., Desk]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[MakeDesk]:
    made: list[Desk] = []

    def desk(
        notify: dict[str, Any] | None = None, *channels: Any, holidays: Any = None, **changes: Any
    ) -> Desk:
        inventory = province_with(notify, *channels, **changes)
        made.append(Desk(tmp_path / "store.sqlite", inventory, holidays or (lambda _: ())))
        return made[-1]

    yield desk
    for one in made:
        await one.store.close()


# --- the plain case ------------------------------------------------------------------------------
async def test_a_page_and_its_end_go_at_once_and_once(make: MakeDesk) -> None:
    desk = make()
    one = commune("21040")
    for _ in range(3):
        await desk.fires(one)
    assert await desk.told() == [PAGE]
    await desk.passes(60)
    await desk.ends(one)
    assert await desk.told() == [OVER]
    await desk.passes(3600, step=60)
    assert await desk.told() == []
    assert (await desk.state(one.id)).state == "done"
    assert desk.counted == {"page": 1}


# --- flapping ------------------------------------------------------------------------------------
async def flap(desk: Desk, times: int, down: float = 20, up: float = 20) -> list[str]:
    told = []
    for _ in range(times):
        one = commune("21040", desk.now)
        await desk.fires(one)
        told += await desk.told()
        await desk.passes(down, step=down)
        await desk.ends(one)
        told += await desk.told()
        await desk.passes(up, step=up)
    return told


async def test_what_is_cut_for_20_seconds_every_40_does_not_page_each_time(make: MakeDesk) -> None:
    """An hour of it, ninety cuts: two pages with their ends, then one message that it flaps."""
    desk = make()
    told = await flap(desk, 90)
    assert told == [PAGE, OVER, PAGE, OVER, "firing Flapping 0"]
    assert desk.counted == {"page": 3, "flapping": 1, "damped": 87}
    await desk.passes(3700, step=10)
    assert await desk.told() == ["resolved Flapping 0"]
    steady = desk.sent[-1].outage
    assert steady.times == 90
    assert await flap(desk, 1) == [PAGE, OVER], "afterwards the first one goes again"


async def test_what_flaps_and_then_stays_down_is_told(make: MakeDesk) -> None:
    desk = make()
    await flap(desk, 5)
    last = commune("21040", desk.now)
    await desk.fires(last)
    await desk.passes(299)
    assert await desk.told() == []
    await desk.passes(2)
    assert await desk.told() == [PAGE]
    await desk.passes(7200, step=60)
    assert await desk.told() == ["resolved Flapping 0"]
    await desk.ends(last)
    assert await desk.told() == [OVER], "the end of what was told is never suppressed"


async def test_the_end_of_what_was_told_before_it_flapped_goes_out(make: MakeDesk) -> None:
    """The first outage ends only once the same thing is damped already, under another identity."""
    desk = make()
    first = commune("21040", id="first", fingerprint="first")
    await desk.fires(first)
    await flap(desk, 4)
    await desk.ends(first)
    assert (await desk.told()).count(OVER) == 1


async def test_flapping_survives_a_restart_and_other_places_are_not_damped(make: MakeDesk) -> None:
    desk = make()
    await flap(desk, 4)
    await desk.restart()
    assert await flap(desk, 2) == []
    await desk.fires(commune("21484", desk.now), outage(id="p", fingerprint="p", component="pop:ba-to"))
    assert len(await desk.told()) == 2


async def test_a_ticket_that_flaps_does_not_damp_the_page_of_its_site(make: MakeDesk) -> None:
    desk = make()
    for n in range(6):
        found = {"alertname": "OnBattery", "component": "power:21040", "severity": "ticket"}
        on_battery = commune("21040", T0 - 9 + n, **found)
        await desk.fires(on_battery)
        await desk.ends(on_battery)
    assert (await desk.told())[-1] == "firing Flapping 0"
    await desk.fires(commune("21040", desk.now))
    assert await desk.told() == [PAGE]


# --- storms --------------------------------------------------------------------------------------
STORM: dict[str, Any] = {"storm": {"outages": 5, "wait_seconds": 2, "join_seconds": 60}}


def large(count: int) -> Inventory:
    line = Line(carrier="vnpt", down_mbps=200, up_mbps=200)
    communes = tuple(
        Commune(code=f"{30000 + n}", name=f"Xã Số {n}", dossiers_per_day=n, lines=(line,))
        for n in range(count)
    )
    return msgspec.structs.replace(province_with(STORM), communes=(*province().communes, *communes))


def many(count: int, first: int = 0, start: float = T0) -> list[Any]:
    return [commune(f"{30000 + n}", start) for n in range(first, first + count)]


@pytest.fixture
async def stormy(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path / "store.sqlite", large(120))
    yield desk
    await desk.store.close()


async def test_a_hundred_communes_at_once_are_one_page_with_the_list(stormy: Desk) -> None:
    for one in many(100):  # each its own notification of Alertmanager
        await stormy.fires(one)
        stormy.now += 0.01
    assert await stormy.told() == []
    await stormy.passes(2)
    assert await stormy.told() == ["firing Storm 0"]
    storm = stormy.sent[-1].outage
    assert (len(storm.listed), len(storm.communes)) == (100, 100)
    assert storm.listed[0].communes == ("30099",), "most dossiers first"
    book = Book.of(stormy.inventory)
    for language, said in (
        ("vi", "[SỰ CỐ] 100 xã, phường gặp sự cố cùng lúc"),
        ("en", "[OUTAGE] 100 communes"),
    ):
        text = render(Telling(outage=storm, status="firing", now=stormy.now), book, language, 2000)  # type: ignore[arg-type]  # both are languages
        assert text.subject.startswith(said)
        assert len(text.subject) + len(text.body) < 2000
        assert "100" in text.body
    short = render(Telling(outage=storm, status="firing", now=stormy.now), book, "vi", 400)
    assert "nơi khác" in short.body or "(100)" in short.body or ": 100" in short.body


async def test_the_end_of_a_storm_is_told_once_with_what_is_left(stormy: Desk) -> None:
    outages = many(100)
    await stormy.fires(*outages)
    await stormy.passes(3)
    assert await stormy.told() == ["firing Storm 0"]
    await stormy.passes(60)
    await stormy.ends(*outages[:50])
    assert await stormy.told() == []
    await stormy.ends(*outages[50:98])
    assert await stormy.told() == ["resolved Storm 0"]
    storm = stormy.sent[-1].outage
    assert sum(one.ends_at is None for one in storm.listed) == 2
    said = render(
        Telling(outage=storm, status="resolved", now=stormy.now), Book.of(stormy.inventory), "vi"
    ).body
    assert "Còn chưa khắc phục (2):" in said
    assert "Xã Số 98 mất kết nối" in said
    await stormy.passes(600, step=30)
    assert await stormy.told() == []
    await stormy.ends(*outages[98:])
    assert await stormy.told() == [OVER, OVER], "what was left is told when it ends"


async def test_a_storm_survives_a_restart_at_any_moment(stormy: Desk) -> None:
    outages = many(20)
    await stormy.fires(*outages)
    await stormy.restart()
    await stormy.passes(3)
    await stormy.restart()
    await stormy.passes(3)
    assert await stormy.told() == ["firing Storm 0"]
    await stormy.restart()
    await stormy.ends(*outages)
    await stormy.passes(3)
    assert await stormy.told() == ["resolved Storm 0"]


async def test_few_at_once_are_pages_of_their_own_within_a_bounded_wait(stormy: Desk) -> None:
    await stormy.fires(*many(4))
    await stormy.passes(2)
    assert await stormy.told() == [PAGE] * 4
    for n in range(10, 30):  # one more every 1.5 s: it never becomes quiet
        await stormy.fires(*many(1, n, stormy.now))
        await stormy.passes(1.5, step=0.5)
    first = await stormy.told()
    assert first[0] in {PAGE, "firing Storm 0"}
    assert stormy.sent[4].created_at - T0 <= 2 + 6 + 0.5


async def test_a_wide_cause_and_a_system_never_wait(stormy: Desk) -> None:
    await stormy.fires(outage(component="pop:ba-to", alertname="PopDown"), *many(2))
    assert await stormy.told() == ["firing PopDown 0"]


async def test_what_comes_later_in_a_storm_is_one_update(stormy: Desk) -> None:
    await stormy.fires(*many(10))
    await stormy.passes(2)
    assert await stormy.told() == ["firing Storm 0"]
    for n in range(10, 15):
        await stormy.passes(5)
        await stormy.fires(*many(1, n, stormy.now))
    assert await stormy.told() == []
    await stormy.passes(40)
    assert await stormy.told() == ["firing Storm 1000"]
    assert len(stormy.sent[-1].outage.listed) == 15
    await stormy.passes(61)
    await stormy.fires(*many(1, 50, stormy.now))
    await stormy.passes(2)
    assert await stormy.told() == [PAGE]


async def test_a_storm_that_flaps_tells_of_it_once_too(stormy: Desk) -> None:
    told = []
    for _ in range(8):
        outages = many(30, start=stormy.now)
        await stormy.fires(*outages)
        await stormy.passes(20, step=2)
        await stormy.ends(*outages)
        told += await stormy.told()
        await stormy.passes(20, step=2)
    told += await stormy.told()
    assert told == ["firing Storm 0", "resolved Storm 0"] * 2 + ["firing Storm 0"]


# --- tickets -------------------------------------------------------------------------------------
OFFICE = Calendar(
    id="office", name=Text(vi="x", en="x"), holidays="VN",
    hours=dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), ("07:30-17:00",)),
)  # fmt: skip
DAY = 86400.0
EIGHT = T0 + 86400 - 800  # Monday 23 November, 08:00; T0 is a Sunday, 08:13:20


def ticket(n: int, **changes: Any) -> Any:
    return outage(id=f"t{n}", fingerprint=f"t{n}", alertname="LineSlow", severity="ticket",
                  component=f"line:21484/l{n}", starts_at=T0, **changes)  # fmt: skip


async def test_tickets_go_once_a_day_on_working_days(make: MakeDesk) -> None:
    notify = {"digest": {"at": "08:00", "calendar": "office"}}
    desk = make(notify, calendars=(OFFICE,))
    await desk.fires(ticket(1), ticket(2), ticket(3))
    await desk.ends(ticket(3))
    await desk.passes(EIGHT - desk.now - 1, step=600)
    assert await desk.told() == [], "not on a Sunday, not before eight"
    await desk.passes(2)
    assert await desk.told() == ["firing TicketDigest 0"]
    digest = desk.sent[-1].outage
    assert [one.id for one in digest.listed] == ["t1", "t2", "t3"]
    text = render(Telling(outage=digest, status="firing", now=desk.now), Book.of(desk.inventory), "en")
    assert text.subject == "[TODAY'S DIGEST] 2 to check, 1 over"
    assert text.body.count("\n") == 2
    await desk.passes(3600, step=60)
    await desk.ends(ticket(1))
    await desk.passes(DAY, step=600)
    assert await desk.told() == ["firing TicketDigest 0"]
    assert [(one.id, one.ends_at is None) for one in desk.sent[-1].outage.listed] == [
        ("t2", True),
        ("t1", False),
    ]
    await desk.ends(ticket(2))
    await desk.passes(DAY, step=600)
    assert len(await desk.told()) == 1
    await desk.passes(DAY, step=600)
    assert await desk.told() == [], "nothing to say is not said"


async def test_a_holiday_is_no_working_day_and_a_restart_repeats_no_digest(make: MakeDesk) -> None:

    notify = {"digest": {"at": "08:00", "calendar": "office"}}
    desk = make(notify, calendars=(OFFICE,), holidays=lambda _: {date(2026, 11, 23)})
    await desk.fires(ticket(1))
    await desk.passes(DAY, step=600)
    assert await desk.told() == []
    await desk.passes(DAY, step=600)
    assert await desk.told() == ["firing TicketDigest 0"]
    await desk.restart()
    await desk.passes(3600, step=600)
    assert await desk.told() == []


async def test_what_comes_and_goes_is_one_line_of_the_digest(make: MakeDesk) -> None:
    desk = make({"digest": {"at": "08:00"}})
    for n in range(200):
        one = msgspec.structs.replace(ticket(1), id=f"t1@{n}", starts_at=T0 + n)
        await desk.fires(one)
        await desk.ends(one)
    desk.now = EIGHT
    await desk.passes(1)
    (one,) = (await desk.told(), desk.sent[-1].outage.listed)[1]
    assert (one.times, one.starts_at, one.ends_at is not None) == (200, T0, True)


async def test_a_page_is_never_in_a_digest_and_without_one_tickets_go_at_once(make: MakeDesk) -> None:
    desk = make({"digest": {"at": "09:00"}, "storm": {"wait_seconds": 0}})
    await desk.fires(commune("21040"), ticket(1))
    assert await desk.told() == [PAGE]
    desk.inventory = province_with()
    await desk.restart()
    await desk.passes(1)
    assert await desk.told() == ["firing LineSlow 0"]


# --- service hours -------------------------------------------------------------------------------
def in_hours(**changes: Any) -> dict[str, Any]:
    return {"storm": {"wait_seconds": 0}, "office_hours": {"kinds": ["system", "lan"]} | changes}


def closed_office() -> dict[str, Any]:
    communes = tuple(msgspec.structs.replace(c, calendar="office") for c in province().communes)
    return {"calendars": (OFFICE,), "communes": communes}


SYSTEM = outage(id="s", fingerprint="s", alertname="SystemDown", component="system:lgsp", communes=("21496",))


async def test_outside_hours_it_waits_and_pages_when_an_office_opens(make: MakeDesk) -> None:
    desk = make(in_hours(), **closed_office())
    await desk.fires(SYSTEM)
    await desk.passes(EIGHT - 1800 - desk.now - 1, step=600)
    assert await desk.told() == []
    await desk.passes(2)
    assert await desk.told() == ["firing SystemDown 0"]
    await desk.ends(SYSTEM)
    assert await desk.told() == ["resolved SystemDown 0"]


async def test_what_is_over_before_an_office_opens_is_a_line_of_the_digest(make: MakeDesk) -> None:
    desk = make(in_hours() | {"digest": {"at": "09:00"}}, **closed_office())
    await desk.fires(SYSTEM)
    await desk.passes(600, step=60)
    await desk.ends(SYSTEM)
    await desk.passes(DAY, step=600)
    assert await desk.told() == ["firing TicketDigest 0"]


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ({"unless_dossiers_per_day": 1000}, {"communes": ("21040", "21496")}),  # 1,260 dossiers a day
        ({}, {"component": "power|lan:21496"}),  # may be power
        ({}, {"component": "pop:ba-to"}),
        ({"kinds": ["isp"]}, {}),
    ],
)
async def test_what_matters_always_pages_always(
    make: MakeDesk, rule: dict[str, Any], change: dict[str, Any]
) -> None:
    desk = make(in_hours(**rule), **closed_office())
    await desk.fires(msgspec.structs.replace(SYSTEM, **change))
    assert await desk.told() == ["firing SystemDown 0"]


async def test_an_office_without_a_calendar_is_always_open(make: MakeDesk) -> None:
    desk = make(in_hours())
    await desk.fires(SYSTEM)
    assert await desk.told() == ["firing SystemDown 0"]


# --- escalation ----------------------------------------------------------------------------------
STEPS = [{"after_minutes": 10}, {"after_minutes": 20, "contact": "moj", "channels": ["chief"]}]
ROTA = {"oncall": oncall(escalation=STEPS, repeat_minutes=30, repeat_times=2)}


async def test_nobody_answers_so_others_are_told_step_by_step(make: MakeDesk) -> None:
    desk = make(None, SINK, CHIEF, **ROTA)
    one = commune("21040")
    await desk.fires(one)
    assert (await desk.told(), await desk.told("chief")) == ([PAGE], [])
    await desk.passes(599)
    assert await desk.told() == []
    await desk.passes(1)
    assert await desk.told() == ["firing CommuneCutOff 1"]
    await desk.passes(1200)
    assert (await desk.told(), await desk.told("chief")) == ([], ["firing CommuneCutOff 2"])
    await desk.passes(7200, step=10)
    assert await desk.told("chief") == ["firing CommuneCutOff 3", "firing CommuneCutOff 4"]
    await desk.ends(one)
    assert (await desk.told(), await desk.told("chief")) == ([OVER], [OVER])
    assert desk.sent[-1].firing_state == "sent", "the chief was told by a step, which is no late resolution"


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("answer", ["acknowledge", "end", "silence", "mute"])
async def test_what_was_answered_is_not_escalated(make: MakeDesk, answer: str, restart: bool) -> None:
    desk = make(None, SINK, CHIEF, **ROTA)
    one = commune("21040")
    await desk.fires(one)
    await desk.told()
    await desk.passes(300, step=10)
    if answer == "acknowledge":
        assert await desk.store(handling.acknowledge, one.id, "Bình", desk.now)
        assert not await desk.store(handling.acknowledge, one.id, "An", desk.now + 1)
    elif answer == "end":
        await desk.ends(one)
        await desk.told()
    elif answer == "silence":
        await desk.store(handling.silence, one.id, desk.now + 4000)
    if restart:
        await desk.restart()
    desk.dispatcher.muted = {"21040"} if answer == "mute" else frozenset()
    await desk.passes(3900, step=10)
    assert (await desk.told(), await desk.told("chief")) == ([], [])
    if answer == "acknowledge":
        assert (await desk.state(one.id)).acked_by == "Bình"


async def test_what_was_silenced_escalates_again_once_that_is_over(make: MakeDesk) -> None:
    desk = make(None, SINK, CHIEF, **ROTA)
    one = commune("21040")
    await desk.fires(one)
    await desk.told()
    await desk.store(handling.silence, one.id, desk.now + 3600)
    await desk.passes(3600 + 590, step=10)
    assert await desk.told() == []
    await desk.passes(20, step=10)
    assert await desk.told() == ["firing CommuneCutOff 1"]


async def test_an_answer_takes_back_the_escalation_that_still_waits(make: MakeDesk) -> None:
    desk = make(None, SINK, CHIEF, **ROTA)
    one = commune("21040")
    await desk.fires(one)
    await desk.told()
    await desk.passes(601, step=10)
    assert await desk.told(deliver=False) == ["firing CommuneCutOff 1"]
    await desk.store(handling.acknowledge, one.id, "Bình", desk.now)
    assert await desk.told() == []


async def test_an_escalation_that_never_went_out_is_no_reason_to_tell_the_end(make: MakeDesk) -> None:
    desk = make(None, SINK, CHIEF, **ROTA)
    one = commune("21040")
    await desk.fires(one)
    await desk.passes(1810, step=10)
    assert await desk.told("chief", deliver=False) == ["firing CommuneCutOff 2"]
    await desk.ends(one)
    assert await desk.told("chief") == []
    assert await desk.told() == [PAGE, OVER]


async def test_tickets_are_not_escalated(make: MakeDesk) -> None:
    desk = make(None, SINK, CHIEF, **ROTA)
    await desk.fires(ticket(1))
    await desk.told()
    await desk.passes(7200, step=60)
    assert await desk.told() == []


async def test_an_escalation_is_taken_once_however_often_it_is_due(make: MakeDesk) -> None:
    desk = make(None, SINK, CHIEF, **ROTA)
    one = commune("21040")
    await desk.fires(one)
    assert await desk.store(handling.escalate, one.id, 1, ("sms",), desk.now)
    assert not await desk.store(handling.escalate, one.id, 1, ("sms",), desk.now)
    assert await desk.told() == [PAGE, "firing CommuneCutOff 1"]


async def test_the_answer_for_a_storm_is_one_for_all_of_it(stormy: Desk) -> None:
    stormy.inventory = msgspec.structs.replace(stormy.inventory, oncall=ROTA["oncall"])
    await stormy.restart()
    outages = many(20)
    await stormy.fires(*outages)
    await stormy.passes(3)
    await stormy.told()
    storm = stormy.sent[-1].outage
    await stormy.store(handling.acknowledge, storm.id, "Bình", stormy.now)
    await stormy.ends(*outages[:19])
    assert await stormy.told() == ["resolved Storm 0"]
    await stormy.passes(7200, step=60)
    assert await stormy.told() == [], "the one that is left was answered with the storm"


# --- older files ---------------------------------------------------------------------------------
async def test_a_store_of_the_first_version_goes_on(tmp_path: Path, make: MakeDesk) -> None:
    desk = make()
    one = commune("21040")
    await desk.fires(one)
    await desk.told()

    def downgrade(store: Store) -> None:
        with store.transaction():
            for table in ("handling", "penalties", "witnesses"):
                store.change(f"DROP TABLE {table}")
            store.change("PRAGMA user_version = 1")

    await desk.store(downgrade)
    await desk.restart()
    assert (await desk.state(one.id)).state == "told"
    await desk.ends(one)
    assert await desk.told() == [OVER]
