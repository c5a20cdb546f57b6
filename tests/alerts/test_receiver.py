"""The receiver as a whole, in this process: HTTP in, lines in a sink out."""

import asyncio
import io
import logging
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from alerts.receiver import Receiver, Settings
from inventory.model import Channel, Inventory
from tests.alerts.desk import oncall
from tests.alerts.fakes import Hub, hub, looks, until
from tests.alerts.outages import CLASS, T0, alert, body, sink, told, with_channels
from tests.alerts.servers import Http, http
from tests.alerts.test_persons import ZALO, people


class Running:
    """A receiver that serves, its sink and the hub that it asks."""

    def __init__(
        self, made: Receiver, url: str, hub_: Hub, session: aiohttp.ClientSession, path: Path
    ) -> None:
        self.made, self.url, self.hub, self._session, self.path = made, url, hub_, session, path

    async def post(self, data: bytes, **headers: str) -> tuple[int, str]:
        async with self._session.post(
            f"{self.url}/webhook", data=io.BytesIO(data), headers=headers
        ) as answer:
            return answer.status, await answer.text()

    async def get(self, path: str) -> tuple[int, str]:
        async with self._session.get(self.url + path) as answer:
            return answer.status, await answer.text()

    async def metric(self, name: str) -> float:
        _, text = await self.get("/metrics")
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))

    async def counted(self, name: str) -> bool:
        return await self.metric(name) > 0

    def shows(self, words: str) -> Callable[[], Awaitable[bool]]:
        async def shown() -> bool:
            return words in (await self.get("/api/outages"))[1]

        return shown

    def told(self) -> list[tuple[str, str]]:
        return [(line["outage_id"], line["status"]) for line in told(self.path)]


@asynccontextmanager
async def receiver(
    tmp_path: Path, *channels: Channel, state: Hub | None = None, prometheus: bool = False,
    inventory: Inventory | None = None, load: Any = None, **settings: Any,
) -> AsyncIterator[Running]:  # fmt: skip
    path = tmp_path / "sink.jsonl"
    chosen = inventory or with_channels(*(channels or (sink(path),)))
    async with hub(state or Hub()) as asked, aiohttp.ClientSession() as session:
        values: dict[str, Any] = {
            "listen": "127.0.0.1:0",
            "store_path": tmp_path / "receiver.sqlite",
            "alertmanager_url": asked.url,
            "prometheus_url": asked.url if prometheus else None,
            "poll_seconds": 0.01,
        }
        made = Receiver(Settings(**values | settings), chosen, load)
        async with made.serving() as (host, port):
            yield Running(made, f"http://{host}:{port}", asked, session, path)


PAGE = (f"f00d@{round(T0 * 1000)}", "firing")
OVER = (f"f00d@{round(T0 * 1000)}", "resolved")


def standing() -> Hub:
    state = Hub()
    state.stands(alert())
    return state


async def test_a_page_and_its_resolution_are_told_once(tmp_path: Path) -> None:
    async with receiver(tmp_path, state=standing()) as running:
        for _ in range(3):
            assert await running.post(body(alert())) == (200, "OK\n")
        await until(lambda: running.told() == [PAGE])
        for _ in range(2):
            assert (await running.post(body(alert("resolved", ends=T0 + 90))))[0] == 200
        await until(lambda: running.told() == [PAGE, OVER])
        await running.post(body(alert()))
        await looks(running.hub, 3)
        assert running.told() == [PAGE, OVER]
        line = told(running.path)[0]
        assert (line["component"], line["communes"], line["severity"]) == (CLASS, ["21040"], "page")
        assert line["text_vi"].startswith("[SỰ CỐ] Xã Bình Sơn mất kết nối: mất điện")
        assert line["text_en"].startswith("[OUTAGE] Bình Sơn commune is cut off: power cut")
        assert await running.metric('thongsuot_receiver_webhooks_total{result="accepted"}') == 6
        sent = 'thongsuot_notifications_total{channel="local",result="sent"}'
        assert await running.metric(sent) == 2
        assert await running.metric('thongsuot_notification_delay_seconds_count{channel="local"}') == 2


