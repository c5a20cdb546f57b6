"""What documents say of the project is true."""

import re
from pathlib import Path

import pytest

from alerts import rules, runbooks
from deploy.commands.docs import metrics_page
from inventory.load import load
from inventory.names import all_metrics

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|<img [^>]*src=\"([^\"]+)\"")


def documents() -> list[Path]:
    """Return every Markdown file of ours, generated state left out."""
    top = ROOT.glob("*.md")
    rooms = ("agent", "alerts", "dashboards", "deploy", "docs", "exporters", "inventory", "tests", "examples")
    return sorted([*top, *(path for room in rooms for path in (ROOT / room).rglob("*.md"))])


def test_the_page_of_metrics_is_the_generated_one() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8") == metrics_page()


def test_the_page_of_metrics_names_every_metric_once() -> None:
    page = metrics_page()
    assert [metric.name for metric in all_metrics() if page.count(f"| `{metric.name}` |") != 1] == []


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(path: Path) -> None:
    broken = []
    for match in LINK.finditer(path.read_text(encoding="utf-8")):
        target = (match[1] or match[2]).partition("#")[0]
        if target and not target.startswith(("http://", "https://", "mailto:")):
            where = path.parent / target
            if not where.exists():
                broken.append(target)
    assert broken == []


def test_the_readme_names_the_commands() -> None:
    for name in ("README.md", "README.vi.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "make demo" in text
        assert "make test" in text


def test_every_make_target_that_a_document_names_exists() -> None:
    made = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    asked = {
        (path.name, target)
        for path in documents()
        for target in re.findall(r"`make ([a-z-]+)", path.read_text(encoding="utf-8"))
    }
    assert [pair for pair in sorted(asked) if pair[1] not in made] == []


def test_every_file_that_the_architecture_names_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_]+/[\w/.-]*\.(?:py|yml|md|toml))`", text))
    assert len(named) >= 10
    assert sorted(path for path in named if not (ROOT / path).exists()) == []


ALERTS = [
    rule
    for group in rules.groups(load(ROOT / "tests" / "inventory" / "small.yml").inventory)
    for rule in group.rules
    if isinstance(rule, rules.AlertRule) and rule.labels.get("severity") != "none"
]
"""The alerts that reach people; the dead-man's switch does not."""


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_every_alert_has_a_page_that_names_it_in_both_languages(alert: rules.AlertRule) -> None:
    page = runbooks.page(alert.name, alert.labels.get("kind", ""))
    assert page != runbooks.INDEX
    vietnamese, english = (
        (ROOT / "docs" / "runbooks" / f"{page}.md").read_text(encoding="utf-8").split('<a id="english"></a>')
    )
    assert f"`{alert.name}`" in vietnamese
    assert f"`{alert.name}`" in english
    assert "## Việc cần làm" in vietnamese
    assert "## What to do" in english


def test_there_are_alerts() -> None:
    assert len(ALERTS) >= 10


def test_every_path_that_the_architecture_names_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = [name for name in re.findall(r"`([a-z_*/]+(?:\.[a-z]+|/))`", text) if "/" in name]
    assert len(named) > 15
    assert [name for name in named if not list(ROOT.glob(name))] == []
