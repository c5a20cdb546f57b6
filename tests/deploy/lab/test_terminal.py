"""What the demo says: in both languages, without colours where they do not belong."""

import io
import re

import pytest

from common import i18n
from deploy.lab.green import Health
from deploy.lab.lab import province
from deploy.lab.pages import Page
from deploy.lab.scenario import SCENARIOS, Result
from deploy.lab.terminal import Terminal, names


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def story(stream: io.StringIO, language: str) -> str:
    """Tell everything that a scenario can tell, for each of them."""
    terminal = Terminal(stream, names(province(), language))
    page = Page(
        time=0,
        status="firing",
        component="c",
        severity="page",
        communes=(),
        text_vi="một\nhai",
        text_en="one\ntwo",
    )
    result = Result(
        scenario="x",
        t_fault=0,
        pages=(),
        seconds_to_page=None,
        seconds_to_resolve=None,
        false_pages=0,
        ok=True,
    )
    for scenario in SCENARIOS.values():
        terminal.health(Health(65, 3, "hub: no"))
        terminal.title(1, scenario)
        terminal.broken(scenario)
        terminal.paged(page, 14.04)
        terminal.healed(scenario)
        terminal.watching(5)
        terminal.result(result)
    return stream.getvalue()


@pytest.fixture(params=i18n.LANGUAGES)
def language(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(i18n, "_chosen", request.param)
    chosen: str = request.param
    return chosen


def test_no_colours_off_a_terminal(language: str) -> None:
    assert "\x1b" not in story(io.StringIO(), language)


def test_no_colours_where_they_are_not_wanted(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[0-9;]*m", story(Screen(), language))


def test_colours_on_a_terminal(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert re.search(r"\x1b\[31m", story(Screen(), language))


def test_people_and_places_are_called_by_name(language: str) -> None:
    said = story(io.StringIO(), language)
    assert ("Bình Sơn commune (21040)" if language == "en" else "xã Bình Sơn (21040)") in said
    assert ("│ one\n    │ two" if language == "en" else "│ một\n    │ hai") in said
    assert "POP Ba Tơ" in said


def test_progress_is_a_line_only_when_it_changes() -> None:
    stream = io.StringIO()
    terminal = Terminal(stream)
    for up in (1, 1, 2):
        terminal.health(Health(3, up, "?"))
    assert len(stream.getvalue().splitlines()) == 2
