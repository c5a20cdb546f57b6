"""The rules of telling by themselves: penalties, gathering, steps, channels, days."""

from datetime import datetime, timedelta
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import damping, digest, escalate, routing, storm
from alerts.book import Book
from alerts.damping import Penalty
from alerts.outage import Listed, Outage, from_alert, monitoring_down
from alerts.payload import parse
from alerts.storm import Ready, Young
from inventory.model import Channel, Damping, Digest, Escalation, Kind, Storm
from inventory.names import ComponentKind
from tests.alerts.desk import CHIEF, SINK, commune, oncall, province_with
from tests.alerts.outages import T0, alert, body, outage, province

at = datetime.fromisoformat
RULES = Damping()


def test_the_inventory_knows_every_kind_of_component() -> None:
    assert set(get_args(Kind)) == set(ComponentKind)


# --- damping -------------------------------------------------------------------------------------
GAPS = st.lists(st.floats(0, 7200), min_size=1, max_size=60)
SOME_RULES = st.builds(
    Damping, half_life_minutes=st.floats(0.1, 1000), suppress=st.floats(1.5, 50), reuse=st.floats(0.1, 1.4),
    longest_minutes=st.floats(0.1, 1e6),
)  # fmt: skip


@given(GAPS, SOME_RULES)
def test_a_penalty_is_bounded_and_ends_in_time(gaps: list[float], rules: Damping) -> None:
    penalty, now = Penalty(key="x"), T0
    for gap in gaps:
        now += gap
        penalty = damping.add(penalty, now, rules)
        assert 0 < penalty.value <= damping.ceiling(rules)
    longest = rules.half_life_minutes * 60 * 1100
    assert damping.ends(penalty, now + longest, rules)
    if damping.ceiling(rules) > rules.suppress:
        assert damping.ends(penalty, now + rules.longest_minutes * 60 * 1.001, rules)


@given(SOME_RULES)
def test_the_first_outage_is_never_damped(rules: Damping) -> None:
    assert not damping.suppresses(damping.add(Penalty(key="x"), T0, rules), T0, rules)


@given(st.floats(-1e6, 1e6), st.floats(0, 50))
def test_a_clock_that_jumps_makes_no_penalty_grow(jump: float, value: float) -> None:
    penalty = Penalty(key="x", value=value, at=T0)
    assert 0 <= damping.value(penalty, T0 + jump, RULES) <= value


def test_an_outage_after_a_clock_was_put_back_decays_from_then_on() -> None:
    ahead = Penalty(key="x", value=2.0, at=T0 + 1e8)
    added = damping.add(ahead, T0, RULES)
    assert (added.at, added.value) == (T0, 3.0)
    assert damping.value(added, T0 + 30 * 86400, RULES) < 0.01


def test_what_is_one_thing_when_it_flaps() -> None:
    site = {damping.key(commune("21040", component=c)) for c in ("power|line:21040", "lan|agent:21040")}
    lines = {damping.key(commune("21484", component=f"line:21484/{one}")) for one in ("main", "backup")}
    assert (len(site), len(lines)) == (1, 2)
    assert damping.key(outage(component="", fingerprint="a")) != damping.key(
        outage(component="", fingerprint="b")
    )
    hub = {damping.key(outage(component="hub:main", alertname=name)) for name in ("HubBlind", "HubCutOff")}
    assert len(hub) == 2


# --- storms --------------------------------------------------------------------------------------
SITES = st.lists(st.tuples(st.floats(0, 20), st.booleans()), max_size=30)


def ready(entries: list[tuple[float, bool]]) -> list[Ready]:
    return [
        Ready(commune(f"{10000 + n}") if site else outage(id=f"w{n}", component="pop:x"), T0 + since)
        for n, (since, site) in enumerate(sorted(entries))
    ]


@given(SITES, st.floats(0, 60), st.none() | st.floats(0, 60))
def test_everything_goes_once_and_in_bounded_time(
    entries: list[tuple[float, bool]], at: float, told: float | None
) -> None:
    rules, now = Storm(), T0 + 20 + at
    found = ready(entries)
    young = None if told is None else Young("storm@1", T0 + 20 - told)
    chosen = storm.choose(found, young, rules, now)
    gone = [one.id for one in (*chosen.alone, *chosen.together)]
    assert len(gone) == len(set(gone))
    assert {item.outage.id for item in found if not storm.of_site(item.outage)} <= set(gone)
    if at >= rules.join_seconds or (young is None and at >= rules.wait_seconds * storm.LONGEST_WAITS):
        assert len(gone) == len(found)
    if chosen.together and chosen.joins is None:
        assert len(chosen.together) >= rules.outages


@given(SITES)
def test_no_waiting_is_no_storm(entries: list[tuple[float, bool]]) -> None:
    found = ready(entries)
    chosen = storm.choose(found, Young("s", T0), Storm(wait_seconds=0), T0)
    assert (len(chosen.alone), chosen.together) == (len(found), ())


@pytest.mark.parametrize(
    ("count", "left", "over"),
    [
        (100, 0, True),
        (100, 4, True),
        (100, 5, False),
        (10, 1, True),
        (10, 2, False),
        (5, 1, False),
    ],
)
def test_a_storm_is_over_when_few_are_left(count: int, left: int, over: bool) -> None:
    made = storm.gather("s", [commune(f"{10000 + n}") for n in range(count)], Book.of(province()))
    ended = [
        msgspec.structs.replace(one, ends_at=None if n < left else T0) for n, one in enumerate(made.listed)
    ]
    assert storm.is_over(msgspec.structs.replace(made, listed=tuple(ended)), Storm()) is over


