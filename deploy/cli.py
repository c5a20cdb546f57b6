"""The ``thongsuot`` command: finds the modules of ``deploy/commands`` and runs the one asked for.

Each command is one module with ``NAME``, ``add(parser)`` (its options; help texts through i18n) and
``run(arguments) -> int`` (the exit status). ``help`` of NAME is the string ``<area>.help`` where area
is the module's ``AREA``. Modules import what is heavy inside ``run``.
"""

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Sequence
from importlib.metadata import version
from types import ModuleType

import deploy.commands
from common import log
from common.arguments import choose_language, common_options
from common.i18n import t


def commands() -> list[ModuleType]:
    """Return the command modules, by name of file."""
    found = sorted(module.name for module in pkgutil.iter_modules(deploy.commands.__path__))
    return [importlib.import_module(f"deploy.commands.{name}") for name in found if not name.startswith("_")]


def parser() -> argparse.ArgumentParser:
    """Build the whole command line."""
    top = argparse.ArgumentParser(
        prog="thongsuot",
        description=t("cli.description"),
        epilog=t("cli.epilog"),
        parents=[common_options()],
    )
    top.add_argument(
        "--version", action="version", version=f"thongsuot {version('thongsuot')}", help=t("argparse.version")
    )
    shared = common_options(nested=True)
    sub = top.add_subparsers(metavar=t("cli.command"), required=True)
    for module in commands():
        text = t(f"{module.AREA}.help")
        child = sub.add_parser(module.NAME, help=text, description=text, parents=[shared])
        module.add(child)
        child.set_defaults(run=module.run)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0 done, 1 failed, 2 wrong use, 130 interrupted."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    choose_language(words)
    chosen = parser().parse_args(words)
    log.set_up(chosen.log_format, chosen.log_level)
    try:
        return int(chosen.run(chosen))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 141


if __name__ == "__main__":
    sys.exit(main())
