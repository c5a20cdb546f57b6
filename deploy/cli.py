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
from common import i18n, log
from common.i18n import t


def _language(arguments: Sequence[str]) -> None:
    """Choose the language before help texts are made: ``--lang`` may stand anywhere."""
    for position, word in enumerate(arguments):
        value = word.removeprefix("--lang=") if word.startswith("--lang=") else None
        if word == "--lang" and position + 1 < len(arguments):
            value = arguments[position + 1]
        if value in i18n.LANGUAGES:
            i18n.choose(value)


def commands() -> list[ModuleType]:
    """Return the command modules, by name of file."""
    found = sorted(module.name for module in pkgutil.iter_modules(deploy.commands.__path__))
    return [importlib.import_module(f"deploy.commands.{name}") for name in found if not name.startswith("_")]


def common_options(*, nested: bool = False) -> argparse.ArgumentParser:
    """Return the options that every command takes.

    They may stand before or after the command. ``nested`` is for a command and its actions: an option
    left out there keeps the value that was given before.
    """
    shared = argparse.ArgumentParser(add_help=False)

    def option(name: str, default: str | None, choices: Sequence[str], text: str) -> None:
        shared.add_argument(
            name, default=argparse.SUPPRESS if nested else default, choices=choices, help=text
        )

    option("--lang", None, i18n.LANGUAGES, t("cli.option_lang"))
    option("--log-format", "text", ("text", "json"), t("cli.option_log_format"))
    option("--log-level", "info", ("debug", "info", "warning", "error"), t("cli.option_log_level"))
    return shared


def parser() -> argparse.ArgumentParser:
    """Build the whole command line."""
    top = argparse.ArgumentParser(
        prog="thongsuot",
        description=t("cli.description"),
        epilog=t("cli.epilog"),
        parents=[common_options()],
    )
    top.add_argument("--version", action="version", version=f"thongsuot {version('thongsuot')}")
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
    _language(words)
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
