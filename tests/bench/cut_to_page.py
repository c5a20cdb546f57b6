"""From a cut line to the page, in the lab with all real parts; and blips, of which nobody may hear.

``run(cuts=20, blips=20)``. Time to page is taken from the moment before the cut to the moment at which
the notification was written by the sink channel. Communes take turns; the phase against all intervals
is random, from a fixed seed.
"""

import math
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.lab.client import LabClient

COMMUNES = ("21040", "21061", "21085", "21484", "21496", "21499")
GOAL_P95_SECONDS = 30.0
BLIP_SECONDS = 2.0
BETWEEN_BLIPS_SECONDS = 4.0
LAST_WATCH_SECONDS = 30.0
LIMITS = {"hold": 0.0, "after": 1.0, "page": 90.0}
SEED = 2026


def percentile(values: list[float], share: float) -> float:
    """Return the nearest-rank percentile: a value that was measured, never between two."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def cut(lab: LabClient, commune: str) -> dict[str, Any]:
    """Cut the line of a commune and heal it; returns the result of the scenario."""
    return lab.ask("play", scenario="cut-line", what=commune, limits=LIMITS)


def play_cuts(lab: LabClient, count: int, chance: random.Random) -> list[dict[str, Any]]:
    """Cut one line after the other."""
    results = []
    for number in range(count):
        time.sleep(chance.uniform(0, 5))
        results.append(cut(lab, COMMUNES[number % len(COMMUNES)]))
    return results


def play_blips(lab: LabClient, count: int, chance: random.Random) -> list[dict[str, Any]]:
    """Let one line after the other fail for two seconds; returns every notification until well after."""
    pages: list[dict[str, Any]] = []
    for number in range(count):
        lab.ask("blip", commune=COMMUNES[number % len(COMMUNES)], seconds=BLIP_SECONDS)
        pages += lab.ask("pages", seconds=BETWEEN_BLIPS_SECONDS + chance.uniform(0, 2))["pages"]
    return [*pages, *lab.ask("pages", seconds=LAST_WATCH_SECONDS)["pages"]]


def run(cuts: int = 20, blips: int = 20) -> dict[str, Any]:
    """Measure. ``rows``: one for cuts and one for blips; ``claims``: what was promised of them."""
    chance = random.Random(SEED)
    with (
        tempfile.TemporaryDirectory(prefix="thongsuot-bench-") as directory,
        LabClient(Path(directory)) as lab,
    ):
        results = play_cuts(lab, cuts, chance)
        blip_pages = play_blips(lab, blips, chance)
    to_page = [result["seconds_to_page"] for result in results if result["seconds_to_page"] is not None]
    to_resolve = [r["seconds_to_resolve"] for r in results if r["seconds_to_resolve"] is not None]
    false = sum(result["false_pages"] for result in results)
    p95 = percentile(to_page, 0.95) if len(to_page) == cuts else math.inf
    return {
        "rows": [
            row("cut to page", to_page, cuts, false),
            row("heal to resolution", to_resolve, cuts, false),
            row(f"blip of {BLIP_SECONDS:g} s", [], blips, len(blip_pages)),
        ],
        "claims": {
            f"all {cuts} cuts are paged, p95 at most {GOAL_P95_SECONDS:g} s": p95 <= GOAL_P95_SECONDS,
            "no page besides": false == 0,
            f"{blips} blips of {BLIP_SECONDS:g} s, no page": not blip_pages,
        },
        "seconds_to_page": to_page,
        "seconds_to_resolve": to_resolve,
        "results": results,
        "blip_pages": blip_pages,
    }


def row(what: str, seconds: list[float], count: int, false: int) -> dict[str, Any]:
    """Return one row of the table."""
    shown: dict[str, Any] = {"what": what, "n": count, "done": len(seconds) if seconds else "-"}
    for name, share in (("p50 s", 0.5), ("p95 s", 0.95), ("max s", 1.0)):
        shown[name] = percentile(seconds, share) if seconds else "-"
    return {**shown, "false pages": false}
