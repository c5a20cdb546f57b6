"""``thongsuot deadzones FILE``: chronic dead zones, ranked by the dossiers that suffer."""

import argparse
import sys
import time
from typing import TYPE_CHECKING

from common.i18n import current, t
from deploy.commands import _asking
from deploy.commands._asking import asked

if TYPE_CHECKING:
    from alerts.deadzone_list import Listing
    from inventory.model import Inventory

NAME = "deadzones"
AREA = "deadzones"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    _asking.add(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help=t("deadzones.option_json"))
    form.add_argument("--csv", action="store_true", help=t("deadzones.option_csv"))


def run(arguments: argparse.Namespace) -> int:
    """Print them. Exit status: 0 printed, 1 Prometheus cannot be read, 2 wrong input."""
    from deploy import deadzone_text
    from deploy.commands._inventory import read

    inventory = read(arguments.file)
    if inventory is None:
        return 2
    found = asked(_listing(arguments.prometheus, inventory), arguments.prometheus)
    if found is None:
        return 1
    if arguments.json:
        sys.stdout.write(deadzone_text.as_json(found))
    elif arguments.csv:
        sys.stdout.write(deadzone_text.as_csv(found))
    else:
        sys.stdout.write(deadzone_text.text(found, inventory, current()))
    return 0


async def _listing(url: str, inventory: "Inventory") -> "Listing":
    from alerts.deadzone_list import listing
    from alerts.promapi import PromApi
    from dashboards.reports.collect import TIMEOUT_SECONDS
    from deploy.deadzone_evidence import read

    async with PromApi(url, timeout_seconds=TIMEOUT_SECONDS) as prometheus:
        return listing(inventory, await read(prometheus, inventory, time.time()))
