"""``thongsuot notify F --test``: tries the channels of an inventory."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from common.i18n import t

if TYPE_CHECKING:
    from inventory.model import Channel, Inventory

NAME = "notify"
AREA = "notify"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("file", type=Path, metavar="F", help=t("notify.file"))
    parser.add_argument("--test", action="store_true", required=True, help=t("notify.test"))
    parser.add_argument("--channel", metavar="ID", help=t("notify.channel"))


def run(arguments: argparse.Namespace) -> int:
    """Send the tests. Exit status: 0 all delivered, 1 one was not, 2 wrong input."""
    import asyncio

    from deploy.commands._inventory import read

    inventory = read(arguments.file)
    if inventory is None:
        return 2
    chosen = [c for c in inventory.channels if arguments.channel in (None, c.id)]
    if not chosen:
        known = ", ".join(channel.id for channel in inventory.channels)
        missing = t("notify.error_unknown", channel=arguments.channel, known=known)
        print(missing if arguments.channel else t("notify.error_none"), file=sys.stderr)
        return 2
    return asyncio.run(_all(chosen, inventory))


async def _all(channels: "list[Channel]", inventory: "Inventory") -> int:
    """One after the other: what is printed is in the order of the file."""
    from alerts import trial

    failed = False
    for channel in channels:
        problem = await trial.send(channel, inventory)
        failed = failed or problem is not None
        if problem is None:
            print(t("notify.sent", channel=channel.id, kind=channel.kind))
        else:
            print(t("notify.failed", channel=channel.id, kind=channel.kind, problem=problem))
    return 1 if failed else 0