REFUSED = [
    (b"hello", 400, "not JSON: ", "not_json"),
    (b'{"version":"3"}', 400, "version '3': only webhook version '4' is understood", "version"),
    (b"[]", 400, "not an Alertmanager webhook: ", "shape"),
    (body(alert(fingerprint="/")), 400, "fingerprint: ", "labels"),
    (body(*[alert()] * 1001), 400, "1001 alerts: at most 1000", "too_many_alerts"),
    (b" " * ((1 << 20) + 1), 413, "over 1048576 bytes", "too_large"),
]


@pytest.mark.parametrize(("data", "status", "said", "result"), REFUSED, ids=[r[3] for r in REFUSED])
async def test_a_wrong_body_is_refused_and_counted(
    tmp_path: Path, data: bytes, status: int, said: str, result: str
) -> None:
    async with receiver(tmp_path) as running:
        found, text = await running.post(data)
        assert (found, text.startswith(said)) == (status, True)
        assert await running.metric(f'thongsuot_receiver_webhooks_total{{result="{result}"}}') == 1
        assert await running.post(body(alert())) == (200, "OK\n")


async def test_browsers_are_not_listened_to(tmp_path: Path) -> None:
    async with receiver(tmp_path) as running:
        assert (await running.post(body(alert()), Origin="http://evil.example"))[0] == 403
        assert await running.get("/api/outages") == (200, "[]")


async def test_health_and_open_outages(tmp_path: Path) -> None:
    async with receiver(tmp_path, state=standing()) as running:
        assert await running.get("/-/healthy") == (200, "OK\n")
        assert await running.get("/-/ready") == (200, "OK\n")
        await running.post(body(alert()))
        (shown,) = msgspec.json.decode((await running.get("/api/outages"))[1])
        assert (shown["id"], shown["phase"], shown["component"]) == (PAGE[0], "open", CLASS)
        await looks(running.hub, 2)
        assert await running.metric("thongsuot_receiver_open_pages") == 1


async def test_planned_work_tells_nobody(tmp_path: Path) -> None:
    async with receiver(tmp_path) as running:
        await running.post(body(alert(severity="none"), alert(fingerprint="beef")))
        await until(lambda: len(running.told()) == 1)
        assert running.told()[0][0].startswith("beef@")


# --- ends that nobody sends ----------------------------------------------------------------------
async def test_a_muted_alert_that_ends_is_resolved_by_reconciliation(tmp_path: Path) -> None:
    async with receiver(tmp_path, state=standing()) as running:
        await running.post(body(alert()))
        await until(lambda: running.told() == [PAGE])
        await looks(running.hub, 5)
        assert running.told() == [PAGE]
        running.hub.stands()
        await until(lambda: running.told() == [PAGE, OVER])


@pytest.mark.parametrize("trouble", ["down", "just started"])
async def test_an_alertmanager_in_trouble_ends_nothing(tmp_path: Path, trouble: str) -> None:
    async with receiver(tmp_path, state=standing()) as running:
        await running.post(body(alert()))
        await until(lambda: running.told() == [PAGE])
        running.hub.alertmanager_alive = trouble != "down"
        running.hub.started = time.time() - 5
        running.hub.stands()
        await looks(running.hub, 8)
        assert running.told() == [PAGE]
        running.hub.alertmanager_alive = True
        running.hub.started = time.time() - 91
        await until(lambda: running.told() == [PAGE, OVER])


async def test_the_death_of_prometheus_resolves_nothing(tmp_path: Path) -> None:
    """Its alerts expire in Alertmanager, which then sends a resolution that is not true."""
    async with receiver(tmp_path, state=standing(), prometheus=True) as running:
        await running.post(body(alert()))
        await until(lambda: running.told() == [PAGE])
        running.hub.prometheus_alive = False
        await looks(running.hub, 2)
        running.hub.stands()
        await running.post(body(alert("resolved", ends=T0 + 90)))
        await looks(running.hub, 8)
        assert running.told() == [PAGE]
        assert '"phase":"ending"' in (await running.get("/api/outages"))[1]
        running.hub.firing = [{"alertname": "CommuneCutOff", "component": CLASS}]
        running.hub.prometheus_alive = True
        await looks(running.hub, 4)
        assert running.told() == [PAGE]
        running.hub.firing = []
        await until(lambda: running.told() == [PAGE, OVER])


