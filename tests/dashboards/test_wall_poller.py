"""The one task that feeds the wall: what it asks, and what it shows when nobody answers."""

import asyncio

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from alerts.locatorapi import Outage
from alerts.promapi import Sample, UnreachableError
from dashboards.wall.answers import CHANGED, HEARTBEATS, LAST_HEARD, UP, Answers, Key
from dashboards.wall.measured import QUERIES, VERDICTS, LineKey, Measured
from dashboards.wall.meters import Meters
from dashboards.wall.poller import Poller
from inventory.names import LineVerdict

from .wall_data import NOW, alert
from .wall_fakes import FakeAlertmanager, FakeLocator, FakePrometheus


def samples(**values: float) -> tuple[Sample, ...]:
    return tuple(Sample({"site": site, "commune": site}, value, NOW) for site, value in values.items())


def poller(
    prometheus: FakePrometheus, alertmanager: FakeAlertmanager, registry: CollectorRegistry | None = None
) -> Poller:
    return Poller(prometheus, alertmanager, Meters(registry or CollectorRegistry()), lambda: NOW)


async def test_a_poll_is_four_queries_the_alerts_and_now_and_then_the_measurements() -> None:
    target = {"site": "21040", "commune": "21040", "line": "main", "target": "hub:main"}
    prometheus = FakePrometheus(
        {
            HEARTBEATS: samples(a=1, b=2),
            LAST_HEARD: samples(b=1, c=3),
            UP: (Sample(target, 0, NOW),),
            CHANGED: (Sample(target, 77, NOW),),
        }
    )
    found = await poller(prometheus, FakeAlertmanager((alert("pop:ba-to"),))).poll(Answers(at=0))
    key = Key("21040", "21040", "main", "hub:main")
    assert (found.up, found.changed, found.heartbeats) == ({key: False}, {key: 77}, {"a": 1, "b": 2})
    assert found.last_heard == {"b": 2, "c": 3, "a": 1}
    assert [a.label("component") for a in found.alerts] == ["pop:ba-to"]
    assert sorted(prometheus.asked) == sorted((HEARTBEATS, LAST_HEARD, UP, CHANGED, *QUERIES))
    prometheus.asked.clear()
    await poller(prometheus, FakeAlertmanager()).poll(found)
    assert sorted(prometheus.asked) == sorted((HEARTBEATS, LAST_HEARD, UP, CHANGED))


async def test_measurements_that_cannot_be_read_are_asked_for_again_and_hide_nothing_else() -> None:
    prometheus = FakePrometheus({HEARTBEATS: samples(a=NOW), VERDICTS: UnreachableError("refused")})
    first = await poller(prometheus, FakeAlertmanager()).poll(Answers(at=0))
    assert (first.measured, first.prometheus_error) == (Measured(), None)
    line = {"commune": "21040", "line": "main"}
    prometheus.answers[VERDICTS] = (Sample({**line, "verdict": "slow"}, 1, NOW),)
    second = await poller(prometheus, FakeAlertmanager()).poll(first)
    assert second.measured.verdicts == {LineKey("21040", "main"): (LineVerdict.SLOW,)}
    assert second.measured.at == NOW


async def test_what_cannot_be_read_keeps_its_last_answer_and_says_so() -> None:
    registry = CollectorRegistry()
    prometheus, alertmanager = FakePrometheus({HEARTBEATS: samples(a=5)}), FakeAlertmanager((alert("pop:x"),))
    reader = poller(prometheus, alertmanager, registry)
    first = await reader.poll(Answers(at=0))
    prometheus.answers[UP] = UnreachableError("refused")
    second = await reader.poll(first)
    assert (second.heartbeats, second.prometheus_error) == ({"a": 5}, "refused")
    assert second.alertmanager_error is None
    alertmanager.found = UnreachableError("gone")
    third = await reader.poll(second)
    assert (len(third.alerts), third.alertmanager_error) == (1, "gone")
    del prometheus.answers[UP]
    fourth = await reader.poll(third)
    assert fourth.prometheus_error is None
    read = registry.get_sample_value
    assert read("thongsuot_wall_polls_total", {"source": "prometheus", "result": "failed"}) == 2
    assert read("thongsuot_wall_newest_data_timestamp_seconds") == 5


async def test_a_silent_commune_is_remembered_after_prometheus_forgot_it() -> None:
    prometheus = FakePrometheus({HEARTBEATS: samples(a=5)})
    reader = poller(prometheus, FakeAlertmanager())
    first = await reader.poll(Answers(at=0))
    prometheus.answers = {}
    second = await reader.poll(first)
    assert (second.heartbeats, second.last_heard) == ({}, {"a": 5})


async def test_a_slow_answer_makes_no_agent_look_silent() -> None:
    clock = iter((NOW, NOW + 9))
    reader = Poller(FakePrometheus(), FakeAlertmanager(), Meters(CollectorRegistry()), lambda: next(clock))
    assert (await reader.poll(Answers(at=0))).at == NOW


async def test_a_heartbeat_from_the_future_is_not_believed() -> None:
    prometheus = FakePrometheus({HEARTBEATS: samples(a=NOW - 2, b=NOW + 3600), LAST_HEARD: samples(c=1e300)})
    found = await poller(prometheus, FakeAlertmanager()).poll(Answers(at=0))
    assert (found.heartbeats, found.last_heard) == ({"a": NOW - 2}, {"a": NOW - 2})


async def test_polling_goes_on_until_it_is_cancelled() -> None:
    published: list[Answers] = []
    enough = asyncio.Event()

    def publish(answers: Answers) -> None:
        published.append(answers)
        if len(published) == 3:
            enough.set()

    task = asyncio.create_task(poller(FakePrometheus(), FakeAlertmanager()).run(publish, 0.0))
    await asyncio.wait_for(enough.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_locator_is_asked_where_there_is_one() -> None:
    assert (await poller(FakePrometheus(), FakeAlertmanager()).poll(Answers(at=0))).locator_at is None
    outage = Outage(component="pop:ba-to", kind="pop", loss=0.99, confidence=9.0, since=NOW - 9)
    locator = FakeLocator((outage,))
    registry = CollectorRegistry()
    both = Poller(FakePrometheus(), FakeAlertmanager(), Meters(registry), lambda: NOW, locator)
    first = await both.poll(Answers(at=0))
    assert (first.blamed, first.locator_at, first.locator_error) == ((outage,), NOW, None)
    locator.found = UnreachableError("refused")
    second = await both.poll(msgspec.structs.replace(first, locator_at=NOW - 30))
    assert (second.blamed, second.locator_at, second.locator_error) == ((outage,), NOW - 30, "refused")
    counted = {"source": "locator", "result": "failed"}
    assert registry.get_sample_value("thongsuot_wall_polls_total", counted) == 1


async def test_a_locator_that_does_not_judge_says_nothing_of_now() -> None:
    blind = FakeLocator((), fresh=False)
    one = Poller(FakePrometheus(), FakeAlertmanager(), Meters(CollectorRegistry()), lambda: NOW, blind)
    found = await one.poll(Answers(at=0))
    assert (found.locator_at, found.locator_error) == (0.0, None)
