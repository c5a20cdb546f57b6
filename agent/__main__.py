"""``thongsuot-agent --config F [--check | --once]``: measures at one site and pushes to the hub."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from common import log
from common.arguments import choose_language, common_options
from common.i18n import t
from common.version import version


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    top = argparse.ArgumentParser(
        prog="thongsuot-agent",
        description=t("agent.description"),
        allow_abbrev=False,
        parents=[common_options()],
    )
    top.add_argument(
        "--version",
        action="version",
        version=f"thongsuot-agent {version()}",
        help=t("argparse.version"),
    )
    top.add_argument("--config", required=True, type=Path, metavar="FILE", help=t("agent.option_config"))
    mode = top.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help=t("agent.option_check"))
    mode.add_argument("--once", action="store_true", help=t("agent.option_once"))
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the agent; returns 0 done, 1 failed, 2 wrong use or configuration, 130 interrupted."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    choose_language(words)
    chosen = parser().parse_args(words)
    log.set_up(chosen.log_format, chosen.log_level)
    from agent.lean import import_aiohttp  # noqa: PLC0415 - --help and --version need none of it

    import_aiohttp()
    from agent.load import load_config  # noqa: PLC0415
    from common.yaml.problems import Refused  # noqa: PLC0415

    try:
        config = load_config(chosen.config)
    except Refused as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if chosen.check:
        sys.stdout.write(t("agent.checked", file=chosen.config, targets=len(config.targets)) + "\n")
        return 0
    try:
        if chosen.once:
            from agent.once import run_once  # noqa: PLC0415 - needs no pages and no push

            return run_once(config)
        from agent.service import run_service  # noqa: PLC0415 - aiohttp is the largest import

        return run_service(chosen.config, config)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
