"""``thongsuot suspects FILE``: lines that the inventory may put in the wrong place, by their outages."""

import argparse
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from common.i18n import current, t
from deploy.commands import _asking
from deploy.commands._asking import asked

if TYPE_CHECKING:
    from alerts.suspects import Suspect
    from inventory.model import Inventory

NAME = "suspects"
AREA = "suspects"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    _asking.add(parser)
    parser.add_argument("--json", action="store_true", help=t("suspects.option_json"))


def run(arguments: argparse.Namespace) -> int:
    """Print them. Exit status: 0 printed, 1 Prometheus cannot be read, 2 wrong input."""
    import msgspec

    from deploy.commands._inventory import read

    inventory = read(arguments.file)
    if inventory is None:
        return 2
    found = asked(_search(arguments.prometheus, inventory), arguments.prometheus)
    if found is None:
        return 1
    if arguments.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n")
    else:
        sys.stdout.write("\n".join(text(found, inventory, current())) + "\n")
    return 0


async def _search(url: str, inventory: "Inventory") -> "tuple[Suspect, ...]":
    from alerts.promapi import PromApi
    from deploy.suspect_search import TIMEOUT_SECONDS, search

    async with PromApi(url, timeout_seconds=TIMEOUT_SECONDS) as prometheus:
        return await search(prometheus, inventory, time.time())


def text(found: "tuple[Suspect, ...]", inventory: "Inventory", language: str) -> Iterator[str]:
    """Yield the lines of the answer in ``language``."""
    from alerts.suspects import DAYS
    from dashboards.reports.month import local
    from inventory.graph import components

    if not found:
        yield t("suspects.none", language, days=DAYS)
        return
    known = {item.id: getattr(item.name, language) for item in components(inventory).values()}
    yield t("suspects.title", language, days=DAYS, count=len(found))
    for one in found:
        yield ""
        yield f"{known[one.line]}  {one.line}"
        yield "  " + t(
            "suspects.follows", language, name=known[one.suspected], id=one.suspected,
            together=one.together, events=one.events,
            last=local(one.last, inventory.province.timezone),
        )  # fmt: skip
        if one.declared:
            yield "  " + t(
                "suspects.declared", language, name=known[one.declared], id=one.declared,
                together=one.own_together, events=one.own_events,
            )  # fmt: skip
        if one.indistinct:
            yield "  " + t("suspects.indistinct", language, ids=", ".join(one.indistinct))
        yield "  " + t("suspects.chance", language, chance=f"{one.chance:.1e}")
    yield ""
    yield t("suspects.advice", language)
