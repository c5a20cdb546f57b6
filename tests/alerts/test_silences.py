"""An answer by link becomes a silence in Debian's Alertmanager, and ends with the outage."""

import json
import re
import stat
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from alerts import handling
from alerts.amapi import AmApi, Matcher, Silence
from alerts.damping import FLAPPING
from alerts.httpapi import BadAnswerError
from alerts.silences import Silences, matchers
from alerts.storm import STORM
from alerts.telemetry import Telemetry
from inventory.model import Notify, Storm
from tests.alerts.desk import Desk, commune, oncall, province_with
from tests.alerts.outages import outage, rfc3339, sink, told, with_channels
from tests.alerts.processes import Process, call, free_port, receiver_process, send_alert, started
from tests.alerts.servers import wait_until
from tests.alerts.test_receiver_alertmanager import alertmanager_process


# --- what is asked for ---------------------------------------------------------------------------
def test_a_silence_asks_for_exactly_the_alert() -> None:
    assert matchers(commune("21040")) == (
        Matcher(name="alertname", value="CommuneCutOff"),
        Matcher(name="commune", value="21040"),
        Matcher(name="component", value="power|lan|line|agent:21040"),
    )


def test_a_storm_asks_for_its_members_literally() -> None:
    (found,) = matchers(outage(alertname=STORM), [commune("21040"), commune("21496")])
    assert (found.name, found.is_regex) == ("component", True)
    assert re.fullmatch(found.value, "power|lan|line|agent:21040")
    assert re.fullmatch(found.value, "power|lan|line|agent:21496")
    assert not re.fullmatch(found.value, "power")


def test_what_alertmanager_does_not_know_is_not_silenced_there() -> None:
    assert matchers(outage(labels={})) == ()
    assert matchers(outage(alertname=STORM)) == ()
    assert matchers(outage(alertname=FLAPPING, component="pop:ba-to")) == (
        Matcher(name="component", value="pop:ba-to"),
    )


