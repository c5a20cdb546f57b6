"""``thongsuot report FILE --month 2026-11``: availability of lines and systems in a month."""

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from common.i18n import current, t

if TYPE_CHECKING:
    from dashboards.reports.availability import Report
    from dashboards.reports.month import Month
    from inventory.model import Inventory

NAME = "report"
AREA = "report"
DEFAULT_PROMETHEUS = "http://127.0.0.1:9490"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("file", type=Path, metavar="FILE", help=t("report.option_file"))
    parser.add_argument("--month", required=True, metavar="YYYY-MM", help=t("report.option_month"))
    parser.add_argument(
        "--prometheus", default=DEFAULT_PROMETHEUS, metavar="URL", help=t("report.option_prometheus")
    )
    parser.add_argument(
        "--format", choices=("table", "csv", "json"), default="table", help=t("report.option_format")
    )
    parser.add_argument("--by-commune", action="store_true", help=t("report.option_by_commune"))
    parser.add_argument("--bom", action="store_true", help=t("report.option_bom"))


def run(arguments: argparse.Namespace) -> int:
    """Print the report. Exit status: 0 printed, 1 Prometheus cannot be read, 2 wrong input."""
    import asyncio

    from alerts.promapi import ApiError
    from dashboards.reports.month import MonthError, month
    from deploy.commands._inventory import read

    if arguments.bom and arguments.format != "csv":
        return _refuse(t("report.error_bom"), 2)
    now = time.time()
    inventory = read(arguments.file)
    if inventory is None:
        return 2
    try:
        chosen = month(arguments.month, inventory.province.timezone)
    except MonthError:
        return _refuse(t("report.error_month", month=arguments.month), 2)
    if chosen.start >= now:
        return _refuse(t("report.error_future", month=arguments.month), 2)
    try:
        found = asyncio.run(_report(arguments, inventory, chosen, now))
    except ApiError as error:
        return _refuse(t("report.error_prometheus", url=arguments.prometheus, problem=error), 1)
    sys.stdout.write(_rendered(found, arguments))
    return 0


async def _report(
    arguments: argparse.Namespace, inventory: "Inventory", chosen: "Month", now: float
) -> "Report":
    from alerts.gaps.ask import Period
    from alerts.promapi import PromApi
    from dashboards.reports.availability import report
    from dashboards.reports.collect import TIMEOUT_SECONDS, collect
    from dashboards.reports.collect_gaps import collect_gaps
    from deploy.commands._progress import on_terminal

    async with PromApi(arguments.prometheus, timeout_seconds=TIMEOUT_SECONDS) as prometheus:
        counted = await collect(prometheus, chosen, chosen.until(now), by_commune=arguments.by_commune)
        period = Period(chosen.start, chosen.until(now))
        gaps = await collect_gaps(prometheus, inventory, period, counted, on_terminal("report.progress"))
    return report(inventory, chosen, now, counted, by_commune=arguments.by_commune, gaps=gaps)


def _rendered(found: "Report", arguments: argparse.Namespace) -> str:
    from dashboards.reports import render

    if arguments.format == "json":
        return render.as_json(found)
    if arguments.format == "csv":
        return render.as_csv(found, current(), bom=arguments.bom)
    return render.table(found, current())


def _refuse(problem: object, status: int) -> int:
    print(problem, file=sys.stderr)
    return status
