"""The harness of what says neither up nor down: power, traffic, goodput, traces."""

import asyncio
import io
from collections.abc import Iterable
from pathlib import Path

import pytest

from agent import once
from agent.build import Traits
from agent.config import AgentConfig, AgentTarget
from agent.deadline import Measure
from agent.expose import Point, Site, Tier
from agent.measured import Measured
from agent.runner import Runner
from common import i18n
from exporters.base import Outcome, Sample, Target
from inventory.names import Metric, Reason, State
from tests.agent import virtual
from tests.agent.test_runner import Bench, cut, fine

LEVEL = Metric("a_level", "gauge", "", ("line", "target", "probe", "side"))
EVENTS = Metric("a_events_total", "counter", "", ("line", "target", "probe"))
SPREAD = Metric("a_spread", "histogram", "", ("line", "target", "probe"), buckets=(1, 10))
MEASURES = Traits(judges=False)
ALONE = Traits(judges=False, exclusive=True)


def level(value: float, side: str = "left") -> Sample:
    return Sample(LEVEL, value, (("side", side),))


def outcome(*samples: Sample, reason: Reason = Reason.OK) -> Outcome:
    return Outcome(reason=reason, duration_seconds=0.1, samples=samples)


def measured() -> Measured:
    site = Site("21040", "21040")
    target = AgentTarget(name="x", target="line:21040/main", line="main", probe="fake", address="x")
    return Measured(site, target, lambda _: None, float, MEASURES)


def shown(points: Iterable[Point]) -> dict[str, float]:
    known = {"site", "commune", "line", "target", "probe"}
    return {
        ",".join([series.name, *(value for key, value in series.labels.items() if key not in known)]): value
        for series, value in points
    }


def own(of: Measured) -> dict[str, float]:
    return {name: value for name, value in shown(of.points(Tier.DETAIL)).items() if name.startswith("a_")}


def test_counters_add_up_and_histograms_fill() -> None:
    it = measured()
    it.take(outcome(Sample(EVENTS, 0.0)))
    assert own(it) == {"a_events_total": 0}
    it.take(outcome(Sample(EVENTS, 2.0), Sample(SPREAD, 0.5), Sample(SPREAD, 5.0)))
    it.take(outcome(Sample(EVENTS, 3.0), Sample(EVENTS, -1.0)))
    assert own(it) == {
        "a_events_total": 5, "a_spread_bucket,1": 1, "a_spread_bucket,10": 2, "a_spread_bucket,+Inf": 2,
        "a_spread_sum": 5.5, "a_spread_count": 2,
    }  # fmt: skip


def test_what_is_prompt_goes_with_the_results() -> None:
    site = Site("21040", "21040")
    target = AgentTarget(name="x", target="line:21040/main", line="main", probe="fake", address="x")
    it = Measured(site, target, lambda _: None, float, Traits(prompt=(EVENTS,)))
    it.take(outcome(Sample(EVENTS, 2.0), level(1)))
    it.take(outcome(Sample(EVENTS, 1.0), level(1)))
    assert own(it) == {"a_level,left": 1}
    assert shown(it.points(Tier.STATE))["a_events_total"] == 3
    assert all(series.from_zero for series, _ in it.points(Tier.STATE) if series.name == EVENTS.name)


def test_loss_is_told_at_once_and_so_is_its_end() -> None:
    async def main() -> None:
        bench = Bench()
        bench.add("line", fine, partial=lambda: 1050 < virtual.now() < 1060)
        await asyncio.sleep(100)
        told = [at for at in bench.news if at > 1040]
        assert len(told) == 3, "two bursts that lost something, and the first that did not"
        assert all(1050 < at < 1066 for at in told)
        await bench.stop()

    virtual.run(main)


def test_a_gauge_goes_with_the_outcome_that_lacks_it() -> None:
    it = measured()
    it.take(outcome(level(1), level(2, "right")))
    assert own(it) == {"a_level,left": 1, "a_level,right": 2}
    it.take(outcome(level(3), reason=Reason.TIMEOUT))
    assert own(it) == {"a_level,left": 3}


def test_what_was_deferred_changes_nothing_but_its_count() -> None:
    it = measured()
    it.take(outcome(level(1)))
    it.take(outcome(level(9), reason=Reason.DEFERRED))
    values = shown(it.points(Tier.DETAIL))
    assert (values["a_level,left"], values["probe_success"]) == (1, 1)
    assert values["thongsuot_probe_results_total,deferred"] == 1
    assert it.seen


def test_what_a_probe_aside_counted_is_kept_and_what_it_said_is_not() -> None:
    it = measured()
    it.take(outcome(level(1), Sample(EVENTS, 1.0)))
    it.take_aside(outcome(level(9), Sample(EVENTS, 2.0)))
    assert own(it) == {"a_level,left": 1, "a_events_total": 3}


