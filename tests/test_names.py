"""The names of inventory/names.py keep the rules of the ecosystem, and nobody else spells one.

https://prometheus.io/docs/practices/naming/
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from deploy.debian import find
from inventory import names
from inventory.names import Label, Metric, all_metrics

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("agent", "alerts", "common", "dashboards", "deploy", "exporters")
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
NOT_BASE = re.compile(
    r"_(milliseconds|ms|microseconds|minutes|hours|days|kilobytes|megabytes|mbit|mbps|kbps|percent|celsius_total)(_|$)"
)
SPOKEN = {names.COMMUNE_DOSSIERS.name}
"""A rate that people speak of by the day; promtool agrees."""
COOKIES = {"thongsuot_session", "thongsuot_user"}
ECOSYSTEM = "probe_"


@pytest.mark.parametrize("metric", all_metrics(), ids=lambda metric: metric.name)
def test_a_name_keeps_the_rules(metric: Metric) -> None:
    assert NAME.fullmatch(metric.name)
    assert metric.name.startswith(("thongsuot_", ECOSYSTEM))
    assert metric.name.endswith("_total") == (metric.type == "counter")
    assert metric.name in SPOKEN or not NOT_BASE.search(metric.name)
    assert not metric.name.endswith(("_count", "_sum", "_bucket", "_created"))
    if "timestamp" in metric.name:
        assert metric.name.endswith("_timestamp_seconds")


@pytest.mark.parametrize("metric", all_metrics(), ids=lambda metric: metric.name)
def test_a_family_has_a_help_text_and_fitting_labels(metric: Metric) -> None:
    assert metric.help
    assert not metric.help.endswith(".")
    assert len(set(metric.labels)) == len(metric.labels)
    identity = {Label.JOB, Label.INSTANCE, Label.SITE}
    assert not identity & set(metric.labels)
    assert all(NAME.fullmatch(label) for label in metric.labels)


def test_names_are_unique() -> None:
    found = [metric.name for metric in all_metrics()]
    assert sorted(set(found)) == sorted(found)


def test_a_label_name_of_a_target_series_is_one_of_the_identity_labels() -> None:
    assert set(names.TARGET_STATE_SECONDS.labels) == {"line", "target", "probe", "state"}


def family(metric: Metric, registry: CollectorRegistry) -> None:
    """Register ``metric`` with one child, as an exporter would expose it."""
    kinds = {"counter": Counter, "gauge": Gauge, "histogram": Histogram, "info": Gauge}
    made = kinds[metric.type](metric.name, metric.help, metric.labels, registry=registry)
    child = made.labels(*("x" for _ in metric.labels)) if metric.labels else made
    if isinstance(child, Histogram):
        child.observe(1)
    else:
        child.inc()


def check_metrics(exposition: bytes) -> subprocess.CompletedProcess[bytes]:
    """Run ``promtool check metrics`` over a text exposition."""
    return subprocess.run(
        [str(find("promtool")), "check", "metrics"],
        input=exposition,
        capture_output=True,
        timeout=30,
        check=False,
    )


@pytest.mark.promtool
@pytest.mark.parametrize("source", ["agent", "hub"])
def test_promtool_finds_nothing_wrong_with_our_names(source: str) -> None:
    registry = CollectorRegistry()
    for metric in all_metrics():
        if metric.source == source:
            family(metric, registry)
    done = check_metrics(without_created(generate_latest(registry)))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.promtool
def test_promtool_does_find_a_wrong_name() -> None:
    registry = CollectorRegistry()
    Gauge("thongsuot_wrong_total", "A gauge that calls itself a counter", registry=registry).set(1)
    assert check_metrics(generate_latest(registry)).returncode != 0


def without_created(exposition: bytes) -> bytes:
    """Drop the ``_created`` series, which we never expose (docs/architecture.md)."""
    return b"".join(line for line in exposition.splitlines(keepends=True) if b"_created" not in line)


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the string constants of a module, docstrings left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node.lineno, node.value


def test_nobody_else_spells_a_metric_name() -> None:
    known = sorted((metric.name for metric in all_metrics()), key=len, reverse=True)
    spelled = re.compile(r"(?<![A-Za-z0-9_:])(" + "|".join(map(re.escape, known)) + r")(?![A-Za-z0-9_])")
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text!r}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, text in strings(path)
        if spelled.search(text)
    ]
    assert found == []


def test_nobody_invents_a_metric_of_ours() -> None:
    """Whatever begins like one of our families stands in names.py."""
    ours = re.compile(r"\bthongsuot_[a-z0-9_]+")
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, text in strings(path)
        for name in ours.findall(text)
        if name not in COOKIES
    ]
    assert found == []
