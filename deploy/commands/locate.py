"""``thongsuot locate F``: names the component that failed, live from Prometheus or from a file."""

import argparse
from pathlib import Path

from common.i18n import t
from deploy.commands import _locate_live, _locate_offline

NAME = "locate"
AREA = "locate"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("file", type=Path, metavar="FILE", help=t("locate.file"))
    parser.add_argument("--offline", action="store_true", help=t("locate.offline"))
    _locate_live.add(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run. Exit status: 0 done, 1 cannot serve, 2 wrong input."""
    return _locate_offline.run(arguments) if arguments.offline else _locate_live.run(arguments)