def test_what_does_not_judge_has_no_states() -> None:
    async def main() -> None:
        bench = Bench()
        runner = bench.add("power", cut((1040, 1100)), traits=MEASURES)
        await asyncio.sleep(100)
        assert bench.states == []
        assert runner.measured.state is State.UNKNOWN
        assert list(runner.measured.points(Tier.STATE)) == []
        gaps = {round(b - a) for a, b in zip(bench.sent["power"][1:], bench.sent["power"][2:], strict=False)}
        assert gaps == {5}  # in no doubt, so never faster
        await bench.stop()
        assert bench.book.live == {}

    virtual.run(main)


def test_what_is_urgent_is_told_at_once() -> None:
    async def main() -> None:
        bench = Bench()
        gasp = bench.add("power", fine, traits=MEASURES, urgent=lambda: True)
        bench.add("host", fine, traits=MEASURES)
        await asyncio.sleep(7)
        assert set(bench.urgent) == {gasp.measured.key}
        await bench.stop()

    virtual.run(main)


def test_haste_that_somebody_who_asked_saw_first_is_made_up_for() -> None:
    async def main() -> None:
        bench = Bench()
        turned = [False, True, False, False]
        gasp = bench.add("power", fine, traits=MEASURES, urgent=lambda: turned.pop(0))
        await asyncio.sleep(4.9)
        assert (len(turned), bench.urgent) == (3, [])
        assert (await gasp.probe_aside()).urgent
        await asyncio.sleep(0.1)
        assert bench.urgent == [gasp.measured.key]
        await asyncio.sleep(5)
        assert bench.urgent == [gasp.measured.key]
        await bench.stop()

    virtual.run(main)


def test_upon_a_failure_its_followers_measure_once() -> None:
    async def main() -> None:
        bench = Bench()
        hub = bench.add("hub", cut((1040, 1100)))
        trace = bench.add("trace", fine, interval=3600, traits=ALONE)
        hub.followers = (trace,)
        await asyncio.sleep(30)
        assert len(bench.sent["trace"]) == 1
        await asyncio.sleep(60)
        assert bench.of("hub") == [State.UP, State.DOWN]
        assert len(bench.sent["trace"]) == 2
        await bench.stop()

    virtual.run(main)


def test_an_exclusive_kind_never_runs_twice_at_once() -> None:
    async def slow(_: float) -> Reason:
        await asyncio.sleep(1.9)
        return Reason.OK

    async def main() -> None:
        bench = Bench()
        runners: list[Runner] = [bench.add(name, slow, interval=4, traits=ALONE) for name in ("a", "b", "c")]
        await asyncio.sleep(60)
        assert bench.most_flying == 1
        assert all(runner.ready for runner in runners)
        await bench.stop()
        assert bench.flying == 0

    virtual.run(main)


def test_who_asks_for_an_exclusive_kind_does_not_get_a_second_one() -> None:
    async def slow(_: float) -> Reason:
        await asyncio.sleep(1.9)
        return Reason.OK

    async def main() -> None:
        bench = Bench()
        one, other = (bench.add(name, slow, interval=60, traits=ALONE) for name in ("a", "b"))
        while not bench.flying:  # noqa: ASYNC110 - virtual time passes by it
            await asyncio.sleep(0.1)
        deferred = await one.probe_aside()
        assert (deferred.reason, deferred.evidence) == (Reason.DEFERRED, "another fake is under way")
        await asyncio.sleep(20)
        assert (await other.probe_aside()).reason is Reason.OK
        assert bench.most_flying == 1
        await bench.stop()

    virtual.run(main)


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_once_has_words_for_every_result_and_what_was_put_off_is_no_failure(
    reason: Reason, language: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def find(_: AgentTarget) -> Measure:
        async def measure(_: Target) -> Outcome:
            return outcome(reason=reason)

        return measure

    monkeypatch.setattr(i18n, "_chosen", language)
    target = AgentTarget(name="a", target="x", probe="tcp", address="x")
    config = AgentConfig(version=1, site="21040", targets=(target,), state_directory=str(tmp_path))
    out = io.StringIO()
    assert once.run_once(config, find, out) == (reason not in (Reason.OK, Reason.DEFERRED))
    assert i18n.t(f"agent.reason_{reason.value}", language) in out.getvalue()


def test_once_measures_exclusive_kinds_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "traits_of", lambda target: ALONE if target.probe == "trace" else MEASURES)
    flying: list[str] = []
    most: dict[str, int] = {}

    def find(target: AgentTarget) -> Measure:
        async def measure(_: Target) -> Outcome:
            flying.append(target.probe)
            most[target.probe] = max(most.get(target.probe, 0), flying.count(target.probe))
            await asyncio.sleep(1)
            flying.remove(target.probe)
            return outcome()

        return measure

    targets = tuple(
        AgentTarget(name=f"{probe}/{number}", target="x", probe=probe, address="x")
        for probe in ("trace", "tcp")
        for number in range(3)
    )
    config = AgentConfig(version=1, site="21040", targets=targets)
    assert all(found.ok for found in virtual.run(lambda: once.measure_all(config, find)))
    assert most == {"trace": 1, "tcp": 3}
