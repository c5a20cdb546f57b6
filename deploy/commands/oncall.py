"""``thongsuot oncall FILE``: who is on call now, who is second, and who comes next."""

import argparse
import sys
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from common.i18n import current, t

if TYPE_CHECKING:
    from alerts.rotation import Roster, Shift
    from inventory.model import Inventory

NAME = "oncall"
AREA = "oncall"
SHOWN = 5


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("file", type=Path, metavar="FILE", help=t("oncall.file"))
    parser.add_argument("--at", metavar="TIME", help=t("oncall.at"))


def run(arguments: argparse.Namespace) -> int:
    """Print the shifts; status 1 where nobody is on call, 2 for wrong input."""
    from alerts.rotation import roster
    from deploy import holiday
    from deploy.commands._inventory import read

    inventory = read(arguments.file)
    if inventory is None:
        return 2
    zone = ZoneInfo(inventory.province.timezone)
    try:
        moment = datetime.now(zone) if arguments.at is None else datetime.fromisoformat(arguments.at)
    except ValueError:
        print(t("oncall.error_time", found=arguments.at), file=sys.stderr)
        return 2
    found = roster(inventory, holiday.of_year)
    if found is None:
        print(t("oncall.nobody"), file=sys.stderr)
        return 1
    at = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    print("\n".join(_lines(inventory, found, at)))
    return 0


def _lines(inventory: "Inventory", roster: "Roster", at: datetime) -> Iterator[str]:
    first, *rest = islice(roster.shifts(at), SHOWN)
    yield t("oncall.now", who=_who(inventory, first.contact), **_span(roster, first))
    second = roster.second(at)
    if second != first.contact:
        yield t("oncall.second", who=_who(inventory, second))
    for shift in rest:
        if shift.contact != first.contact or shift.why != first.why or len(roster.oncall.rotation) > 1:
            yield t("oncall.next", who=_who(inventory, shift.contact), **_span(roster, shift))


def _span(roster: "Roster", shift: "Shift") -> dict[str, str]:
    zone = ZoneInfo(roster.zone)
    starts, ends = (f"{moment.astimezone(zone):%Y-%m-%d %H:%M}" for moment in (shift.starts, shift.ends))
    return {"starts": starts, "ends": ends, "why": t(f"oncall.why_{shift.why.replace(' ', '_')}")}


def _who(inventory: "Inventory", identity: str) -> str:
    from alerts.oncall import person

    found = person(inventory, identity)
    if found is None:
        return identity
    name = found.name.vi if current() == "vi" else found.name.en
    return ", ".join(part for part in (name, found.phone or found.email) if part)
