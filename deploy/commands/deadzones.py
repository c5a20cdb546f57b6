"""``thongsuot deadzones FILE``: chronic dead zones, ranked by the dossiers that suffer."""

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from common.i18n import current, t

if TYPE_CHECKING:
    from alerts.deadzone_list import Listing
    from inventory.model import Inventory

NAME = "deadzones"
AREA = "deadzones"
DEFAULT_PROMETHEUS = "http://127.0.0.1:9490"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("file", type=Path, metavar="FILE", help=t("deadzones.option_file"))
    parser.add_argument(
        "--prometheus", default=DEFAULT_PROMETHEUS, metavar="URL", help=t("deadzones.option_prometheus")
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help=t("deadzones.option_json"))
    form.add_argument("--csv", action="store_true", help=t("deadzones.option_csv"))


def run(arguments: argparse.Namespace) -> int:
    """Print them. Exit status: 0 printed, 1 Prometheus cannot be read, 2 wrong input."""
    import asyncio

    from alerts.promapi import ApiError
    from deploy import deadzone_text
    from deploy.commands._inventory import read

    inventory = read(arguments.file)
    if inventory is None:
        return 2
    try:
        found = asyncio.run(_listing(arguments.prometheus, inventory))
    except ApiError as error:
        print(t("deadzones.error_prometheus", url=arguments.prometheus, problem=error), file=sys.stderr)
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
