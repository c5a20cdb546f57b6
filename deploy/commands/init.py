"""``thongsuot init --province NAME``: write a commented starting inventory from the national list."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from common.i18n import t

if TYPE_CHECKING:
    from inventory.national import UnknownProvince

NAME = "init"
AREA = "init"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--province", required=True, metavar="NAME", help=t("init.province_help"))
    parser.add_argument(
        "--out", type=Path, default=Path("province.yml"), metavar="FILE", help=t("init.out_help")
    )
    parser.add_argument("--force", action="store_true", help=t("init.force_help"))


def run(arguments: argparse.Namespace) -> int:
    """Write the file; ``--out -`` prints it. Status 2 for an unknown province or a file that exists."""
    from datetime import date

    from deploy.starter import starter
    from inventory import national

    try:
        code = national.find_province(arguments.province)
    except national.UnknownProvince as error:
        print(_unknown(error), file=sys.stderr)
        return 2
    name = national.without_type(national.provinces()[code])
    communes = national.of_province(code).values()
    text = starter(name, communes, date.today().isoformat())  # noqa: DTZ011 - the writer's own calendar day
    if str(arguments.out) == "-":
        print(text, end="")
        return 0
    status = _write(arguments.out, text, arguments.force)
    if status == 0:
        print(t("init.written", path=arguments.out, province=name, count=len(communes)))
    return status


def _unknown(error: "UnknownProvince") -> str:
    if error.nearest:
        return t("init.unknown_province_nearest", wanted=error, nearest=", ".join(error.nearest))
    return t("init.unknown_province", wanted=error)


def _write(path: Path, text: str, force: bool) -> int:
    """Write a new file; an old one only with ``force``."""
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        print(t("init.exists", path=path), file=sys.stderr)
        return 2
    except OSError as error:
        print(t("init.not_written", path=path, problem=error.strerror or error), file=sys.stderr)
        return 1
    return 0
