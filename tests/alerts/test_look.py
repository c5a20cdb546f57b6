"""What Alertmanager and Prometheus say about themselves; what cannot be understood is unknown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.httpapi import BadAnswerError
from alerts.look import Look, _Status, decode
from tests.alerts.fakes import Hub, hub
from tests.alerts.outages import T0, alert


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