async def test_a_resolution_that_prometheus_backs_goes_at_once(tmp_path: Path) -> None:
    async with receiver(tmp_path, prometheus=True, poll_seconds=3600.0) as running:
        await until(lambda: running.hub.asked == 1)
        await running.post(body(alert()))
        await running.post(body(alert("resolved", ends=T0 + 90)))
        await until(lambda: running.told() == [PAGE, OVER])
        assert running.hub.asked == 2


async def test_what_expired_in_alertmanager_alone_is_not_over(tmp_path: Path) -> None:
    """It was stopped for a while, and resolves what it was not told of, though the rule fires on."""
    state = Hub(firing=[{"alertname": "CommuneCutOff", "component": CLASS}])
    async with receiver(tmp_path, state=state, prometheus=True, poll_seconds=3600.0) as running:
        await until(lambda: running.hub.asked == 1)
        await running.post(body(alert()))
        await until(lambda: running.told() == [PAGE])
        await running.post(body(alert("resolved", ends=T0 + 90)))
        await until(lambda: running.hub.asked == 2)
        await until(running.shows('"phase":"open"'))
        await running.post(body(alert()))
        running.hub.firing = []
        await running.post(body(alert("resolved", ends=T0 + 900)))
        await until(lambda: running.told() == [PAGE, OVER])


async def test_what_ends_while_alertmanager_is_dead_is_resolved_by_prometheus(tmp_path: Path) -> None:
    state = Hub(firing=[{"alertname": "CommuneCutOff", "component": CLASS}])
    async with receiver(tmp_path, state=state, prometheus=True) as running:
        await running.post(body(alert()))
        await until(lambda: running.told() == [PAGE])
        running.hub.alertmanager_alive = False
        await looks(running.hub, 8)
        assert running.told() == [PAGE]
        running.hub.firing = []
        await until(lambda: running.told() == [PAGE, OVER])


# --- restarts and broken disks -------------------------------------------------------------------
async def test_a_restart_repeats_nothing_and_forgets_nothing(tmp_path: Path) -> None:
    async with receiver(tmp_path, state=standing()) as running:
        await running.post(body(alert()))
        await until(lambda: running.told() == [PAGE])
    async with receiver(tmp_path, state=standing()) as running:
        await running.post(body(alert()))
        await running.post(body(alert(fingerprint="beef")))
        await until(lambda: len(running.told()) == 2)
        assert running.told()[1][0].startswith("beef@")


async def test_a_page_that_waits_survives_a_restart(tmp_path: Path) -> None:
    blocked = sink(tmp_path / "none" / "sink.jsonl")
    async with receiver(tmp_path, blocked, state=standing()) as running:
        assert (await running.post(body(alert())))[0] == 200
        name = 'thongsuot_notifications_total{channel="local",result="retried"}'
        await until(lambda: running.counted(name))
    async with receiver(tmp_path, sink(tmp_path / "sink.jsonl"), state=standing()) as running:
        await until(lambda: running.told() == [PAGE])


