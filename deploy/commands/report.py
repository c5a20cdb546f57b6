"""``thongsuot report FILE --month 2026-11``: availability of lines and systems in a month."""

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from common.i18n import current, t
from deploy.commands import _asking
from deploy.commands._asking import asked
from deploy.commands._refuse import refuse

if TYPE_CHECKING:
    from dashboards.reports.availability import Report
    from dashboards.reports.month import Month
    from inventory.model import Inventory

NAME = "report"
AREA = "report"
FILES = ("xlsx", "pdf")
"""Forms that are no text: they go into a file only."""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    _asking.add(parser)
    parser.add_argument("--month", required=True, metavar="YYYY-MM", help=t("report.option_month"))
    parser.add_argument(
        "--format", choices=("table", "csv", "json", *FILES), default="table", help=t("report.option_format")
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help=t("report.option_out"))
    parser.add_argument("--by-commune", action="store_true", help=t("report.option_by_commune"))
    parser.add_argument("--bom", action="store_true", help=t("report.option_bom"))


def run(arguments: argparse.Namespace) -> int:
    """Print the report. Exit status: 0 printed, 1 Prometheus cannot be read, 2 wrong input."""
    from dashboards.reports.month import MonthError, month
    from deploy.commands._inventory import read

    wrong = _wrong(arguments)
    if wrong:
        return refuse(wrong, 2)
    now = time.time()
    inventory = read(arguments.file)
    if inventory is None:
        return 2
    try:
        chosen = month(arguments.month, inventory.province.timezone)
    except MonthError:
        return refuse(t("report.error_month", month=arguments.month), 2)
    if chosen.start >= now:
        return refuse(t("report.error_future", month=arguments.month), 2)
    found = asked(_report(arguments, inventory, chosen, now), arguments.prometheus)
    if found is None:
        return 1
    return _deliver(found, arguments, now)


def _wrong(arguments: argparse.Namespace) -> str:
    """Return what is wrong with options that do not go together, or nothing."""
    if arguments.bom and arguments.format != "csv":
        return t("report.error_bom")
    if arguments.format in FILES and arguments.out is None:
        return t("report.error_out", format=arguments.format)
    return ""


async def _report(
    arguments: argparse.Namespace, inventory: "Inventory", chosen: "Month", now: float
) -> "Report":
    from alerts.gaps.ask import Period
    from alerts.promapi import PromApi
    from dashboards.reports.availability import report
    from dashboards.reports.collect import TIMEOUT_SECONDS, collect
    from dashboards.reports.collect_gaps import collect_gaps
    from dashboards.reports.collect_load import collect_loads
    from deploy.commands._progress import on_terminal

    until = chosen.until(now)
    async with PromApi(arguments.prometheus, timeout_seconds=TIMEOUT_SECONDS) as prometheus:
        counted = await collect(prometheus, chosen, until, by_commune=arguments.by_commune)
        loaded = await collect_loads(prometheus, inventory, chosen, until)
        period = Period(chosen.start, until)
        gaps = await collect_gaps(prometheus, inventory, period, counted, on_terminal("report.progress"))
    return report(inventory, chosen, now, counted, by_commune=arguments.by_commune, loaded=loaded, gaps=gaps)


def _deliver(found: "Report", arguments: argparse.Namespace, now: float) -> int:
    """Print the report, or write it where ``--out`` says."""
    if arguments.out is None:
        sys.stdout.write(_text(found, arguments))
        return 0
    from common.files import write_atomically

    try:
        content = _bytes(found, arguments, now)
        write_atomically(arguments.out, content)
    except ImportError as error:
        return refuse(t("report.error_missing", format=arguments.format, package=error.name), 2)
    except OSError as error:
        return refuse(t("report.error_write", path=arguments.out, problem=error.strerror or error), 1)
    print(t("report.written", path=arguments.out))
    return 0


def _text(found: "Report", arguments: argparse.Namespace) -> str:
    from dashboards.reports import render

    if arguments.format == "json":
        return render.as_json(found)
    if arguments.format == "csv":
        return render.as_csv(found, current(), bom=arguments.bom)
    return render.table(found, current())


def _bytes(found: "Report", arguments: argparse.Namespace, now: float) -> bytes:
    """Return the content of the file. Raises ImportError where the package is not installed."""
    from dashboards.reports.document import document
    from dashboards.reports.month import local

    if arguments.format == "xlsx":
        from dashboards.reports.excel import as_xlsx

        return as_xlsx(document(found, current()), current())
    if arguments.format == "pdf":
        from dashboards.reports.pdf import as_pdf

        return as_pdf(document(found, current()), current(), local(now, found.month.timezone))
    return _text(found, arguments).encode()
