"""What ends an outage that nobody resolves, and what must not."""

from collections.abc import Mapping

import msgspec
import pytest

from alerts.outage import monitoring_down
from alerts.standing import Alertmanager, Judge, Memory, Prometheus, Verdict, View
from alerts.store import Phase, Standing
from tests.alerts.outages import T0, outage

OPEN = outage()
NOW = T0 + 1000
STANDS = {"f00d": ""}
GONE: dict[str, str] = {}
FIRING = ({"alertname": "CommuneCutOff"},)


def view(
    alerts: Mapping[str, str] | None, *, started: float = T0 - 500, now: float = NOW,
    firing: tuple[dict[str, str], ...] | None = None, prometheus_started: float = T0 - 500,
    pending: tuple[dict[str, str], ...] = (), answers_since: float = 0.0,
) -> View:  # fmt: skip
    return View(
        now=now,
        alertmanager=None if alerts is None else Alertmanager(started_at=started, alerts=alerts),
        prometheus=None
        if firing is None
        else Prometheus(
            started_at=prometheus_started, answers_since=answers_since, firing=firing, pending=pending
        ),
    )


def verdicts(judge: Judge, *views: View, phase: Phase = "open", ends_at: float | None = None) -> list[str]:
    """What is decided, look by look."""
    standing = Standing(msgspec.structs.replace(OPEN, ends_at=ends_at), phase)
    return [" ".join(v.action for v in judge.verdicts((standing,), one)) for one in views]


def alone(polls: int = 3) -> Judge:
    return Judge(ask_prometheus=False, polls=polls)


def both() -> Judge:
    return Judge(ask_prometheus=True)


def test_what_stands_goes_on() -> None:
    assert verdicts(alone(), *[view(STANDS)] * 9) == [""] * 9


def test_what_is_absent_three_times_in_a_row_is_over() -> None:
    assert verdicts(alone(), *[view(GONE)] * 3) == ["", "", "end"]
    assert verdicts(alone(), view(GONE), view(GONE), view(STANDS), view(GONE), view(GONE)) == [""] * 5


def test_who_started_between_the_last_sign_of_life_and_the_alert_knows_of_it() -> None:
    dated = Standing(outage(starts_at=T0 - 15, alerted_at=T0), "open")
    judge = alone(polls=1)
    assert [v.action for v in judge.verdicts((dated,), view(GONE, started=T0 - 5, now=T0 + 60))] == ["end"]
    assert judge.verdicts((dated,), view(GONE, started=T0 + 5, now=T0 + 60)) == ()


def test_it_is_over_since_it_was_first_missed() -> None:
    judge = alone(polls=2)
    judge.verdicts((Standing(OPEN, "open"),), view(GONE, now=NOW))
    found = judge.verdicts((Standing(OPEN, "open"),), view(GONE, now=NOW + 10))
    assert found == (Verdict("f00d@1", "end", NOW),)


def test_an_alertmanager_that_does_not_answer_ends_nothing() -> None:
    assert verdicts(alone(), *[view(None)] * 9) == [""] * 9
    assert verdicts(alone(), view(GONE), view(GONE), view(None), view(GONE), view(GONE)) == [""] * 5


def test_an_alertmanager_that_has_just_started_ends_nothing() -> None:
    just = [view(GONE, started=NOW - 89)] * 9
    settled = [view(GONE, started=NOW - 90)] * 3
    assert verdicts(alone(), *just) == [""] * 9
    assert verdicts(alone(), *settled) == ["", "", "end"]


def test_one_that_ran_before_the_outage_began_is_believed_at_once() -> None:
    assert verdicts(alone(), *[view(GONE, started=T0 - 1, now=T0 + 30)] * 3) == ["", "", "end"]


def test_a_clock_set_back_ends_nothing() -> None:
    assert verdicts(alone(), *[view(GONE, started=NOW + 3600)] * 9) == [""] * 9


def test_the_same_alert_under_another_name_is_another_outage() -> None:
    judge, named = alone(polls=1), Standing(outage(id="loc-1"), "open")
    assert judge.verdicts((named,), view({"f00d": "loc-1"})) == ()
    assert judge.verdicts((named,), view({"f00d": "loc-2"})) == (Verdict("loc-1", "end", NOW),)


def test_what_the_receiver_itself_raised_is_not_looked_for() -> None:
    own = Standing(monitoring_down(T0, "monitoring@1", "main"), "open")
    assert Judge(ask_prometheus=False, polls=1).verdicts((own,), view(GONE)) == ()


# --- with Prometheus -----------------------------------------------------------------------------
def test_prometheus_must_agree() -> None:
    assert verdicts(both(), *[view(GONE, firing=FIRING)] * 5) == [""] * 5
    assert verdicts(both(), *[view(GONE, firing=None)] * 5) == [""] * 5
    assert verdicts(both(), *[view(GONE, firing=())] * 3) == ["", "", "end"]


def test_a_prometheus_that_has_just_started_ends_nothing() -> None:
    just = view(GONE, firing=(), prometheus_started=NOW - 5)
    assert verdicts(both(), *[just] * 5) == [""] * 5