async def test_a_full_store_answers_503_and_says_why_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with receiver(tmp_path, state=standing()) as running:
        lock = sqlite3.connect(tmp_path / "receiver.sqlite", isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        for _ in range(2):
            assert await running.post(body(alert())) == (503, "cannot store: database is locked\n")
        assert (await running.get("/-/ready"))[0] == 503
        lock.execute("ROLLBACK")
        lock.close()
        assert (await running.post(body(alert())))[0] == 200
        assert (await running.get("/-/ready"))[0] == 200
        assert await running.metric('thongsuot_receiver_webhooks_total{result="unavailable"}') == 2
        await until(lambda: running.told() == [PAGE])
    said = [r.getMessage() for r in caplog.records if "notifications are refused" in r.getMessage()]
    assert said == [
        "notifications are refused, Alertmanager will retry: database is locked",
        "notifications are refused, Alertmanager will retry: works again",
    ]


# --- channels ------------------------------------------------------------------------------------
def hooked(server: Http, identity: str = "gateway") -> Channel:
    return Channel(id=identity, kind="webhook", options={"url": f"{server.url}/token-in-path"})


async def test_one_broken_channel_does_not_keep_the_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with http(Http(status=500)) as server:
        async with receiver(
            tmp_path, hooked(server), sink(tmp_path / "sink.jsonl"), state=standing()
        ) as running:
            await running.post(body(alert()))
            await until(lambda: running.told() == [PAGE] and len(server.requests) == 1)
            server.status = 200
            await until(lambda: len(server.requests) == 2)
    one, two = (request[2]["X-Thongsuot-Delivery"] for request in server.requests)
    assert one == two == f"{PAGE[0]}/firing/0/gateway"
    assert "answered HTTP 500" in caplog.text
    assert "token-in-path" not in caplog.text


async def test_what_is_refused_for_good_is_given_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with http(Http(status=404)) as server:
        async with receiver(tmp_path, hooked(server), state=standing()) as running:
            await running.post(body(alert()))
            name = 'thongsuot_notifications_total{channel="gateway",result="failed"}'
            await until(lambda: running.counted(name))
            await running.post(body(alert()))
            await looks(running.hub, 5)
    assert len(server.requests) == 1
    assert "channel gateway: given up: answered HTTP 404" in caplog.text


async def test_a_page_that_never_got_through_is_told_with_its_end(tmp_path: Path) -> None:
    with http(Http(status=503, headers={"Retry-After": "0"})) as server:
        async with receiver(tmp_path, hooked(server), state=standing()) as running:
            await running.post(body(alert()))
            await until(lambda: len(server.requests) >= 1)
            await running.post(body(alert("resolved", ends=T0 + 90)))
            await until(lambda: b'"resolved"' in server.requests[-1][3])
            server.status = 200
            before = len(server.requests)
            await until(lambda: len(server.requests) == before + 1)
            await looks(running.hub, 5)
    last = msgspec.json.decode(server.requests[-1][3])
    assert last["status"] == "resolved"
    assert "Tin báo sự cố trước đó chưa gửi được" in last["text"]
    assert len(server.requests) == before + 1


async def test_a_server_that_asks_for_peace_gets_it(tmp_path: Path) -> None:
    with http(Http(status=429, headers={"Retry-After": "3000"})) as server:
        async with receiver(tmp_path, hooked(server), state=standing()) as running:
            await running.post(body(alert()))
            await until(lambda: len(server.requests) == 1)
            await running.post(body(alert(fingerprint="beef")))
            await looks(running.hub, 10)
    assert len(server.requests) == 1


async def test_a_hanging_channel_does_not_keep_the_receiver_from_stopping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerts.receiver.STOP_SECONDS", 0.05)
    with http(Http(hold=threading.Event())) as server:
        async with asyncio.timeout(8):
            async with receiver(tmp_path, hooked(server)) as running:
                await running.post(body(alert()))
                await until(lambda: len(server.requests) == 1)


async def test_languages_and_lengths_are_the_channels_own(tmp_path: Path) -> None:
    with http(Http()) as server:
        channel = msgspec.structs.replace(hooked(server), languages=("en",))
        async with receiver(tmp_path, channel, state=standing()) as running:
            await running.post(body(alert()))
            await until(lambda: len(server.requests) == 1)
    found = msgspec.json.decode(server.requests[0][3])
    assert found["subject"].startswith("[OUTAGE] Bình Sơn commune")
    assert "SỰ CỐ" not in found["text"]


# --- reload --------------------------------------------------------------------------------------
async def test_a_reload_takes_new_channels_and_refuses_wrong_ones(tmp_path: Path) -> None:
    second = sink(tmp_path / "second.jsonl", "second")
    answers: list[Inventory] = [
        with_channels(Channel(id="x", kind="fax")),
        with_channels(sink(tmp_path / "sink.jsonl"), second),
    ]
    async with receiver(tmp_path, state=standing(), load=lambda: answers.pop(0)) as running:
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{running.url}/-/reload") as refused:
                text = await refused.text()
                assert (refused.status, text.partition(":")[0]) == (422, "fax")
            async with session.post(f"{running.url}/-/reload") as taken:
                assert taken.status == 200
        await running.post(body(alert()))
        await until(lambda: running.told() == [PAGE] and len(told(tmp_path / "second.jsonl")) == 1)


# --- the monitoring itself -----------------------------------------------------------------------
def watchdog() -> bytes:
    return body(alert(alertname="Watchdog", severity="none", fingerprint="d06"))


async def test_the_watchdog_is_no_page(tmp_path: Path) -> None:
    async with receiver(tmp_path) as running:
        assert (await running.post(watchdog()))[0] == 200
        await looks(running.hub, 3)
        assert running.told() == []


async def test_a_watchdog_that_stays_away_is_told_and_its_return_too(tmp_path: Path) -> None:
    async with receiver(tmp_path, watchdog_absent_seconds=0.3) as running:
        await running.post(watchdog())
        await until(lambda: len(running.told()) == 1)
        line = told(running.path)[0]
        assert (line["alertname"], line["status"], line["component"]) == (
            "MonitoringDown",
            "firing",
            "hub:main",
        )
        assert line["text_vi"].startswith("[SỰ CỐ] Hệ thống giám sát ngừng hoạt động")
        await running.post(watchdog())
        await until(lambda: len(running.told()) >= 2)
        assert [status for _, status in running.told()][:2] == ["firing", "resolved"]
        assert running.told()[0][0] == running.told()[1][0]


async def test_the_monitoring_is_down_for_whoever_is_on_call_too(tmp_path: Path) -> None:
    contacts = people(so_khcn={"zalo": "chat-1"}, truc_b={"zalo": "chat-2"})
    inventory = with_channels(ZALO, contacts=contacts, oncall=oncall())
    count = 'thongsuot_notifications_total{channel="zalo'
    async with receiver(tmp_path, inventory=inventory, watchdog_absent_seconds=0.3) as running:
        await running.post(watchdog())
        await until(lambda: running.counted(f"{count}/"))
        await until(lambda: running.counted(f'{count}"'))


async def test_a_watchdog_that_never_was_is_not_missed(tmp_path: Path) -> None:
    async with receiver(tmp_path, watchdog_absent_seconds=-1.0) as running:
        await running.made._check_pulse()
        assert await running.get("/api/outages") == (200, "[]")


async def test_a_restart_remembers_that_the_watchdog_was_there_and_that_it_is_gone(tmp_path: Path) -> None:
    async with receiver(tmp_path) as running:
        await running.post(watchdog())
    async with receiver(tmp_path, watchdog_absent_seconds=-1.0) as running:
        await running.made._check_pulse()
        await until(lambda: len(running.told()) == 1)
    async with receiver(tmp_path, watchdog_absent_seconds=3600.0) as running:
        await running.made._check_pulse()
        assert '"phase":"open"' in (await running.get("/api/outages"))[1]
        await running.post(watchdog())
        await running.made._check_pulse()
        await until(lambda: [status for _, status in running.told()] == ["firing", "resolved"])


async def test_signs_of_life_are_passed_on_but_not_each_of_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url_file = tmp_path / "url"
    inventory = with_channels(sink(tmp_path / "sink.jsonl"), dead_mans_switch_url_file=str(url_file))
    async with receiver(tmp_path, inventory=inventory) as running:
        url_file.write_text(f"{running.hub.url}/ping/secret-path\n")
        await running.post(watchdog())
        await until(lambda: running.hub.beats == 1)
        for _ in range(3):
            await running.post(watchdog())
        await looks(running.hub, 5)
        assert running.hub.beats == 1
    assert "secret-path" not in caplog.text


async def test_an_outside_address_that_fails_is_said_once_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerts.deadman.RETRY_SECONDS", 0.0)
    url_file = tmp_path / "url"
    url_file.write_text("http://127.0.0.1:9/ping/secret-path")
    inventory = with_channels(sink(tmp_path / "sink.jsonl"), dead_mans_switch_url_file=str(url_file))
    async with receiver(tmp_path, inventory=inventory, watchdog_forward_seconds=0.0) as running:
        for _ in range(3):
            await running.post(watchdog())
        await until(lambda: "ConnectionError" in caplog.text)
        url_file.write_text(f"{running.hub.url}/ping/secret-path")
        async with asyncio.timeout(10):
            while not running.hub.beats:
                await running.post(watchdog())
    assert caplog.text.count("the dead-man's switch outside was not reached: ConnectionError") == 1
    assert "secret-path" not in caplog.text
