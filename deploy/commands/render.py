"""``thongsuot render F --out DIR``: writes every file that follows from the inventory."""

import argparse
import sys
from pathlib import Path

from common.i18n import t

NAME = "render"
AREA = "render"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("inventory", type=Path, metavar="FILE", help=t("render.argument_inventory"))
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help=t("render.option_out"))
    parser.add_argument("--check", action="store_true", help=t("render.option_check"))


def run(arguments: argparse.Namespace) -> int:
    """Write, or with --check only say. Exit status: 0 done or nothing to do, 1 the disk refused or --check
    found differences, 2 a wrong inventory."""
    from deploy import render
    from deploy.commands._inventory import read

    inventory = read(arguments.inventory)
    if inventory is None:
        return 2
    files = render.render(inventory)
    act = render.changes if arguments.check else render.write
    try:
        found = act(files, arguments.out)
    except OSError as error:
        problem = error.strerror or str(error)
        sys.stderr.write(
            t("render.cannot_write", path=error.filename or arguments.out, problem=problem) + "\n"
        )
        return 1
    future = "would_" if arguments.check else ""
    for kind in ("created", "updated", "removed"):
        for path in getattr(found, kind):
            sys.stdout.write(t(f"render.{future}{kind}", path=arguments.out / path) + "\n")
    if not found:
        sys.stdout.write(t("render.unchanged", count=len(files), directory=arguments.out) + "\n")
    return 1 if arguments.check and found else 0
