"""``thongsuot demo``: the whole chain on this machine, with a story."""

import argparse
from pathlib import Path

from common.i18n import t

NAME = "demo"
AREA = "demo"
SCENARIOS = ("cut-line", "pop-down", "maintenance-page", "blip", "power-cut")


def add(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("--scenario", choices=SCENARIOS, help=t("demo.option_scenario"))
    parser.add_argument("--once", action="store_true", help=t("demo.option_once"))
    parser.add_argument("--json", action="store_true", help=t("demo.option_json"))
    parser.add_argument("--state", type=Path, metavar="DIR", help=t("demo.option_state"))
    parser.add_argument("--keep", action="store_true", help=t("demo.option_keep"))


def run(arguments: argparse.Namespace) -> int:
    """Play. Exit status: 0 all went as it had to, 1 it did not or could not, 130 interrupted."""
    from deploy.lab import launch

    wish = launch.Wish(
        mode="demo",
        state=arguments.state,
        keep=arguments.keep,
        ports=() if arguments.json else launch.PORTS,
        scenario=arguments.scenario or "",
        once=arguments.once,
        json=arguments.json,
    )
    return launch.launch(wish)
