"""What every kind of probe keeps, whatever it measures (exporters/base.py)."""

import asyncio
import gc
import importlib
import os
import re
import time

import pytest

from common import i18n
from common.yaml.problems import Refused
from exporters.base import Outcome, ProbeConfig, Target
from exporters.registry import convert_options, kinds
from inventory.names import TARGET_LABELS, Reason, all_metrics
from tests.contract.place import Address, Place
from tests.contract.targets import MACHINE, OPTIONAL_SAMPLES, SILENT, WELL

KINDS = sorted(kinds())
OUTSIDE = sorted(set(KINDS) - MACHINE)
SILENT_PLACES = [
    pytest.param(kind, place, id=f"{kind}-{place.__name__}")
    for kind in KINDS
    for place in SILENT.get(kind, [])
]
WELL_SECONDS = (5.0, 20.0, 60.0)
"""Deadlines for those who answer: a test of goodput alone starts a process and fills a line twice."""
PATIENCE_SECONDS = (0.15, 1.5, 15.0)
"""Deadlines for those who do not answer: on a busy machine a short one ends before they were asked."""


def target(at: Address, timeout_seconds: float = 5.0) -> Target:
    return Target(name="contract", address=at.address, source=at.source, timeout_seconds=timeout_seconds)


async def measure(kind: str, at: Address, timeout_seconds: float = 5.0) -> Outcome:
    return await kinds()[kind].probe(target(at, timeout_seconds), convert_options(kind, at.options))


async def measure_well(kind: str, at: Address) -> Outcome:
    """Measure what is well; again, with more time, where a busy machine left too little of it."""
    for within in WELL_SECONDS:
        outcome = await measure(kind, at, within)
        if outcome.reason is at.reason:
            break
    assert outcome.reason is at.reason, outcome.evidence
    return outcome


def open_descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


def check_outcome(kind: str, outcome: Outcome) -> None:
    """Reason from the closed list, samples from METRICS with exactly the labels they announce."""
    assert isinstance(outcome.reason, Reason)
    assert outcome.duration_seconds >= 0
    assert "\n" not in outcome.evidence
    assert len(outcome.evidence) <= 300
    announced = {metric.name: metric for metric in kinds()[kind].metrics}
    seen = set()
    for sample in outcome.samples:
        metric = announced[sample.metric.name]
        assert sample.metric == metric
        own = [label for label in metric.labels if label not in TARGET_LABELS]
        assert [name for name, _ in sample.labels] == own
        assert isinstance(sample.value, float)
        assert metric.type == "histogram" or (metric.name, sample.labels) not in seen
        assert metric.type == "gauge" or sample.value >= 0
        seen.add((metric.name, sample.labels))


def test_every_kind_has_targets_here() -> None:
    assert set(WELL) == set(SILENT) == set(KINDS)
    assert all(SILENT[kind] for kind in OUTSIDE)


@pytest.mark.parametrize("kind", KINDS)
def test_metrics_are_those_of_names(kind: str) -> None:
    assert set(kinds()[kind].metrics) <= set(all_metrics())
    assert all(metric.labels[: len(TARGET_LABELS)] == TARGET_LABELS for metric in kinds()[kind].metrics)


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_option_is_refused_by_name(kind: str) -> None:
    with pytest.raises(Refused) as refused:
        convert_options(kind, {"colour": "red"})
    (problem,) = refused.value.problems
    assert (problem.key, problem.code) == ("colour", "unknown_key")
    assert str(refused.value).startswith(f"{kind}: colour: ")


@pytest.mark.parametrize("kind", KINDS)
def test_the_configuration_is_frozen_and_all_of_it_optional(kind: str) -> None:
    config = convert_options(kind, {})
    assert isinstance(config, ProbeConfig)
    with pytest.raises(AttributeError):
        config.ip_version = 4  # type: ignore[attr-defined]  # that it cannot be set is the point


