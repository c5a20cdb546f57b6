"""Seconds from a cut to the page while the locator is dead, in the lab with all real parts.

``run(cuts=6)``: of single communes, a POP and a system by turns. The locator is killed before each cut, and
what the supervisor starts in its place is stopped, so that the rules alone tell; half of the cuts come at
once after the kill, while Alertmanager still takes the locator for alive: the worst case. It comes back when
all is well again.
"""

import random
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.cut_to_page import SEED, row
from tests.lab.client import LabClient

GOAL_SECONDS = 60.0
PATIENCE_SECONDS = 150.0
LAPSED_SECONDS = 25.0
FAULTS = (
    ("cut_line", "21040"),
    ("down", "pop:ba-to"),
    ("down", "system:ho-tich"),
    ("cut_line", "21484"),
    ("down", "pop:binh-son"),
    ("down", "system:dich-vu-cong"),
)


def heard(lab: LabClient, wanted: int, seconds: float = PATIENCE_SECONDS) -> list[dict[str, Any]]:
    """Return what was said until so many messages came, or the patience is at its end."""
    found: list[dict[str, Any]] = []
    end = time.monotonic() + seconds
    while len(found) < wanted and time.monotonic() < end:
        found += lab.ask("pages", seconds=0.5)["pages"]
    return found


def cut(lab: LabClient, fault: tuple[str, str], wait: float) -> list[dict[str, Any]]:
    """Kill the locator, wait, break something, heal; returns what was said, ``after`` the cut in seconds."""
    lab.ask("green", seconds=PATIENCE_SECONDS)
    lab.ask("fault", fault="kill_locator")
    time.sleep(wait)
    began = time.time()
    lab.ask("fault", fault=fault[0], what=fault[1])
    found = heard(lab, 1)
    lab.ask("heal")
    found += heard(lab, 1)
    found += heard(lab, 1, 5)  # what comes beside them is too much
    return [{**page, "after": page["time"] - began} for page in found]


def run(cuts: int = 6) -> dict[str, Any]:
    """Measure. ``rows``: the cuts; ``claims``: what the safety net promises."""
    chance = random.Random(SEED)
    said: list[list[dict[str, Any]]] = []
    with (
        tempfile.TemporaryDirectory(prefix="thongsuot-bench-") as directory,
        LabClient(Path(directory)) as lab,
    ):
        for number in range(cuts):
            wait = 0.0 if number % 2 == 0 else LAPSED_SECONDS + chance.uniform(0, 5)
            said.append(cut(lab, FAULTS[number % len(FAULTS)], wait))
    pages = [[one for one in found if one["status"] == "firing"] for found in said]
    ends = [[one for one in found if one["status"] == "resolved"] for found in said]
    seconds = [found[0]["after"] for found in pages if found]
    besides = sum(max(0, len(found) - 1) for found in (*pages, *ends))
    return {
        "rows": [row("cut to page, locator dead", seconds, cuts, besides)],
        "claims": {
            f"every cut is paged within {GOAL_SECONDS:g} s": len(seconds) == cuts
            and max(seconds) <= GOAL_SECONDS,
            "one page and one resolution each": all(len(found) == 1 for found in (*pages, *ends)),
        },
        "seconds_to_page": seconds,
        "said": said,
    }