def test_a_prometheus_that_was_reading_its_log_has_just_started() -> None:
    reading = view(GONE, firing=(), prometheus_started=NOW - 400, answers_since=NOW - 89)
    assert verdicts(both(), *[reading] * 5) == [""] * 5
    assert verdicts(both(), *[reading] * 5, phase="ending") == [""] * 5
    judging = view(GONE, firing=(), prometheus_started=NOW - 400, answers_since=NOW - 90)
    assert verdicts(both(), *[judging] * 3) == ["", "", "end"]


def test_when_the_receiver_began_to_ask_does_not_matter_for_what_prometheus_itself_raised() -> None:
    asked_now = view(GONE, firing=(), answers_since=NOW)
    assert verdicts(both(), asked_now, phase="ending") == ["end"]


def test_what_waits_again_after_a_restart_of_prometheus_is_not_over() -> None:
    restarted = view(GONE, firing=(), pending=FIRING, prometheus_started=NOW - 400)
    assert verdicts(both(), *[restarted] * 5) == [""] * 5
    assert verdicts(both(), restarted, phase="ending") == ["reopen"]


def test_what_waits_again_without_a_restart_has_ended_before() -> None:
    assert verdicts(both(), view(GONE, firing=(), pending=FIRING), phase="ending") == ["end"]


@pytest.mark.parametrize("alertmanager", [None, NOW - 1])
def test_what_ended_while_alertmanager_was_dead_is_over(alertmanager: float | None) -> None:
    over = view(None if alertmanager is None else GONE, started=alertmanager or 0.0, firing=())
    lasts = view(None if alertmanager is None else GONE, started=alertmanager or 0.0, firing=FIRING)
    assert verdicts(both(), *[over] * 3) == ["", "", "end"]
    assert verdicts(both(), *[lasts] * 9) == [""] * 9


def test_of_what_no_rule_raised_alertmanager_knows_alone() -> None:
    other = Standing(outage(source="ours"), "open")
    judge = Judge(ask_prometheus=True, polls=1)
    assert judge.verdicts((other,), view(None, firing=())) == ()
    assert judge.verdicts((other,), view(GONE, started=NOW - 1, firing=())) == ()
    assert judge.verdicts((other,), view(GONE, firing=None)) == (Verdict("f00d@1", "end", NOW),)


# --- of the locator's ----------------------------------------------------------------------------
def located(
    alerts: Mapping[str, str], alive_since: float | None, *, phase: Phase = "open", started: float = T0 - 500
) -> list[str]:
    """What three looks decide of an outage of the locator's; it lives since then, or does not."""
    locator = None if alive_since is None else Memory(started_at=alive_since)
    held = Alertmanager(started_at=started, alerts=alerts, locator=locator)
    judge, item = Judge(ask_prometheus=True), Standing(outage(source="locator"), phase)
    looks = [judge.verdicts((item,), View(now=NOW, alertmanager=held)) for _ in range(3)]
    return [" ".join(verdict.action for verdict in found) for found in looks]


def test_what_a_living_locator_no_longer_repeats_is_over() -> None:
    assert located(STANDS, T0 - 9) == ["", "", ""]
    assert located(GONE, T0 - 9) == ["", "", "end"]
    assert located(GONE, T0 - 9, phase="silent") == ["", "", "end"]


def test_a_locator_that_has_just_come_back_ends_nothing() -> None:
    assert located(GONE, NOW - 89) == [""] * 3
    assert located(GONE, NOW - 90) == ["", "", "end"]
    assert located(GONE, T0 - 9, started=NOW - 89) == [""] * 3


def test_without_a_locator_nobody_stands_behind_what_it_said() -> None:
    for held in (STANDS, GONE):
        assert located(held, None) == ["silence"] * 3
        assert located(held, None, phase="silent") == [""] * 3


def test_an_alertmanager_that_has_just_started_knows_nothing_of_a_locator() -> None:
    assert located(GONE, None, started=NOW - 89) == [""] * 3


def test_a_locator_that_is_back_takes_up_what_it_said() -> None:
    assert located(STANDS, NOW - 1, phase="silent") == ["reopen"] * 3


def test_other_alerts_of_prometheus_do_not_count() -> None:
    other: tuple[dict[str, str], ...] = ({"alertname": "PopDown"}, {})
    assert verdicts(both(), *[view(GONE, firing=other)] * 3) == ["", "", "end"]


def test_an_end_that_was_doubted_is_confirmed_or_taken_back() -> None:
    ends = [
        (view(GONE, firing=()), "end"),
        (view(GONE, firing=FIRING), "reopen"),
        (view(STANDS, firing=()), "reopen"),
        (view(GONE, firing=None), ""),
        (view(None, firing=()), "end"),
    ]
    for one, expected in ends:
        assert verdicts(both(), one, phase="ending", ends_at=T0 + 60) == [expected]


def test_a_confirmed_end_keeps_its_time() -> None:
    standing = Standing(outage(ends_at=T0 + 60), "ending")
    found = both().verdicts((standing,), view(GONE, firing=()))
    assert found == (Verdict("f00d@1", "end", T0 + 60),)
