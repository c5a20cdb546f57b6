"""The rules as data: a golden copy, names that exist, labels that Alertmanager and receiver need.

What the rules conclude is proven by promtool, in tests/deploy/test_rule_scenes.py.
"""

import re
from pathlib import Path

import pytest
import yaml
from msgspec.structs import replace

from alerts import rules
from alerts.rules_model import AlertRule, Rule, Tuning
from inventory import names
from inventory.load import load
from inventory.model import Inventory
from inventory.names import Recorded

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/golden/rules/small.yml"
WORDS = re.compile(r"[a-zA-Z_][a-zA-Z0-9_:]*")
STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')
PORTABLE = frozenset(
    [
        *(
            "abs",
            "and",
            "avg",
            "bool",
            "by",
            "clamp_max",
            "count",
            "count_over_time",
            "group_left",
            "increase",
        ),
        *(
            "label_join",
            "label_replace",
            "last_over_time",
            "max",
            "max_over_time",
            "min",
            "min_over_time",
            "offset",
            "on",
            "or",
        ),
        *(
            "quantile",
            "quantile_over_time",
            "rate",
            "stddev_over_time",
            "sum",
            "time",
            "timestamp",
            "unless",
            "vector",
            "without",
        ),
    ]
)
"""What Prometheus 2.42 and VictoriaMetrics both run."""
LABELS = frozenset([*(str(label) for label in names.Label), "kind", "larger", "origin", "member", "twin"])
DURATION = re.compile(r"\[[0-9a-z]+(:[0-9a-z]+)?\]|(?<=\boffset )[0-9]+m")


@pytest.fixture(scope="module")
def small() -> Inventory:
    return load(ROOT / "tests/inventory/small.yml").inventory


def all_rules(inventory: Inventory) -> list[Rule | AlertRule]:
    return [rule for group in rules.groups(inventory) for rule in group.rules]


def alerts(inventory: Inventory) -> list[AlertRule]:
    return [rule for rule in all_rules(inventory) if isinstance(rule, AlertRule)]


def test_the_rules_are_the_golden_ones(small: Inventory) -> None:
    """After a wanted change: ``thongsuot render tests/inventory/small.yml --out D``, copy D/rules/*.yml."""
    assert rules.files(small)[rules.FAST_FILE].decode() == GOLDEN.read_text(encoding="utf-8")


def test_what_is_recorded_is_what_names_lists(small: Inventory) -> None:
    recorded = {rule.record for rule in all_rules(small) if isinstance(rule, Rule)}
    assert recorded == set(Recorded)


def test_expressions_use_only_known_names_and_portable_functions(small: Inventory) -> None:
    metrics = {metric.name for metric in names.all_metrics()}
    known = metrics | set(Recorded) | PORTABLE | LABELS | {"commune", "line", "target", "process", "channel"}
    known |= {"pop", "ring", "isp", "direction", "verdict", "method", "bound", "declared", "suspected"}
    known |= {"ALERTS", "alertname", "alertstate", "technology", "seen", "version"}
    for rule in all_rules(small):
        words = set(WORDS.findall(DURATION.sub("", STRINGS.sub("", rule.expr))))
        assert words <= known, rule


def test_every_alert_has_what_the_receiver_needs(small: Inventory) -> None:
    for alert in alerts(small):
        assert alert.labels["source"] == "rules"
        assert alert.annotations["evidence_vi"] != alert.annotations["evidence_en"]
        carried = {Recorded.DOWN: ("component", "kind"), Recorded.OUTAGE: ("component", "kind")}
        kept = {label for recorded, labels in carried.items() if recorded in alert.expr for label in labels}
        for label in {"severity", "component", "kind"} - set(alert.labels) - kept:
            assert f'"{label}"' in alert.expr, (alert.name, label)
        assert alert.labels.get("severity", "page") in {"page", "ticket", "none"}


def test_every_alert_about_an_outage_says_since_when(small: Inventory) -> None:
    without = {alert.name for alert in alerts(small) if "since" not in alert.annotations}
    about_machines = {"AgentClockOff", "AgentDiskFull", "AgentHot", "HubProcessDown", "MessageLost"}
    about_machines |= {"HubClockWrong", "AgentRefused"}
    assert without == {"Watchdog", "NeverReported"} | about_machines


def test_alert_names_are_unique(small: Inventory) -> None:
    found = [alert.name for alert in alerts(small)]
    assert len(found) == len(set(found))


def test_the_watchdog_fires_always(small: Inventory) -> None:
    assert next(alert for alert in alerts(small) if alert.name == "Watchdog").expr == "vector(1)"


def test_a_blip_of_three_seconds_can_page_nobody() -> None:
    """It leaves up to eight seconds between heartbeats; one more evaluation may see them."""
    tuned = Tuning()
    longest = 8 + tuned.evaluation_seconds
    assert tuned.silent_seconds + tuned.commune_hold_seconds > longest
    wide = (tuned.wide_evaluations - 1) * tuned.evaluation_seconds
    assert tuned.silent_seconds + wide > longest


def test_wide_causes_are_known_before_single_communes_page() -> None:
    tuned = Tuning()
    assert tuned.wide_evaluations * tuned.evaluation_seconds < tuned.commune_hold_seconds


def test_a_window_holds_its_evaluations_wherever_it_ends() -> None:
    tuned = Tuning()
    window = tuned.window_seconds(tuned.wide_evaluations)
    assert (tuned.wide_evaluations - 1) * tuned.evaluation_seconds < window
    assert window < tuned.wide_evaluations * tuned.evaluation_seconds


def test_slower_heartbeats_are_waited_for_longer(small: Inventory) -> None:
    assert Tuning(heartbeat_seconds=10).silent_seconds == 30.5
    assert rules.tuning(small).silent_seconds == 6.5


def test_scraped_communes_have_a_threshold_of_their_own(small: Inventory) -> None:
    scraped = replace(small.communes[0], transport="scrape", scrape_address="10.0.0.1:9465")
    mixed = replace(small, communes=(scraped, *small.communes[1:]))
    silent = next(
        rule for rule in all_rules(mixed) if isinstance(rule, Rule) and rule.record == Recorded.SILENT
    )
    assert '> bool 17) and on (commune) thongsuot_commune_info{transport="scrape"}' in silent.expr
    assert "> bool 6.5" in silent.expr


def test_the_file_is_plain_yaml_without_references(small: Inventory) -> None:
    text = rules.files(small)[rules.FAST_FILE].decode()
    assert "&id" not in text
    groups = yaml.safe_load(text)["groups"]
    assert [group["name"] for group in groups] == [
        "thongsuot", "thongsuot-slow", "thongsuot-hourly", "thongsuot-lines",
    ]  # fmt: skip
    assert groups[0]["interval"] == "2s"
