"""What the demo says on the terminal."""

import os
import shutil
from collections.abc import Mapping
from typing import Final, TextIO

from common import i18n
from common.i18n import t
from deploy.lab.green import Health
from deploy.lab.pages import Page
from deploy.lab.scenario import Result, Scenario
from inventory.model import Inventory
from inventory.naming import english

_RED: Final = "31"
_GREEN: Final = "32"
_BOLD: Final = "1"
_DIM: Final = "2"


class Terminal:
    """Writes lines to ``stream``; colours only on a terminal and without NO_COLOR.

    ``names``: how people call a commune, POP or system, by its id.
    """

    def __init__(self, stream: TextIO, names: Mapping[str, str] | None = None) -> None:
        self._stream = stream
        self._names = names or {}
        self._live = stream.isatty()
        self._colour = self._live and "NO_COLOR" not in os.environ
        self._progress = ""

    def say(self, key: str, style: str = "", **values: object) -> None:
        """Write the text of a key such as ``lab.stopping``."""
        self.line(t(key, **values), style)

    def line(self, text: str, style: str = "") -> None:
        """Write one line, or several."""
        self._end_progress()
        self._stream.write((self._styled(text, style) if style else text) + "\n")
        self._stream.flush()

    def progress(self, text: str) -> None:
        """Show how far we are: in place on a terminal, elsewhere a line whenever it changes."""
        if text == self._progress:
            return
        self._progress = text
        width = shutil.get_terminal_size().columns - 1
        self._stream.write(f"\r\x1b[K{text[:width]}" if self._live else f"{text}\n")
        self._stream.flush()

    def _end_progress(self) -> None:
        if self._progress and self._live:
            self._stream.write("\n")
        self._progress = ""

    def _styled(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._colour else text

    # --- what a scenario tells -------------------------------------------------------------------
    def _name(self, scenario: Scenario) -> str:
        return self._names.get(scenario.what, scenario.what)

    def title(self, number: int, scenario: Scenario) -> None:
        """Announce a scenario: what will be done and what is expected."""
        self.line("")
        self.line(f"{number}. {t(f'demo.{key(scenario)}_title', what=self._name(scenario))}", _BOLD)
        self.line(
            t(f"demo.{key(scenario)}_expect", what=self._name(scenario), component=scenario.component), _DIM
        )

    def broken(self, scenario: Scenario) -> None:
        """The fault is in place."""
        self.say(f"demo.{key(scenario)}_broken", _RED, what=self._name(scenario))

    def healed(self, scenario: Scenario) -> None:
        """The fault is undone."""
        self.say(f"demo.{key(scenario)}_healed", _GREEN, what=self._name(scenario))

    def paged(self, page: Page, seconds: float) -> None:
        """A notification went out."""
        resolved = page.status == "resolved"
        self.say("demo.resolved" if resolved else "demo.page", _GREEN if resolved else _RED, seconds=seconds)
        text = page.text_en if i18n.current() == "en" else page.text_vi
        self.line("\n".join(f"    │ {line}" for line in text.strip().splitlines()))

    def watching(self, seconds: float) -> None:
        """Nothing more is expected."""
        self.say("demo.watching", _DIM, seconds=seconds)

    def result(self, result: Result) -> None:
        """Say whether it went as it had to."""
        if result.ok:
            quiet = result.seconds_to_page is None
            self.say(
                "demo.ok_quiet" if quiet else "demo.ok", _GREEN,
                page=result.seconds_to_page or 0.0, resolve=result.seconds_to_resolve or 0.0,
            )  # fmt: skip
        else:
            self.say("demo.not_ok", _RED, false=result.false_pages)

    def health(self, health: Health) -> None:
        """Show how much of the lab is well."""
        problem = health.problem or t("lab.all_well")
        self.progress(t("lab.waiting", up=health.up, targets=health.targets, problem=problem))


def names(inventory: Inventory, language: str) -> dict[str, str]:
    """Return what to call communes, segments and systems inside a sentence, by id."""
    texts = {segment.id: segment.name for segment in inventory.segments}
    texts |= {system.id: system.name for system in inventory.systems}
    found = {key: text.en if language == "en" else text.vi for key, text in texts.items()}
    for commune in inventory.communes:
        name = english(commune.name) if language == "en" else commune.name[:1].lower() + commune.name[1:]
        found[commune.code] = f"{name} ({commune.code})"
    return found


def key(scenario: Scenario) -> str:
    """Return the scenario's name as it stands in catalogue keys."""
    return scenario.name.replace("-", "_")
