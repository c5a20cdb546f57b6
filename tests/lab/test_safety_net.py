"""The plain rules below the locator: quiet while it lives, there when it is killed, and never double.

One story: a cut that the locator tells of, the locator killed in the middle of it, another cut that only the
rules can tell of, the locator back, everything healed. Order and number are judged; seconds are only printed
(``tests/bench/safety_net.py`` measures them).
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.lab.client import LabClient

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]

PATIENCE_SECONDS = 150.0
"""Many times what anything here takes, for a machine with other work."""
FIRST, SECOND = "21061", "21499"
_ASK = """
import urllib.request
print(urllib.request.urlopen("http://127.0.0.1:9493/api/v2/alerts", timeout=5).read().decode())
"""


class Story:
    """What was said so far, and what Alertmanager holds."""

    def __init__(self, lab: LabClient) -> None:
        self.lab = lab
        self.said: list[dict[str, Any]] = []

    def listen(self, seconds: float = 0.2) -> list[tuple[str, str]]:
        self.said += self.lab.ask("pages", seconds=seconds)["pages"]
        return [(page["status"], page["communes"][0]) for page in self.said]

    def alerts(self, source: str, commune: str) -> list[dict[str, Any]]:
        """Return what a source says of a commune that is not planned."""
        ended = self.lab.ask("run", node="hub", words=[sys.executable, "-c", _ASK], seconds=20)
        if ended["status"] != 0:
            return []
        wanted = {"source": source, "commune": commune, "severity": "page"}
        return [one for one in json.loads(ended["output"]) if wanted.items() <= one["labels"].items()]

    def muted(self, source: str, commune: str) -> bool | None:
        """Whether a source's alert is kept quiet; None where there is none."""
        found = self.alerts(source, commune)
        return all(one["status"]["inhibitedBy"] for one in found) if found else None

    def wait(self, condition: Callable[[], bool], what: str) -> float:
        """Wait until something is so; returns for how long. Fails when it never is."""
        began = time.monotonic()
        while not condition():
            assert time.monotonic() - began < PATIENCE_SECONDS, f"not {what}; said: {self.listen()}"
            time.sleep(0.3)
        return time.monotonic() - began


def test_one_page_each_whoever_lives(quiet_lab: LabClient) -> None:
    story = Story(quiet_lab)
    lab = quiet_lab
    lab.ask("fault", fault="cut_line", what=FIRST)
    page = [("firing", FIRST)]
    story.wait(lambda: story.listen() == page, "paged")
    told_by = [one["fingerprint"] for one in story.alerts("locator", FIRST)]
    assert story.said[0]["outage_id"].partition("@")[0] in told_by, "the locator tells first"
    story.wait(lambda: story.muted("rules", FIRST) is True, "seen by the rules too, and kept quiet")

    lab.ask("fault", fault="kill_locator")
    cut_at = time.time()
    lab.ask("fault", fault="cut_line", what=SECOND)
    story.wait(lambda: ("firing", SECOND) in story.listen(), "paged without the locator")
    print(f"\nwithout the locator: {story.said[-1]['time'] - cut_at:.1f} s from the cut to the page")
    story.wait(lambda: story.muted("rules", FIRST) is False, "taken over by the rules")
    assert story.listen(3) == [*page, ("firing", SECOND)], "what was told already is not told again"

    lab.ask("fault", fault="start_locator")

    def is_back() -> bool:
        return bool(story.alerts("locator", SECOND)) and story.muted("rules", SECOND) is True

    print(f"the locator is back after {story.wait(is_back, 'back'):.1f} s")
    lab.ask("heal")
    print(f"all is resolved after {story.wait(lambda: len(story.listen()) >= 4, 'resolved'):.1f} s")
    lab.ask("green", seconds=PATIENCE_SECONDS)
    story.listen(2)
    ends = [(one["status"], one["communes"][0], one["outage_id"]) for one in story.said]
    identities = {commune: identity for status, commune, identity in ends if status == "firing"}
    assert sorted(ends[2:]) == [("resolved", commune, identities[commune]) for commune in (FIRST, SECOND)]
