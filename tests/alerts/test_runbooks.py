"""Every alert leads to a page that exists, in both languages."""

import re
from pathlib import Path

import pytest

from alerts import rules
from alerts.outage import MONITORING_DOWN, WATCHDOG
from alerts.rules_model import AlertRule
from alerts.runbooks import INDEX, PAGES, link, page
from inventory.names import ComponentKind, Recorded, all_metrics
from tests.alerts.outages import province
from tests.alerts.pinpoint.located import alert_kinds

DIRECTORY = Path(__file__).parents[2] / "docs" / "runbooks"

HEADINGS_VI = ("Nghĩa là gì", "Xác nhận trong một phút", "Gọi ai", "Nói gì với nhà mạng", "Việc cần làm")
HEADINGS_EN = (
    "What it means", "How to confirm in one minute", "Whom to call", "What to tell the carrier", "What to do",
)  # fmt: skip
SERIES = re.compile(r"(?<![\w:])(?:thongsuot_[a-z_]+|[a-z_]+:thongsuot_[a-z_]+:[a-z0-9_]+)(?![\w:])")


def alert_names() -> list[str]:
    """What rules and locator raise, and what the receiver itself raises."""
    raised = (rule for group in rules.groups(province()) for rule in group.rules)
    names = {rule.name for rule in raised if isinstance(rule, AlertRule)}
    located = {name for name, _, _ in alert_kinds()}
    return sorted(names - {WATCHDOG} | located | {MONITORING_DOWN})


def test_the_directory_holds_exactly_the_pages() -> None:
    assert {path.stem for path in DIRECTORY.glob("*.md")} == PAGES | {INDEX}


@pytest.mark.parametrize("name", alert_names())
def test_an_alert_has_a_page_of_its_own(name: str) -> None:
    text = (DIRECTORY / f"{page(name, '')}.md").read_text(encoding="utf-8")
    assert f"Cảnh báo: `{name}`" in text
    assert f"Alert: `{name}`" in text


def test_a_component_without_an_alert_of_its_own_has_a_page() -> None:
    assert {kind: page("Located", kind) for kind in ComponentKind if page("Located", kind) == INDEX} == {}


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_says_what_to_do_in_both_languages(name: str) -> None:
    text = (DIRECTORY / f"{name}.md").read_text(encoding="utf-8")
    vietnamese, english = text.split('<a id="english"></a>')
    for half, headings in ((vietnamese, HEADINGS_VI), (english, HEADINGS_EN)):
        assert re.findall(r"^## (.+)$", half, re.MULTILINE) == list(headings)
        assert all(len(text.strip()) > 20 for text in re.split(r"^## .+$", half, flags=re.MULTILINE)[1:])
        assert "`" in half.split(f"## {headings[1]}")[1].split("\n## ")[0]  # a command, a page
    vietnamese, english = (half.rpartition("\n## ")[2] for half in (vietnamese, english))
    steps = [len(re.findall(r"^\d+\. ", half, re.MULTILINE)) for half in (vietnamese, english)]
    assert steps[0] == steps[1] >= 3


def test_the_index_lists_every_page() -> None:
    text = (DIRECTORY / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\(([a-z-]+)\.md\)", text)) == PAGES


def test_a_link_is_put_together() -> None:
    assert link("https://d.example/r/", "CommuneCutOff", "power") == "https://d.example/r/commune-cut-off.md"
    assert link("https://d.example/r", "SegmentLossy", "pop") == "https://d.example/r/segment-lossy.md"


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_asks_for_series_that_exist(name: str) -> None:
    text = (DIRECTORY / f"{name}.md").read_text(encoding="utf-8")
    known = {metric.name for metric in all_metrics()} | set(Recorded)
    assert set(SERIES.findall(text)) <= known


def test_every_page_belongs_to_an_alert() -> None:
    named = {page(name, "") for name in alert_names()}
    assert PAGES - named == set()
