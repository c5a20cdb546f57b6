"""A hub whose clock was ten years ahead for a while: nothing that it dated waits until then."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from alerts import handling, witness
from alerts.answers import LONGEST_SILENCE_SECONDS
from alerts.outage import Outage
from alerts.store import Store
from alerts.telemetry import Telemetry
from tests.alerts.desk import CHIEF, SINK, Desk, commune, oncall, province_with
from tests.alerts.outages import T0, outage

DAY = 86400.0
AHEAD = T0 + 10 * 365 * DAY
NOTIFY = {"digest": {"at": "07:00"}, "storm": {"outages": 3, "wait_seconds": 2}}
PAGE = "firing CommuneCutOff 0"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk whose clock shows a day in ten years."""
    chain = oncall(escalation=[{"after_minutes": 10, "channels": ["chief"]}])
    made = Desk(tmp_path / "store.sqlite", province_with(NOTIFY, SINK, CHIEF, oncall=chain))
    made.now = AHEAD
    yield made
    await made.store.close()


async def put_right(desk: Desk, *, restart: bool) -> None:
    """Set the clock right, with a start of the receiver in between or while it runs."""
    if restart:
        await desk.restart()
    desk.now = T0 + 60
    await desk.dispatcher.turn(desk.now)


def ticket(name: str, desk: Desk) -> Outage:
    return outage(
        id=name,
        fingerprint=name,
        component=f"system:{name}",
        severity="ticket",
        starts_at=desk.now,
        communes=(),
    )


both_ways = pytest.mark.parametrize("restart", [True, False])


@both_ways
async def test_tickets_are_told_every_day_again(desk: Desk, restart: bool) -> None:
    await desk.fires(ticket("a", desk))
    assert await desk.told() == ["firing TicketDigest 0"]
    await put_right(desk, restart=restart)
    days = []
    for day in range(4):
        await desk.fires(ticket(f"day {day}", desk))
        await desk.passes(DAY, step=3600)
        days.append(await desk.told())
    assert all(days)
    listed = {one.id for delivery in desk.sent for one in delivery.outage.listed}
    assert {f"day {day}" for day in range(4)} <= listed


async def test_the_digest_of_a_day_that_a_wrong_clock_had_told_of_comes_when_it_is_that_day(
    desk: Desk,
) -> None:
    desk.now = T0 + 2 * DAY
    await desk.fires(ticket("a", desk))
    assert await desk.told() == ["firing TicketDigest 0"]
    await put_right(desk, restart=False)
    await desk.told()
    await desk.passes(DAY, step=3600)
    await desk.fires(ticket("b", desk))
    await desk.passes(DAY, step=3600)
    assert await desk.told() == ["firing TicketDigest 0"] * 2
    assert "b" in {entry.id for delivery in desk.sent for entry in delivery.outage.listed}


async def come_and_go(desk: Desk, *, times: int) -> None:
    for _ in range(times):
        one = commune("21040", desk.now)
        await desk.fires(one)
        await desk.passes(10)
        await desk.ends(one)


@both_ways
async def test_one_new_outage_is_no_flapping_after_thirty_days(desk: Desk, restart: bool) -> None:
    await come_and_go(desk, times=2)
    await put_right(desk, restart=restart)
    await desk.passes(30 * DAY, step=DAY)
    await desk.told()
    one = commune("21040", desk.now)
    await desk.fires(one)
    await desk.passes(10)
    assert await desk.told() == [PAGE]


@both_ways
async def test_what_flapped_is_told_to_be_steady(desk: Desk, restart: bool) -> None:
    await come_and_go(desk, times=5)
    assert "firing Flapping 0" in await desk.told()
    await put_right(desk, restart=restart)
    await desk.passes(DAY, step=600)
    assert "resolved Flapping 0" in await desk.told()


@both_ways
async def test_a_page_that_waits_for_others_goes(desk: Desk, restart: bool) -> None:
    await desk.fires(commune("21040", desk.now))
    assert await desk.told() == []
    await put_right(desk, restart=restart)
    await desk.passes(10)
    assert await desk.told() == [PAGE]


@both_ways
async def test_a_page_beside_a_storm_goes(desk: Desk, restart: bool) -> None:
    await desk.fires(*(commune(code, desk.now) for code in ("21040", "21484", "21496")))
    await desk.passes(10)
    assert await desk.told() == ["firing Storm 0"]
    await put_right(desk, restart=restart)
    await desk.fires(commune("21499", desk.now))
    await desk.passes(120)
    assert any(told.startswith("firing") for told in await desk.told())


@both_ways
async def test_nobody_answers_and_somebody_else_is_told(desk: Desk, restart: bool) -> None:
    await desk.fires(commune("21040", desk.now))
    await desk.passes(10)
    assert await desk.told() == [PAGE]
    await put_right(desk, restart=restart)
    await desk.passes(700, step=10)
    assert await desk.told("chief") == ["firing CommuneCutOff 1"]


@both_ways
async def test_a_silence_lasts_no_longer_than_anybody_may_ask_for(desk: Desk, restart: bool) -> None:
    one = commune("21040", desk.now)
    await desk.fires(one)
    await desk.passes(10)
    await desk.store(handling.silence, one.id, desk.now + 3600)
    await desk.store(handling.silence_made, one.id, "made")
    await put_right(desk, restart=restart)
    state = await desk.state(one.id)
    assert state.silenced_until == desk.now + LONGEST_SILENCE_SECONDS
    assert state.silence_id == f"{handling.REPLACE}made", "Alertmanager's is to be replaced"


async def test_what_is_as_it_should_be_stays(desk: Desk) -> None:
    desk.now = T0
    one = commune("21040", desk.now)
    await desk.fires(one)
    await desk.passes(10)
    await desk.store(handling.silence, one.id, desk.now + LONGEST_SILENCE_SECONDS)
    before = await desk.state(one.id)
    await desk.restart()
    await desk.dispatcher.turn(desk.now)
    assert await desk.state(one.id) == before


async def test_witnesses_and_ends_are_of_now_too(desk: Desk) -> None:
    one = commune("21040", desk.now)
    await desk.fires(one)
    await desk.ends(commune("21484", desk.now), one)
    await put_right(desk, restart=False)
    (spoken,) = await desk.store(witness.of, one.id)
    assert spoken.since == desk.now
    assert await desk.store(_closed_at, one.id) == desk.now


def _closed_at(store: Store, outage_id: str) -> float:
    return float(store.rows("SELECT closed_at FROM outages WHERE id = ?", outage_id)[0][0])


async def test_a_channel_that_fails_on_is_seen_to_fail() -> None:
    telemetry = Telemetry(CollectorRegistry())
    telemetry.channels(["sms"])
    for now in (AHEAD, T0, T0 + 400):
        telemetry.fails("sms", now)
    (shown,) = [s.value for m in telemetry.failing_since.collect() for s in m.samples]
    assert shown == T0
