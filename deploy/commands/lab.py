"""``thongsuot lab``: the province of the demo without its story, to try things in."""

import argparse
from pathlib import Path

from common.i18n import t

NAME = "lab"
AREA = "lab"
PROVINCES = ("six", "twelve")


def add(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("--state", type=Path, metavar="DIR", help=t("lab.option_state"))
    parser.add_argument(
        "--province", choices=PROVINCES, default=PROVINCES[0], metavar="NAME",
        help=t("lab.option_province", names=", ".join(PROVINCES)),
    )  # fmt: skip
    parser.add_argument("--keep", action="store_true", help=t("lab.option_keep"))
    parser.add_argument("--bare", action="store_true", help=t("lab.option_bare"))
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--serve", action="store_true", help=t("lab.option_serve"))
    what.add_argument(
        "--exec", nargs=argparse.REMAINDER, metavar=("NODE", "COMMAND"), help=t("lab.option_exec")
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the lab, or a command in it. Exit status: 0, that of the command, 1 could not, 2 wrong use."""
    from deploy.lab import launch

    if arguments.exec is not None:
        return launch.execute(arguments.state, tuple(arguments.exec), arguments.province)
    mode: launch.Mode = "serve" if arguments.serve else "lab"
    ports = () if arguments.serve else launch.PORTS
    bare = arguments.bare and arguments.serve
    return launch.launch(
        launch.Wish(
            mode=mode, province=arguments.province, bare=bare, state=arguments.state,
            keep=arguments.keep, ports=ports,
        )
    )  # fmt: skip