@pytest.mark.parametrize("kind", OUTSIDE)
@pytest.mark.parametrize("address", ["", " ", "a b", "-x", "http://", "[::1", "x:99999", "a\nb", "256.1.1.1"])
def test_a_wrong_address_is_refused_before_it_is_measured(
    kind: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(i18n, "_chosen", "en")
    with pytest.raises(ValueError, match=r"such as|host name"):
        kinds()[kind].check_address(address)


@pytest.mark.parametrize("kind", sorted(MACHINE))
@pytest.mark.parametrize("address", ["", " ", "a b", "-x", "a\nb"])
def test_a_wrong_name_is_refused_before_it_is_read(kind: str, address: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        kinds()[kind].check_address(address)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_healthy_target(kind: str) -> None:
    async with WELL[kind]() as at:
        kinds()[kind].check_address(at.address)
        outcome = await measure_well(kind, at)
    assert outcome.reason is Reason.OK
    assert outcome.evidence == "" or not kinds()[kind].judges
    assert outcome.ok
    check_outcome(kind, outcome)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_documented_exposition_is_what_comes_out(kind: str) -> None:
    module = importlib.import_module(kinds()[kind].probe.__module__)
    documented = re.findall(r"^    (\w+(?:\{[^}]*\})?) [-0-9.e]+$", module.__doc__ or "", re.MULTILINE)
    async with WELL[kind]() as at:
        outcome = await measure_well(kind, at)
    measured = set()
    for sample in outcome.samples:
        labels = ",".join(f'{name}="{value}"' for name, value in sample.labels)
        series = f"{sample.metric.name}{{{labels}}}" if labels else sample.metric.name
        whatever = f"{sample.metric.name}{{...}}"  # labels that differ from target to target
        measured.add(whatever if whatever in documented else series)
    assert set(documented) - OPTIONAL_SAMPLES.get(kind, set()) <= measured <= set(documented)


@pytest.mark.parametrize(("kind", "place"), SILENT_PLACES)
async def test_the_deadline_is_kept(kind: str, place: Place) -> None:
    for within in PATIENCE_SECONDS:
        async with place() as at:
            before = time.monotonic()
            outcome = await measure(kind, at, within)
            took = time.monotonic() - before
        if outcome.reason is at.reason:
            break
    assert outcome.reason is at.reason
    assert outcome.evidence
    assert not outcome.evidence.startswith(":")  # it names what did not answer
    check_outcome(kind, outcome)
    assert within * 0.9 <= outcome.duration_seconds <= took
    assert took < within + 10  # far over any scheduling delay, far under "for ever"


@pytest.mark.parametrize("kind", OUTSIDE)
async def test_an_address_that_is_none_is_local(kind: str) -> None:
    outcome = await measure(kind, Address("not an address", Reason.LOCAL))
    assert outcome.reason in {Reason.LOCAL, Reason.DNS}
    check_outcome(kind, outcome)


@pytest.mark.parametrize("kind", OUTSIDE)
async def test_a_source_that_is_not_ours_is_local(kind: str) -> None:
    async with WELL[kind]() as at:
        for source in ("192.0.2.77", "nosuch0"):
            outcome = await measure(kind, Address(at.address, Reason.LOCAL, source=source))
            assert outcome.reason is Reason.LOCAL, source
            check_outcome(kind, outcome)


@pytest.mark.parametrize(("kind", "place"), SILENT_PLACES)
async def test_cancelling_leaves_nothing_behind(kind: str, place: Place) -> None:
    async with place() as at:
        await measure(kind, at, 0.01)  # opens what is kept for good, such as the ICMP socket
    gc.collect()
    descriptors, tasks = open_descriptors(), asyncio.all_tasks()
    async with place() as at:
        for steps in range(12):
            running = asyncio.create_task(measure(kind, at))
            for _ in range(steps):
                await asyncio.sleep(0)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= tasks
    assert open_descriptors() == descriptors


@pytest.mark.parametrize("kind", OUTSIDE)
async def test_many_at_once_do_not_disturb_each_other(kind: str) -> None:
    many = 2 if kinds()[kind].exclusive else 20  # an agent runs one such at a time, and a person another
    for enough, within in zip(WELL_SECONDS, PATIENCE_SECONDS, strict=True):
        async with WELL[kind]() as well, SILENT[kind][0]() as silent:
            outcomes = await asyncio.gather(
                *(measure(kind, well, enough) for _ in range(many)),
                *(measure(kind, silent, within) for _ in range(20)),
            )
        reasons = [outcome.reason for outcome in outcomes]
        if reasons == [Reason.OK] * many + [silent.reason] * 20:
            break
    assert reasons == [Reason.OK] * many + [silent.reason] * 20
