"""What Alertmanager and Prometheus say about themselves; what cannot be understood is unknown."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.amapi import Alert
from alerts.httpapi import BadAnswerError
from alerts.look import Beginnings, Look, _Status, decode, held
from alerts.standing import Memory
from tests.alerts.fakes import Hub, hub
from tests.alerts.outages import T0, alert, outage


async def test_what_stands_is_seen_with_when_each_began() -> None:
    state = Hub(firing=[{"alertname": "PopDown"}])
    state.stands(alert(), alert(fingerprint="beef", annotations={"outage_id": "loc-1"}))
    async with hub(state), Look(state.url, state.url) as look:
        view = await look.around()
    assert view.alertmanager is not None
    assert view.prometheus is not None
    assert view.alertmanager.alerts == {"f00d": "", "beef": "loc-1"}
    assert view.prometheus.firing == ({"alertname": "PopDown"},)
    assert view.prometheus.pending == ({"alertname": "CommuneCutOff"},)
    assert view.alertmanager.started_at == view.prometheus.started_at == T0 - 1000


async def test_what_cannot_be_asked_is_unknown(caplog: pytest.LogCaptureFixture) -> None:
    async with Look("http://127.0.0.1:9", "http://127.0.0.1:9") as look:
        for _ in range(2):
            view = await look.around()
            assert (view.alertmanager, view.prometheus) == (None, None)
    assert len(caplog.records) == 2  # once for each, not each time


async def test_a_prometheus_answers_since_it_last_did_not() -> None:
    async with hub(Hub()) as state, Look(state.url, state.url) as look:
        first, same = [(await look.around()).prometheus for _ in range(2)]
        state.prometheus_alive = False
        assert (await look.around()).prometheus is None
        state.prometheus_alive = True
        again = (await look.around()).prometheus
    assert first is not None
    assert same is not None
    assert again is not None
    assert first.answers_since == same.answers_since < again.answers_since


def test_who_was_started_by_a_clock_that_was_ahead_runs_since_that_was_noticed() -> None:
    found = Beginnings()
    assert found.believed("a", T0 - 5, T0) == T0 - 5
    assert [found.believed("a", T0 + 1e9, T0 + n) for n in (0, 10, 100)] == [T0] * 3
    assert found.believed("b", T0 + 1e9, T0 + 7) == T0 + 7, "each by itself"
    assert found.believed("a", T0 + 1e9, T0 - 50) == T0 - 50, "put back once more"
    assert found.believed("a", T0 - 60, T0) == T0 - 60, "started anew"
    known = Memory(started_at=found.believed("a", T0 + 1e9, T0))
    assert not known.whole(outage(starts_at=T0 - 1), T0 + 60, 90)
    assert known.whole(outage(starts_at=T0 - 1), T0 + 90, 90)


async def test_their_word_counts_though_they_date_themselves_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake services were started at T0 - 1000, and the clock has been put back to before that."""
    monkeypatch.setattr("alerts.look.time.time", lambda: T0 - 5000)
    alive = alert(alertname="LocatorAlive", source="locator", severity="none", fingerprint="life")
    state = Hub()
    state.stands(alive)
    async with hub(state), Look(state.url, state.url) as look:
        view = await look.around()
    known = view.alertmanager, view.prometheus, view.alertmanager and view.alertmanager.locator
    assert [one and one.started_at for one in known] == [T0 - 5000] * 3


async def test_without_a_prometheus_none_is_asked() -> None:
    async with hub(Hub()) as state, Look(state.url, None) as look:
        assert not look.asks_prometheus
        assert (await look.around()).prometheus is None


@pytest.mark.parametrize(
    "answer",
    [(500, b""), (200, b""), (200, b"[]"), (200, b"{}"), (200, b'{"uptime": 1e300}'), (200, b"\xff")],
)
def test_a_strange_answer_is_an_error(answer: tuple[int, bytes]) -> None:
    with pytest.raises(BadAnswerError):
        decode(answer, _Status)


@given(st.binary(max_size=200))
def test_any_answer_is_an_error_of_ours(body: bytes) -> None:
    with pytest.raises(BadAnswerError):
        decode((200, body), _Status)


# --- the locator among the alerts ----------------------------------------------------------------
def shown(fingerprint: str, source: str, name: str = "PopDown", **changes: Any) -> Alert:
    values: dict[str, Any] = {
        "labels": {"alertname": name, "source": source, "component": "pop:x"},
        "starts": T0, "updated": T0 + 95, "fingerprint": fingerprint,
    }  # fmt: skip
    return Alert(**values | changes)


ALIVE = shown("alive", "locator", "LocatorAlive", starts=T0 - 9)


def test_its_life_mutes_nobody_and_is_told_since_when() -> None:
    quiet = shown("r", "rules", inhibited_by=("alive",))
    larger = shown("s", "rules", inhibited_by=("alive", "hub"))
    silenced = shown("t", "rules", silenced_by=("x",))
    found = held((ALIVE, quiet, larger, silenced), T0 - 100, T0 + 100)
    assert found.muted == {"s", "t"}, (
        "an outage that the rules told of is escalated on when the locator is back"
    )
    assert found.locator is not None
    assert found.locator.started_at == T0 - 9
    assert [one.fingerprint for one in found.overheard] == ["r", "s", "t"]


def test_what_it_no_longer_repeats_does_not_stand() -> None:
    fresh, old = shown("n", "locator"), shown("o", "locator", updated=T0 + 69)
    found = held((ALIVE, fresh, old, shown("r", "rules", updated=T0)), T0 - 100, T0 + 100)
    assert set(found.alerts) == {"alive", "n", "r"}
    assert [one.fingerprint for one in found.located] == ["n"]
    assert held((fresh,), T0, T0 + 100).locator is None


def test_planned_work_and_what_only_the_rules_judge_is_not_overheard() -> None:
    planned = shown("p", "rules", inhibited_by=("alive",))
    planned = msgspec.structs.replace(planned, labels={**planned.labels, "severity": "none"})
    lossy = shown("l", "rules", "LineLossy", inhibited_by=("x",))
    assert held((ALIVE, planned, lossy), T0, T0 + 100).overheard == ()