# --- when it is not known whether one was made ----------------------------------------------------
class Forgetful(AmApi):
    """An Alertmanager that makes a silence of which nobody hears: the receiver dies in that moment."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.ended: list[str] = []

    async def make_silence(self, silence: Silence) -> str:
        self.made.append(silence.comment)
        raise BadAnswerError("the receiver is gone")

    async def end_silences_of(self, outage_id: str) -> None:
        self.ended.append(outage_id)
        self.made = [comment for comment in self.made if not comment.endswith(f": {outage_id}")]


async def test_one_that_was_made_and_not_noted_ends_with_the_outage(tmp_path: Path) -> None:
    desk, api = Desk(tmp_path / "store.sqlite", province_with()), Forgetful()
    one = commune("21040")
    await desk.fires(one)
    await desk.store(handling.silence, one.id, desk.now + 3600)
    await Silences(desk.store, api, Telemetry(CollectorRegistry())).turn(desk.now)
    assert api.made != []
    await desk.restart()
    await desk.ends(one)
    again = Silences(desk.store, api, Telemetry(CollectorRegistry()))
    await again.turn(desk.now)
    assert api.made == []
    asked = len(api.ended)
    await again.turn(desk.now)
    assert len(api.ended) == asked, "once is enough"
    await desk.store.close()


async def test_what_has_run_out_since_is_not_asked_about(tmp_path: Path) -> None:
    desk, api = Desk(tmp_path / "store.sqlite", province_with()), Forgetful()
    one = commune("21040")
    await desk.fires(one)
    await desk.store(handling.silence, one.id, desk.now + 3600)
    await desk.ends(one)
    await Silences(desk.store, api, Telemetry(CollectorRegistry())).turn(desk.now + 3601)
    assert api.ended == []
    await desk.store.close()


# --- with a real Alertmanager --------------------------------------------------------------------
class Chain:
    """A receiver with its answering page, an Alertmanager and what people were told."""

    def __init__(self, receiver: Process, alertmanager: Process, path: Path, answers: str) -> None:
        self.receiver, self.alertmanager, self.path, self.answers = receiver, alertmanager, path, answers

    def link(self) -> str:
        (found,) = re.findall(r"https?://127\.0\.0\.1:\d+/a/\S+", told(self.path)[0]["text_vi"])
        return str(found)

    def answer(self, **fields: str) -> tuple[int, str]:
        status, body = call(self.link(), urllib.parse.urlencode(fields).encode())
        return status, body.decode()

    def silences(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(call(f"{self.alertmanager.url}/api/v2/silences")[1] or b"[]")
        return found

    def states(self) -> list[str]:
        return [one["status"]["state"] for one in self.silences()]

    def outages(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(call(f"{self.receiver.url}/api/outages")[1] or b"[]")
        return found


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    path, port = tmp_path / "sink.jsonl", free_port()
    answers = f"http://127.0.0.1:{port}"
    notify = Notify(storm=Storm(wait_seconds=0), answer_url=answers)
    inventory = with_channels(sink(path), notify=notify, oncall=oncall(escalate_to="truc-b"))
    where = ["--answer-listen", f"127.0.0.1:{port}"]
    alertmanager_port = free_port()
    receiver = receiver_process(
        tmp_path, inventory, f"http://127.0.0.1:{alertmanager_port}", wrap=lambda argv: [*argv, *where]
    )
    alertmanager = alertmanager_process(tmp_path, receiver.url, alertmanager_port)
    with started(receiver), started(alertmanager):
        yield Chain(receiver, alertmanager, path, answers)


@pytest.mark.promtool
def test_an_answer_silences_until_the_outage_ends_through_a_kill_of_both(
    chain: Chain, tmp_path: Path
) -> None:
    began = rfc3339(time.time())
    send_alert(chain.alertmanager.url, startsAt=began)
    assert wait_until(lambda: len(told(chain.path)) == 1), chain.receiver.log()
    key = tmp_path / "state" / "hub" / "answer.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    for _ in range(3):  # what a chat program's preview does
        assert call(chain.link())[0] == 200
    assert (chain.silences(), chain.outages()[0]["acknowledged_by"]) == ([], None)

    status, text = chain.answer(action="acknowledge", name="Bình")
    assert (status, "Bình đã tiếp nhận" in text) == (200, True)
    assert wait_until(lambda: chain.states() == ["active"]), chain.receiver.log()
    (silence,) = chain.silences()
    assert (silence["createdBy"], "Bình" in silence["comment"]) == ("thongsuot", True)
    assert {one["name"] for one in silence["matchers"]} >= {"alertname", "component", "commune"}
    assert chain.outages()[0]["acknowledged_by"] == "Bình"

    chain.answer(action="silence", hours="1")
    assert wait_until(lambda: sorted(chain.states()) == ["active", "expired"]), chain.receiver.log()
    chain.receiver.kill()
    chain.receiver.start()
    ended = rfc3339(time.time())
    send_alert(chain.alertmanager.url, startsAt=began, endsAt=ended)
    assert wait_until(lambda: set(chain.states()) == {"expired"}, 60), chain.receiver.log()
    assert wait_until(lambda: [line["status"] for line in told(chain.path)] == ["firing", "resolved"])
    assert "Bình đã tiếp nhận lúc" in told(chain.path)[1]["text_vi"]
    secret = key.read_text().strip()
    assert secret not in chain.receiver.log()
    assert chain.link().rpartition("/")[2] not in chain.receiver.log()


@pytest.mark.promtool
def test_a_silence_comes_later_where_alertmanager_is_away(chain: Chain) -> None:
    began = rfc3339(time.time())
    send_alert(chain.alertmanager.url, startsAt=began)
    assert wait_until(lambda: len(told(chain.path)) == 1), chain.receiver.log()
    chain.alertmanager.kill()
    assert chain.answer(action="acknowledge")[0] == 200
    assert wait_until(lambda: "takes no silence" in chain.receiver.log())
    assert chain.outages()[0]["acknowledged_by"] == "người nhận qua kênh local"
    chain.alertmanager.start()
    assert wait_until(lambda: chain.states() == ["active"], 20), chain.receiver.log()