# --- escalation ----------------------------------------------------------------------------------
@given(st.lists(st.floats(1, 60), max_size=5), st.none() | st.floats(1, 60), st.floats(0, 1e6))
def test_steps_come_one_after_the_other_and_end(
    minutes: list[float], repeat: float | None, waited: float
) -> None:
    rules = oncall(
        escalation=[{"after_minutes": one} for one in minutes],
        **({} if repeat is None else {"repeat_minutes": repeat}),
    )
    total = len(minutes) + (0 if repeat is None else 3)
    assert len(escalate.steps(rules)) == total
    for step in range(total + 2):
        due = escalate.due(escalate.Pending(step=step, step_at=T0), rules, T0 + waited)
        assert due in {None, step + 1}
        if step >= total:
            assert due is None
        elif waited >= escalate.steps(rules)[step].after_minutes * 60:
            assert due == step + 1


def test_the_short_form_is_one_step() -> None:
    assert escalate.steps(oncall(escalate_to="moj", escalate_after_minutes=5)) == (
        Escalation(after_minutes=5, contact="moj"),
    )
    assert escalate.steps(None) == ()
    assert escalate.at(oncall(escalate_to="moj"), 2) is None


# --- channels ------------------------------------------------------------------------------------
def channel(identity: str, **changes: object) -> Channel:
    return msgspec.convert({"id": identity, "kind": "sink", "options": {"path": identity}} | changes, Channel)


MANY = (
    channel("all"), channel("pages", severity="page"), channel("power", kinds=["power", "area"]),
    channel("large", least_dossiers_per_day=1000), CHIEF,
)  # fmt: skip


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (commune("21040"), ["all", "pages", "power", "large"]),
        (commune("21496"), ["all", "pages", "power"]),
        (commune("21496", component="line:21496/main"), ["all", "pages"]),
        (commune("21040", component="line:21040/main", severity="ticket"), ["all", "large"]),
        (outage(component="pop:ba-to", communes=("21040", "21484")), ["all", "pages", "large"]),
        (outage(component="", communes=()), ["all", "pages"]),
        (monitoring_down(T0, "m", "main"), ["all", "pages", "power", "large"]),
    ],
)
def test_each_channel_gets_what_it_is_for(found: Outage, expected: list[str]) -> None:
    assert list(routing.channels_for(found, Book.of(province_with(None, *MANY)))) == expected


def test_a_page_that_no_channel_wants_goes_to_all_and_a_ticket_to_none() -> None:
    book = Book.of(province_with(None, channel("power", kinds=["power"]), CHIEF))
    assert routing.channels_for(outage(component="pop:ba-to"), book) == ("power",)
    assert routing.channels_for(outage(component="pop:ba-to", severity="ticket"), book) == ()


def test_what_comes_in_cannot_pass_for_the_receivers_own() -> None:
    hook = parse(body(alert(source="receiver", alertname="Storm")))
    assert from_alert(hook.alerts[0]).source == ""


# --- days ----------------------------------------------------------------------------------------
@given(st.datetimes(at("2026-01-01"), at("2027-01-01")), st.sampled_from(["00:00", "08:00", "23:30"]))
def test_a_digest_is_due_once_a_day(start: datetime, clock: str) -> None:
    book, last, days = Book.of(province_with(None, SINK)), None, []
    for minutes in range(0, 3 * 1440, 30):
        now = start + timedelta(minutes=minutes)
        if digest.due(Digest(at=clock), book, now, last):
            last = now.date().isoformat()
            days.append(last)
            assert f"{now:%H:%M}" >= clock
    assert len(days) == len(set(days))
    assert 2 <= len(days) <= 4


def test_a_digest_of_a_day_to_come_holds_up_none_of_today() -> None:
    book, now = Book.of(province_with(None, SINK)), at("2026-11-22").replace(hour=9)
    assert digest.due(Digest(at="08:00"), book, now, "2036-01-01")
    assert digest.due(Digest(at="08:00"), book, now, "2026-11-21")
    assert not digest.due(Digest(at="08:00"), book, now, "2026-11-22")


@pytest.mark.parametrize(
    ("spans", "times", "over"),
    [
        ([(0, 60), (20, 90)], 1, True),  # locator and rules, each by its own clock
        ([(0, None), (20, 90)], 1, False),
        ([(0, 100), (20, 40), (60, 80)], 1, True),  # one of them saw it come and go
        ([(0, 60), (20, 90), (100, 160), (120, None)], 2, False),
        ([(0, 60), (60, 90)], 1, True),
        ([(0, 10), (20, 30), (40, 50)], 3, True),
    ],
)
def test_what_overlaps_in_a_digest_came_once(
    spans: list[tuple[float, float | None]], times: int, over: bool
) -> None:
    entries = [
        Listed(id=str(n), alertname="LineLossy", component="line:21484/main", starts_at=begins, ends_at=ends)
        for n, (begins, ends) in enumerate(spans)
    ]
    (one,) = digest.gather("2026-11-22", entries, T0).listed
    assert (one.times, one.ends_at is not None, one.starts_at) == (times, over, 0)
