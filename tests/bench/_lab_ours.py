"""Plays faults in the lab of twelve communes, with the hub's whole stack, and collects what is said."""

import contextlib
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from alerts.ledger import Ledger, LedgerError
from alerts.pinpoint.holding import Open
from tests.bench._lab_judge import Line, Page, judge
from tests.bench._lab_kinds import COMMUNES, LAST, Injection
from tests.lab.client import LabClient, LabError

PROVINCE = ("--province", "twelve")
START_SECONDS = 400.0
PAGE_SECONDS = 60.0
PATIENT_SECONDS = 150.0
"""For kinds that may be told of by the plain rules alone: healed earlier, the page seems the next one's."""
HOLD_SECONDS = 3.0
RESOLVE_SECONDS = 90.0
GREEN_SECONDS = 150.0
QUIET_SECONDS = 2.0
LOOK_SECONDS = 0.2
BLIP_EVERY_SECONDS = 20.0
BLIP_MOST_SECONDS = 3.0


def opened(state: Path) -> LabClient:
    """Return the lab, to be entered."""
    return LabClient(state, options=PROVINCE, start_seconds=START_SECONDS)


def inject(lab: LabClient, one: Injection, chance: random.Random) -> Line:
    """Break, wait for the page, heal, wait until all is quiet; returns the line. Raises LabError."""
    green(lab)
    time.sleep(chance.uniform(0, QUIET_SECONDS))  # against the phase of what is measured every 5 s
    stray = lab.ask("pages", seconds=0)["pages"]
    broken = time.time()
    lab.ask("fault", **one.request())
    pages = _until(
        lab,
        lambda found: bool(_paged(found, "firing")),
        PATIENT_SECONDS if one.kind in LAST else PAGE_SECONDS,
    )
    pages += lab.ask("pages", seconds=HOLD_SECONDS if pages else 0)["pages"]
    classes = paged_classes(lab, broken)
    healed = time.time()
    lab.ask("heal")
    open_ones = len(_paged(pages, "firing")) - len(_paged(pages, "resolved"))
    pages += _until(lab, lambda found: len(_paged(found, "resolved")) >= open_ones, RESOLVE_SECONDS)
    quiet = _is_green(lab)
    pages += lab.ask("pages", seconds=QUIET_SECONDS)["pages"]
    line = judge(one, (broken, healed), pages, classes | paged_classes(lab, broken))
    return line | {"quiet": quiet, "stray": len(stray), "at": round(broken), "load": os.getloadavg()[0]}


def green(lab: LabClient) -> None:
    """Wait until everything is measured and well. Raises LabError."""
    lab.ask("green", seconds=GREEN_SECONDS)


def _is_green(lab: LabClient) -> bool:
    try:
        green(lab)
    except LabError:
        return False
    return True


def _until(lab: LabClient, enough: Callable[[list[Page]], bool], seconds: float) -> list[Page]:
    """Collect what is said until it is enough, or for so long."""
    found: list[Page] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not enough(found):
        found += lab.ask("pages", seconds=LOOK_SECONDS)["pages"]
    return found


def _paged(pages: list[Page], status: str) -> list[Page]:
    return [page for page in pages if page["status"] == status and page["severity"] == "page"]


def paged_classes(lab: LabClient, since: float) -> dict[str, list[str]]:
    """Return, by the name under which it was told, who could not be told apart at that moment."""
    found: dict[str, list[str]] = {}
    for outage in _begun(lab.run_directory / "state" / "hub" / "ledger.sqlite", since - GREEN_SECONDS):
        if outage.known_at >= since:
            found.setdefault(outage.identity, list(outage.cause.members))
    return found


def _begun(path: Path, since: float) -> Iterator[Open]:
    """Yield outages as the locator first wrote them down."""
    with contextlib.suppress(LedgerError), contextlib.closing(Ledger(path, reading=True)) as ledger:
        for entry in ledger.latest(since=since):
            with contextlib.suppress(msgspec.DecodeError):
                yield msgspec.json.decode(ledger.history(entry.id)[0].record, type=Open)


def blips(lab: LabClient, minutes: float, chance: random.Random) -> Line:
    """Let one line after the other fail for up to three seconds, every twenty; returns what was said.

    What was said before is left out. Not all need be well: lines that fail so often become tickets.
    """
    lab.ask("pages", seconds=0)
    pages: list[Page] = []
    count, begun = 0, time.monotonic()
    while time.monotonic() - begun < 60 * minutes:
        due = begun + BLIP_EVERY_SECONDS * (count + 1)
        lab.ask("blip", commune=chance.choice(COMMUNES), seconds=chance.uniform(0.5, BLIP_MOST_SECONDS))
        count += 1
        pages += lab.ask("pages", seconds=max(0.1, due - time.monotonic()))["pages"]
    said = [[page["status"], page["severity"], page["component"]] for page in pages]
    fired = len(_paged(pages, "firing"))
    return {"minutes": minutes, "blips": count, "pages": fired, "said": said, "load": os.getloadavg()[0]}
