"""``thongsuot gaps FILE --since 7d``: why nothing was heard of communes, with evidence."""

import argparse
import json
import re
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from common.i18n import t
from common.nearest import nearest
from deploy.commands import _asking
from deploy.commands._asking import asked
from deploy.commands._refuse import refuse

if TYPE_CHECKING:
    from alerts.gaps.model import Gap
    from inventory.model import Inventory

NAME = "gaps"
AREA = "gaps"
_BACK: Final = re.compile(r"([1-9][0-9]{0,5})([mhd])")
_UNITS: Final = {"m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST_SECONDS: Final = 400 * 86400.0


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    _asking.add(parser)
    parser.add_argument("--since", default="7d", metavar="TIME", help=t("gaps.option_since"))
    parser.add_argument("--commune", metavar="CODE", help=t("gaps.option_commune"))
    parser.add_argument("--json", action="store_true", help=t("gaps.option_json"))


def run(arguments: argparse.Namespace) -> int:
    """Print the gaps. Exit status: 0 printed, 1 Prometheus cannot be read, 2 wrong input."""
    from deploy.commands._inventory import read

    inventory = read(arguments.file)
    if inventory is None:
        return 2
    zone, now = ZoneInfo(inventory.province.timezone), time.time()
    since = since_unix(arguments.since, now, zone)
    if since is None:
        return refuse(t("gaps.error_since", since=arguments.since), 2)
    codes = [commune.code for commune in inventory.communes]
    if arguments.commune is not None and arguments.commune not in codes:
        close = nearest(arguments.commune, codes, count=3, likeness=0.4) or codes[:8]
        return refuse(t("gaps.error_commune", wanted=arguments.commune, nearest=", ".join(close)), 2)
    found = asked(_read(arguments, inventory, (since, now)), arguments.prometheus)
    if found is None:
        return 1
    sys.stdout.write(_rendered(found, inventory, (since, now), as_json=arguments.json))
    return 0


def since_unix(text: str, now: float, zone: ZoneInfo) -> float | None:
    """Return the moment that ``text`` means: a time back from now, or a date; None for anything else.

    >>> since_unix("90m", 10_000.0, ZoneInfo("UTC"))
    4600.0
    """
    match = _BACK.fullmatch(text)
    if match is not None:
        since = now - int(match[1]) * _UNITS[match[2]]
    else:
        try:
            since = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=zone).timestamp()
        except (ValueError, OverflowError):
            return None
    return since if now - _LONGEST_SECONDS <= since < now else None


async def _read(
    arguments: argparse.Namespace, inventory: "Inventory", period: tuple[float, float]
) -> "tuple[Gap, ...]":
    from alerts.gaps.ask import Period
    from alerts.gaps.read import TIMEOUT_SECONDS, read
    from alerts.promapi import PromApi
    from deploy.commands._progress import on_terminal

    codes = None if arguments.commune is None else {arguments.commune}
    async with PromApi(arguments.prometheus, timeout_seconds=TIMEOUT_SECONDS) as api:
        return await read(api, inventory, Period(*period), codes, on_terminal("gaps.progress"))


def _rendered(
    found: "Sequence[Gap]", inventory: "Inventory", period: tuple[float, float], *, as_json: bool
) -> str:
    from alerts.gaps import text

    timezone = inventory.province.timezone
    zone = ZoneInfo(timezone)
    if as_json:
        gaps = [text.as_data(gap, zone) for gap in found]
        body = {"since": period[0], "until": period[1], "timezone": timezone, "gaps": gaps}
        return json.dumps(body, ensure_ascii=False, indent=2) + "\n"
    names = {commune.code: commune.name for commune in inventory.communes}
    start, end = (text.moment(at, zone) for at in period)
    title = t("gaps.title", start=start, end=end, timezone=timezone)
    return f"{title}\n\n{text.table(found, names, zone)}"
