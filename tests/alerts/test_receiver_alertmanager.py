"""With Debian's Alertmanager: one page, one resolution, through kills and silences."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.receiver import Receiver, Settings
from deploy import debian, unpacked
from tests.alerts.fakes import until
from tests.alerts.outages import rfc3339, sink, told, with_channels
from tests.alerts.processes import Process, call, free_port, receiver_process, send_alert, started
from tests.alerts.servers import wait_until

ACCEPTED = 'thongsuot_receiver_webhooks_total{result="accepted"} 1.0'
pytestmark = pytest.mark.promtool

CONFIG = """\
route: {{receiver: thongsuot, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 30d}}
receivers: [{{name: thongsuot, webhook_configs: [{{url: '{url}/webhook', send_resolved: true}}]}}]
"""


def alertmanager_process(directory: Path, receiver_url: str, port: int = 0) -> Process:
    config = directory / "alertmanager.yml"
    config.write_text(CONFIG.format(url=receiver_url))
    port = port or free_port()
    argv = unpacked.argv(
        debian.find("alertmanager"), f"--config.file={config}", f"--storage.path={directory / 'am'}",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
    )  # fmt: skip
    return Process(argv, directory / "alertmanager.log", port, debian.environment())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sink.jsonl"


def statuses(path: Path) -> list[str]:
    return [line["status"] for line in told(path)]


@pytest.fixture
def pair(tmp_path: Path, path: Path) -> Iterator[tuple[Process, Process]]:
    """A receiver and an Alertmanager that know each other."""
    receiver = receiver_process(tmp_path, with_channels(sink(path)), "http://127.0.0.1:9")
    alertmanager = alertmanager_process(tmp_path, receiver.url)
    with started(receiver), started(alertmanager):
        yield receiver, alertmanager


def test_exactly_one_page_through_kills_of_both_and_one_resolution(
    pair: tuple[Process, Process], path: Path
) -> None:
    receiver, alertmanager = pair
    began = rfc3339(time.time())
    send_alert(alertmanager.url, startsAt=began)
    assert wait_until(lambda: statuses(path) == ["firing"]), receiver.log() + alertmanager.log()
    receiver.kill()
    alertmanager.kill()  # its log of what it notified dies with it
    receiver.start()
    alertmanager.start()
    send_alert(alertmanager.url, startsAt=began)
    assert wait_until(lambda: ACCEPTED in call(f"{receiver.url}/metrics")[1].decode()), "it notifies again"
    assert statuses(path) == ["firing"]
    send_alert(alertmanager.url, startsAt=began, endsAt=rfc3339(time.time()))
    assert wait_until(lambda: statuses(path) == ["firing", "resolved"])
    code, seconds = receiver.terminate()
    assert (code, seconds < 5) == (0, True)
    assert statuses(path) == ["firing", "resolved"]


def test_a_receiver_that_was_away_gets_what_it_missed(pair: tuple[Process, Process], path: Path) -> None:
    receiver, alertmanager = pair
    receiver.kill()
    send_alert(alertmanager.url)
    receiver.start()
    assert wait_until(lambda: statuses(path) == ["firing"], 30)


async def test_what_ends_under_a_silence_is_resolved_all_the_same(tmp_path: Path, path: Path) -> None:
    port = free_port()
    with started(alertmanager_process(tmp_path, f"http://127.0.0.1:{port}")) as alertmanager:
        settings = Settings(
            listen=f"127.0.0.1:{port}", store_path=tmp_path / "receiver.sqlite",
            alertmanager_url=alertmanager.url, poll_seconds=0.1,
        )  # fmt: skip
        async with Receiver(settings, with_channels(sink(path))).serving():
            began = rfc3339(time.time())
            send_alert(alertmanager.url, startsAt=began)
            await until(lambda: statuses(path) == ["firing"])
            silence(alertmanager.url)
            send_alert(alertmanager.url, startsAt=began, endsAt=rfc3339(time.time()))
            await until(lambda: statuses(path) == ["firing", "resolved"], 20)
            _, metrics = await asyncio.to_thread(call, f"http://127.0.0.1:{port}/metrics")
    assert ACCEPTED in metrics.decode(), "Alertmanager itself said nothing of the end"


def silence(url: str) -> None:
    now = datetime.now(UTC)
    wanted = {
        "matchers": [{"name": "commune", "value": "21040", "isRegex": False, "isEqual": True}],
        "startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "test", "comment": "test",
    }  # fmt: skip
    status, answer = call(f"{url}/api/v2/silences", json.dumps(wanted).encode())
    assert status == 200, answer
    shown = f"{url}/api/v2/alerts?active=false&silenced=true"
    assert wait_until(lambda: json.loads(call(shown)[1] or b"[]") != [])
