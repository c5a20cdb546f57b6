"""``thongsuot outages``: the ledger's outages, with what was learned of them afterwards."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from common.i18n import t
from deploy.commands._refuse import refuse

if TYPE_CHECKING:
    from alerts.ledger import Entry
    from alerts.revision import Shown

NAME = "outages"
AREA = "outages"
MOST: Final = 10_000
_ZONE: Final = "Asia/Ho_Chi_Minh"
"""Of every province; an inventory may say otherwise."""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    option = parser.add_argument
    option("file", nargs="?", type=Path, metavar="FILE", help=t("outages.option_file"))
    option("--since", default="7d", metavar="TIME", help=t("outages.option_since"))
    option("--commune", metavar="CODE", help=t("outages.option_commune"))
    option("--state", type=Path, metavar="DIR", help=t("outages.option_state"))
    option("--json", action="store_true", help=t("outages.option_json"))


def run(arguments: argparse.Namespace) -> int:
    """Print them. Exit status: 0 printed, 1 the ledger cannot be read, 2 wrong input."""
    from alerts.ledger import LedgerError
    from common import statedir
    from deploy.commands._inventory import read
    from deploy.commands.gaps import since_unix

    names: dict[str, str] = {}
    zone = ZoneInfo(_ZONE)
    if arguments.file is not None:
        inventory = read(arguments.file)
        if inventory is None:
            return 2
        names = {commune.code: commune.name for commune in inventory.communes}
        zone = ZoneInfo(inventory.province.timezone)
    now = time.time()
    since = since_unix(arguments.since, now, zone)
    if since is None:
        return refuse(t("gaps.error_since", since=arguments.since), 2)
    path = (arguments.state or statedir.default()) / "hub" / "ledger.sqlite"
    try:
        entries = _entries(path, since)
    except LedgerError as error:
        return refuse(t("outages.error_ledger", path=path, problem=error), 1)
    if len(entries) == MOST:
        print(t("outages.cut_short", count=MOST), file=sys.stderr)
    sys.stdout.write(_rendered(entries, arguments, (since, now), names, zone))
    return 0


def _entries(path: Path, since: float) -> "tuple[Entry, ...]":
    """Read without making or changing anything. Raises LedgerError."""
    from alerts.ledger import Ledger

    ledger = Ledger(path, reading=True)
    try:
        return ledger.recent(since, limit=MOST)
    finally:
        ledger.close()


def _rendered(
    entries: "tuple[Entry, ...]",
    arguments: argparse.Namespace,
    period: tuple[float, float],
    names: dict[str, str],
    zone: ZoneInfo,
) -> str:
    from alerts import outages_text
    from alerts.gaps.text import moment
    from alerts.revision import shown

    code = arguments.commune
    rows: list[Shown] = [row for row in map(shown, reversed(entries)) if code is None or code in row.communes]
    if arguments.json:
        found = [outages_text.as_data(row) for row in rows]
        body = {"since": period[0], "until": period[1], "timezone": str(zone), "outages": found}
        return json.dumps(body, ensure_ascii=False, indent=2) + "\n"
    start, end = (moment(at, zone) for at in period)
    title = t("outages.title", start=start, end=end, timezone=zone)
    return f"{title}\n\n{outages_text.table(rows, names, zone)}"
