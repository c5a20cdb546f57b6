"""``thongsuot tools``: get the Debian programs that the hub and the lab run, without installing them."""

import argparse
import sys

from common.i18n import t

NAME = "tools"
AREA = "tools"


def add(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("--bench", action="store_true", help=t("tools.option_bench"))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run(arguments: argparse.Namespace) -> int:
    """Fetch what is missing, run each once, and print where it is."""
    from deploy import debian

    programs = debian.BENCH if arguments.bench else debian.LAB
    try:
        debian.fetch(programs, _say)
        for program in programs:
            _say(
                t("tools.found", program=program, path=debian.find(program), version=debian.version(program))
            )
    except (debian.FetchFailed, debian.ToolMissing) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
